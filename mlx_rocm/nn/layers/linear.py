"""Affine and bilinear maps of the last axis."""

from __future__ import annotations

import math
from typing import Any

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module
from mlx_rocm.nn.layers.quantized import QQLinear, QuantizedLinear


class Identity(Module):
    """Returns its input.

    Args:
        args: Ignored, as is every keyword, so that it can take the place of any layer.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def __call__(self, x: mx.array) -> mx.array:
        return x


class Linear(Module):
    r"""Affine map :math:`y = x W^\top + b`.

    The initial values of :math:`W` with shape ``(output_dims, input_dims)`` and :math:`b` with shape
    ``(output_dims,)`` are uniform within :math:`\pm 1 / \sqrt{\mathrm{input\_dims}}`.

    Args:
        input_dims: The length of the input's last axis.
        output_dims: The length of the output's last axis.
        bias: Whether there is a :math:`b`.
    """

    def __init__(self, input_dims: int, output_dims: int, bias: bool = True) -> None:
        super().__init__()
        bound = math.sqrt(1.0 / input_dims)
        self.weight = mx.random.uniform(low=-bound, high=bound, shape=(output_dims, input_dims))
        if bias:
            self.bias = mx.random.uniform(low=-bound, high=bound, shape=(output_dims,))

    def _extra_repr(self) -> str:
        outputs, inputs = self.weight.shape
        return f"input_dims={inputs}, output_dims={outputs}, bias={'bias' in self}"

    def __call__(self, x: mx.array) -> mx.array:
        if "bias" in self:
            return mx.addmm(self["bias"], x, self["weight"].T)
        return x @ self["weight"].T

    def to_quantized(
        self,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
        quantize_input: bool = False,
    ):
        """The quantised layer with these weights.

        Args:
            group_size: See :func:`mlx_rocm.core.quantize`.
            bits: See :func:`mlx_rocm.core.quantize`.
            mode: See :func:`mlx_rocm.core.quantize`.
            quantize_input: Return a :class:`QQLinear`, which quantises its input too; only for ``"nvfp4"``
                and ``"mxfp8"``.  Otherwise a :class:`QuantizedLinear`.

        Raises:
            ValueError: ``quantize_input`` with another mode.
        """
        if not quantize_input:
            return QuantizedLinear.from_linear(self, group_size, bits, mode)
        if mode not in ("nvfp4", "mxfp8"):
            raise ValueError(f"[Linear] quantize_input needs mode 'nvfp4' or 'mxfp8', got {mode!r}.")
        return QQLinear.from_linear(self, group_size, bits, mode)


class Bilinear(Module):
    r"""Bilinear map :math:`y_k = x_1^\top W_k x_2 + b_k` of the last axes of two inputs.

    The initial values of :math:`W` with shape ``(output_dims, input2_dims, input1_dims)`` and :math:`b` are
    uniform within
    :math:`\pm 1 / \sqrt{\mathrm{input1\_dims}}`.

    Args:
        input1_dims: The length of the first input's last axis.
        input2_dims: The length of the second input's last axis; the other axes are those of the first.
        output_dims: The length of the output's last axis.
        bias: Whether there is a :math:`b`.
    """

    def __init__(self, input1_dims: int, input2_dims: int, output_dims: int, bias: bool = True) -> None:
        super().__init__()
        bound = math.sqrt(1.0 / input1_dims)
        self.weight = mx.random.uniform(low=-bound, high=bound, shape=(output_dims, input2_dims, input1_dims))
        if bias:
            self.bias = mx.random.uniform(low=-bound, high=bound, shape=(output_dims,))

    def _extra_repr(self) -> str:
        outputs, inputs2, inputs1 = self.weight.shape
        return f"input1_dims={inputs1}, input2_dims={inputs2}, output_dims={outputs}, bias={'bias' in self}"

    def __call__(self, x1: mx.array, x2: mx.array) -> mx.array:
        outputs, inputs2, inputs1 = self.weight.shape
        leading = x1.shape[:-1]
        # First all products with x1 as one matrix product, then a small one with x2 for each row.
        partial = x1.reshape(-1, inputs1) @ self.weight.reshape(outputs * inputs2, inputs1).T
        partial = partial.reshape(-1, outputs, inputs2).swapaxes(-2, -1)
        y = (x2.reshape(-1, 1, inputs2) @ partial).reshape(*leading, outputs)
        return y + self.bias if "bias" in self else y
