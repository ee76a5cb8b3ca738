"""Memory: counters that return to their start, donation of buffers that nobody needs, limits and the
cache."""

import gc

import numpy as np
import pytest

MB = 1 << 20
pytestmark = pytest.mark.usefixtures("collected")


def settle(mx):
    gc.collect()
    mx.synchronize()
    mx.clear_cache()


def peak_of(mx, f, *args):
    """Bytes that evaluating f needs beyond what exists before."""
    settle(mx)
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    out = f(*args)
    mx.eval(out)
    mx.synchronize()
    return mx.get_peak_memory() - before


def test_counter_returns_to_start(mx):
    settle(mx)
    start = mx.get_active_memory()
    x = mx.zeros((1024, 256))
    mx.eval(x)
    assert mx.get_active_memory() - start >= MB
    y = mx.exp(x) + 1
    mx.eval(y)
    del x, y
    settle(mx)
    assert mx.get_active_memory() == start


def test_counter_with_grad_compile_and_vmap(mx):
    def step(w):
        return mx.value_and_grad(lambda w: mx.square(mx.tanh(w @ w.T)).sum())(w)

    compiled = mx.compile(step)
    w = mx.ones((64, 64)) * 0.01
    mx.eval(step(w), compiled(w), mx.vmap(lambda r: r * 2)(w))
    settle(mx)
    start = mx.get_active_memory()
    for _ in range(5):
        mx.eval(step(w), compiled(w), mx.vmap(lambda r: r * 2)(w))
    settle(mx)
    assert mx.get_active_memory() == start


def test_unevaluated_graphs_are_freed(mx):
    settle(mx)
    start = mx.get_active_memory()
    x = mx.ones((256, 256))
    mx.eval(x)
    for _ in range(50):
        x = x + 1
    del x
    settle(mx)
    assert mx.get_active_memory() == start


def test_cycles_are_collected(mx):
    """Functions that hold compiled or gradient functions of themselves are visible to the garbage
    collector."""
    settle(mx)
    start = mx.get_active_memory()

    class Holder:
        def __init__(self):
            self.w = mx.ones((256, 256))
            mx.eval(self.w)
            self.f = mx.compile(lambda x: x @ self.w)
            self.g = mx.grad(lambda x: self.f(x).sum())

    for _ in range(3):
        h = Holder()
        mx.eval(h.f(mx.ones((2, 256))))
        del h
    settle(mx)
    assert mx.get_active_memory() - start < MB // 2


N = 4 * MB  # bytes of one array below
CHAINS = {
    "elementwise": (lambda mx, x: mx.exp(mx.abs(mx.negative(x + 1) * 2)), 1),
    "views": (lambda mx, x: mx.stop_gradient(mx.reshape(x + 1, (-1,))[10:]), 1),
    "reduction": (lambda mx, x: (x * 2).sum(), 1),
    "in place": (lambda mx, x: x.at[0].add(1.0), 1),
    "softmax": (lambda mx, x: mx.softmax(x + 1, axis=-1), 1),
    "cumsum": (lambda mx, x: mx.cumsum(x + 1, axis=0), 2),
    "astype": (lambda mx, x: (x + 1).astype(mx.int32).astype(mx.float32), 2),
}


@pytest.mark.parametrize("name", CHAINS)
def test_donation(mx, name):
    """Temporaries reuse the buffer of the input that dies with them: a chain needs one new array, not
    one per op."""
    f, arrays = CHAINS[name]
    x = mx.ones((1024, N // 4096))
    mx.eval(x)
    peak = peak_of(mx, lambda: f(mx, x))
    assert peak <= arrays * N + MB // 4, f"{peak / N:.2f} arrays"


def test_donation_of_a_dying_input(mx):
    """The graph's last reader of an array may write over it when Python holds it no more."""

    def chain():
        x = mx.ones((1024, N // 4096)) * 3
        for _ in range(10):
            x = mx.sin(x) + 1
        return x

    assert peak_of(mx, chain) <= 2 * N + MB // 4


def test_no_donation_of_a_live_input(mx):
    x = mx.arange(1000).astype(mx.float32)
    mx.eval(x)
    view = x[10:20]
    y = mx.exp(x * 0)
    mx.eval(y)
    assert (
        x.tolist() == list(range(1000))
        and view.tolist() == list(range(10, 20))
        and y.tolist() == [1.0] * 1000
    )


def test_no_donation_to_two_readers(mx):
    x = mx.ones((100,)) * 2
    a, b = mx.exp(x), mx.square(x)
    mx.eval(a, b)
    np.testing.assert_allclose(np.array(b), 4)
    np.testing.assert_allclose(np.array(a), np.exp(2), rtol=1e-6)


def test_overlapping_update(mx):
    """A slice written over an overlapping slice of itself."""
    x = mx.arange(10)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    x = mx.arange(10)
    x[:-1] = x[1:] + 0
    assert x.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]


def test_numpy_view_survives_donation(mx):
    x = mx.arange(1000).astype(mx.float32)
    a = np.array(x, copy=False)
    y = x + 1
    del x
    mx.eval(y)
    assert np.array_equal(a, np.arange(1000, dtype=np.float32))


def test_limits(mx):
    old = mx.set_cache_limit(0)
    try:
        x = mx.zeros(MB)
        mx.eval(x)
        del x
        mx.synchronize()
        assert mx.get_cache_memory() == 0
        assert mx.set_cache_limit(10 * MB) == 0
    finally:
        mx.set_cache_limit(old)
    old = mx.set_memory_limit(2**40)
    assert mx.get_memory_limit() == 2**40
    assert mx.set_memory_limit(old) == 2**40
    assert mx.set_wired_limit(0) == 0


def test_cache_reuses_and_clears(mx):
    settle(mx)
    x = mx.zeros(MB)
    mx.eval(x)
    del x
    mx.synchronize()
    held = mx.get_cache_memory()
    mx.eval(mx.zeros(MB))
    assert mx.get_cache_memory() <= held + MB
    mx.clear_cache()
    assert mx.get_cache_memory() == 0


def test_peak(mx):
    settle(mx)
    mx.reset_peak_memory()
    assert mx.get_peak_memory() == 0 or mx.get_peak_memory() <= mx.get_active_memory() + MB
    x = mx.zeros(4 * MB)
    mx.eval(x)
    del x
    assert mx.get_peak_memory() >= 16 * MB


def test_get_array_buffer_size(mx):
    x = mx.zeros((100, 100))
    mx.eval(x)
    assert mx.get_array_buffer_size(x) >= 40000
    y = x[:10]
    mx.eval(y)
    assert mx.get_array_buffer_size(x, y) >= 40000
