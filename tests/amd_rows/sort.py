"""Sorting, searching, scans, random numbers and ranges."""

from collections.abc import Mapping

from tests.amd_row import Row

_FLOAT_SUM = {"ACC": "float", "OP": "Add", "IDENTITY": "0", "REVERSE": "0", "INCLUSIVE": "1"}
_LOG_SUM = {
    "ACC": "float",
    "OP": "ScanLogAddExp",
    "IDENTITY": "-infinity()",
    "REVERSE": "1",
    "INCLUSIVE": "0",
}
_COMPLEX_MAX = {
    "ACC": "complex64",
    "OP": "Maximum",
    "IDENTITY": "(complex64{-infinity(), -infinity()})",
    "REVERSE": "0",
    "INCLUSIVE": "1",
}


def _sort(kind: str, positions: int, threads: int, log_items: int, vec: int, needs=(), waves=None) -> Row:
    defines = {"T": kind, "POSITIONS": str(positions), "THREADS": str(threads), "LOG_ITEMS": str(log_items)}
    return Row("kernels/sort.hip", "sort_rows", defines | {"VEC": str(vec)}, needs, waves=waves or {"gfx": 8})


def _radix(kind: str, positions: int, first: int, last: int, items: int, waves: Mapping[str, int]) -> Row:
    defines = {"T": kind, "POSITIONS": str(positions), "FIRST": str(first), "LAST": str(last)}
    defines |= {"SUM_TILES": str(int(items < 16)), "ITEMS": str(items)}
    return Row("kernels/radix.hip", "radix_scatter", defines, waves=waves)


def _scan(
    file: str, entry: str, kind: str, spec: Mapping[str, str], vec: int, items: int, needs=(), waves=None
) -> Row:
    defines = {"T": kind, **spec, "VEC": str(vec), "ITEMS": str(items)}
    return Row(f"kernels/{file}.hip", entry, defines, needs, waves=waves or {"gfx": 8})


# Sixteen keys with their partners in registers, which the shuffles of a whole stage overlap.
_SORT_WAVES = {"gfx9": 3, "gfx10": 7, "gfx": 8}
_RADIX_WAVES = {"gfx9": 3, "gfx": 8}

ROWS = (
    _sort("float", 0, 256, 4, 4, ("16-byte store", "DPP"), _SORT_WAVES),
    _sort("float", 1, 256, 4, 4, ("16-byte store", "DPP"), _SORT_WAVES),
    _sort("bf16", 0, 1024, 4, 8, ("16-byte store", "DPP"), _SORT_WAVES),
    _sort("complex64", 1, 512, 3, 1, ("DPP",), _SORT_WAVES),
    _sort("bool", 0, 256, 0, 1, ("DPP",)),
    Row(
        "kernels/radix_count.hip",
        "radix_count",
        {"T": "float", "POSITIONS": "0", "FIRST": "1", "ITEMS": "16"},
    ),
    _radix("float", 1, 0, 0, 8, _RADIX_WAVES),
    _radix("complex64", 1, 0, 1, 8, _RADIX_WAVES),
    _radix("bf16", 0, 1, 0, 16, {"gfx9": 2, "gfx": 6}),
    _scan("scan", "scan_rows", "float", _FLOAT_SUM, 4, 8, ("16-byte load", "16-byte store")),
    _scan(
        "scan",
        "scan_pieces",
        "bf16",
        _FLOAT_SUM,
        8,
        16,
        ("16-byte load", "16-byte store"),
        {"gfx9": 7, "gfx": 8},
    ),
    _scan("scan", "piece_totals", "float", _FLOAT_SUM, 4, 8, ("16-byte load", "DPP")),
    _scan("scan", "scan_rows", "bf16", _LOG_SUM, 4, 4),
    _scan("scan_columns", "scan_columns", "complex64", _COMPLEX_MAX, 1, 1),
    _scan("scan_columns", "column_totals", "i8", _FLOAT_SUM | {"ACC": "u32"}, 4, 1),
    Row("kernels/search.hip", "searchsorted", {"T": "float", "RIGHT": "1"}),
    Row("kernels/random.hip", "random_bits", {"WHOLE": "1"}),
    Row("kernels/random.hip", "random_bits", {"WHOLE": "0"}),
    Row("kernels/random.hip", "random_values", {"T": "bf16", "VALUE": "normal"}),
    Row("kernels/random.hip", "random_values", {"T": "float", "VALUE": "gumbel"}),
    Row("kernels/arange.hip", "arange", {"T": "bf16", "START": "float", "ITEMS": "8"}, ("16-byte store",)),
    Row(
        "kernels/arange.hip",
        "arange",
        {"T": "complex64", "START": "double", "ITEMS": "2"},
        ("16-byte store",),
    ),
)
