"""Products of matrices and vectors: gemm.hip, gemv.hip and what goes with them."""

from tests.amd_row import Row, as_text

_READ = ("16-byte load", "16-byte LDS load")


def _gemm(needs: tuple[str, ...], waves: dict[str, int], **defines: object) -> Row:
    return Row("kernels/gemm.hip", "gemm", as_text(defines), needs=needs, waves=waves)


_BIG = {"gfx9": 2, "gfx10": 4, "gfx11": 6, "gfx12": 6}
_SMALL = {"gfx9": 3, "gfx10": 6, "gfx11": 6, "gfx12": 6}
_GEMV = {"gfx9": 5, "gfx10": 10, "gfx11": 12, "gfx12": 12}
_64 = {"BM": 64, "BN": 64, "WAVES_M": 2, "WAVES_N": 2}
_FREE = {"A_RUNS": 0, "B_RUNS": 0}  # rows contiguous, or with any strides where VEC is 1

ROWS = (
    _gemm((*_READ, "bf16 matrix"), _BIG, T="bf16", BATCHED=0),
    _gemm((*_READ, "f16 matrix"), _BIG, T="f16", A_RUNS=1, B_RUNS=0, VEC_A=8, VEC_B=8),
    _gemm(_READ, _BIG, T="bf16", A_RUNS=0, B_RUNS=1, VEC_A=8, VEC_B=8, EPILOGUE=1),
    _gemm(("16-byte LDS load",), _SMALL, T="f16", **_64, **_FREE, VEC_A=1, VEC_B=1, EPILOGUE=2),
    _gemm(_READ, _SMALL, T="bf16", **_64, A_RUNS=1, B_RUNS=1, VEC_A=8, VEC_B=8, GROUPED=1),
    _gemm(_READ, _SMALL, T="bf16", **_64, A_RUNS=1, B_RUNS=1, VEC_A=8, VEC_B=8, INDEXED=1),
    _gemm(_READ, _BIG, T="float", FMA=1),
    Row(
        "kernels/gemv.hip",
        "gemv_rows",
        {"T": "bf16", "BATCHED": "0"},
        needs=("16-byte load", "streamed load", "bf16 dot", "DPP"),
        waves=_GEMV,
    ),
    Row(
        "kernels/gemv.hip", "gemv_columns", {"T": "f16"}, needs=("16-byte load", "streamed load"), waves=_GEMV
    ),
    Row("kernels/gemm_group.hip", "group_rows", needs=("LDS atomic",)),
    Row("kernels/gemm_sum.hip", "sum_splits", {"T": "complex64", "ACC": "complex64", "EPILOGUE": "1"}),
)
