"""Dropout: in training mode, zero random parts of the input and scale up the rest (`Srivastava et al. 2014
<https://jmlr.org/papers/v15/srivastava14a.html>`_)."""

from __future__ import annotations

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module


def _keep_probability(layer, p):
    if not 0 <= p < 1:
        raise ValueError(f"[{type(layer).__name__}] p must be in [0, 1), got {p}.")
    return 1 - p


def _drop(layer, x, mask_shape):
    """In training mode, ``x`` with zeros where a random mask of ``mask_shape`` (broadcast) says so."""
    keep = layer._p_1
    if keep == 1 or not layer.training:
        return x
    mask = mx.random.bernoulli(keep, mask_shape)
    return mask * x * (1 / keep)


def _channel_mask_shape(layer, x, spatial):
    """The shape of a mask that is constant over the ``spatial`` axes before the last one."""
    if x.ndim not in (spatial + 1, spatial + 2):
        name = type(layer).__name__
        raise ValueError(f"[{name}] Expected {spatial + 1} or {spatial + 2} dimensions, got shape {x.shape}.")
    return (*x.shape[: x.ndim - spatial - 1], *(1,) * spatial, x.shape[-1])


class Dropout(Module):
    """Zeroes elements with probability ``p`` and multiplies the rest by ``1 / (1 - p)``, in training mode.

    Args:
        p: The probability, in [0, 1).
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        self._p_1 = _keep_probability(self, p)

    def _extra_repr(self) -> str:
        return f"p={1 - self._p_1}"

    def __call__(self, x: mx.array) -> mx.array:
        return _drop(self, x, x.shape)


class Dropout2d(Module):
    """:class:`Dropout` of whole channels of ``(N, H, W, C)`` or ``(H, W, C)``.

    Neighbouring pixels are alike, so that zeroing single ones would remove little (`Tompson et al. 2015
    <https://arxiv.org/abs/1411.4280>`_).

    Args:
        p: The probability to zero a channel, in [0, 1).
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        self._p_1 = _keep_probability(self, p)

    def _extra_repr(self) -> str:
        return f"p={1 - self._p_1}"

    def __call__(self, x: mx.array) -> mx.array:
        return _drop(self, x, _channel_mask_shape(self, x, 2))


class Dropout3d(Module):
    """:class:`Dropout` of whole channels of ``(N, D, H, W, C)`` or ``(D, H, W, C)``.

    Args:
        p: The probability to zero a channel, in [0, 1).
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        self._p_1 = _keep_probability(self, p)

    def _extra_repr(self) -> str:
        return f"p={1 - self._p_1}"

    def __call__(self, x: mx.array) -> mx.array:
        return _drop(self, x, _channel_mask_shape(self, x, 3))
