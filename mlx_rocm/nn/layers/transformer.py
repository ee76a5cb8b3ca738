"""Attention and the transformer (`Vaswani et al. 2017 <https://arxiv.org/abs/1706.03762>`_).

Sequences are ``(batch, length, features)``.  Masks are boolean (True: may be seen) or added to the scores,
and broadcast to ``(batch, heads, queries, keys)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.activations import relu
from mlx_rocm.nn.layers.base import Module
from mlx_rocm.nn.layers.dropout import Dropout
from mlx_rocm.nn.layers.linear import Linear
from mlx_rocm.nn.layers.normalization import LayerNorm
from mlx_rocm.nn.utils import checkpoint


class MultiHeadAttention(Module):
    """Scaled dot-product attention with several heads, each with linear maps of queries, keys and values.

    Args:
        dims: The number of features of queries and keys, all heads together.
        num_heads: The number of heads, a divisor of ``dims``.
        query_input_dims: Features of the queries' input; ``dims`` by default.
        key_input_dims: Features of the keys' input; ``dims`` by default.
        value_input_dims: Features of the values' input; ``key_input_dims`` by default.
        value_dims: Features of the values, all heads together; ``dims`` by default.
        value_output_dims: Features of the output; ``dims`` by default.
        bias: Whether the linear maps have a bias.
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        query_input_dims: int | None = None,
        key_input_dims: int | None = None,
        value_input_dims: int | None = None,
        value_dims: int | None = None,
        value_output_dims: int | None = None,
        bias: bool = False,
    ):
        super().__init__()
        if dims % num_heads != 0:
            raise ValueError(f"[MultiHeadAttention] {dims} dims cannot be divided among {num_heads} heads.")
        key_input_dims = key_input_dims or dims
        value_dims = value_dims or dims
        self.num_heads = num_heads
        self.query_proj = Linear(query_input_dims or dims, dims, bias=bias)
        self.key_proj = Linear(key_input_dims, dims, bias=bias)
        self.value_proj = Linear(value_input_dims or key_input_dims, value_dims, bias=bias)
        self.out_proj = Linear(value_dims, value_output_dims or dims, bias=bias)

    def __call__(self, queries, keys, values, mask=None):
        """Attend.

        Args:
            queries: Shape ``(batch, queries, query_input_dims)``.
            keys: Shape ``(batch, keys, key_input_dims)``.
            values: Shape ``(batch, keys, value_input_dims)``.
            mask: See above; None lets every query see every key.

        Returns:
            Shape ``(batch, queries, value_output_dims)``.
        """

        def heads(x):
            return mx.unflatten(x, -1, (self.num_heads, -1)).transpose(0, 2, 1, 3)

        q, k, v = heads(self.query_proj(queries)), heads(self.key_proj(keys)), heads(self.value_proj(values))
        scale = math.sqrt(1 / q.shape[-1])
        y = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mask)
        return self.out_proj(y.transpose(0, 2, 1, 3).flatten(-2, -1))

    @staticmethod
    def create_additive_causal_mask(N: int, dtype: mx.Dtype = mx.float32):
        """A mask of shape ``(N, N)`` for scores, which lets no position see later ones."""
        positions = mx.arange(N)
        later = positions[:, None] < positions
        return later.astype(dtype) * mx.finfo(dtype).min


class _TransformerLayer(Module):
    """What encoder and decoder layers share: the feed-forward network and how a part is wired in."""

    def _feed_forward(self, x, dropout):
        return self.linear2(dropout(self.activation(self.linear1(x))))

    def _residual(self, x, norm, part):
        return x + part(norm(x)) if self.norm_first else norm(x + part(x))


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention and a feed-forward network, each with normalisation, dropout and a residual connection.

    Args:
        dims: The number of features.
        num_heads: The number of heads.
        mlp_dims: Inner features of the feed-forward network; ``4 * dims`` by default.
        dropout: The probability of dropout.
        activation: The function in the feed-forward network.
        norm_first: Normalise the input of each part, instead of its sum with the output.
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        mlp_dims: int | None = None,
        dropout: float = 0.0,
        activation: Callable[[Any], Any] = relu,
        norm_first: bool = True,
    ):
        super().__init__()
        mlp_dims = mlp_dims or dims * 4
        self.attention = MultiHeadAttention(dims, num_heads)
        self.ln1 = LayerNorm(dims)
        self.ln2 = LayerNorm(dims)
        self.linear1 = Linear(dims, mlp_dims)
        self.linear2 = Linear(mlp_dims, dims)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation
        self.norm_first = norm_first

    def __call__(self, x, mask):
        x = self._residual(x, self.ln1, lambda y: self.dropout1(self.attention(y, y, y, mask)))
        return self._residual(x, self.ln2, lambda y: self._feed_forward(y, self.dropout2))


class TransformerEncoder(Module):
    """A stack of :class:`TransformerEncoderLayer` and a final normalisation.

    Args:
        num_layers: The number of layers.
        dims: The number of features.
        num_heads: The number of heads.
        mlp_dims: Inner features of the feed-forward networks; ``4 * dims`` by default.
        dropout: The probability of dropout.
        activation: The function in the feed-forward networks.
        norm_first: See :class:`TransformerEncoderLayer`.
        checkpoint: Compute layers again for the gradient instead of keeping their intermediate results.
    """

    def __init__(
        self,
        num_layers: int,
        dims: int,
        num_heads: int,
        mlp_dims: int | None = None,
        dropout: float = 0.0,
        activation=relu,
        norm_first: bool = True,
        checkpoint: bool = False,
    ):
        super().__init__()
        self.layers = [
            TransformerEncoderLayer(dims, num_heads, mlp_dims, dropout, activation, norm_first)
            for _ in range(num_layers)
        ]
        self.ln = LayerNorm(dims)
        self.checkpoint = checkpoint

    def __call__(self, x, mask):
        for layer in self.layers:
            x = (checkpoint(layer) if self.checkpoint else layer)(x, mask)
        return self.ln(x)


class TransformerDecoderLayer(_TransformerLayer):
    """Like :class:`TransformerEncoderLayer`, with attention to an encoder's output between the two parts.

    Args:
        dims: The number of features.
        num_heads: The number of heads.
        mlp_dims: Inner features of the feed-forward network; ``4 * dims`` by default.
        dropout: The probability of dropout.
        activation: The function in the feed-forward network.
        norm_first: See :class:`TransformerEncoderLayer`.
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        mlp_dims: int | None = None,
        dropout: float = 0.0,
        activation: Callable[[Any], Any] = relu,
        norm_first: bool = True,
    ):
        super().__init__()
        mlp_dims = mlp_dims or dims * 4
        self.self_attention = MultiHeadAttention(dims, num_heads)
        self.cross_attention = MultiHeadAttention(dims, num_heads)
        self.ln1 = LayerNorm(dims)
        self.ln2 = LayerNorm(dims)
        self.ln3 = LayerNorm(dims)
        self.linear1 = Linear(dims, mlp_dims)
        self.linear2 = Linear(mlp_dims, dims)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = activation
        self.norm_first = norm_first

    def __call__(self, x, memory, x_mask, memory_mask):
        def attend_to_memory(y):
            return self.dropout2(self.cross_attention(y, memory, memory, memory_mask))

        x = self._residual(x, self.ln1, lambda y: self.dropout1(self.self_attention(y, y, y, x_mask)))
        x = self._residual(x, self.ln2, attend_to_memory)
        return self._residual(x, self.ln3, lambda y: self._feed_forward(y, self.dropout3))


class TransformerDecoder(Module):
    """A stack of :class:`TransformerDecoderLayer` and a final normalisation.

    Args:
        num_layers: The number of layers.
        dims: The number of features.
        num_heads: The number of heads.
        mlp_dims: Inner features of the feed-forward networks; ``4 * dims`` by default.
        dropout: The probability of dropout.
        activation: The function in the feed-forward networks.
        norm_first: See :class:`TransformerEncoderLayer`.
        checkpoint: Compute layers again for the gradient instead of keeping their intermediate results.
    """

    def __init__(
        self,
        num_layers: int,
        dims: int,
        num_heads: int,
        mlp_dims: int | None = None,
        dropout: float = 0.0,
        activation=relu,
        norm_first: bool = True,
        checkpoint: bool = False,
    ):
        super().__init__()
        self.layers = [
            TransformerDecoderLayer(dims, num_heads, mlp_dims, dropout, activation, norm_first)
            for _ in range(num_layers)
        ]
        self.ln = LayerNorm(dims)
        self.checkpoint = checkpoint

    def __call__(self, x, memory, x_mask, memory_mask):
        for layer in self.layers:
            x = (checkpoint(layer) if self.checkpoint else layer)(x, memory, x_mask, memory_mask)
        return self.ln(x)


class Transformer(Module):
    """An encoder and a decoder that attends to its output.

    Args:
        dims: The number of features.
        num_heads: The number of heads.
        num_encoder_layers: The number of encoder layers.
        num_decoder_layers: The number of decoder layers.
        mlp_dims: Inner features of the feed-forward networks; ``4 * dims`` by default.
        dropout: The probability of dropout.
        activation: The function in the feed-forward networks.
        custom_encoder: Used in place of a :class:`TransformerEncoder`.
        custom_decoder: Used in place of a :class:`TransformerDecoder`.
        norm_first: See :class:`TransformerEncoderLayer`.
        checkpoint: Compute layers again for the gradient instead of keeping their intermediate results.
    """

    def __init__(
        self,
        dims: int = 512,
        num_heads: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        mlp_dims: int | None = None,
        dropout: float = 0.0,
        activation: Callable[[Any], Any] = relu,
        custom_encoder: Any | None = None,
        custom_decoder: Any | None = None,
        norm_first: bool = True,
        checkpoint: bool = False,
    ):
        super().__init__()
        shared = (dims, num_heads, mlp_dims, dropout, activation, norm_first, checkpoint)
        if custom_encoder is None:
            custom_encoder = TransformerEncoder(num_encoder_layers, *shared)
        self.encoder = custom_encoder
        if custom_decoder is None:
            custom_decoder = TransformerDecoder(num_decoder_layers, *shared)
        self.decoder = custom_decoder

    def __call__(self, src, tgt, src_mask, tgt_mask, memory_mask):
        """Encode ``src``, decode ``tgt``; ``memory_mask`` is for the attention to the encoder's output."""
        return self.decoder(tgt, self.encoder(src, src_mask), tgt_mask, memory_mask)
