"""Dropout: in training mode, zero random parts of the input and scale up the rest (`Srivastava et al. 2014
<https://jmlr.org/papers/v15/srivastava14a.html>`_)."""

from __future__ import annotations

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module


class _Dropout(Module):
    """What the layers share; subclasses say which elements are dropped together."""

    def __init__(self, p: float = 0.5):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"[{type(self).__name__}] p must be in [0, 1), got {p}.")
        self._p_1 = 1 - p

    def _extra_repr(self) -> str:
        return f"p={1 - self._p_1}"

    def _mask_shape(self, x):
        """The shape of the random mask, which is broadcast to ``x``."""
        raise NotImplementedError

    def __call__(self, x: mx.array) -> mx.array:
        keep, shape = self._p_1, self._mask_shape(x)
        if keep == 1 or not self.training:
            return x
        mask = mx.random.bernoulli(keep, shape)
        return mask * x * (1 / keep)


class _ChannelDropout(_Dropout):
    """Drops whole channels: the mask is constant over the spatial axes before the last one."""

    _spatial: int

    def _mask_shape(self, x):
        spatial = self._spatial
        if x.ndim not in (spatial + 1, spatial + 2):
            name = type(self).__name__
            raise ValueError(
                f"[{name}] Expected {spatial + 1} or {spatial + 2} dimensions, got shape {x.shape}."
            )
        return (*x.shape[: x.ndim - spatial - 1], *(1,) * spatial, x.shape[-1])


class Dropout(_Dropout):
    """Zeroes elements with probability ``p`` and multiplies the rest by ``1 / (1 - p)``, in training mode.

    Args:
        p: The probability, in [0, 1).
    """

    def _mask_shape(self, x):
        return x.shape


class Dropout2d(_ChannelDropout):
    """:class:`Dropout` of whole channels of ``(N, H, W, C)`` or ``(H, W, C)``.

    Neighbouring pixels are alike, so that zeroing single ones would remove little (`Tompson et al. 2015
    <https://arxiv.org/abs/1411.4280>`_).

    Args:
        p: The probability to zero a channel, in [0, 1).
    """

    _spatial = 2


class Dropout3d(_ChannelDropout):
    """:class:`Dropout` of whole channels of ``(N, D, H, W, C)`` or ``(D, H, W, C)``.

    Args:
        p: The probability to zero a channel, in [0, 1).
    """

    _spatial = 3
