"""Reductions, softmax and norms on the GPU beyond the op table: many outputs, every alignment, memory."""

import numpy as np
import pytest

pytestmark = pytest.mark.gpu_only


def test_more_outputs_than_groups_of_1024_threads_allow(mx):
    """A group of 1024 threads an output would pass 2^32 threads beyond 4.2 million of them."""
    n = 4_200_003
    x = np.random.default_rng(0).integers(-100, 100, (n, 2), dtype=np.int8)
    a = mx.array(x)
    np.testing.assert_array_equal(np.array(a.max(axis=1)), x.max(1))
    np.testing.assert_array_equal(np.array(mx.argmin(a, axis=1)), x.argmin(1))


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "int8", "complex64"])
def test_rows_at_every_alignment(mx, dtype):
    """Rows start anywhere in a 16-byte vector and are of any length, down to nothing between two boundaries."""
    rng = np.random.default_rng(1)
    x = np.round(rng.uniform(-4, 4, (7, 50)))
    a = mx.array(x).astype(getattr(mx, dtype))
    for start in range(9):
        for stop in (start + 1, start + 6, 33, 50):
            got = mx.sum(a[:, start:stop].astype(a.dtype), axis=1)
            np.testing.assert_array_equal(np.array(got.astype(mx.float32)), x[:, start:stop].sum(1))


def test_long_sums_are_the_same_every_time(mx):
    x = mx.array(np.random.default_rng(2).standard_normal(200_000).astype(np.float32))
    sums = {mx.sum(x).item() for _ in range(3)}
    assert len(sums) == 1
    assert abs(sums.pop() - np.array(x).sum(dtype=np.float64)) < 1e-2


@pytest.mark.parametrize("axis", [0, 1])
def test_arg_reductions_of_the_lowest_values(mx, axis):
    """Elements equal to the neutral element are found all the same, in parts as well."""
    for value, op in ((-np.inf, mx.argmax), (np.inf, mx.argmin)):
        x = mx.full((3, 40_000) if axis else (40_000, 3), value)
        assert np.array(op(x, axis=axis)).tolist() == [0, 0, 0]
    x = mx.full((5, 70), -128, mx.int8)
    assert not np.array(mx.argmax(x, axis=axis)).any()


def test_softmax_and_norms_in_place(mx):
    """A temporary is overwritten, an array in use is not."""
    x = np.random.default_rng(3).standard_normal((64, 2048)).astype(np.float32)
    a = mx.array(x)
    mx.eval(a)
    for f in (lambda t: mx.softmax(t, axis=-1), lambda t: mx.fast.rms_norm(t, None, 1e-5)):
        want = f(a + 1)
        mx.eval(want)
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        got = f(a + 1)
        mx.eval(got)
        assert mx.get_peak_memory() - before < 1.5 * a.nbytes
        np.testing.assert_array_equal(np.array(got), np.array(want))
        np.testing.assert_array_equal(np.array(a), x)


def test_sum_like_of_a_shapeless_program(mx):
    def loss(x, b):
        return ((x + b) ** 2).sum()

    step = mx.compile(mx.grad(loss, argnums=1), shapeless=True)
    for rows in (3, 70):
        x = np.arange(rows * 5, dtype=np.float32).reshape(rows, 5) / 10
        got = step(mx.array(x), mx.ones(5))
        np.testing.assert_allclose(np.array(got), (2 * (x + 1)).sum(0), rtol=1e-5)


@pytest.mark.parametrize("n", [7, 160, 1000, 2048, 4096, 4097, 40_000])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_layer_norm_of_rows_far_from_zero(mx, n, dtype):
    """The variance survives a mean a thousand times the deviation, in waves that hold different numbers of elements."""
    rng = np.random.default_rng(n)
    x = mx.array((1000 + rng.standard_normal((3, n))).astype(np.float32)).astype(getattr(mx, dtype))
    exact = np.array(x.astype(mx.float32), np.float64)
    centred = exact - exact.mean(-1, keepdims=True)
    want = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    got = np.array(mx.fast.layer_norm(x, None, None, 1e-5).astype(mx.float32))
    np.testing.assert_allclose(got, want, atol=4e-4 if dtype == "float32" else 2e-2, rtol=1e-2)
