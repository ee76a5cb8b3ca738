"""Sorting, scanning and drawing on the GPU, where it differs from what the op table asks of every device."""

import numpy as np
import pytest

pytestmark = pytest.mark.gpu_only


def special(shape, dtype=np.float32):
    """Both zeros, infinities and NaNs of both signs among few other values, so that there are ties."""
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1.5, -1.5, 3e-8, 2.0], dtype)
    return np.random.default_rng(shape[-1]).choice(values, shape)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("n", [9, 300, 20000])
def test_special_values_sort_as_on_the_cpu(mx, dtype, n):
    x = mx.array(special((2, n))).astype(getattr(mx, dtype))
    bits = mx.uint32 if dtype == "float32" else mx.uint16
    assert (np.array(mx.sort(x).view(bits)) == np.array(mx.sort(x, stream=mx.cpu).view(bits))).all()
    assert (np.array(mx.argsort(x)) == np.argsort(np.array(x.astype(mx.float32)), kind="stable")).all()


@pytest.mark.parametrize("shape, axis", [((70000, 3), 1), ((3, 70000), 0)])
def test_more_lines_than_a_grid_has_rows(mx, shape, axis):
    x = np.random.default_rng(0).integers(-100, 100, shape).astype(np.int32)
    assert (np.array(mx.sort(mx.array(x), axis=axis)) == np.sort(x, axis)).all()
    assert (np.array(mx.cumsum(mx.array(x), axis=axis)) == np.cumsum(x, axis)).all()


def test_a_scan_may_overwrite_its_input(mx):
    x = np.random.default_rng(1).integers(-9, 9, (3, 5000)).astype(np.int32)
    for axis in (0, 1):
        assert (np.array(mx.cumsum(mx.array(x) + 1, axis=axis)) == np.cumsum(x + 1, axis)).all()
        turned = mx.cumsum((mx.array(x) + 1).T, axis=axis, reverse=True)
        assert (np.array(turned) == np.flip(np.cumsum(np.flip(x.T + 1, axis), axis), axis)).all()


def test_an_exclusive_scan_starts_from_the_lowest_value(mx):
    for dtype in (mx.int8, mx.uint16, mx.int64, mx.float16, mx.complex64):
        x = mx.array([[3, 1, 2], [1, 2, 3]]).astype(dtype)
        for op in (mx.cummax, mx.cummin):
            got, want = (op(x, axis=1, inclusive=False, stream=s) for s in (mx.gpu, mx.cpu))
            assert np.array_equal(np.array(got), np.array(want)), (dtype, op)


def test_draws_are_those_of_the_cpu(mx):
    for n in (1, 2, 1001):
        key = mx.random.key(n)
        for dtype in (mx.float32, mx.float16, mx.bfloat16):
            u, v = (mx.random.uniform(shape=(n,), dtype=dtype, key=key, stream=s) for s in (mx.gpu, mx.cpu))
            assert np.array_equal(np.array(u.astype(mx.float32)), np.array(v.astype(mx.float32)))
            rtol = {mx.float32: 1e-5, mx.float16: 2e-3, mx.bfloat16: 1.6e-2}[dtype]
            a, b = (mx.random.normal((n,), dtype, 1.0, 3.0, key, s) for s in (mx.gpu, mx.cpu))
            np.testing.assert_allclose(
                np.array(a.astype(mx.float32)), np.array(b.astype(mx.float32)), rtol, rtol
            )
        a, b = (mx.random.gumbel((n,), key=key, stream=s) for s in (mx.gpu, mx.cpu))
        np.testing.assert_allclose(np.array(a), np.array(b), 1e-5, 1e-5)


def test_compiled_draws_are_the_same(mx):
    key = mx.random.key(3)
    draw = lambda: mx.random.normal((100,), key=key)
    np.testing.assert_allclose(np.array(mx.compile(draw)()), np.array(draw()), 1e-5, 1e-6)


@pytest.mark.parametrize("op", ["qr", "svd", "inv", "cholesky", "lu", "eigh", "eig", "eigvalsh"])
def test_factorisations_want_a_cpu_stream(mx, op):
    with pytest.raises(ValueError, match="on the GPU"):
        getattr(mx.linalg, op)(mx.eye(3))
    mx.eval(getattr(mx.linalg, op)(mx.eye(3), stream=mx.cpu))
