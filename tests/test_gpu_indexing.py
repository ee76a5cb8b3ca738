"""Indexing on the GPU beyond the op table: memory that is not copied, sizes past one grid row, errors that only the GPU
knows."""

import numpy as np
import pytest

pytestmark = pytest.mark.gpu_only


def test_cache_update_copies_nothing(mx):
    cache, step = mx.zeros((1, 4, 4096, 64), mx.float16), mx.ones((1, 4, 1, 64), mx.float16)
    mx.eval(cache, step)
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    for at in range(3):
        cache[..., at : at + 1, :] = step
        mx.eval(cache)
    assert mx.get_peak_memory() - before < cache.nbytes // 4
    assert mx.get_active_memory() - before < cache.nbytes // 4
    assert np.array(cache)[0, :, :5, 0].tolist() == [[1, 1, 1, 0, 0]] * 4


def test_dynamic_cache_update_copies_nothing(mx):
    cache, step = mx.zeros((2, 2048, 64), mx.float16), mx.ones((2, 1, 64), mx.float16)
    at = mx.array([5])
    mx.eval(cache, step, at)
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    cache = mx.slice_update(cache, step, at, (1,))
    mx.eval(cache)
    assert mx.get_peak_memory() - before < cache.nbytes // 4
    assert np.array(cache)[1, 4:7, 63].tolist() == [0, 1, 0]


def test_a_source_in_use_is_not_overwritten(mx):
    x = mx.array(np.arange(12).reshape(3, 4))
    mx.eval(x)
    y = mx.slice_update(x, mx.full((1, 4), -1), mx.array([1]), (0,))
    z = x.at[mx.array([0, 0])].add(mx.array(5))
    mx.eval(y, z)
    assert np.array(x).tolist() == np.arange(12).reshape(3, 4).tolist()
    assert np.array(y)[1].tolist() == [-1] * 4
    assert np.array(z)[0].tolist() == [10, 11, 12, 13]


def test_more_rows_than_one_axis_of_a_grid(mx):
    rng = np.random.default_rng(0)
    x, i = rng.integers(0, 100, (70_001, 3)).astype(np.int32), rng.integers(0, 70_001, 140_003)
    rows = mx.array(i.astype(np.int32))
    assert (np.array(mx.array(x)[rows]) == x[i]).all()
    want = np.zeros_like(x)
    np.add.at(want, i, x[i])
    assert (np.array(mx.zeros(x.shape, mx.int32).at[rows].add(mx.array(x[i]))) == want).all()


def test_entries_without_a_value_stay(mx):
    x = mx.array(np.arange(6000))
    x[mx.ones((6000,), mx.bool_)] = mx.array([-1, -2, -3])
    want = np.arange(6000)
    want[:3] = [-1, -2, -3]
    assert (np.array(x) == want).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_gradient_of_an_embedding(mx, dtype):
    table, tokens = mx.zeros((50, 64), getattr(mx, dtype)), mx.array([3, 49, 3, 0, 3, -1])
    grad = mx.grad(lambda t: t[tokens].sum())(table)
    want = np.zeros((50, 64))
    np.add.at(want, [3, 49, 3, 0, 3, 49], 1)
    assert (np.array(grad.astype(mx.float32)) == want).all()
