"""Maximum and mean over windows of channels-last inputs: ``(batch, *spatial, channels)``."""

import math
from itertools import accumulate

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module


def _windows(x, sizes, strides):
    """The windows of ``x`` as an array of shape ``(batch, *positions, *sizes, channels)``."""
    dims = len(sizes)
    if x.ndim != dims + 2:
        raise ValueError(
            f"[pooling] Expected a batch, {dims} spatial axes and channels, got shape {x.shape}."
        )
    batch, *spatial, channels = x.shape
    if all(size == stride and n % size == 0 for n, size, stride in zip(spatial, sizes, strides)):
        # Windows that tile the input are a reshape, whose gradient is cheaper than that of a general view.
        split = [part for n, size in zip(spatial, sizes) for part in (n // size, size)]
        order = [0, *range(1, 2 * dims, 2), *range(2, 2 * dims + 1, 2), 2 * dims + 1]
        return x.reshape(batch, *split, channels).transpose(order)

    inner = list(accumulate([channels, *spatial[:0:-1]], lambda a, b: a * b))[
        ::-1
    ]  # strides of the spatial axes
    positions = [(n - size) // stride + 1 for n, size, stride in zip(spatial, sizes, strides)]
    moves = [step * stride for step, stride in zip(inner, strides)]
    shape = [batch, *positions, *sizes, channels]
    return mx.as_strided(x, shape, [math.prod(spatial) * channels, *moves, *inner, 1])


class _Pool(Module):
    """What the pooling layers share; subclasses set the number of axes, reduction and padding value."""

    _dims: int
    _pad_value: float

    def _configure(self, kernel_size, stride, padding):
        self._kernel_size = self._per_axis("kernel_size", kernel_size, least=1)
        self._stride = self._kernel_size if stride is None else self._per_axis("stride", stride, least=1)
        self._padding = self._per_axis("padding", padding, least=0)

    def _per_axis(self, name, value, least):
        where = f"[{type(self).__name__}] '{name}'"
        values = tuple(value) if isinstance(value, (list, tuple)) else (value,) * self._dims
        if len(values) != self._dims or not all(isinstance(v, int) for v in values):
            raise ValueError(
                f"{where} must be an integer or a tuple of {self._dims} integers, got {value!r}."
            )
        if min(values) < least:
            raise ValueError(f"{where} must be {'positive' if least else 'non-negative'}, got {value!r}.")
        return values

    def _extra_repr(self):
        return f"kernel_size={self._kernel_size}, stride={self._stride}, padding={self._padding}"

    def _reduce(self, windows, axes):
        raise NotImplementedError

    def __call__(self, x):
        if any(self._padding):
            widths = [(0, 0), *((p, p) for p in self._padding), (0, 0)]
            x = mx.pad(x, widths, constant_values=self._pad_value)
        windows = _windows(x, self._kernel_size, self._stride)
        return self._reduce(windows, tuple(range(-self._dims - 1, -1)))


class _Max:
    _pad_value = -math.inf

    def _reduce(self, windows, axes):
        return mx.max(windows, axis=axes)


class _Mean:
    _pad_value = 0

    def _reduce(self, windows, axes):
        return mx.mean(windows, axis=axes)


class _Pool1d(_Pool):
    _dims = 1

    def __init__(
        self,
        kernel_size: int | tuple[int],
        stride: int | tuple[int] | None = None,
        padding: int | tuple[int] = 0,
    ):
        super().__init__()
        self._configure(kernel_size, stride, padding)


class _Pool2d(_Pool):
    _dims = 2

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] | None = 0,
    ):
        super().__init__()
        self._configure(kernel_size, stride, padding)


class _Pool3d(_Pool):
    _dims = 3

    def __init__(
        self,
        kernel_size: int | tuple[int, int, int],
        stride: int | tuple[int, int, int] | None = None,
        padding: int | tuple[int, int, int] | None = 0,
    ):
        super().__init__()
        self._configure(kernel_size, stride, padding)


class MaxPool1d(_Max, _Pool1d):
    """Maximum over windows of ``(N, L, C)``.

    The output has the length ``(L + 2 * padding - kernel_size) // stride + 1``.

    Args:
        kernel_size: The length of the windows.
        stride: The distance of the windows; ``kernel_size`` by default.
        padding: How many elements of minus infinity are put at each end.
    """


class AvgPool1d(_Mean, _Pool1d):
    """Mean over windows of ``(N, L, C)``.

    The output has the length ``(L + 2 * padding - kernel_size) // stride + 1``.

    Args:
        kernel_size: The length of the windows.
        stride: The distance of the windows; ``kernel_size`` by default.
        padding: How many zeros, which count in the mean, are put at each end.
    """


class MaxPool2d(_Max, _Pool2d):
    """Maximum over windows of ``(N, H, W, C)``; the arguments, single or one for each axis, are as for
    :class:`MaxPool1d`.

    Args:
        kernel_size: The size of the windows.
        stride: The distance of the windows; ``kernel_size`` by default.
        padding: How many elements of minus infinity are put at each end.
    """


class AvgPool2d(_Mean, _Pool2d):
    """Mean over windows of ``(N, H, W, C)``; the arguments, single or one for each axis, are as for
    :class:`AvgPool1d`.

    Args:
        kernel_size: The size of the windows.
        stride: The distance of the windows; ``kernel_size`` by default.
        padding: How many zeros, which count in the mean, are put at each end.
    """


class MaxPool3d(_Max, _Pool3d):
    """Maximum over windows of ``(N, D, H, W, C)``; the arguments, single or one for each axis, are as for
    :class:`MaxPool1d`.

    Args:
        kernel_size: The size of the windows.
        stride: The distance of the windows; ``kernel_size`` by default.
        padding: How many elements of minus infinity are put at each end.
    """


class AvgPool3d(_Mean, _Pool3d):
    """Mean over windows of ``(N, D, H, W, C)``; the arguments, single or one for each axis, are as for
    :class:`AvgPool1d`.

    Args:
        kernel_size: The size of the windows.
        stride: The distance of the windows; ``kernel_size`` by default.
        padding: How many zeros, which count in the mean, are put at each end.
    """
