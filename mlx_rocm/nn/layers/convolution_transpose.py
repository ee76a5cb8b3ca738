"""Transposed convolutions of channels-last inputs: the gradients of convolutions, used to enlarge."""

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module  # noqa: F401  (part of this module's namespace in MLX)
from mlx_rocm.nn.layers.convolution import _Conv


class _ConvTranspose(_Conv):
    _settings = ("stride", "padding", "dilation", "output_padding")


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over one axis.

    Input ``(N, L, in_channels)``, output ``(N, L', out_channels)`` with
    ``L' = (L - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1``.

    Args:
        in_channels: The number of input channels.
        out_channels: The number of output channels.
        kernel_size: The width of the kernel.
        stride: The distance in the output between neighbours of the input.
        padding: How many elements are cut off at each end of the output.
        dilation: The distance between the kernel's elements.
        output_padding: How many elements the output is longer on one side.
        bias: Whether a bias is added.
    """

    _dims = 1
    _function = staticmethod(mx.conv_transpose1d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        output_padding: int = 0,
        bias: bool = True,
    ):
        super().__init__()
        self._create(in_channels, out_channels, kernel_size, bias, stride, padding, dilation, output_padding)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over two axes: input ``(N, H, W, in_channels)``, output ``(N, H', W',
    out_channels)``.

    ``kernel_size``, ``stride``, ``padding``, ``dilation`` and ``output_padding`` are integers or one for each
    axis; the output's size is as for :class:`ConvTranspose1d`.

    Args:
        in_channels: The number of input channels.
        out_channels: The number of output channels.
        kernel_size: The size of the kernel.
        stride: The distance in the output between neighbours of the input.
        padding: How many elements are cut off at each end of the output.
        dilation: The distance between the kernel's elements.
        output_padding: How many elements the output is longer on one side.
        bias: Whether a bias is added.
    """

    _dims = 2
    _function = staticmethod(mx.conv_transpose2d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple,
        stride: int | tuple = 1,
        padding: int | tuple = 0,
        dilation: int | tuple = 1,
        output_padding: int | tuple = 0,
        bias: bool = True,
    ):
        super().__init__()
        self._create(in_channels, out_channels, kernel_size, bias, stride, padding, dilation, output_padding)


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over three axes: input ``(N, D, H, W, in_channels)``, output ``(N, D', H', W',
    out_channels)``.

    ``kernel_size``, ``stride``, ``padding``, ``dilation`` and ``output_padding`` are integers or one for each
    axis; the output's size is as for :class:`ConvTranspose1d`.

    Args:
        in_channels: The number of input channels.
        out_channels: The number of output channels.
        kernel_size: The size of the kernel.
        stride: The distance in the output between neighbours of the input.
        padding: How many elements are cut off at each end of the output.
        dilation: The distance between the kernel's elements.
        output_padding: How many elements the output is longer on one side.
        bias: Whether a bias is added.
    """

    _dims = 3
    _function = staticmethod(mx.conv_transpose3d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple,
        stride: int | tuple = 1,
        padding: int | tuple = 0,
        dilation: int | tuple = 1,
        output_padding: int | tuple = 0,
        bias: bool = True,
    ):
        super().__init__()
        self._create(in_channels, out_channels, kernel_size, bias, stride, padding, dilation, output_padding)
