"""Gathers, scatters, joins."""

from tests.amd_row import Row

_WINDOWS = {
    "INDEX": "i32",
    "INDICES": "1",
    "OPERANDS": "3",
    "ROW": "u32",
    "ROWS_EACH": "4",
    "COLS_EACH": "1",
}


def _gather(unit: str, **defines) -> Row:
    return Row(
        "kernels/gather.hip",
        "gather",
        {**_WINDOWS, "U": unit, **defines},
        needs=("16-byte load", "16-byte store") if unit == "Words4" else (),
        waves={"gfx": 8, "gfx9": 6},
    )


def _scatter(t: str, mode: str, needs: tuple[str, ...] = (), swaps: tuple[str, ...] = (), **defines) -> Row:
    return Row(
        "kernels/scatter.hip",
        "scatter",
        {**_WINDOWS, "T": t, "U": t, "MODE": f"SCATTER_{mode}", "CLAMP": "0", "PAIRS": "0", **defines},
        needs=needs,
        allows={"compare-and-swap loop": swaps},
    )


ROWS = (
    _gather("Words4"),
    _gather("Words4", ROWS_EACH="1", COLS_EACH="4"),
    _gather("u8", INDEX="u64", INDICES="3", OPERANDS="5", ROW="u64"),
    _scatter("Words4", "ASSIGN", ("16-byte load", "16-byte store")),
    _scatter("float", "SUM", ("f32 atomic add",), ("gfx10",)),
    _scatter("bf16", "SUM", ("bf16 atomic add",), ("gfx90a", "gfx10", "gfx11"), PAIRS="1"),
    _scatter("f16", "SUM", ("f16 atomic add",), ("gfx10", "gfx11"), PAIRS="1"),
    _scatter("i64", "MAX"),
    _scatter("complex64", "PROD", swaps=("gfx",)),
    _scatter("u8", "MIN", swaps=("gfx",)),
    Row("kernels/along_axis.hip", "gather_axis", {"INDEX": "i32", "ROW": "u32", "U": "u32", "VECTOR": "1"},
        needs=("16-byte load", "16-byte store")),
    Row("kernels/along_axis.hip", "gather_axis", {"INDEX": "i64", "ROW": "u32", "U": "u8", "VECTOR": "0"}),
    Row("kernels/along_axis.hip", "scatter_axis",
        {"INDEX": "i32", "ROW": "u32", "T": "float", "MODE": "SCATTER_SUM"}, needs=("f32 atomic add",),
        allows={"compare-and-swap loop": ("gfx10",)}),
    Row("kernels/join.hip", "concatenate", {"U": "Words4", "ROW": "u32", "ROWS_EACH": "1", "COLS_EACH": "4"},
        needs=("16-byte load", "16-byte store")),
    *(Row("kernels/masked_scatter.hip", entry) for entry in ("mask_count", "mask_scan", "mask_place")),
    Row("kernels/masked_scatter.hip", "copy_chunks", {"U": "Words4"}, needs=("16-byte load", "16-byte store")),
)  # fmt: skip
