"""Sorting by every way it can take (comparisons, 8-bit and 11-bit digits, merged chunks) against NumPy's stable sort."""

from __future__ import annotations

import numpy as np
import pytest

KINDS = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "complex64",
]
SIZES = [1, 2, 40, 64, 300, 7000, 140_000]


def draw(rng, kind, shape):
    if kind == "bool":
        return rng.random(shape) < 0.5
    if kind == "complex64":
        return (rng.integers(-3, 3, shape) + 1j * rng.integers(-3, 3, shape)).astype(kind)
    if kind.startswith("float"):
        a = rng.standard_normal(shape).astype(kind)
        pick = rng.random(shape)
        a[pick < 0.04] = np.nan
        a[(pick > 0.04) & (pick < 0.08)] = np.inf
        a[(pick > 0.08) & (pick < 0.12)] = -np.inf
        a[(pick > 0.12) & (pick < 0.3)] = 0.0
        a[(pick > 0.3) & (pick < 0.4)] = -0.0
        return a
    limits = np.iinfo(kind)
    a = rng.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)
    return np.where(rng.random(shape) < 0.5, a, a % 5)


def same(a, b):
    np.testing.assert_array_equal(np.array(a), b)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_sort_and_argsort(mx, kind, n):
    x = draw(np.random.default_rng(n), kind, (n,))
    a = mx.array(x)
    same(mx.sort(a), np.sort(x, kind="stable"))
    same(mx.argsort(a), np.argsort(x, kind="stable"))


@pytest.mark.parametrize("n", [5, 700, 9000])
def test_bfloat16(mx, n):
    x = draw(np.random.default_rng(n), "float32", (n,))
    x = np.array(mx.array(x).astype(mx.bfloat16).astype(mx.float32))
    a = mx.array(x).astype(mx.bfloat16)
    same(mx.sort(a).astype(mx.float32), np.sort(x, kind="stable"))
    same(mx.argsort(a), np.argsort(x, kind="stable"))


@pytest.mark.parametrize("kind", ["int32", "float32", "uint8", "int64"])
@pytest.mark.parametrize("n", [1, 9, 511, 600, 20_000])
@pytest.mark.parametrize("place", [0.0, 0.3, 1.0])
def test_partition(mx, kind, n, place):
    x = draw(np.random.default_rng(n), kind, (3, n))
    a, kth = mx.array(x), int(place * (n - 1))
    order = np.sort(x, axis=-1)
    for got in (
        np.array(mx.partition(a, kth)),
        np.take_along_axis(x, np.array(mx.argpartition(a, kth)).astype(int), -1),
    ):
        np.testing.assert_array_equal(np.sort(got), order)
        np.testing.assert_array_equal(got[:, kth], order[:, kth])
        np.testing.assert_array_equal(np.sort(got[:, : kth + 1]), order[:, : kth + 1])
    k = n - kth
    np.testing.assert_array_equal(np.sort(np.array(mx.topk(a, k))), order[:, n - k :])


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_axes_of_views(mx, axis):
    x = np.random.default_rng(1).integers(0, 9, (30, 8, 12))
    a = mx.array(x)
    for v, u in [(a.transpose(2, 0, 1), x.transpose(2, 0, 1)), (a[::-2, 1:], x[::-2, 1:])]:
        same(mx.sort(v, axis=axis), np.sort(u, axis=axis))
        same(mx.argsort(v, axis=axis), np.argsort(u, axis=axis, kind="stable"))


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(mx, side):
    rng = np.random.default_rng(2)
    x = np.sort(draw(rng, "float32", (1000,)))
    v = draw(rng, "float32", (7, 300))
    same(mx.searchsorted(mx.array(x), mx.array(v), side=side), np.searchsorted(x, v, side=side))
    same(mx.searchsorted(mx.array([], mx.float32), mx.array([1.0, 2.0]), side=side), [0, 0])
    whole = np.array([1, 3, 5])
    same(
        mx.searchsorted(mx.array(whole), mx.array([0.5, 3.0, 9.0]), side=side),
        np.searchsorted(whole, [0.5, 3.0, 9.0], side=side),
    )


def test_gradients_follow_the_permutation(mx):
    x = mx.array([[3.0, 1.0, 2.0], [0.5, 2.5, 1.5]])
    w = mx.array([10.0, 20.0, 30.0])
    np.testing.assert_array_equal(
        np.array(mx.grad(lambda a: (mx.sort(a) * w).sum())(x)), [[30, 10, 20], [10, 30, 20]]
    )
    np.testing.assert_array_equal(np.array(mx.grad(lambda a: mx.topk(a, 1).sum())(x)), [[1, 0, 0], [0, 1, 0]])


def test_errors(mx):
    a = mx.zeros((2, 3))
    for call, words in [
        (lambda: mx.partition(a, 3), "[partition] kth 3 is out of range along axis 1 for shape (2, 3)."),
        (lambda: mx.argpartition(a, -4), "[argpartition] kth -4"),
        (lambda: mx.topk(a, 4), "[topk] k = 4 is out of range"),
        (lambda: mx.sort(a, axis=2), "axis 2"),
        (
            lambda: mx.searchsorted(a, a),
            "[searchsorted] The sorted sequence must be 1-D but has 2 dimensions.",
        ),
        (lambda: mx.searchsorted(a[0], a, side="up"), "[searchsorted] side 'up' is invalid"),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert words in str(error.value), error.value


def test_nan_wins_among_complex_numbers(mx):
    """Scans and scattered updates combine complex numbers as mx.maximum and mx.minimum do."""
    x = mx.array([1 + 1j, complex(np.nan, 0), 3 + 0j, complex(0, np.nan), 2 + 2j], mx.complex64)
    for scan, pair in ((mx.cummax, mx.maximum), (mx.cummin, mx.minimum)):
        want = [x[0]]
        for i in range(1, 5):
            want.append(pair(want[-1], x[i]))
        assert np.array_equal(np.array(scan(x)), np.array(mx.stack(want)), equal_nan=True)
    for value in x:
        for update in x:
            start = mx.array([value.item()], mx.complex64)
            for name, pair in (("maximum", mx.maximum), ("minimum", mx.minimum)):
                got = getattr(start.at[mx.array([0])], name)(update)
                want = pair(start, update)
                assert np.array_equal(np.array(got), np.array(want), equal_nan=True), (name, value, update)
