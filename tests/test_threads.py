"""Several Python threads at once: independent graphs, shared arrays, thread-local random state and streams,
compile and grad."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

WORKERS = 4


def run_all(f, n=WORKERS):
    with ThreadPoolExecutor(n) as pool:
        return [r.result(timeout=120) for r in [pool.submit(f, i) for i in range(n)]]


def test_independent_graphs(mx):
    def work(i):
        x = mx.full((50, 50), float(i + 1))
        for _ in range(30):
            x = mx.tanh(x @ x / 50 + 0.01) + 0.1
        return np.array(x)

    got = run_all(work)
    for i, g in enumerate(got):
        assert np.array_equal(g, work(i))


def test_shared_lazy_input(mx):
    """Threads that evaluate graphs over one unevaluated array all see it computed once and right."""
    for _ in range(20):
        x = mx.exp(mx.arange(64).astype(mx.float32) / 64)
        mx.eval(x)
        got = run_all(lambda i, x=x: np.array(x * (i + 1)))
        for i, g in enumerate(got):
            np.testing.assert_allclose(g, np.exp(np.arange(64, dtype=np.float32) / 64) * (i + 1), rtol=1e-6)


def test_random_state_is_per_thread(mx):
    def work(i):
        mx.random.seed(5)
        barrier.wait(timeout=60)
        return mx.random.uniform(shape=(8,)).tolist()

    barrier = threading.Barrier(WORKERS)
    got = run_all(work)
    assert all(g == got[0] for g in got)


def test_grad_and_compile_in_threads(mx):
    def loss(w, x):
        return mx.square(mx.tanh(x @ w)).mean()

    def work(i):
        x = mx.full((4, 3), 0.1 * (i + 1))
        w = mx.ones((3, 2))
        f = mx.compile(mx.value_and_grad(loss))
        for _ in range(10):
            _v, g = f(w, x)
            w = w - 0.1 * g
            mx.eval(w)
        return np.array(w)

    got = run_all(work)
    for i, g in enumerate(got):
        np.testing.assert_allclose(g, work(i), rtol=1e-6)


def test_many_small_evals(mx):
    def work(i):
        total = 0
        for k in range(300):
            total += (mx.array(k) + i).item()
        return total

    assert run_all(work) == [sum(k + i for k in range(300)) for i in range(WORKERS)]


def test_exception_in_one_thread(mx):
    def work(i):
        if i == 0:
            with pytest.raises(ValueError):
                mx.reshape(mx.ones(3), (2,))
        return (mx.ones(3) * i).tolist()

    assert run_all(work) == [[i] * 3 for i in range(WORKERS)]


def test_arrays_made_elsewhere(mx):
    def make(i):
        x = mx.arange(10) * i
        mx.eval(x)
        return x

    made = run_all(make)
    assert sum(m.sum().item() for m in made) == 45 * sum(range(WORKERS))


def test_thread_ends_before_its_array_is_used(mx):
    out = []

    def work():
        x = mx.sin(mx.arange(100) / 100)
        mx.async_eval(x)
        out.append(x)

    t = threading.Thread(target=work)
    t.start()
    t.join()
    del t
    np.testing.assert_allclose(np.array(out[0]), np.sin(np.arange(100, dtype=np.float32) / 100), rtol=1e-5)
