"""Matrix products on the GPU where GPUs go wrong: edges of tiles, batches whose strides are no product of one
number, split sums, indices that are views or out of range, matrices that nobody asks for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.gpu_only

TOLERANCE = {"float32": 4e-6, "float16": 2e-3, "bfloat16": 1.2e-2, "complex64": 8e-6}
HALVES = ("float16", "bfloat16")


def draw(mx, rng, shape, dtype):
    values = rng.standard_normal(shape)
    if dtype == "complex64":
        return mx.array((values + 1j * rng.standard_normal(shape)).astype(np.complex64))
    return mx.array(values.astype(np.float32)).astype(getattr(mx, dtype))


def numpy_of(mx, x):
    if x.dtype == mx.complex64:
        return np.array(x).astype(np.complex128)
    return np.array(x.astype(mx.float32)).astype(np.float64)


def check(mx, got, want, dtype):
    got = numpy_of(mx, got)
    assert got.shape == want.shape
    assert np.isfinite(got).all()
    if want.size:
        error = np.abs(got - want).max() / max(np.abs(want).max(), 0.05)
        assert error <= TOLERANCE[dtype], error


@pytest.mark.parametrize("dtype", ("float32", "bfloat16"))
@pytest.mark.parametrize("m, n, k", [(130, 17, 64), (17, 130, 3), (64, 64, 130), (9, 1, 1)])
def test_edges(mx, dtype, m, n, k):
    rng = np.random.default_rng(m + n + k)
    a, b = draw(mx, rng, (m, k), dtype), draw(mx, rng, (k, n), dtype)
    want = numpy_of(mx, a) @ numpy_of(mx, b)
    check(mx, a @ b, want, dtype)
    left, right = mx.contiguous(a.T).T, mx.contiguous(b.T).T  # column-major operands
    for x, y in ((left, b), (a, right), (left, right)):
        check(mx, x @ y, want, dtype)


@pytest.mark.parametrize("dtype, rows", [("float32", 1), ("float16", 2), ("bfloat16", 5), ("complex64", 8)])
@pytest.mark.parametrize("n, k", [(3, 17), (264, 40), (40, 1000), (129, 513)])
def test_few_rows(mx, dtype, rows, n, k):
    rng = np.random.default_rng(rows + n + k)
    x, w = draw(mx, rng, (rows, k), dtype), draw(mx, rng, (n, k), dtype)
    want = numpy_of(mx, x) @ numpy_of(mx, w).T
    check(mx, x @ w.T, want, dtype)
    check(mx, x @ mx.contiguous(w.T), want, dtype)
    check(mx, w @ x.T, want.T, dtype)
    check(mx, mx.contiguous(w.T).T @ x.T, want.T, dtype)


@pytest.mark.parametrize("dtype", ("float32", "bfloat16"))
@pytest.mark.parametrize("m, n, k", [(1, 1, 40000), (3, 2, 20000), (20, 24, 4000), (1, 64, 9000)])
def test_long_sums(mx, dtype, m, n, k):
    rng = np.random.default_rng(k)
    a, b = draw(mx, rng, (m, k), dtype), draw(mx, rng, (k, n), dtype)
    c = draw(mx, rng, (n,), dtype)
    want = numpy_of(mx, a) @ numpy_of(mx, b)
    check(mx, a @ b, want, dtype)
    check(mx, a @ mx.contiguous(b.T).T, want, dtype)
    check(mx, mx.addmm(c, a, b, 0.5, 2.0), 0.5 * want + 2 * numpy_of(mx, c), dtype)


BATCHES = {
    "grouped heads": lambda mx, a, b: (a(2, 3, 4, 5, 8), b(2, 3, 1, 8, 6)),
    "both broadcast": lambda mx, a, b: (a(2, 1, 5, 8), b(1, 3, 8, 6)),
    "transposed batch": lambda mx, a, b: (a(3, 5, 2, 8).transpose(2, 0, 1, 3), b(3, 2, 8, 6).swapaxes(0, 1)),
    "one row a sequence": lambda mx, a, b: (a(4, 1, 8), b(8, 6)),
    "rows of a view": lambda mx, a, b: (a(4, 7, 8)[:, 3:4], b(8, 6)),
    "folded": lambda mx, a, b: (a(4, 7, 8), b(8, 6)),
    "not foldable": lambda mx, a, b: (a(4, 9, 8)[:, :7], b(8, 6)),
    "reversed": lambda mx, a, b: (a(4, 7, 8)[::-1, ::-1], b(4, 8, 6)[::-1]),
    "five axes": lambda mx, a, b: (a(2, 1, 2, 1, 3, 2, 5, 8), b(1, 2, 2, 2, 1, 2, 8, 6).swapaxes(0, 3)),
}


@pytest.mark.parametrize("dtype", ("bfloat16", "complex64"))
@pytest.mark.parametrize("name", BATCHES)
def test_batches(mx, dtype, name):
    rng = np.random.default_rng(0)

    def make(*shape):
        return draw(mx, rng, shape, dtype)

    a, b = BATCHES[name](mx, make, make)
    check(mx, a @ b, numpy_of(mx, a) @ numpy_of(mx, b), dtype)


@pytest.mark.parametrize("shape", [(), (6,), (7, 1), (3, 1, 6), (3, 7, 6)])
@pytest.mark.parametrize("dtype", ("float32", "bfloat16"))
def test_addends(mx, dtype, shape):
    rng = np.random.default_rng(1)
    a, b, c = draw(mx, rng, (3, 7, 8), dtype), draw(mx, rng, (8, 6), dtype), draw(mx, rng, shape, dtype)
    check(mx, mx.addmm(c, a, b), numpy_of(mx, a) @ numpy_of(mx, b) + numpy_of(mx, c), dtype)


@pytest.mark.parametrize("size", [24, 170])
def test_no_axis_contiguous(mx, size):
    """Small ones are read as they lie, large ones copied."""
    rng = np.random.default_rng(2)
    a, b = draw(mx, rng, (size, 2 * size), "bfloat16"), draw(mx, rng, (2 * size, 2 * size), "bfloat16")
    x, y = a[:, ::2], b[::-2, ::2]
    check(mx, x @ y, numpy_of(mx, a)[:, ::2] @ numpy_of(mx, b)[::-2, ::2], "bfloat16")


def test_infinities_stay_in_their_row(mx):
    """Memory beyond the matrix, and k beyond the end, must not meet a zero as infinity or NaN."""
    a = mx.array(np.full((20, 70), np.inf, np.float32)).astype(mx.bfloat16)[:, :37]
    b = mx.array(np.ones((37, 20), np.float32)).astype(mx.bfloat16)
    assert np.isposinf(np.array((a @ b).astype(mx.float32))).all()


INDICES = {
    "each": lambda rng, pairs, count: np.arange(pairs) % count,
    "random": lambda rng, pairs, count: rng.integers(0, count, pairs),
    "one": lambda rng, pairs, count: np.full(pairs, count - 1),
    "skewed": lambda rng, pairs, count: np.where(rng.random(pairs) < 0.9, 1, rng.integers(0, count, pairs)),
    "sorted": lambda rng, pairs, count: np.sort(rng.integers(0, count, pairs)),
}


@pytest.mark.parametrize("dtype", ("float32", "bfloat16"))
@pytest.mark.parametrize("indices", INDICES)
@pytest.mark.parametrize("pairs, m", [(6, 1), (6, 20), (70, 1), (40, 3)])
def test_gather(mx, dtype, indices, pairs, m):
    rng = np.random.default_rng(pairs + m)
    rhs = INDICES[indices](rng, pairs, 5).astype(np.uint32)
    lhs = rng.integers(0, 9, pairs).astype(np.uint32)
    a, w = draw(mx, rng, (9, m, 24), dtype), draw(mx, rng, (5, 18, 24), dtype)
    want = numpy_of(mx, a)[lhs] @ numpy_of(mx, w).swapaxes(1, 2)[rhs]
    check(mx, mx.gather_mm(a, w.swapaxes(1, 2), mx.array(lhs), mx.array(rhs)), want, dtype)
    rows = mx.contiguous(w.swapaxes(1, 2))  # n contiguous
    check(mx, mx.gather_mm(a, rows, mx.array(lhs), mx.array(rhs)), want, dtype)


@pytest.mark.parametrize("order", ["random", "sorted"])
def test_gather_of_many_pairs(mx, order):
    """More than one turn of the workgroup that sorts them; experts that nobody asks for."""
    rng = np.random.default_rng(9)
    rhs = rng.integers(0, 40, 9000).astype(np.uint32) * 7
    rhs = np.sort(rhs) if order == "sorted" else rhs
    a, w = draw(mx, rng, (9000, 1, 8), "bfloat16"), draw(mx, rng, (300, 8, 8), "bfloat16")
    got = mx.gather_mm(a, w, mx.array(np.arange(9000, dtype=np.uint32)), mx.array(rhs))
    check(mx, got, numpy_of(mx, a) @ numpy_of(mx, w)[rhs], "bfloat16")


@pytest.mark.parametrize("tokens", [3, 20])
def test_gather_of_a_mixture_of_experts(mx, tokens):
    """The layout of mlx-lm: one row a token, broadcast to the experts of the token; index views."""
    rng = np.random.default_rng(tokens)
    x, w = draw(mx, rng, (2, tokens, 16), "bfloat16"), draw(mx, rng, (6, 12, 16), "bfloat16")
    chosen = rng.integers(0, 6, (2, tokens, 8)).astype(np.uint32)
    view = mx.array(chosen)[:, :, :4]
    got = mx.gather_mm(mx.expand_dims(x, (-2, -3)), w.swapaxes(-1, -2), rhs_indices=view)
    want = numpy_of(mx, x)[:, :, None, None] @ numpy_of(mx, w).swapaxes(1, 2)[chosen[:, :, :4]]
    check(mx, got, want, "bfloat16")


def test_gather_with_broadcast_and_wild_indices(mx):
    rng = np.random.default_rng(3)
    a, b = draw(mx, rng, (4, 2, 8), "float32"), draw(mx, rng, (3, 8, 5), "float32")
    lhs, rhs = np.array([[0], [3]], np.uint32), np.array([[2, 1, 0]], np.uint32)
    want = np.array(a)[lhs] @ np.array(b)[rhs]
    check(mx, mx.gather_mm(a, b, mx.array(lhs), mx.array(rhs)), want, "float32")
    wild = mx.array(np.array([2, 1000000, 4294967295], np.uint32))  # no fault: the last matrix
    check(
        mx,
        mx.gather_mm(a, b, mx.array(np.zeros(3, np.uint32)), wild),
        np.array(a)[:1] @ np.array(b)[[2, 2, 2]],
        "float32",
    )


@pytest.mark.parametrize("shapes", [((4, 2, 0), (3, 0, 5)), ((4, 2, 8), (3, 8, 0))])
def test_gather_of_nothing(mx, shapes):
    index = mx.array(np.zeros(2, np.uint32))
    got = mx.gather_mm(mx.zeros(shapes[0]), mx.zeros(shapes[1]), index, index)
    assert got.shape == (2, 2, shapes[1][-1])
    assert not np.array(got).any()


@pytest.mark.parametrize("dtype", ("float32", *HALVES))
def test_segments(mx, dtype):
    rng = np.random.default_rng(4)
    a, b = draw(mx, rng, (33, 200), dtype), draw(mx, rng, (200, 20), dtype)
    bounds = np.array([[0, 7], [7, 7], [9, 150], [150, 4000], [30, 10]], np.uint32)
    want = np.stack([numpy_of(mx, a)[:, s:e] @ numpy_of(mx, b)[s:e] for s, e in bounds])
    check(mx, mx.segmented_mm(a, b, mx.array(bounds)), want, dtype)
    check(mx, mx.segmented_mm(mx.contiguous(a.T).T, mx.contiguous(b.T).T, mx.array(bounds)), want, dtype)


FAILING = """
import numpy as np
import mlx_rocm.core as mx

mx.set_default_device(mx.gpu)
product = mx.array(np.ones((64, 64), np.float32)) @ mx.array(np.ones((64, 64), np.float32))
for attempt in range(2):
    try:
        np.array(product)
    except RuntimeError as error:
        print("does not compile" in str(error))
"""


def test_a_failed_product_has_no_value(tmp_path):
    """A kernel that does not compile is an error each time the array is looked at, never what its memory held."""
    root = Path(__file__).parent.parent
    shutil.copytree(root / "kernels", tmp_path / "kernels")
    with (tmp_path / "kernels" / "gemm.hip").open("a") as file:
        file.write("not C++\n")
    env = {**os.environ, "MLX_ROCM_KERNELS": str(tmp_path / "kernels"), "XDG_CACHE_HOME": str(tmp_path)}
    env["MLX_ROCM_BLAS"] = "0"
    done = subprocess.run(
        [sys.executable, "-c", FAILING], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "True"], done.stdout + done.stderr[-2000:]
