"""median and unique against NumPy."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize("axis", [None, 0, 2, (0, 2), (1, -1)])
@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 6, 2)])
def test_median(mx, axis, shape):
    x = np.random.default_rng(0).integers(-50, 50, shape)
    for keep in (False, True):
        for v in (x, x.astype(np.float32)):
            got = mx.median(mx.array(v), axis=axis, keepdims=keep)
            assert got.dtype == mx.float32
            np.testing.assert_array_equal(np.array(got), np.median(v, axis=axis, keepdims=keep))


def test_median_of_nan_and_errors(mx):
    np.testing.assert_array_equal(
        np.array(mx.median(mx.array([[1.0, np.nan, 2.0], [3.0, 1.0, 2.0]]), axis=1)), [np.nan, 2]
    )
    for axis in (2, (0, 0)):
        with pytest.raises(ValueError, match=r"\[?median\]?"):
            mx.median(mx.zeros((2, 3)), axis=axis)
    with pytest.raises(ValueError, match="hold no element"):
        mx.median(mx.zeros((0,)))


@pytest.mark.parametrize("kind", ["int32", "float32", "bool", "complex64", "uint8"])
@pytest.mark.parametrize("shape", [(1,), (40,), (5, 30), ()])
def test_unique(mx, kind, shape):
    x = np.random.default_rng(1).integers(0, 9, shape).astype(kind)
    want = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
    n = len(want[0])
    for size in (n, n + 3, max(1, n - 1)):
        values, index, inverse, counts = (np.array(y) for y in mx.unique(mx.array(x), size, True, True, True))
        k = min(n, size)
        for got, full, fill in (
            (values, want[0], want[0][0]),
            (index, want[1], want[1][0]),
            (counts, want[3], 0),
        ):
            np.testing.assert_array_equal(got, np.concatenate([full[:k], np.full(size - k, fill)]))
        np.testing.assert_array_equal(inverse, np.minimum(want[2].reshape(shape), size - 1))
    padded = np.array(mx.unique(mx.array(x), n + 2, fill_value=1))
    np.testing.assert_array_equal(padded, np.concatenate([want[0], np.ones(2)]).astype(kind))


def test_unique_edges(mx):
    assert mx.unique(mx.array([], mx.int32), 2, fill_value=4).tolist() == [4, 4]
    assert mx.unique(mx.array([3, 1]), 0).shape == (0,)
    nan = mx.unique(mx.array([np.nan, 1.0, np.nan, 2.0]), 6, return_counts=True)
    np.testing.assert_array_equal(np.array(nan[0]), [1, 2, np.nan, np.nan, 1, 1])
    assert nan[1].tolist() == [1, 1, 1, 1, 0, 0]
    np.testing.assert_array_equal(
        np.array(mx.grad(lambda a: mx.unique(a, 3).sum())(mx.array([1.0, 2.0, 1.0]))), [2, 1, 0]
    )
    batched = mx.vmap(lambda a: mx.unique(a, 3))(mx.array([[1, 2, 1], [3, 3, 3]]))
    np.testing.assert_array_equal(np.array(batched), [[1, 2, 1], [3, 3, 3]])
    for call, words in [
        (lambda: mx.unique(mx.array([1]), -1), "size must not be negative"),
        (lambda: mx.unique(mx.array([], mx.int32), 2), "needs a fill value"),
        (lambda: mx.unique(mx.array([1]), 2, fill_value=mx.array([1, 2])), "must have one element"),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert words in str(error.value)
