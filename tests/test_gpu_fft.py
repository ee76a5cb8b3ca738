"""Fourier and Hadamard transforms on the GPU at the lengths where the way they run changes."""

import numpy as np
import pytest

from tests.test_gpu_core import EMULATED, answer

pytestmark = pytest.mark.gpu_only

# One launch, two, Bluestein's convolution in one launch and in two pairs of launches.
LENGTHS = (1, 143, 4096, 5000, 1021, 4099)


def signal(*shape):
    rng = np.random.default_rng(shape[-1])
    return rng.standard_normal(shape).astype(np.float32)


def check(got, want):
    got = np.array(got)
    error = np.abs(got - want).max() / np.abs(want).max()
    assert got.shape == want.shape
    assert error < 2e-6, f"off by {error:.3g} of the largest value"


@pytest.mark.parametrize("n", LENGTHS)
def test_rows(mx, n):
    x = signal(2, n) + 1j * signal(2, n)[::-1]
    a = mx.array(x.astype(np.complex64))
    check(mx.fft.fft(a), np.fft.fft(x))
    check(mx.fft.ifft(a), np.fft.ifft(x))


@pytest.mark.parametrize("n", (2, 13, 1000, 8192, 4098, 2047))
def test_real(mx, n):
    x = signal(3, n)
    half = np.fft.rfft(x)
    check(mx.fft.rfft(mx.array(x)), half)
    check(mx.fft.irfft(mx.array(half.astype(np.complex64)), n=n), x)


@pytest.mark.parametrize(("n", "inner"), ((12, 3), (500, 20), (97, 20), (4112, 9)))
def test_columns(mx, n, inner):
    x = signal(2, n, inner)
    check(mx.fft.fft(mx.array(x), axis=1), np.fft.fft(x, axis=1))
    if n > 1000:
        return  # many launches, of which the last one would differ
    half = np.fft.rfft(x, axis=1)
    check(mx.fft.rfft(mx.array(x), axis=1), half)
    check(mx.fft.irfft(mx.array(half.astype(np.complex64)), n=n, axis=1), x)


def test_many_rows(mx):
    """More lines than a workgroup holds, and a last workgroup that is not full."""
    for n, rows in ((2, 1001), (30, 517), (512, 7)):
        x = signal(rows, n)
        check(mx.fft.fft(mx.array(x)), np.fft.fft(x))


def test_views(mx):
    x = signal(40, 66)
    a = mx.array(x)
    check(mx.fft.fft(a[3:, 1:31:2], axis=-1), np.fft.fft(x[3:, 1:31:2]))
    check(mx.fft.fft2(a.T), np.fft.fft2(x.T))
    check(mx.fft.rfft(mx.array(x.reshape(-1))[1:][:64]), np.fft.rfft(x.reshape(-1)[1:65]))
    check(mx.fft.irfftn(a[::-1]), np.fft.irfftn(x[::-1]))


def test_imaginary_ends_of_a_half_spectrum_are_ignored(mx):
    """As by NumPy; whichever way the length goes."""
    for n in (24, 25, 34):
        half = np.fft.rfft(signal(2, n))
        half[:, 0] += 3j
        half[:, -1] += 5j * (n % 2 == 0)
        check(mx.fft.irfft(mx.array(half.astype(np.complex64)), n=n), np.fft.irfft(half, n=n))


def test_rows_of_different_size_do_not_mix(mx):
    """A row next to one that is a million times larger keeps its accuracy."""
    x = signal(2, 96)
    x[1] *= 1e6
    got = np.array(mx.fft.rfft(mx.array(x)))
    check(got[0], np.fft.rfft(x[0]))


def hadamard_of_powers(x):
    n = x.shape[-1]
    x, h = x.astype(np.float64).reshape(-1, n), 1
    while h < n:
        pairs = x.reshape(-1, n // (2 * h), 2, h)
        x = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], 2)
        h *= 2
    return x.reshape(-1, n) / np.sqrt(n)


@pytest.mark.parametrize("dtype", ("float32", "float16", "bfloat16"))
@pytest.mark.parametrize("n", (4, 4096, 131072))
def test_hadamard(mx, n, dtype):
    a = mx.array(signal(3, n)).astype(getattr(mx, dtype))[1:]
    want = hadamard_of_powers(np.array(a.astype(mx.float32)))
    error = np.abs(np.array(mx.hadamard_transform(a).astype(mx.float32)) - want).max()
    assert error < {"float32": 2e-5, "float16": 3e-3, "bfloat16": 2e-2}[dtype]


@pytest.mark.parametrize("n", (12, 28 * 64, 20 * 1024))
def test_hadamard_with_odd_factors(mx, n):
    """As on the CPU, and its own transpose brings it back."""
    x = signal(2, n)
    with mx.stream(mx.cpu):
        want = np.array(mx.hadamard_transform(mx.array(x)))
    y = mx.hadamard_transform(mx.array(x))
    np.testing.assert_allclose(np.array(y), want, atol=2e-5)
    (back,) = mx.vjp(mx.hadamard_transform, [mx.array(x)], [y])[1]
    np.testing.assert_allclose(np.array(back), x, atol=2e-5)


@pytest.mark.skipif(not EMULATED, reason="looks at a cache of its own")
def test_lengths_of_bluestein_share_their_kernels(tmp_path):
    """A program that transforms signals of ever new lengths must not compile for each."""
    code = """
        import os
        def kernels():
            with open(os.environ["XDG_CACHE_HOME"] + "/mlx_rocm/manifest.tsv") as lines:
                return sum(line.startswith("fft.hip") for line in lines)
        counts = []
        for n in (1031, 1499, 2039):
            x = mx.zeros((2, n))
            mx.eval(mx.fft.fft(x), mx.fft.irfft(mx.fft.rfft(x), n))
            counts.append(kernels())
        print(counts[0] > 0, counts[2] - counts[0])
    """
    assert answer(code, XDG_CACHE_HOME=str(tmp_path), AMDEMU_EXECUTE="0") == "True 0"
