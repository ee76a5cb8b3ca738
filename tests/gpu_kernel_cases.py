"""What the kernels in tests/amd_kernels compute, against NumPy, on any device that can launch them.

A case is a function of a `Gpu` (gpu_launch.py) in CASES; it raises when the device is wrong.
"""

import ml_dtypes
import numpy as np
import scipy.special

from tests.gpu_launch import Gpu
from tests.refs import rng

FOLDER = "tests/amd_kernels/"
BF16, F16, F32 = ml_dtypes.bfloat16, np.float16, np.float32
NAMES = {BF16: "bf16", F16: "f16", F32: "float", np.int8: "i8", np.int32: "i32"}
u32 = np.uint32

CASES = {}


def case(*variants):
    """Registers a function once, or once a variant of its second argument."""

    def register(function):
        for variant in variants:
            CASES[f"{function.__name__}_{NAMES[variant]}"] = lambda gpu, v=variant: function(gpu, v)
        if not variants:
            CASES[function.__name__] = function
        return function

    return register


def _random(*shape, dtype=F32, scale=1.0):
    rng = np.random.default_rng(len(shape) * 1000 + shape[-1])
    if np.dtype(dtype).kind == "i":
        return rng.integers(-100, 100, shape).astype(dtype)
    return (rng.standard_normal(shape) * scale).astype(dtype)


def _close(got, want, relative):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    error = np.abs(got - want).max() / np.abs(want).max()
    assert error <= relative, f"off by {error:.3g} of the largest value, {relative:.3g} allowed"


def _groups(count, size):
    return (-(-count // size), 1, 1)


@case()
def copy(gpu: Gpu):
    for n in (1, 255, 1024, 5003):
        x = np.random.default_rng(n).integers(0, 2**32, n, dtype=u32)
        y = np.full(n + 8, 7, u32)
        gpu.launch(FOLDER + "copy.hip", "copy", {}, _groups(n, 1024), 256, x, y, np.uint64(n))
        assert (y[:n] == x).all()
        assert (y[n:] == 7).all(), "wrote past the end"


@case()
def reduce_sum(gpu: Gpu):
    x, total = _random(50021), np.zeros(1, F32)
    gpu.launch(FOLDER + "reduce.hip", "reduce", {}, (7, 1, 1), 256, x, total, u32(x.size), u32(7))
    assert abs(total[0] - x.sum(dtype=np.float64)) < 1e-3


@case()
def reduce_max(gpu: Gpu):
    x = np.random.default_rng(0).integers(-(2**31), 2**31, 50021).astype(np.int32)
    top = np.full(1, -(2**31), np.int32)
    defines = {"REDUCE_MAX": "1"}
    gpu.launch(FOLDER + "reduce.hip", "reduce", defines, (7, 1, 1), 256, x, top, u32(x.size), u32(7))
    assert top[0] == x.max()


@case(F32, F16, BF16)
def softmax(gpu: Gpu, dtype):
    x = _random(5, 1003, dtype=dtype, scale=4)
    y = np.zeros_like(x)
    gpu.launch(FOLDER + "softmax.hip", "softmax", {"T": NAMES[dtype]}, (5, 1, 1), 256, x, y, u32(1003))
    _close(y, scipy.special.softmax(x.astype(np.float64), axis=1), {F32: 1e-6, F16: 1e-3, BF16: 4e-3}[dtype])


@case(BF16, F16, np.int8)
def gemv(gpu: Gpu, dtype):
    m, k = 37, 2048 + 64
    w, x = _random(m, k, dtype=dtype), _random(k, dtype=dtype)
    y = np.zeros(m, np.int32 if dtype is np.int8 else F32)
    grid = _groups(m, 256 // gpu.wave)
    gpu.launch(FOLDER + "gemv.hip", "gemv", {"T": NAMES[dtype]}, grid, 256, w, x, y, u32(m), u32(k))
    _close(y, w.astype(np.float64) @ x.astype(np.float64), 0 if dtype is np.int8 else 1e-6)


@case()
def qmv(gpu: Gpu):
    m, k = 250, 1088
    rng = np.random.default_rng(0)
    q = rng.integers(0, 16, (m, k))
    w = sum((q[:, i::8] << (4 * i)).astype(u32) for i in range(8)).astype(u32)
    scales, biases = _random(m, k // 64, dtype=BF16), _random(m, k // 64 + 0, dtype=BF16)
    x, y = _random(k, dtype=BF16), np.zeros(m, BF16)
    grid = _groups(m, 256 // gpu.wave)
    gpu.launch(FOLDER + "qmv.hip", "qmv", {}, grid, 256, w, scales, biases, x, y, u32(m), u32(k))
    weights = np.repeat(scales.astype(F32), 64, 1) * q + np.repeat(biases.astype(F32), 64, 1)
    _close(y, weights.astype(np.float64) @ x.astype(np.float64), 4e-3)


@case(BF16, F16)
def matmul(gpu: Gpu, dtype):
    m, n, k = 128, 192, 256
    a, b, c = _random(m, k, dtype=dtype), _random(n, k, dtype=dtype), np.zeros((m, n), dtype)
    grid = (n // 64, m // 64, 1)
    defines = {"T": NAMES[dtype]}
    gpu.launch(FOLDER + "matmul.hip", "matmul", defines, grid, 4 * gpu.wave, a, b, c, u32(m), u32(n), u32(k))
    _close(c, a.astype(np.float64) @ b.astype(np.float64).T, 4e-3 if dtype is BF16 else 1e-3)


@case(F32, F16, BF16, np.int32)
def scatter_add(gpu: Gpu, dtype):
    n, bins = 1000, 38
    x, index = _random(n, dtype=dtype), np.random.default_rng(0).integers(0, bins - 1, n, dtype=u32)
    out = np.zeros(bins, dtype)
    defines = {"T": NAMES[dtype]}
    gpu.launch(FOLDER + "atomics.hip", "scatter_add", defines, _groups(n, 256), 256, x, index, out, u32(n))
    want = np.zeros(bins)
    np.add.at(want, index, x.astype(np.float64))
    _close(out, want, {F32: 1e-6, F16: 3e-3, BF16: 3e-2, np.int32: 0}[dtype])


@case()
def random_bits(gpu: Gpu):
    """Every width, odd and even numbers of words, words that are cut, several keys."""
    keys = np.array([[1, 2], [0xFFFFFFFF, 7], [12345, 0]], u32)
    for count, size in ((1, 1), (1, 4), (1, 10), (1, 2012), (3, 3), (3, 7), (2, 36)):
        out = np.full(count * size + 8, 77, np.uint8)
        defines, grid = {"WHOLE": str(int(size % 4 == 0))}, _groups(count * size, 1024)
        arguments = (keys[:count].copy(), out, np.uint64(count), np.uint64(size))
        gpu.launch("kernels/random.hip", "random_bits", defines, grid, 256, *arguments)
        for k in range(count):
            want = rng.bits(keys[k], (-(-size // 4),)).view(np.uint8)[:size]
            assert (out[k * size : (k + 1) * size] == want).all(), (count, size, k)
        assert (out[count * size :] == 77).all(), "wrote past the end"


# ---- the functors of scalar.h ---------------------------------------------------------------------------------

_UNARY = {
    "abs": np.abs, "negative": np.negative, "square": np.square, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x),
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "arcsin": np.arcsin, "arccos": np.arccos, "arctan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "arcsinh": np.arcsinh, "arccosh": np.arccosh,
    "arctanh": np.arctanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "round": np.round, "erf": scipy.special.erf,
    "erfinv": scipy.special.erfinv, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
}  # fmt: skip
_BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "floor_divide": np.floor_divide, "remainder": np.remainder, "power": np.power, "maximum": np.maximum,
    "minimum": np.minimum, "logaddexp": np.logaddexp, "arctan2": np.arctan2, "equal": np.equal,
    "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal, "greater": np.greater,
    "greater_equal": np.greater_equal, "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor, "left_shift": np.left_shift, "right_shift": np.right_shift,
}  # fmt: skip
# Relative error allowed beyond the default of 2e-6: complex functions are composed of several real ones.
_LOOSE = {
    "tan_c64": 1e-4,
    "arcsinh_c64": 1e-4,
    "tanh_c64": 1e-4,
    "arcsin_c64": 1e-3,
    "arccos_c64": 1e-3,
    "logaddexp_f32": 1e-5,
}
_TYPES = {"f32": F32, "c64": np.complex64, "i32": np.int32, "i64": np.int64, "u8": np.uint8}
_WIDE = {"f32": np.float64, "c64": np.complex128}
_NOT_ON_COMPLEX = {"floor_divide", "maximum", "minimum", "round"}  # NumPy lacks them or differs
SPECIAL = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5], F32)


def _operand(op: str, kind: str, seed: int) -> np.ndarray:
    rng, n = np.random.default_rng(seed), 1000
    if kind == "f32":
        return np.concatenate([SPECIAL, rng.standard_normal(n - SPECIAL.size) * 3]).astype(F32)
    if kind == "c64":
        return (rng.standard_normal(n) + 1j * rng.standard_normal(n)).astype(np.complex64)
    small = op in ("power", "left_shift", "right_shift")
    low = 1 if op in ("floor_divide", "remainder", "power") or small or kind == "u8" else -50
    return rng.integers(low, 8 if small else 100, n).astype(_TYPES[kind])


def scalar_entries() -> list[str]:
    """The kernels of scalar.hip that NumPy has an equivalent for."""
    reals = [f"{op}_f32" for op in (*_UNARY, *_BINARY) if not op.startswith(("bitwise", "left", "right"))]
    no_complex = {
        "erf",
        "erfinv",
        "floor",
        "ceil",
        "trunc",
        "remainder",
        "logaddexp",
        "arctan2",
        *_NOT_ON_COMPLEX,
    }
    complexes = [name[:-3] + "c64" for name in reals if name[:-4] not in no_complex]
    whole = ["add", "subtract", "multiply", "floor_divide", "power", "maximum", "minimum"]
    bits = ["remainder", *(op for op in _BINARY if op.startswith(("bitwise", "left", "right")))]
    integers = [f"{op}_{kind}" for op in (*whole, *bits) for kind in ("i32", "u8")]
    return [*reals, *complexes, *integers, *(f"{op}_i64" for op in whole)]


def scalar(gpu: Gpu, entry: str) -> None:
    """One functor on one type against NumPy in double precision."""
    op, _, kind = entry.rpartition("_")
    function = _UNARY.get(op) or _BINARY[op]
    operands = [_operand(op, kind, seed) for seed in range(1 if op in _UNARY else 2)]
    with np.errstate(all="ignore"):
        want = function(*(each.astype(_WIDE.get(kind, each.dtype)) for each in operands))
        if want.dtype.kind in "fc":
            want = want.astype(F32 if want.dtype.kind == "f" else np.complex64)
        got = np.zeros(1000, want.dtype)
        gpu.launch(FOLDER + "scalar.hip", entry, {}, (4, 1, 1), 256, *operands, got, u32(1000))
        if want.dtype.kind not in "fc":
            np.testing.assert_array_equal(got, want)
            return
        error = np.abs(got - want) / np.maximum(np.abs(want), 1e-3)
        right = (got == want) | (np.isnan(got) & np.isnan(want)) | (error <= _LOOSE.get(entry, 2e-6))
    worst = int(np.argmin(right))
    assert right.all(), (
        f"{op}({', '.join(str(each[worst]) for each in operands)}) = {got[worst]}, not {want[worst]}"
    )
