"""Kernels of quantized weights."""

from tests.amd_row import Row, as_text


def _quant(dtype: str, form: str, **defines) -> dict[str, str]:
    """Defines of a kernel that includes quant.h; `form` is mode, bits and group."""
    mode, bits, group = form.split()
    every = {"T": dtype, "MODE": f"MODE_{mode.upper()}", "BITS": bits, "GROUP": group, "PAIRS": "PAIRS_ONE"}
    return as_text({**every, **defines})


def _qmv(dtype: str, form: str, rows: int, per_wave: int, **defines) -> dict[str, str]:
    shape = {"ROWS": rows, "PER_WAVE": per_wave, "SPLIT": 1, "DEPTH": 2, "UNIT": 32, "CHUNK": 8192 // rows}
    return _quant(dtype, form, **{**shape, **defines})


def _qmm(dtype: str, form: str, tile: str, **defines) -> dict[str, str]:
    tile_sizes = dict(zip(("BM", "BN", "WAVES_M", "WAVES_N"), tile.split(), strict=True))
    return _quant(dtype, form, **{**tile_sizes, "GROUPED": 0, "DEPTH": 1, **defines})


def _codes(dtype: str, form: str, rows: int, **defines) -> dict[str, str]:
    shape = {"COLS": rows, "TILES": 1, "SPLIT": 2, "TURN": 2, "DEPTH": 1, "CHUNK": 4096, "THREADS": 256}
    return _quant(dtype, form, **{**shape, **defines})


_QMV_WAVES = {"gfx9": 2, "gfx10": 5, "gfx11": 8, "gfx12": 8}
_STREAM = ("16-byte load", "streamed load", "DPP")

ROWS = (
    Row("kernels/quantize.hip", "quantize", _quant("bf16", "affine 4 64"), needs=("16-byte load", "DPP")),
    Row("kernels/quantize.hip", "quantize", _quant("float", "affine 5 32"), needs=("16-byte load", "DPP")),
    Row("kernels/quantize.hip", "quantize", _quant("f16", "nvfp4 4 16"), needs=("16-byte load", "DPP")),
    Row("kernels/quantize.hip", "dequantize", _quant("bf16", "affine 4 64"), needs=("16-byte store",)),
    Row("kernels/quantize.hip", "dequantize", _quant("bf16", "mxfp8 8 32"), needs=("16-byte store",)),
    Row("kernels/quantize.hip", "to_fp8", _quant("bf16", "mxfp8 8 32")),
    Row("kernels/quantize.hip", "from_fp8", _quant("bf16", "mxfp8 8 32")),
    Row("kernels/qmv.hip", "qmv", _qmv("bf16", "affine 4 64", 1, 4), needs=_STREAM, waves=_QMV_WAVES),
    Row("kernels/qmv.hip", "qmv", _qmv("bf16", "affine 4 64", 4, 2), needs=_STREAM, waves=_QMV_WAVES),
    Row("kernels/qmv.hip", "qmv", _qmv("f16", "affine 8 64", 1, 4, UNIT=16), needs=_STREAM, waves=_QMV_WAVES),
    Row(
        "kernels/qmv.hip", "qmv", _qmv("f16", "affine 6 64", 1, 2, SPLIT=2), needs=("DPP",), waves=_QMV_WAVES
    ),
    Row("kernels/qmv.hip", "qmv", _qmv("float", "affine 4 64", 2, 4), needs=_STREAM, waves=_QMV_WAVES),
    Row("kernels/qmv.hip", "qmv", _qmv("bf16", "affine 4 64", 1, 2), needs=_STREAM, waves=_QMV_WAVES),
    Row(
        "kernels/qmv.hip", "qmv", _qmv("bf16", "affine 4 64", 4, 2, DEPTH=1), needs=_STREAM, waves=_QMV_WAVES
    ),
    Row("kernels/qmv.hip", "qmv", _qmv("f16", "affine 8 64", 1, 2, UNIT=16), needs=_STREAM, waves=_QMV_WAVES),
    Row(
        "kernels/qmv.hip",
        "qmv",
        _qmv("f16", "affine 6 64", 1, 1, SPLIT=2, DEPTH=4),
        needs=("DPP",),
        waves=_QMV_WAVES,
    ),
    Row("kernels/qmv.hip", "qmv", _qmv("float", "affine 4 64", 2, 2), needs=_STREAM, waves=_QMV_WAVES),
    Row(
        "kernels/qmv.hip",
        "qmv",
        _qmv("bf16", "mxfp4 4 32", 1, 2, PAIRS="PAIRS_GATHER"),
        needs=_STREAM,
        waves=_QMV_WAVES,
    ),
    Row("kernels/qvm.hip", "qvm", _quant("bf16", "affine 4 64", ROWS=1), waves={"gfx": 8, "gfx9": 6}),
    Row("kernels/qvm.hip", "qvm", _quant("float", "affine 3 32", ROWS=4), waves={"gfx": 8, "gfx9": 4}),
    Row(
        "kernels/qmm_codes.hip",
        "qmm_codes",
        _codes("bf16", "affine 4 64", 1, TURN=4, SPLIT=4),
        needs=("16-byte load", "streamed load", "16-byte LDS load", "16-byte LDS store", "bf16 matrix"),
        waves={"gfx": 8, "gfx9": 4},
    ),
    Row(
        "kernels/qmm_codes.hip",
        "qmm_codes",
        _codes("bf16", "affine 4 64", 16, TILES=2, CHUNK=512),
        needs=("16-byte load", "streamed load", "16-byte LDS load", "16-byte LDS store", "bf16 matrix"),
        waves={"gfx": 6, "gfx9": 2},
    ),
    Row(
        "kernels/qmm_codes.hip",
        "qmm_codes",
        _codes("f16", "affine 8 32", 4, PAIRS="PAIRS_GATHER", CHUNK=2048),
        needs=("16-byte load", "streamed load", "16-byte LDS load", "16-byte LDS store", "f16 matrix"),
        waves={"gfx": 8, "gfx9": 3},
    ),
    Row(
        "kernels/qmm_few.hip",
        "qmm_few",
        _quant("bf16", "affine 4 64", UNIT=32, TILES=2, MTILES=1, SPLIT=4, DEPTH=1, CHUNK=512),
        needs=("16-byte load", "streamed load", "bf16 matrix"),
        waves={"gfx": 8, "gfx9": 3},
    ),
    Row(
        "kernels/qmm_few.hip",
        "qmm_few",
        _quant("f16", "nvfp4 4 16", UNIT=32, TILES=1, MTILES=2, SPLIT=2, DEPTH=1, CHUNK=256),
        needs=("16-byte load", "streamed load", "f16 matrix"),
        waves={"gfx": 8, "gfx9": 3},
    ),
    Row(
        "kernels/qmm.hip",
        "qmm",
        _qmm("bf16", "affine 4 64", "128 128 2 4"),
        needs=("16-byte load", "16-byte LDS load", "16-byte LDS store", "bf16 matrix"),
        waves={"gfx": 6, "gfx9": 2},
    ),
    Row(
        "kernels/qmm.hip",
        "qmm",
        _qmm("f16", "affine 3 64", "32 128 1 4", GROUPED=1, DEPTH=2, PAIRS="PAIRS_GATHER"),
        needs=("16-byte load", "16-byte LDS load", "16-byte LDS store", "f16 matrix"),
        waves={"gfx": 4, "gfx9": 2},
    ),
    Row("kernels/qmm_group.hip", "qmm_group", {"BM": "64", "MATRICES": "1024"}),
)
