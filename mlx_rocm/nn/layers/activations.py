"""Activation functions and modules that apply them.

The functions are compiled once for all shapes, so that each is a single fused operation.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module

_compiled = partial(mx.compile, shapeless=True)


@_compiled
def sigmoid(x):
    r"""Logistic function :math:`\sigma(x) = 1 / (1 + e^{-x})`."""
    return mx.sigmoid(x)


@_compiled
def relu(x):
    r"""Rectifier :math:`\max(x, 0)`."""
    return mx.maximum(x, 0)


@_compiled
def relu2(x):
    r"""Squared rectifier :math:`\max(x, 0)^2`, from `Primer <https://arxiv.org/abs/2109.08668>`_."""
    return mx.square(mx.maximum(x, 0))


@_compiled
def relu6(x):
    r"""Rectifier with an upper bound, :math:`\min(\max(x, 0), 6)`."""
    return mx.minimum(mx.maximum(x, 0), 6.0)


@_compiled
def leaky_relu(x, negative_slope=0.01):
    r"""Rectifier with a slope below zero, :math:`\max(s x, x)` for :math:`s \le 1`."""
    return mx.maximum(negative_slope * x, x)


@_compiled
def log_softmax(x, axis=-1):
    r"""Logarithm of the softmax, :math:`x - \log \sum_j e^{x_j}` along ``axis``."""
    # Shift first: added to a large maximum, the logarithm of the sum would be rounded away.
    shifted = x - mx.stop_gradient(mx.max(x, axis=axis, keepdims=True))
    return shifted - mx.logsumexp(shifted, axis=axis, keepdims=True)


@_compiled
def elu(x, alpha=1.0):
    r"""Exponential linear unit: :math:`x` above zero, :math:`\alpha (e^x - 1)` below.

    `Clevert et al. 2015 <https://arxiv.org/abs/1511.07289>`_."""
    return mx.where(x > 0, x, alpha * (mx.exp(x) - 1))


@_compiled
def softmax(x, axis=-1):
    r""":math:`e^x / \sum_j e^{x_j}` along ``axis``."""
    return mx.softmax(x, axis=axis)


@_compiled
def softplus(x):
    r"""Smooth rectifier :math:`\log(1 + e^x)`."""
    return mx.logaddexp(x, 0)


@_compiled
def softsign(x):
    r""":math:`x / (1 + |x|)`."""
    return mx.divide(x, 1 + mx.abs(x))


@_compiled
def softshrink(x, lambd: float = 0.5):
    r"""Moves :math:`x` by :math:`\lambda` towards zero; 0 where :math:`|x| \le \lambda`."""
    return mx.where(mx.abs(x) > lambd, x - mx.sign(x) * lambd, 0)


@_compiled
def celu(x, alpha=1.0):
    r"""Continuously differentiable :func:`elu`: :math:`\max(x, 0) + \alpha (e^{\min(x, 0) / \alpha} - 1)`.

    `Barron 2017 <https://arxiv.org/abs/1704.07483>`_."""
    return mx.maximum(x, 0.0) + alpha * (mx.exp(mx.minimum(x, 0.0) / alpha) - 1)


@_compiled
def silu(x):
    r"""Sigmoid linear unit, also called swish: :math:`x \sigma(x)`."""
    return x * mx.sigmoid(x)


@_compiled
def log_sigmoid(x):
    r"""Logarithm of the sigmoid, :math:`-\log(1 + e^{-x})`."""
    return -softplus(-x)


@_compiled
def gelu(x) -> mx.array:
    r"""Gaussian error linear unit :math:`x \Phi(x)`, with the normal distribution function :math:`\Phi`.

    By the error function (`Hendrycks and Gimpel 2016 <https://arxiv.org/abs/1606.08415>`_)."""
    return x * (1 + mx.erf(x / math.sqrt(2))) / 2


@_compiled
def gelu_approx(x):
    r""":func:`gelu` approximated by :math:`\frac{x}{2} (1 + \tanh(\sqrt{2 / \pi} (x + 0.044715 x^3)))`.

    The error is below 0.0005."""
    return 0.5 * x * (1 + mx.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@_compiled
def gelu_fast_approx(x):
    r""":func:`gelu` approximated by :math:`x \sigma(1.702 x)`; the error is up to 0.02."""
    return x * mx.sigmoid(1.702 * x)


def glu(x: mx.array, axis: int = -1) -> mx.array:
    r"""Gated linear unit :math:`a \sigma(b)`, where :math:`a` and :math:`b` are the two halves of ``x`` along
    ``axis``.

    `Dauphin et al. 2016 <https://arxiv.org/abs/1612.08083>`_."""
    a, b = mx.split(x, indices_or_sections=2, axis=axis)
    return a * mx.sigmoid(b)


@_compiled
def step(x: mx.array, threshold: float = 0.0):
    r"""1 where :math:`x \ge` ``threshold``, else 0 (int32)."""
    return mx.where(x >= threshold, 1, 0)


@_compiled
def selu(x):
    r"""Scaled :func:`elu`, :math:`\lambda \, \mathrm{elu}(x, \alpha)` with :math:`\alpha = 1.67326` and
    :math:`\lambda = 1.0507`, which keeps activations near mean 0 and variance 1.

    `Klambauer et al. 2017 <https://arxiv.org/abs/1706.02515>`_."""
    return elu(x, 1.67326) * 1.0507


@_compiled
def prelu(x: mx.array, alpha: mx.array) -> mx.array:
    r"""Rectifier with learned slopes below zero, :math:`\max(x, 0) + \alpha \min(x, 0)`."""
    return mx.maximum(0, x) + alpha * mx.minimum(0, x)


@_compiled
def mish(x: mx.array) -> mx.array:
    r""":math:`x \tanh(\log(1 + e^x))`, from `Misra 2019 <https://arxiv.org/abs/1908.08681>`_."""
    return x * mx.tanh(softplus(x))


@_compiled
def hardswish(x):
    r"""Piecewise form of :func:`silu`, :math:`x \min(\max(x + 3, 0), 6) / 6`.

    `Howard et al. 2019 <https://arxiv.org/abs/1905.02244>`_."""
    return x * mx.minimum(mx.maximum(x + 3, 0), 6) / 6


@_compiled
def hard_tanh(x, min_val=-1.0, max_val=1.0):
    r""":math:`x` limited to ``[min_val, max_val]``."""
    return mx.minimum(mx.maximum(x, min_val), max_val)


@_compiled
def hard_shrink(x, lambd=0.5):
    r""":math:`x` where :math:`|x| > \lambda`, else 0."""
    return mx.where(mx.abs(x) > lambd, x, 0)


@_compiled
def softmin(x, axis=-1):
    r""":math:`e^{-x} / \sum_j e^{-x_j}` along ``axis``."""
    return mx.softmax(-x, axis=axis)


def tanh(x):
    """Hyperbolic tangent."""
    return mx.tanh(x)


def _as_module(name, fn):
    """A module class without parameters that applies ``fn``."""

    def call(_, x):
        return fn(x)

    body = {"__call__": call, "__module__": __name__, "__doc__": f"Applies :func:`{fn.__name__}`."}
    return type(name, (Module,), body)


HardTanh = _as_module("HardTanh", hard_tanh)
Hardswish = _as_module("Hardswish", hardswish)
LogSigmoid = _as_module("LogSigmoid", log_sigmoid)
LogSoftmax = _as_module("LogSoftmax", log_softmax)
Mish = _as_module("Mish", mish)
ReLU = _as_module("ReLU", relu)
ReLU2 = _as_module("ReLU2", relu2)
ReLU6 = _as_module("ReLU6", relu6)
SELU = _as_module("SELU", selu)
SiLU = _as_module("SiLU", silu)
Sigmoid = _as_module("Sigmoid", sigmoid)
Softmax = _as_module("Softmax", softmax)
Softmin = _as_module("Softmin", softmin)
Softplus = _as_module("Softplus", softplus)
Softsign = _as_module("Softsign", softsign)
Tanh = _as_module("Tanh", tanh)


class GLU(Module):
    """Applies :func:`glu`; the axis has half its length in the output.

    Args:
        axis: The axis to split.
    """

    def __init__(self, axis: int = -1):
        super().__init__()
        self.axis = axis

    def __call__(self, x) -> Any:
        return glu(x, axis=self.axis)


class LeakyReLU(Module):
    """Applies :func:`leaky_relu`.

    Args:
        negative_slope: The slope below zero.
    """

    def __init__(self, negative_slope=1e-2):
        super().__init__()
        self._negative_slope = negative_slope

    def __call__(self, x):
        return leaky_relu(x, self._negative_slope)


class ELU(Module):
    """Applies :func:`elu`.

    Args:
        alpha: The limit of the negative values is minus this.
    """

    def __init__(self, alpha=1.0):
        super().__init__()
        self._alpha = alpha

    def __call__(self, x):
        return elu(x, self._alpha)


class CELU(Module):
    """Applies :func:`celu`.

    Args:
        alpha: The limit of the negative values is minus this.
    """

    def __init__(self, alpha=1.0):
        super().__init__()
        self._alpha = alpha

    def __call__(self, x):
        return celu(x, self._alpha)


class Softshrink(Module):
    """Applies :func:`softshrink`.

    Args:
        lambd: The distance to move towards zero.
    """

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def __call__(self, x):
        return softshrink(x, self.lambd)


class HardShrink(Module):
    """Applies :func:`hard_shrink`.

    Args:
        lambd: Values up to this distance from zero become zero.
    """

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def __call__(self, x):
        return hard_shrink(x, self.lambd)


class Step(Module):
    """Applies :func:`step`.

    Args:
        threshold: Where the output becomes 1.
    """

    def __init__(self, threshold: float = 0.0):
        super().__init__()
        self.threshold = threshold

    def __call__(self, x: mx.array):
        return step(x, self.threshold)


class PReLU(Module):
    """Applies :func:`prelu` with a parameter for the slope.

    Args:
        num_parameters: 1 for a common slope, or the number of features (the last axis) for one each.
        init: The first value of the slopes.
    """

    def __init__(self, num_parameters=1, init=0.25):
        super().__init__()
        self.weight = mx.full([num_parameters], init)

    def __call__(self, x: mx.array):
        return prelu(x, self.weight)


_GELU_FORMS = {"none": gelu, "precise": gelu_approx, "tanh": gelu_approx, "fast": gelu_fast_approx}


class GELU(Module):
    """Applies :func:`gelu` or one of its approximations.

    Args:
        approx: ``"none"`` for :func:`gelu`, ``"precise"`` or ``"tanh"`` for :func:`gelu_approx`, ``"fast"``
            for :func:`gelu_fast_approx`.
    """

    def __init__(self, approx="none"):
        super().__init__()
        if approx not in _GELU_FORMS:
            raise ValueError(
                f"[GELU] approx must be one of {', '.join(map(repr, _GELU_FORMS))}, got {approx!r}."
            )
        self._approx = approx

    def __call__(self, x):
        return _GELU_FORMS[self._approx](x)
