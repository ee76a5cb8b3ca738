"""Convolutions of channels-last inputs: ``(batch, *spatial, channels)``."""

import math
from collections.abc import Callable

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module


def _per_axis(value, dims):
    """``value``, repeated for each spatial axis if it is a single integer."""
    return (value,) * dims if isinstance(value, int) else value


class _Conv(Module):
    """What the convolutions of all dimensions and directions share.

    ``weight`` has the shape ``(out_channels, *kernel_size, in_channels / groups)`` and is initially uniform
    within plus and minus ``1 / sqrt(weights of an output)``; ``bias`` is initially 0.
    """

    _dims: int
    _function: Callable  # of the input, the weight and the settings
    _settings: tuple[str, ...]  # the further arguments: attributes, which the representation shows

    def _create(self, in_channels, out_channels, kernel_size, bias, *values):
        name = type(self).__name__
        settings = dict(zip(self._settings, values, strict=True))
        groups = settings.get("groups", 1)
        if in_channels % groups != 0:
            raise ValueError(f"[{name}] {in_channels} input channels cannot be divided into {groups} groups.")
        kernel = (kernel_size,) if self._dims == 1 else _per_axis(kernel_size, self._dims)
        channels = in_channels // groups
        bound = math.sqrt(1 / (channels * math.prod(kernel)))
        self.weight = mx.random.uniform(low=-bound, high=bound, shape=(out_channels, *kernel, channels))
        if bias:
            self.bias = mx.zeros((out_channels,))
        for setting, value in settings.items():
            single = self._dims == 1 or setting in ("dilation", "groups")
            setattr(self, setting, value if single else _per_axis(value, self._dims))

    def _extra_repr(self):
        outputs, *kernel, channels = self.weight.shape
        kernel = kernel[0] if len(kernel) == 1 else tuple(kernel)
        settings = "".join(f", {name}={getattr(self, name)}" for name in self._settings)
        inputs = channels * getattr(self, "groups", 1)
        return f"{inputs}, {outputs}, kernel_size={kernel}{settings}, bias={'bias' in self}"

    def __call__(self, x):
        y = self._function(x, self.weight, *[getattr(self, name) for name in self._settings])
        return y + self.bias if "bias" in self else y


class Conv1d(_Conv):
    """Convolution over one axis.

    Input ``(N, L, in_channels)``, output ``(N, L', out_channels)`` with
    ``L' = (L + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    Args:
        in_channels: The number of input channels.
        out_channels: The number of output channels.
        kernel_size: The width of the kernel.
        stride: The distance between outputs.
        padding: How many zeros are put at each end.
        dilation: The distance between the kernel's elements.
        groups: Channels are divided into this many groups that do not see each other.
        bias: Whether a bias is added.
    """

    _dims = 1
    _function = staticmethod(mx.conv1d)
    _settings = ("stride", "padding", "dilation", "groups")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ):
        super().__init__()
        self._create(in_channels, out_channels, kernel_size, bias, stride, padding, dilation, groups)


class Conv2d(_Conv):
    """Convolution over two axes: input ``(N, H, W, in_channels)``, output ``(N, H', W', out_channels)``.

    ``kernel_size``, ``stride``, ``padding`` and ``dilation`` are integers or one for each axis; the output's
    size is as for :class:`Conv1d`.

    Args:
        in_channels: The number of input channels.
        out_channels: The number of output channels.
        kernel_size: The size of the kernel.
        stride: The distance between outputs.
        padding: How many zeros are put at each end.
        dilation: The distance between the kernel's elements.
        groups: Channels are divided into this many groups that do not see each other.
        bias: Whether a bias is added.
    """

    _dims = 2
    _function = staticmethod(mx.conv2d)
    _settings = ("stride", "padding", "dilation", "groups")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple,
        stride: int | tuple = 1,
        padding: int | tuple = 0,
        dilation: int | tuple = 1,
        groups: int = 1,
        bias: bool = True,
    ):
        super().__init__()
        self._create(in_channels, out_channels, kernel_size, bias, stride, padding, dilation, groups)


class Conv3d(_Conv):
    """Convolution over three axes: input ``(N, D, H, W, in_channels)``, output ``(N, D', H', W',
    out_channels)``.

    ``kernel_size``, ``stride``, ``padding`` and ``dilation`` are integers or one for each axis; the output's
    size is as for :class:`Conv1d`.

    Args:
        in_channels: The number of input channels.
        out_channels: The number of output channels.
        kernel_size: The size of the kernel.
        stride: The distance between outputs.
        padding: How many zeros are put at each end.
        dilation: The distance between the kernel's elements.
        bias: Whether a bias is added.
    """

    _dims = 3
    _function = staticmethod(mx.conv3d)
    _settings = ("stride", "padding", "dilation")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple,
        stride: int | tuple = 1,
        padding: int | tuple = 0,
        dilation: int | tuple = 1,
        bias: bool = True,
    ):
        super().__init__()
        self._create(in_channels, out_channels, kernel_size, bias, stride, padding, dilation)
