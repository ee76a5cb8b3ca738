"""Tables of vectors."""

import math

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module
from mlx_rocm.nn.layers.quantized import QuantizedEmbedding


class Embedding(Module):
    r"""A vector for each token.

    The initial values of ``weight`` with shape ``(num_embeddings, dims)`` are normal with standard deviation
    :math:`1 / \sqrt{\mathrm{dims}}`.

    Args:
        num_embeddings: The number of tokens.
        dims: The length of the vectors.
    """

    def __init__(self, num_embeddings: int, dims: int):
        super().__init__()
        self.weight = mx.random.normal(shape=(num_embeddings, dims), scale=math.sqrt(1 / dims))

    def _extra_repr(self):
        rows, dims = self.weight.shape
        return f"{rows}, {dims}"

    def __call__(self, x):
        """The vectors for tokens ``x`` (integers of any shape): shape ``(*x.shape, dims)``."""
        return self.weight[x]

    def as_linear(self, x):
        """The products of ``x`` with all vectors, for models that share the table with their output layer.

        Args:
            x: Shape ``(..., dims)``.

        Returns:
            Shape ``(..., num_embeddings)``.
        """
        return x @ self.weight.T

    def to_quantized(
        self,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
        quantize_input: bool = False,
    ):
        """The :class:`QuantizedEmbedding` with these vectors; see :func:`mlx_rocm.core.quantize` for the
        arguments.

        Raises:
            ValueError: ``quantize_input`` is true: tokens cannot be quantised.
        """
        if quantize_input:
            raise ValueError("[Embedding] quantize_input is not supported: the input are tokens.")
        return QuantizedEmbedding.from_embedding(self, group_size, bits, mode)
