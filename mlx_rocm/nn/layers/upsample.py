"""Resizing of spatial axes: nearest neighbour, linear and cubic interpolation.

Interpolation is separable: one axis after the other, each output is a weighted sum of a few inputs along it.
An axis is described by its *taps*, pairs of input positions and weights, one of each for every output.

Output ``i`` of an axis of length ``N`` scaled by ``s`` lies at the input coordinate ``(i + 1/2) / s - 1/2``
(up to a shift where ``s * N`` is not an integer, so that the outputs are centred), or with ``align_corners``
at ``i * (N - 1) / (M - 1)``, where ``M = floor(s * N)`` is the length of the output.
"""

from __future__ import annotations

import math
from typing import Literal

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module


def _coordinates(n, scale, align_corners):
    """Where the outputs lie on an input axis of length ``n``."""
    m = int(scale * n)
    i = mx.arange(m, dtype=mx.float32)
    if align_corners:
        return i * ((n - 1) / max(m - 1, 1))
    step = 1 / scale
    return i * step - ((m - 1) * step - n + 1) / 2


def _clip(position, n):
    return mx.clip(position, 0, n - 1).astype(mx.uint32)


def _keys_kernel(x, a):
    """Cubic convolution kernel with parameter ``a`` at the distances ``x``, zero from 2 on.

    `Keys 1981 <https://doi.org/10.1109/TASSP.1981.1163711>`_.
    """
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return mx.where(x <= 1, near, mx.where(x <= 2, far, 0.0))


def _linear_kernel(x):
    return mx.maximum(1.0 - x, 0.0)


def _linear_taps(n, scale, align_corners):
    at = mx.clip(_coordinates(n, scale, align_corners), 0, n - 1)
    left = mx.floor(at)
    weight = at - left
    return [(left.astype(mx.uint32), 1 - weight), (mx.ceil(at).astype(mx.uint32), weight)]


def _cubic_taps(n, scale, align_corners):
    """Four taps; beyond the border its value is repeated.  ``a = -0.75`` is OpenCV's and PyTorch's choice."""
    at = _coordinates(n, scale, align_corners)
    left = mx.floor(at)
    return [(_clip(left + k, n), _keys_kernel(mx.abs(at - (left + k)), -0.75)) for k in (-1, 0, 1, 2)]


def _antialiased_taps(n, scale, kernel, radius):
    """Taps of a kernel that is stretched by ``1 / scale`` when the axis shrinks, so that every input counts.

    Taps beyond the border are left out, and the weights of each output divided by their sum.
    """
    at = _coordinates(n, scale, align_corners=False)
    stretch = max(1.0 / scale, 1.0)
    reach = math.ceil(radius * stretch)
    left = mx.floor(at)
    positions = [left + k for k in range(-reach, reach + 1)]
    weights = [mx.where((p >= 0) & (p < n), kernel(mx.abs(at - p) / stretch), 0.0) for p in positions]
    total = sum(weights)
    total = mx.where(total > 0, total, 1.0)
    return [(_clip(p, n), w / total) for p, w in zip(positions, weights)]


def _linear_antialiased_taps(n, scale, align_corners):
    return _antialiased_taps(n, scale, _linear_kernel, 1)


def _cubic_antialiased_taps(n, scale, align_corners):
    """``a = -0.5`` is Pillow's choice, and PyTorch's when it filters."""
    return _antialiased_taps(n, scale, lambda x: _keys_kernel(x, -0.5), 2)


def _check_scales(x, scale_factor):
    if x.ndim - 2 != len(scale_factor):
        raise ValueError(
            f"[Upsample] Expected a scale for each of {x.ndim - 2} spatial axes, got {tuple(scale_factor)}."
        )


def _check_antialias(align_corners, antialias):
    if antialias and align_corners:
        raise ValueError("[Upsample] antialias=True cannot be combined with align_corners=True.")


def _interpolate(x, scale_factor, align_corners, taps):
    _check_scales(x, scale_factor)
    for axis, scale in enumerate(scale_factor, start=1):
        column = (-1,) + (1,) * (x.ndim - 1 - axis)  # weights vary along the axis only
        x = sum(
            mx.take(x, positions, axis=axis) * weights.reshape(column)
            for positions, weights in taps(x.shape[axis], scale, align_corners)
        )
    return x


def _nearest_positions(n, scale):
    """Enlarging takes the input nearest to the output's centre, shrinking the one at its start."""
    m = int(scale * n)
    i = mx.arange(m, dtype=mx.float32)
    at = ((i + 0.5) * (n / m) - 0.5).round() if m > n else i * (n / m)
    return at.astype(mx.uint32)


def upsample_nearest(x: mx.array, scale_factor: tuple):
    """Nearest-neighbour resizing.

    Args:
        x: Shape ``(batch, *spatial, channels)``.
        scale_factor: A scale for each spatial axis.
    """
    _check_scales(x, scale_factor)
    for axis, scale in enumerate(scale_factor, start=1):
        if scale == int(scale):
            x = mx.repeat(x, int(scale), axis=axis)
        else:
            x = mx.take(x, _nearest_positions(x.shape[axis], scale), axis=axis)
    return x


def upsample_linear(
    x: mx.array,
    scale_factor: tuple,
    align_corners: bool = False,
    antialias: bool = False,
):
    """Linear interpolation; see :class:`Upsample` for the arguments.

    Args:
        x: Shape ``(batch, *spatial, channels)``.
        scale_factor: A scale for each spatial axis.
        align_corners: Whether the ends of input and output coincide.
        antialias: Whether to filter when shrinking.
    """
    _check_antialias(align_corners, antialias)
    return _interpolate(
        x, scale_factor, align_corners, _linear_antialiased_taps if antialias else _linear_taps
    )


def upsample_cubic(
    x: mx.array,
    scale_factor: tuple,
    align_corners: bool = False,
    antialias: bool = False,
):
    """Cubic interpolation; see :class:`Upsample` for the arguments.

    Args:
        x: Shape ``(batch, *spatial, channels)``.
        scale_factor: A scale for each spatial axis.
        align_corners: Whether the ends of input and output coincide.
        antialias: Whether to filter when shrinking.
    """
    _check_antialias(align_corners, antialias)
    return _interpolate(x, scale_factor, align_corners, _cubic_antialiased_taps if antialias else _cubic_taps)


class Upsample(Module):
    """Resizes the spatial axes of ``(batch, *spatial, channels)``, each of length ``N`` to ``floor(scale *
    N)``.

    Args:
        scale_factor: A scale for all spatial axes or one for each.
        mode: ``"nearest"``, ``"linear"`` (bilinear for images, and so on) or ``"cubic"``.
        align_corners: For linear and cubic: the centres of the first and last elements of input and output
            coincide, rather than the outer edges.
        antialias: For linear and cubic when shrinking: average over all inputs that an output covers.  Not
            with ``align_corners``.  The cubic kernel is then Pillow's (``a = -0.5``), as in PyTorch.

    Example:
        >>> x = mx.arange(1, 5).reshape(1, 2, 2, 1)
        >>> nn.Upsample(scale_factor=2, mode="linear")(x).squeeze()
        array([[1, 1.25, 1.75, 2],
               [1.5, 1.75, 2.25, 2.5],
               [2.5, 2.75, 3.25, 3.5],
               [3, 3.25, 3.75, 4]], dtype=float32)
    """

    def __init__(
        self,
        scale_factor: float | tuple,
        mode: Literal["nearest", "linear", "cubic"] = "nearest",
        align_corners: bool = False,
        antialias: bool = False,
    ):
        super().__init__()
        if mode not in ("nearest", "linear", "cubic"):
            raise ValueError(f"[Upsample] mode must be 'nearest', 'linear' or 'cubic', got {mode!r}.")
        if antialias and mode == "nearest":
            raise ValueError("[Upsample] antialias=True needs mode 'linear' or 'cubic'.")
        _check_antialias(align_corners, antialias)
        many = isinstance(scale_factor, (list, tuple))
        self.scale_factor = tuple(map(float, scale_factor)) if many else float(scale_factor)
        self.mode = mode
        self.align_corners = align_corners
        self.antialias = antialias

    def _extra_repr(self) -> str:
        filtered = ", antialias=True" if self.antialias else ""
        settings = f"scale_factor={self.scale_factor}, mode={self.mode!r}, align_corners={self.align_corners}"
        return settings + filtered

    def __call__(self, x: mx.array) -> mx.array:
        if x.ndim < 3:
            raise ValueError(
                f"[Upsample] Expected at least one spatial axis (3 dimensions), got shape {x.shape}."
            )
        scales = self.scale_factor
        scales = scales if isinstance(scales, tuple) else (scales,) * (x.ndim - 2)
        if self.mode == "nearest":
            return upsample_nearest(x, scales)
        interpolate = upsample_linear if self.mode == "linear" else upsample_cubic
        return interpolate(x, scales, self.align_corners, self.antialias)
