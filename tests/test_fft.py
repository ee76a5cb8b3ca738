"""Fourier transforms of every kind of length against NumPy in double precision."""

from __future__ import annotations

import numpy as np
import pytest

# Lengths that take different ways: tiny, powers of two, all radices, primes (Bluestein), mixed, large.
LENGTHS = [
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    11,
    12,
    13,
    15,
    16,
    17,
    30,
    31,
    64,
    77,
    97,
    100,
    127,
    143,
    210,
    255,
    256,
    257,
    384,
    509,
    1000,
    1024,
    2187,
    4096,
    4099,
    10007,
    65536,
]


def close(got, want, n):
    error = np.abs(np.array(got) - want).max(initial=0) / max(1e-30, np.abs(want).max(initial=0))
    assert error < 5e-7 * max(1.0, np.log2(n + 1) / 4), error


def complexes(rng, shape):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("rows", [1, 3, 37])
def test_lengths(mx, n, rows):
    if n * rows > 200_000:
        pytest.skip("large")
    rng = np.random.default_rng(n)
    x = complexes(rng, (rows, n))
    real = np.ascontiguousarray(x.real)
    half = np.ascontiguousarray(x[:, : n // 2 + 1])
    close(mx.fft.fft(mx.array(x)), np.fft.fft(x.astype(complex)), n)
    close(mx.fft.ifft(mx.array(x)), np.fft.ifft(x.astype(complex)), n)
    close(mx.fft.rfft(mx.array(real)), np.fft.rfft(real.astype(float)), n)
    close(mx.fft.irfft(mx.array(half), n=n), np.fft.irfft(half.astype(complex), n), n)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("layout", ["plain", "transposed", "reversed", "strided", "broadcast"])
def test_axes_and_layouts(mx, axis, layout):
    rng = np.random.default_rng(3)
    x = complexes(rng, (6, 20, 14))
    a = mx.array(x)
    if layout == "transposed":
        x, a = x.transpose(2, 0, 1), a.transpose(2, 0, 1)
    elif layout == "reversed":
        x, a = x[::-1, :, ::-1], a[::-1, :, ::-1]
    elif layout == "strided":
        x, a = x[1::2, :, ::3], a[1::2, :, ::3]
    elif layout == "broadcast":
        x, a = np.broadcast_to(x[:1], x.shape), mx.broadcast_to(a[:1], a.shape)
    wide = x.astype(complex)
    close(mx.fft.fft(a, axis=axis), np.fft.fft(wide, axis=axis), 20)
    close(mx.fft.fft(a, n=9, axis=axis), np.fft.fft(wide, 9, axis), 20)
    close(mx.fft.ifft(a, n=32, axis=axis), np.fft.ifft(wide, 32, axis), 32)
    close(mx.fft.rfft(mx.real(a), axis=axis), np.fft.rfft(wide.real, axis=axis), 20)
    close(mx.fft.irfft(a, axis=axis), np.fft.irfft(wide, axis=axis), 20)


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("axes", [None, (0, 1), (2, 0), (-1, -2, -3), (1,)])
def test_several_axes(mx, norm, axes):
    rng = np.random.default_rng(4)
    x = complexes(rng, (4, 9, 10))
    a, wide = mx.array(x), x.astype(complex)
    for name in ("fftn", "ifftn", "rfftn", "irfftn"):
        source, reference = (mx.real(a), wide.real) if name == "rfftn" else (a, wide)
        over = axes if axes is not None else tuple(range(3))
        close(
            getattr(mx.fft, name)(source, axes=axes, norm=norm),
            getattr(np.fft, name)(reference, axes=over, norm=norm),
            360,
        )
        sizes = [5 + i for i in range(len(over))]
        close(
            getattr(mx.fft, name)(source, s=sizes, axes=over, norm=norm),
            getattr(np.fft, name)(reference, s=sizes, axes=over, norm=norm),
            360,
        )


@pytest.mark.parametrize("n", [5, 8])
def test_gradients_are_the_transpose(mx, n):
    """<g, F x> as a real number has the gradient F^H g: checked against the dense matrix of the transform."""
    rng = np.random.default_rng(5)
    g = complexes(rng, (2, n // 2 + 1))
    weight_re, weight_im = mx.array(np.ascontiguousarray(g.real)), mx.array(np.ascontiguousarray(g.imag))

    def objective(x):
        y = mx.fft.rfft(x)
        return (mx.real(y) * weight_re + mx.imag(y) * weight_im).sum()

    x = rng.standard_normal((2, n)).astype(np.float32)
    matrix = np.fft.rfft(np.eye(n))  # y = x @ matrix
    want = (g.real @ matrix.real.T) + (g.imag @ matrix.imag.T)
    np.testing.assert_allclose(np.array(mx.grad(objective)(mx.array(x))), want, atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies_and_shifts(mx, n):
    np.testing.assert_allclose(np.array(mx.fft.fftfreq(n, 0.3)), np.fft.fftfreq(n, 0.3), rtol=1e-6)
    np.testing.assert_allclose(np.array(mx.fft.rfftfreq(n, 0.3)), np.fft.rfftfreq(n, 0.3), rtol=1e-6)
    x = np.arange(3 * n).reshape(3, n)
    for axes in (None, 0, (0, 1), -1):
        np.testing.assert_array_equal(np.array(mx.fft.fftshift(mx.array(x), axes)), np.fft.fftshift(x, axes))
        np.testing.assert_array_equal(
            np.array(mx.fft.ifftshift(mx.array(x), axes)), np.fft.ifftshift(x, axes)
        )


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("n_fft,hop", [(16, 4), (15, 5), (32, 32), (16, 3)])
def test_stft_and_back(mx, center, n_fft, hop):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((2, 200)).astype(np.float32)
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32) + 0.1
    got = mx.fft.stft(mx.array(x), n_fft=n_fft, hop_length=hop, window=mx.array(window), center=center)
    padded = np.pad(x, ((0, 0), (n_fft // 2, n_fft // 2)), mode="reflect") if center else x
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=-1)[:, ::hop]
    close(got, np.swapaxes(np.fft.rfft(frames * window), -1, -2), n_fft)
    back = np.array(mx.fft.istft(got, n_fft=n_fft, hop_length=hop, window=mx.array(window), center=center))
    np.testing.assert_allclose(back, x[:, : back.shape[-1]], atol=1e-5)
    assert back.shape[-1] > 200 - hop - n_fft
    exact = mx.fft.istft(got, n_fft=n_fft, hop_length=hop, window=mx.array(window), center=center, length=220)
    assert exact.shape == (2, 220)


def test_empty_batch_and_errors(mx):
    assert mx.fft.fft(mx.zeros((0, 8))).shape == (0, 8)
    for call, words in [
        (lambda: mx.fft.fft(mx.array(1.0)), "at least one dimension"),
        (lambda: mx.fft.fft(mx.zeros(4), n=0), "must be positive"),
        (lambda: mx.fft.fftn(mx.zeros((4, 4)), axes=(0, 0)), "given twice"),
        (lambda: mx.fft.fft2(mx.zeros((4, 4)), s=(2, 2), axes=None), "axes must be given"),
        (lambda: mx.fft.fft(mx.zeros(4), norm="both"), "[fft] norm 'both' is invalid"),
        (lambda: mx.fft.fft(mx.zeros(4), axis=2), "axis 2"),
        (lambda: mx.fft.fftfreq(0), "[fftfreq] n must be greater than 0"),
        (lambda: mx.fft.stft(mx.zeros(9), n_fft=16, center=False), "[stft] The input has 9 samples"),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert words in str(error.value), error.value
