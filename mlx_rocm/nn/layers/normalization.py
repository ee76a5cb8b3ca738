"""Normalisation of activations.

All scale to mean 0 and variance 1 (RMSNorm: mean square 1) over some axes, with ``eps`` added to the
variance, then apply a learned scale ``weight``, initially 1, and shift ``bias``, initially 0, of the last
axis.
"""

from __future__ import annotations

import math

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module


def _check_eps(layer, eps):
    if eps <= 0.0:
        raise ValueError(f"[{type(layer).__name__}] 'eps' must be positive, got {eps}.")


def _scale_and_shift(layer, x):
    return layer.weight * x + layer.bias if "weight" in layer else x


class InstanceNorm(Module):
    """Normalises each channel of each sample over its spatial positions (`Ulyanov et al. 2016
    <https://arxiv.org/abs/1607.08022>`_).

    Args:
        dims: The number of channels, the last axis of an input ``(N, ..., dims)`` with at least 3 dimensions.
        eps: Added to the variance.
        affine: Whether to scale and shift.
    """

    def __init__(
        self,
        dims: int,
        eps: float = 1e-5,
        affine: bool = False,
    ):
        super().__init__()
        _check_eps(self, eps)
        if affine:
            self.weight = mx.ones((dims,))
            self.bias = mx.zeros((dims,))
        self.dims = dims
        self.eps = eps

    def _extra_repr(self):
        return f"{self.dims}, eps={self.eps}, affine={'weight' in self}"

    def __call__(self, x: mx.array) -> mx.array:
        if x.ndim < 3:
            raise ValueError(
                f"[InstanceNorm] Expected at least 3 dimensions (N, ..., C), got shape {x.shape}."
            )
        batch, *spatial, channels = x.shape
        # With the positions last it is a layer norm, which accumulates in float32 also for half precision.
        x = mx.moveaxis(x, -1, 1).reshape(batch, channels, -1)
        x = mx.fast.layer_norm(x, None, None, self.eps)
        return _scale_and_shift(self, mx.moveaxis(x.reshape(batch, channels, *spatial), 1, -1))


class LayerNorm(Module):
    """Normalises the last axis (`Ba et al. 2016 <https://arxiv.org/abs/1607.06450>`_).

    Args:
        dims: The length of the last axis.
        eps: Added to the variance.
        affine: Whether to scale, and shift.
        bias: Whether to shift, if ``affine``.
    """

    def __init__(self, dims: int, eps: float = 1e-5, affine: bool = True, bias: bool = True):
        super().__init__()
        _check_eps(self, eps)
        if affine:
            self.weight = mx.ones((dims,))
            if bias:
                self.bias = mx.zeros((dims,))
        self.eps = eps
        self.dims = dims

    def _extra_repr(self):
        return f"{self.dims}, eps={self.eps}, affine={'weight' in self}"

    def __call__(self, x):
        return mx.fast.layer_norm(x, self.get("weight"), self.get("bias"), self.eps)


class RMSNorm(Module):
    """Divides by the root of the mean square of the last axis and scales (`Zhang and Sennrich 2019
    <https://arxiv.org/abs/1910.07467>`_).  The mean is accumulated in float32.

    Args:
        dims: The length of the last axis.
        eps: Added to the mean square.
    """

    def __init__(self, dims: int, eps: float = 1e-5):
        super().__init__()
        _check_eps(self, eps)
        self.weight = mx.ones((dims,))
        self.eps = eps

    def _extra_repr(self):
        return f"{self.weight.shape[0]}, eps={self.eps}"

    def __call__(self, x):
        return mx.fast.rms_norm(x, self["weight"], self.eps)


class GroupNorm(Module):
    """Normalises groups of channels over the spatial positions (`Wu and He 2018
    <https://arxiv.org/abs/1803.08494>`_).

    Args:
        num_groups: The number of groups.
        dims: The number of channels, the last axis of an input ``(N, ..., dims)``; a multiple of
            ``num_groups``.
        eps: Added to the variance.
        affine: Whether to scale and shift.
        pytorch_compatible: A group is a run of neighbouring channels, as in PyTorch.  Otherwise group ``g``
            has the channels ``g, g + num_groups, ...``.
    """

    def __init__(
        self,
        num_groups: int,
        dims: int,
        eps: float = 1e-5,
        affine: bool = True,
        pytorch_compatible: bool = False,
    ):
        super().__init__()
        _check_eps(self, eps)
        if num_groups <= 0 or dims <= 0:
            raise ValueError(
                f"[GroupNorm] num_groups and dims must be positive, got {num_groups} and {dims}."
            )
        if dims % num_groups != 0:
            raise ValueError(f"[GroupNorm] {dims} channels cannot be divided into {num_groups} groups.")
        if affine:
            self.bias = mx.zeros((dims,))
            self.weight = mx.ones((dims,))
        self.num_groups = num_groups
        self.dims = dims
        self.eps = eps
        self.pytorch_compatible = pytorch_compatible

    def _extra_repr(self):
        return (
            f"{self.num_groups}, {self.dims}, eps={self.eps}, "
            f"affine={'weight' in self}, pytorch_compatible={self.pytorch_compatible}"
        )

    def _normalize_neighbours(self, x):
        batch, *spatial, channels = x.shape
        x = x.reshape(batch, -1, self.num_groups, channels // self.num_groups).swapaxes(1, 2)
        shape = x.shape
        x = mx.fast.layer_norm(x.reshape(batch, self.num_groups, -1), None, None, self.eps)
        return x.reshape(shape).swapaxes(1, 2).reshape(batch, *spatial, channels)

    def _normalize_strided(self, x):
        shape = x.shape
        x = x.reshape(shape[0], -1, self.num_groups)
        mean = mx.mean(x, axis=1, keepdims=True)
        variance = mx.var(x, axis=1, keepdims=True)
        return ((x - mean) * mx.rsqrt(variance + self.eps)).reshape(shape)

    def __call__(self, x):
        normalize = self._normalize_neighbours if self.pytorch_compatible else self._normalize_strided
        return _scale_and_shift(self, normalize(x))


class BatchNorm(Module):
    """Normalises each channel over the batch and the spatial positions (`Ioffe and Szegedy 2015
    <https://arxiv.org/abs/1502.03167>`_).

    In training mode it uses the statistics of the batch and keeps moving averages of them in ``running_mean``
    and ``running_var``, which are never trained; in evaluation mode it uses these averages.

    Args:
        num_features: The number of channels, the last axis of an input ``(N, C)``, ``(N, L, C)`` or ``(N, H,
            W, C)``.
        eps: Added to the variance.
        momentum: The share of the batch in the moving averages.
        affine: Whether to scale and shift.
        track_running_stats: Whether to keep and use the averages.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ):
        super().__init__()
        _check_eps(self, eps)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = mx.ones((num_features,))
            self.bias = mx.zeros((num_features,))
        if track_running_stats:
            self.running_mean = mx.zeros((num_features,))
            self.running_var = mx.ones((num_features,))
            self._freeze_statistics()

    def _freeze_statistics(self):
        self.freeze(keys=["running_mean", "running_var"], recurse=False)

    def unfreeze(self, *args, **kwargs):
        """:meth:`Module.unfreeze`, except for the moving averages."""
        super().unfreeze(*args, **kwargs)
        self._freeze_statistics()

    def _extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={'weight' in self}, track_running_stats={self.track_running_stats}"
        )

    def _batch_statistics(self, x, ddof: int = 0) -> tuple[mx.array, mx.array]:
        axes = tuple(range(x.ndim - 1))
        return mx.mean(x, axis=axes), mx.var(x, axis=axes, ddof=ddof)

    def _track(self, mean, variance):
        """Move the averages towards the batch's mean and (unbiased) variance."""
        share = self.momentum
        self.running_mean = (1 - share) * self.running_mean + share * mean
        self.running_var = (1 - share) * self.running_var + share * variance

    def __call__(self, x: mx.array) -> mx.array:
        if not 2 <= x.ndim <= 4:
            raise ValueError(f"[BatchNorm] Expected 2, 3 or 4 dimensions, got shape {x.shape}.")
        if self.training and math.prod(x.shape[:-1]) == 1:
            raise ValueError(
                f"[BatchNorm] Training needs more than one value per channel, got shape {x.shape}."
            )

        if self.track_running_stats and not self.training:
            mean, variance = self.running_mean, self.running_var
        else:
            mean, variance = self._batch_statistics(x)
            if self.track_running_stats:
                self._track(mean, self._batch_statistics(x, ddof=1)[1])
        return _scale_and_shift(self, (x - mean) * mx.rsqrt(variance + self.eps))
