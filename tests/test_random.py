"""Random numbers: the very numbers that MLX 0.32.4 draws, their distribution, and whose key they come from."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest

# Expression -> flattened values after mx.random.seed(42), recorded with mlx[cpu] 0.32.4.
RECORDED = json.loads((Path(__file__).parent / "data" / "random_mlx_0.32.4.json").read_text())


@pytest.mark.parametrize("expression", RECORDED)
def test_same_numbers_as_mlx(mx, expression):
    mx.random.seed(42)
    got = eval(expression, {"mx": mx})
    kind, half = got.dtype, got.dtype in (mx.float16, mx.bfloat16)
    if kind == mx.bfloat16:
        got = got.astype(mx.float32)
    got = np.array(got)
    if got.dtype == np.complex64:
        got = got.view(np.float32)
    want = np.array(RECORDED[expression])
    if got.dtype.kind in "biu" or ".uniform" in expression:
        np.testing.assert_array_equal(got.reshape(-1), want.reshape(-1).astype(got.dtype))
    else:  # log and erfinv may differ in the last bits
        np.testing.assert_allclose(got.reshape(-1), want.reshape(-1), rtol=8e-3 if half else 2e-6, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 63, 64, 65, 128, 129, 32768, 32769, 100001])
def test_bits_of_any_count_follow_threefry(mx, n):
    def rotate(v, r):
        return (v << np.uint32(r)) | (v >> np.uint32(32 - r))

    def threefry(key, x, y):
        words = [key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA)]
        x, y = x + words[0], y + words[1]
        for i in range(5):
            for r in ((13, 15, 26, 6), (17, 29, 16, 24))[i % 2]:
                x = x + y
                y = rotate(y, r) ^ x
            x, y = x + words[(i + 1) % 3], y + words[(i + 2) % 3] + np.uint32(i + 1)
        return x, y

    key = mx.random.key(0x123456789ABC + n)
    half, odd = n, 0  # split gives 2 n words
    counter = np.arange(half, dtype=np.uint32)
    low, high = threefry(np.array(key), counter, counter + np.uint32(half + odd))
    np.testing.assert_array_equal(np.array(mx.random.split(key, n)).reshape(-1), np.concatenate([low, high]))


def test_distributions(mx):
    n = 200_000
    u = np.array(mx.random.uniform(-1, 3, (n,)))
    assert u.min() >= -1 and u.max() < 3 and abs(u.mean() - 1) < 0.02
    z = np.array(mx.random.normal((n,)))
    assert abs(z.mean()) < 0.02 and abs(z.std() - 1) < 0.02 and abs((z**4).mean() - 3) < 0.15
    g = np.array(mx.random.gumbel((n,)))
    assert abs(g.mean() - 0.5772) < 0.02 and abs(g.var() - math.pi**2 / 6) < 0.05
    lap = np.array(mx.random.laplace((n,), scale=2.0))
    assert abs(lap.mean()) < 0.05 and abs(np.abs(lap).mean() - 2) < 0.05
    t = np.array(mx.random.truncated_normal(-0.5, 1.5, (n,)))
    assert t.min() >= -0.5 and t.max() <= 1.5
    assert abs(np.array(mx.random.bernoulli(0.3, (n,))).mean() - 0.3) < 0.01
    counts = np.bincount(np.array(mx.random.randint(0, 10, (n,))), minlength=10)
    assert counts.min() > 0.9 * n / 10 and counts.max() < 1.1 * n / 10
    p = np.array([0.1, 0.6, 0.0, 0.3])
    logits = mx.log(mx.array(p))
    for draw in (
        mx.random.categorical(logits, num_samples=n),
        mx.random.categorical(mx.stack([logits] * 2), shape=(n, 2)),
    ):
        share = np.bincount(np.array(draw).reshape(-1), minlength=4) / draw.size
        np.testing.assert_allclose(share, p, atol=0.01)


def test_multivariate_normal(mx):
    cov = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.5]])
    mean = np.array([1.0, -2.0, 3.0])
    x = np.array(mx.random.multivariate_normal(mx.array(mean), mx.array(cov), (100_000,), stream=mx.cpu))
    np.testing.assert_allclose(x.mean(0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(x.T), cov, atol=0.05)


@pytest.mark.parametrize("n", [1, 2, 1000, 100_000])
def test_permutation_holds_everything_once(mx, n):
    np.testing.assert_array_equal(np.sort(np.array(mx.random.permutation(n))), np.arange(n))


def test_each_thread_has_its_own_key(mx):
    mx.random.seed(7)
    want = np.array(mx.random.uniform(shape=(4,)))
    got = {}

    def draw(name):
        mx.random.seed(7)
        got[name] = np.array(mx.random.uniform(shape=(4,)))

    mx.random.seed(1)
    before = np.array(mx.random.state[0])
    threads = [threading.Thread(target=draw, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for v in got.values():
        np.testing.assert_array_equal(v, want)
    np.testing.assert_array_equal(np.array(mx.random.state[0]), before)


def test_errors_name_the_function(mx):
    for call, words in [
        (lambda: mx.random.uniform(shape=(2,), dtype=mx.int32), "[uniform] dtype must be"),
        (lambda: mx.random.uniform(mx.zeros(3), mx.ones(3), (2,)), "[uniform]"),
        (lambda: mx.random.normal((2,), mx.int32), "[normal] dtype must be"),
        (lambda: mx.random.randint(0, 3, (2,), mx.float32), "[randint] dtype must be"),
        (lambda: mx.random.bernoulli(mx.array([1, 2])), "[bernoulli] p must"),
        (lambda: mx.random.split(mx.array([1, 2])), "[bits] The key must have type uint32"),
        (lambda: mx.random.split(mx.array([1, 2, 3], mx.uint32)), "[bits] The key must have shape (2,)"),
        (lambda: mx.random.categorical(mx.zeros((2, 3)), shape=(5, 3)), "[categorical]"),
        (
            lambda: mx.random.categorical(mx.zeros(3), shape=(5,), num_samples=2),
            "[categorical] Give at most one",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert words in str(error.value)
