"""Ways to tell attention where a token stands."""

from __future__ import annotations

import math

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module


class RoPE(Module):
    """Rotary position embedding: rotates pairs of features by angles proportional to the position.

    Pair ``i`` turns by ``position * scale / base ** (2 i / dims)`` (`Su et al. 2021
    <https://arxiv.org/abs/2104.09864>`_).

    Args:
        dims: How many features to rotate; the rest of the last axis stays as it is.
        traditional: Pairs are neighbours ``(2 i, 2 i + 1)`` as in the paper; otherwise ``(i, i + dims / 2)``.
        base: Sets the slowest rotation.
        scale: Multiplies the positions.
    """

    def __init__(
        self,
        dims: int,
        traditional: bool = False,
        base: float = 10000,
        scale: float = 1.0,
    ):
        super().__init__()
        self.dims = dims
        self.traditional = traditional
        self.base = base
        self.scale = scale

    def _extra_repr(self):
        return f"{self.dims}, traditional={self.traditional}"

    def __call__(self, x, offset: int = 0):
        """Rotate ``x`` of shape ``(..., length, features)``; its first position is ``offset``."""
        return mx.fast.rope(
            x,
            self.dims,
            traditional=self.traditional,
            base=self.base,
            scale=self.scale,
            offset=offset,
        )


class SinusoidalPositionalEncoding(Module):
    r"""Sines and cosines of the position with geometrically spaced frequencies (`Vaswani et al. 2017
    <https://arxiv.org/abs/1706.03762>`_).

    Args:
        dims: The length of the encoding: half of it sines, half cosines.
        min_freq: The lowest frequency, which comes last.
        max_freq: The highest frequency, which comes first.
        scale: Multiplies the encoding; :math:`\sqrt{2 / \mathrm{dims}}` by default, for a norm of 1.
        cos_first: Cosines come before sines.
        full_turns: Frequencies count turns instead of radians.
    """

    def __init__(
        self,
        dims: int,
        min_freq: float = 0.0001,
        max_freq: float = 1,
        scale: float | None = None,
        cos_first: bool = False,
        full_turns: bool = False,
    ):
        super().__init__()
        if dims <= 0 or dims % 2 != 0:
            raise ValueError(f"[SinusoidalPositionalEncoding] dims must be positive and even, got {dims}.")
        count = dims // 2
        falling = 1 - mx.arange(0, count) / (count - 1) if count > 1 else mx.array([1.0])
        low, high = math.log(min_freq), math.log(max_freq)
        # The underscore keeps the frequencies out of the parameters.
        self._sigmas = mx.exp(falling * (high - low) + low)
        if full_turns:
            self._sigmas = self._sigmas * (2 * math.pi)
        self.scale = math.sqrt(2 / dims) if scale is None else scale
        self.cos_first = cos_first

    def __call__(self, x):
        """The encoding of positions ``x`` (any shape): shape ``(*x.shape, dims)``."""
        angles = x[..., None] * self._sigmas
        parts = [mx.sin(angles), mx.cos(angles)]
        y = mx.concatenate(parts[::-1] if self.cos_first else parts, axis=-1)
        return y if self.scale == 1 else y * self.scale


def _alibi_slopes(num_heads):
    """Slopes for the heads: for ``n = 2 ** k`` heads ``2 ** (-8 i / n)`` with ``i = 1 ... n``; for other
    numbers those of the power of two below, then every second one of twice as many heads."""

    def geometric(n):
        ratio = 2.0 ** (-8.0 / n)
        return [ratio ** (i + 1) for i in range(n)]

    below = 2 ** math.floor(math.log2(num_heads))
    return geometric(below) + geometric(2 * below)[0::2][: num_heads - below]


class ALiBi(Module):
    """Attention with linear biases: subtracts from the scores a multiple of the distance, different for each
    head (`Press et al. 2021 <https://arxiv.org/abs/2108.12409>`_)."""

    @staticmethod
    def create_alibi_matrix(
        q_sequence_length: int,
        k_sequence_length: int,
        num_heads: int,
        offset: int = 0,
        dtype: mx.Dtype = mx.float32,
    ) -> mx.array:
        """The biases for queries ``offset ... q_sequence_length`` and keys ``0 ... k_sequence_length``.

        Returns:
            Shape ``(1, num_heads, q_sequence_length - offset, k_sequence_length)``.
        """
        queries = mx.arange(offset, q_sequence_length)
        keys = mx.arange(0, k_sequence_length)
        distances = mx.abs(queries[:, None] - keys)[None, None]
        return (-distances * ALiBi.create_alibi_slope(num_heads, dtype)).astype(dtype)

    @staticmethod
    def create_alibi_slope(num_heads: int, dtype: mx.Dtype = mx.float32) -> mx.array:
        """The slopes of the heads, with shape ``(num_heads, 1, 1)``."""
        return mx.array(_alibi_slopes(num_heads), dtype=dtype)[:, None, None]

    def __call__(
        self,
        attention_scores: mx.array,
        offset: int = 0,
        mask: mx.array | None = None,
    ) -> mx.array:
        """Add the biases, and an additive mask, to scores of shape ``(batch, heads, queries, keys)``.

        Args:
            attention_scores: The scores.
            offset: The position of the first query.
            mask: Broadcast to the scores.
        """
        bias = ALiBi.create_alibi_matrix(
            q_sequence_length=attention_scores.shape[-2] + offset,
            k_sequence_length=attention_scores.shape[-1],
            num_heads=attention_scores.shape[1],
            offset=offset,
            dtype=attention_scores.dtype,
        )
        return attention_scores + (bias if mask is None else bias + mask)
