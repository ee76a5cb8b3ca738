"""Initial values of parameters.

Every function here returns an *initializer*: a function that takes an array and returns a new one of that
shape (the contents are not used).  Weights have the shape ``(outputs, ..., inputs)``; ``fan_in`` and
``fan_out`` count the inputs and outputs of a unit, for convolutions times the positions of the kernel.

Example:
    >>> layer.apply(nn.init.glorot_uniform(), lambda m, k, v: k == "weight")
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import mlx_rocm.core as mx


def constant(value: float, dtype: mx.Dtype = mx.float32) -> Callable[[mx.array], mx.array]:
    """All elements equal ``value``."""

    def initializer(a: mx.array) -> mx.array:
        return mx.full(a.shape, value, dtype=dtype)

    return initializer


def normal(
    mean: float = 0.0, std: float = 1.0, dtype: mx.Dtype = mx.float32
) -> Callable[[mx.array], mx.array]:
    """Samples of the normal distribution with this mean and standard deviation."""

    def initializer(a: mx.array) -> mx.array:
        return mx.random.normal(shape=a.shape, scale=std, loc=mean, dtype=dtype)

    return initializer


def uniform(
    low: float = 0.0, high: float = 1.0, dtype: mx.Dtype = mx.float32
) -> Callable[[mx.array], mx.array]:
    """Samples of the uniform distribution on ``[low, high)``."""

    def initializer(a: mx.array) -> mx.array:
        return mx.random.uniform(low, high, a.shape, dtype=dtype)

    return initializer


def identity(dtype: mx.Dtype = mx.float32) -> Callable[[mx.array], mx.array]:
    """The identity matrix; ValueError unless the array is a square matrix."""

    def initializer(a: mx.array) -> mx.array:
        if a.ndim != 2 or a.shape[0] != a.shape[1]:
            raise ValueError(f"[init.identity] Expected a square matrix, got shape {a.shape}.")
        return mx.eye(n=a.shape[0], dtype=dtype)

    return initializer


def _fans(a):
    """``(fan_in, fan_out)`` of a weight."""
    if a.ndim < 2:
        raise ValueError(
            f"[init] Glorot and He initialization need at least 2 dimensions, got shape {a.shape}."
        )
    positions = math.prod(a.shape[1:-1])
    return a.shape[-1] * positions, a.shape[0] * positions


def _fan(a, mode):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"[init] mode must be 'fan_in' or 'fan_out', got {mode!r}.")
    return _fans(a)[mode == "fan_out"]


def glorot_normal(dtype: mx.Dtype = mx.float32) -> Callable[[mx.array, float], mx.array]:
    """Normal samples with standard deviation ``gain * sqrt(2 / (fan_in + fan_out))``.

    The variance of activations and gradients is then about the same in all layers: `Glorot and Bengio 2010
    <https://proceedings.mlr.press/v9/glorot10a.html>`_.  The initializer is called as ``init(a, gain=1.0)``.
    """

    def initializer(a: mx.array, gain: float = 1.0) -> mx.array:
        return mx.random.normal(shape=a.shape, scale=gain * math.sqrt(2.0 / sum(_fans(a))), dtype=dtype)

    return initializer


def glorot_uniform(dtype: mx.Dtype = mx.float32) -> Callable[[mx.array, float], mx.array]:
    """Uniform samples within plus and minus ``gain * sqrt(6 / (fan_in + fan_out))``.

    The standard deviation is that of :func:`glorot_normal`.  The initializer is called as ``init(a,
    gain=1.0)``.
    """

    def initializer(a: mx.array, gain: float = 1.0) -> mx.array:
        limit = gain * math.sqrt(6.0 / sum(_fans(a)))
        return mx.random.uniform(-limit, limit, a.shape, dtype=dtype)

    return initializer


def he_normal(
    dtype: mx.Dtype = mx.float32,
) -> Callable[[mx.array, Literal["fan_in", "fan_out"], float], mx.array]:
    """Normal samples with standard deviation ``gain / sqrt(fan)``.

    Meant for layers followed by a rectifier, with ``gain=sqrt(2)``: `He et al. 2015
    <https://arxiv.org/abs/1502.01852>`_.  The initializer is called as ``init(a, mode="fan_in", gain=1.0)``;
    ``mode`` may be ``"fan_out"``.
    """

    def initializer(
        a: mx.array, mode: Literal["fan_in", "fan_out"] = "fan_in", gain: float = 1.0
    ) -> mx.array:
        return mx.random.normal(shape=a.shape, scale=gain / math.sqrt(_fan(a, mode)), dtype=dtype)

    return initializer


def he_uniform(
    dtype: mx.Dtype = mx.float32,
) -> Callable[[mx.array, Literal["fan_in", "fan_out"], float], mx.array]:
    """Uniform samples within plus and minus ``gain * sqrt(3 / fan)``.

    The standard deviation is that of :func:`he_normal`, and so are the initializer's arguments.
    """

    def initializer(
        a: mx.array, mode: Literal["fan_in", "fan_out"] = "fan_in", gain: float = 1.0
    ) -> mx.array:
        limit = gain * math.sqrt(3.0 / _fan(a, mode))
        return mx.random.uniform(-limit, limit, a.shape, dtype=dtype)

    return initializer


def sparse(
    sparsity: float,
    mean: float = 0.0,
    std: float = 1.0,
    dtype: mx.Dtype = mx.float32,
) -> Callable[[mx.array], mx.array]:
    """Normal samples, of which ``ceil(sparsity * columns)`` randomly chosen ones are zero in every row.

    Each output then depends on few inputs, as J. Martens, "Deep learning via Hessian-free optimization"
    (2010) proposes. The initializer raises ValueError unless the array is a matrix.
    """

    def initializer(a: mx.array) -> mx.array:
        if a.ndim != 2:
            raise ValueError(f"[init.sparse] Expected a matrix, got a {a.ndim}D array.")
        rows, columns = a.shape
        zeros = math.ceil(sparsity * columns)
        # Sorting random numbers gives a random permutation of the columns for each row.
        chosen = mx.argsort(mx.random.uniform(shape=a.shape), axis=1)[:, :zeros]
        values = mx.random.normal(shape=a.shape, scale=std, loc=mean, dtype=dtype)
        values[mx.arange(rows)[:, None], chosen] = 0
        return values

    return initializer


def orthogonal(gain: float = 1.0, dtype: mx.Dtype = mx.float32) -> Callable[[mx.array], mx.array]:
    """A random matrix with orthonormal rows or columns (whichever are fewer), times ``gain``.

    The Q factor of a normal random matrix, its columns signed so that the distribution is uniform over the
    orthogonal
    group: `Mezzadri 2007 <https://arxiv.org/abs/math-ph/0609050>`_.  The initializer raises ValueError unless
    the array is a matrix.
    """

    def initializer(a: mx.array) -> mx.array:
        if a.ndim != 2:
            raise ValueError(f"[init.orthogonal] Expected a matrix, got a {a.ndim}D array.")
        rows, columns = a.shape
        n = max(rows, columns)
        q, r = mx.linalg.qr(mx.random.normal(shape=(n, n)), stream=mx.cpu)
        q = q * mx.sign(mx.diag(r))
        return (q[:rows, :columns] * gain).astype(dtype)

    return initializer
