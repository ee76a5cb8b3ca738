"""conv.hip and conv_direct.hip."""

from tests.amd_row import TILE, Row, as_text


def _conv(dtype: str, **defines) -> dict[str, str]:
    """Defines of a row of conv.hip or conv_direct.hip: 3 x 3 taps unless `defines` say otherwise."""
    geometry = {"AXES": 2, "KZ": 1, "KY": 3, "KX": 3, "FLIP": 0, "INPUT_DILATED": 0, "INDEX": "u32"}
    vec = 4 if dtype == "float" else 8
    threads = "256" if dtype == "float" else "(4 * WAVE)"
    tile = {"TILE_M": 64, "TILE_N": 64, "THREADS": threads, "OUT": dtype, "VEC_G": vec, "ALIGNED": 1}
    return as_text({"T": dtype, "VEC": vec, **geometry, **tile, **defines})


_CONV_TILE = {"gfx9": 6, "gfx950": 6, "gfx10": 4, "gfx11": 9, "gfx12": 12}

ROWS = (
    Row("kernels/conv.hip", "conv", _conv("bf16"), needs=(*TILE, "bf16 matrix"), waves=_CONV_TILE),
    Row(
        "kernels/conv.hip",
        "conv",
        _conv("f16", TILE_M=128, VEC=1, ALIGNED=0, OUT="float"),
        needs=("16-byte LDS load", "f16 matrix"),
        waves={"gfx9": 3, "gfx10": 2, "gfx11": 5, "gfx12": 7},
        allows={"scratch access": ("gfx10",)},  # which the launcher gives no tile of 128
    ),
    Row("kernels/conv.hip", "conv", _conv("float"), needs=TILE[:2], waves={"gfx": 8, "gfx9": 6}),
    Row(
        "kernels/conv.hip",
        "conv_gradient",
        _conv("bf16", GRADIENT=1),
        needs=("16-byte load", "16-byte LDS load", "bf16 matrix"),
        waves=_CONV_TILE,
    ),
    Row(
        "kernels/conv_direct.hip",
        "conv_depthwise",
        _conv("bf16", AXES=1, KY=1, KX=4, PIXELS=4, STRIDE_X=1, DILATION_X=1, TAPS_FIRST=0),
        needs=("16-byte load", "16-byte store"),
        waves={"gfx": 8, "gfx9": 4},
    ),
    Row(
        "kernels/conv_direct.hip",
        "conv_depthwise",
        _conv("float", PIXELS=4, STRIDE_X=1, DILATION_X=1, TAPS_FIRST=1),
        needs=("16-byte load", "16-byte store"),
        waves={"gfx": 8, "gfx9": 6},
    ),
    Row("kernels/conv_direct.hip", "conv_general", _conv("bf16", INPUT_DILATED=1)),
    Row("kernels/conv_direct.hip", "conv_general_gradient", _conv("bf16")),
    Row("kernels/conv_direct.hip", "conv_sum", _conv("bf16")),
)
