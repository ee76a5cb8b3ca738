"""Elementwise programs, copies and kernels that users write."""

from tests.amd_row import Row

ROWS = (
    Row(
        "kernels/custom.hip",
        "custom_kernel",
        {"BLOCK_Y": "1", "BLOCK_Z": "1", "BOUND": "256"},
        needs=("f16 atomic add",),
        allows={"compare-and-swap loop": ("gfx10", "gfx11")},
    ),
    Row("kernels/pointwise.hip", "pointwise", needs=("16-byte load", "16-byte store", "bf16 conversion")),
    Row(
        "kernels/transpose.hip", "transpose", {"T": "u16", "W": "4"}, waves={"gfx": 6, "gfx9": 2, "gfx10": 4}
    ),
    Row("kernels/transpose.hip", "transpose", {"T": "u32", "W": "2"}, waves={"gfx": 8, "gfx9": 4}),
)
