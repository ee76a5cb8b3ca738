"""Fourier transforms."""

from collections.abc import Sequence

import mlx_rocm.core


def fft(a: mlx_rocm.core.array, n: int | None = None, axis: int = -1, norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    One-dimensional discrete Fourier transform.

    Args:
        a (array): at least one dimension.
        n (int, optional): length of the transformed axis (of the output for irfft); the input is cut or padded with zeros.
        axis (int, optional): the axis.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for irfft.

    Raises:
        ValueError: the axis is out of range, ``n`` is not positive or ``norm`` is unknown.
    """

def fft2(a: mlx_rocm.core.array, s: int | Sequence[int] | None = None, axes: Sequence[int] | None = [-2, -1], norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Two-dimensional discrete Fourier transform.

    Args:
        a (array): at least one dimension.
        s (list(int), optional): lengths of the transformed axes (of the output for irfft); the input is cut or padded.
        axes (list(int), optional): the axes; None means all, or the last ``len(s)``.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for the inverse of a real transform.

    Raises:
        ValueError: an axis is out of range or given twice, a length is not positive, ``s`` is given without ``axes``.
    """

def fftn(a: mlx_rocm.core.array, s: int | Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    N-dimensional discrete Fourier transform.

    Args:
        a (array): at least one dimension.
        s (list(int), optional): lengths of the transformed axes (of the output for irfft); the input is cut or padded.
        axes (list(int), optional): the axes; None means all, or the last ``len(s)``.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for the inverse of a real transform.

    Raises:
        ValueError: an axis is out of range or given twice, a length is not positive, ``s`` is given without ``axes``.
    """

def ifft(a: mlx_rocm.core.array, n: int | None = None, axis: int = -1, norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    One-dimensional inverse Fourier transform.

    Args:
        a (array): at least one dimension.
        n (int, optional): length of the transformed axis (of the output for irfft); the input is cut or padded with zeros.
        axis (int, optional): the axis.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for irfft.

    Raises:
        ValueError: the axis is out of range, ``n`` is not positive or ``norm`` is unknown.
    """

def ifft2(a: mlx_rocm.core.array, s: int | Sequence[int] | None = None, axes: Sequence[int] | None = [-2, -1], norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Two-dimensional inverse Fourier transform.

    Args:
        a (array): at least one dimension.
        s (list(int), optional): lengths of the transformed axes (of the output for irfft); the input is cut or padded.
        axes (list(int), optional): the axes; None means all, or the last ``len(s)``.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for the inverse of a real transform.

    Raises:
        ValueError: an axis is out of range or given twice, a length is not positive, ``s`` is given without ``axes``.
    """

def ifftn(a: mlx_rocm.core.array, s: int | Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    N-dimensional inverse Fourier transform.

    Args:
        a (array): at least one dimension.
        s (list(int), optional): lengths of the transformed axes (of the output for irfft); the input is cut or padded.
        axes (list(int), optional): the axes; None means all, or the last ``len(s)``.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for the inverse of a real transform.

    Raises:
        ValueError: an axis is out of range or given twice, a length is not positive, ``s`` is given without ``axes``.
    """

def rfft(a: mlx_rocm.core.array, n: int | None = None, axis: int = -1, norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    One-dimensional Fourier transform of a real array: n // 2 + 1 bins.

    Args:
        a (array): at least one dimension.
        n (int, optional): length of the transformed axis (of the output for irfft); the input is cut or padded with zeros.
        axis (int, optional): the axis.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for irfft.

    Raises:
        ValueError: the axis is out of range, ``n`` is not positive or ``norm`` is unknown.
    """

def rfft2(a: mlx_rocm.core.array, s: int | Sequence[int] | None = None, axes: Sequence[int] | None = [-2, -1], norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Two-dimensional Fourier transform of a real array, with n // 2 + 1 bins along the last axis.

    Args:
        a (array): at least one dimension.
        s (list(int), optional): lengths of the transformed axes (of the output for irfft); the input is cut or padded.
        axes (list(int), optional): the axes; None means all, or the last ``len(s)``.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for the inverse of a real transform.

    Raises:
        ValueError: an axis is out of range or given twice, a length is not positive, ``s`` is given without ``axes``.
    """

def rfftn(a: mlx_rocm.core.array, s: int | Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    N-dimensional Fourier transform of a real array, with n // 2 + 1 bins along the last axis.

    Args:
        a (array): at least one dimension.
        s (list(int), optional): lengths of the transformed axes (of the output for irfft); the input is cut or padded.
        axes (list(int), optional): the axes; None means all, or the last ``len(s)``.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for the inverse of a real transform.

    Raises:
        ValueError: an axis is out of range or given twice, a length is not positive, ``s`` is given without ``axes``.
    """

def irfft(a: mlx_rocm.core.array, n: int | None = None, axis: int = -1, norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Inverse of rfft: a real array from half a spectrum.

    Args:
        a (array): at least one dimension.
        n (int, optional): length of the transformed axis (of the output for irfft); the input is cut or padded with zeros.
        axis (int, optional): the axis.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for irfft.

    Raises:
        ValueError: the axis is out of range, ``n`` is not positive or ``norm`` is unknown.
    """

def irfft2(a: mlx_rocm.core.array, s: int | Sequence[int] | None = None, axes: Sequence[int] | None = [-2, -1], norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Inverse of rfft2: a real array from half a spectrum.

    Args:
        a (array): at least one dimension.
        s (list(int), optional): lengths of the transformed axes (of the output for irfft); the input is cut or padded.
        axes (list(int), optional): the axes; None means all, or the last ``len(s)``.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for the inverse of a real transform.

    Raises:
        ValueError: an axis is out of range or given twice, a length is not positive, ``s`` is given without ``axes``.
    """

def irfftn(a: mlx_rocm.core.array, s: int | Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = 'backward', stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Inverse of rfftn: a real array from half a spectrum.

    Args:
        a (array): at least one dimension.
        s (list(int), optional): lengths of the transformed axes (of the output for irfft); the input is cut or padded.
        axes (list(int), optional): the axes; None means all, or the last ``len(s)``.
        norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

    Returns:
        array: complex64, or float32 for the inverse of a real transform.

    Raises:
        ValueError: an axis is out of range or given twice, a length is not positive, ``s`` is given without ``axes``.
    """

def fftshift(a: mlx_rocm.core.array, axes: object | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Moves the zero frequency to the middle of the axes (an int, ints, or None for all).
    """

def ifftshift(a: mlx_rocm.core.array, axes: object | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """Undoes :func:`fftshift`."""

def fftfreq(n: int, d: float = 1.0, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    The frequencies (float32, shape (n,)) of the bins of an fft of ``n`` samples ``d`` apart.
    """

def rfftfreq(n: int, d: float = 1.0, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    The frequencies (float32, shape (n // 2 + 1,)) of the bins of an rfft of ``n`` samples ``d`` apart.
    """

def stft(x: mlx_rocm.core.array, n_fft: int = 2048, hop_length: int | None = None, win_length: int | None = None, window: mlx_rocm.core.array | None = None, center: bool = True, pad_mode: str = 'reflect', norm: str = 'backward', onesided: bool | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Short-time Fourier transform: the transforms of overlapping windowed frames of the last axis.

    Args:
        x (array): shape (..., samples).
        n_fft (int, optional): length of a frame.
        hop_length (int, optional): samples between frames; n_fft // 4 by default.
        win_length (int, optional): length of the rectangular window used when none is given; n_fft by default.
        window (array, optional): 1-D, at most n_fft elements, centred in the frame.
        center (bool, optional): pad both ends by n_fft // 2, so that frame t is centred at sample t * hop_length.
        pad_mode (str, optional): how to pad: ``"reflect"``, ``"constant"`` or ``"edge"``.
        norm (str, optional): as in :func:`fft`.
        onesided (bool, optional): only the non-negative frequencies; by default for real input.

    Returns:
        array: complex64, shape (..., frequencies, frames).

    Raises:
        ValueError: a length is out of range or the input is shorter than a frame.
    """

def istft(stft_matrix: mlx_rocm.core.array, n_fft: int | None = None, hop_length: int | None = None, win_length: int | None = None, window: mlx_rocm.core.array | None = None, center: bool = True, norm: str = 'backward', onesided: bool | None = None, length: int | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Inverse of :func:`stft`: overlapping frames are added and divided by the sum of the squared windows.

    Args:
        stft_matrix (array): shape (..., frequencies, frames).
        n_fft (int, optional): length of a frame; by default 2 * (frequencies - 1), or frequencies when not ``onesided``.
        hop_length, win_length, window, center, norm: as given to :func:`stft`.
        onesided (bool, optional): the matrix has only the non-negative frequencies; True by default.
        length (int, optional): cut or pad the result to so many samples.

    Returns:
        array: float32, shape (..., samples).

    Raises:
        ValueError: a length is out of range or there is no frame.
    """
