"""Kernels of the tests: the vocabulary of kernels/*.h in small examples."""

from tests.amd_row import TILE, Row

_TESTS = "tests/amd_kernels/"
_MATMUL = {"gfx9": 6, "gfx950": 8, "gfx10": 6, "gfx11": 12, "gfx12": 12}

ROWS = (
    Row(_TESTS + "copy.hip", "copy", needs=("16-byte load", "16-byte store")),
    Row(
        _TESTS + "reduce.hip",
        "reduce",
        needs=("16-byte load", "DPP", "f32 atomic add"),
        allows={"compare-and-swap loop": ("gfx10",)},  # RDNA2 has no float atomics in memory
    ),
    Row(
        _TESTS + "reduce.hip", "reduce", {"REDUCE_MAX": "1"}, needs=("16-byte load", "DPP", "integer atomic")
    ),
    Row(_TESTS + "softmax.hip", "softmax", {"T": "float"}, needs=("DPP",)),
    Row(_TESTS + "softmax.hip", "softmax", {"T": "f16"}, needs=("DPP",)),
    Row(_TESTS + "softmax.hip", "softmax", {"T": "bf16"}, needs=("DPP", "bf16 conversion")),
    Row(_TESTS + "qmv.hip", "qmv", needs=("16-byte load", "streamed load", "DPP")),
    Row(_TESTS + "matmul.hip", "matmul", {"T": "bf16"}, needs=(*TILE, "bf16 matrix"), waves=_MATMUL),
    Row(_TESTS + "matmul.hip", "matmul", {"T": "f16"}, needs=(*TILE, "f16 matrix"), waves=_MATMUL),
    Row(
        _TESTS + "atomics.hip",
        "scatter_add",
        {"T": "float"},
        needs=("f32 atomic add",),
        allows={"compare-and-swap loop": ("gfx10",)},
    ),
    Row(
        _TESTS + "atomics.hip",
        "scatter_add",
        {"T": "f16"},
        needs=("f16 atomic add",),
        allows={"compare-and-swap loop": ("gfx10", "gfx11")},
    ),
    Row(
        _TESTS + "atomics.hip",
        "scatter_add",
        {"T": "bf16"},
        needs=("bf16 atomic add",),
        allows={"compare-and-swap loop": ("gfx90a", "gfx10", "gfx11")},
    ),
    Row(_TESTS + "atomics.hip", "scatter_add", {"T": "i32"}, needs=("integer atomic",)),
    Row(_TESTS + "gemv.hip", "gemv", {"T": "bf16"}, needs=("16-byte load", "streamed load", "bf16 dot")),
    Row(_TESTS + "gemv.hip", "gemv", {"T": "f16"}, needs=("16-byte load", "streamed load", "f16 dot")),
    Row(_TESTS + "gemv.hip", "gemv", {"T": "i8"}, needs=("16-byte load", "streamed load", "int8 dot")),
    *(Row(_TESTS + "scalar.hip", entry) for entry in ("exp_f32", "power_f32", "remainder_i32", "sin_c64")),
)
