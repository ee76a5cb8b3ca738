"""Random numbers."""

import mlx_rocm.core


from collections.abc import Sequence
from typing import Any, TypeAlias
from mlx_rocm.core import Dtype, StreamOrDevice, array, float32, int32, scalar
_RandomState: TypeAlias = Any

state: _RandomState = ...

def seed(seed: int) -> None:
    """Seeds this thread's random numbers."""

def key(seed: int) -> mlx_rocm.core.array:
    """The key of a seed: uint32, shape (2,)."""

def split(key: array, num: int = 2, stream: StreamOrDevice = None) -> array:
    """``num`` independent keys from one: uint32, shape (num, 2)."""

def uniform(low: scalar | array = 0, high: scalar | array = 1, shape: Sequence[int] = [], dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """
    Uniform random numbers in [low, high).

    Args:
        low, high (scalar or array, optional): the bounds; arrays must broadcast to ``shape``.
        shape (list(int), optional): of the result.
        dtype (Dtype, optional): float32, float16 or bfloat16.
        key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.

    Returns:
        array: the numbers.
    """

def normal(shape: Sequence[int] = [], dtype: Dtype | None = float32, loc: scalar | array | None = None, scale: scalar | array | None = None, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """
    Normally distributed random numbers.

    Args:
        shape (list(int), optional): of the result.
        dtype (Dtype, optional): float32, float16, bfloat16 or complex64.
        loc, scale (scalar or array, optional): mean and standard deviation; arrays must broadcast with ``shape``.
        key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.

    Returns:
        array: the numbers.
    """

def multivariate_normal(mean: array, cov: array, shape: Sequence[int] = [], dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """
    Jointly normal random vectors. Needs a CPU stream.

    Args:
        mean (array): shape (..., n).
        cov (array): shape (..., n, n), positive semi-definite (not checked).
        shape (list(int), optional): must broadcast with the batch dimensions of mean and cov.
        dtype (Dtype, optional): float32.
        key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.

    Returns:
        array: shape (..., n).
    """

def truncated_normal(lower: scalar | array, upper: scalar | array, shape: Sequence[int] | None = None, dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """
    Standard normal random numbers, restricted to [lower, upper].

    Args:
        lower, upper (scalar or array): the bounds.
        shape (list(int), optional): of the result; by default the bounds broadcast together.
        dtype (Dtype, optional): float32, float16 or bfloat16.
        key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.

    Returns:
        array: the numbers.
    """

def gumbel(shape: Sequence[int] = [], dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """
    Standard Gumbel random numbers, -log(-log(u)).

    Args:
        shape (list(int), optional): of the result.
        dtype (Dtype, optional): float32, float16 or bfloat16.
        key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.

    Returns:
        array: the numbers.
    """

def laplace(shape: Sequence[int] = [], dtype: Dtype | None = float32, loc: float = 0.0, scale: float = 1.0, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """
    Laplace-distributed random numbers.

    Args:
        shape (list(int), optional): of the result.
        dtype (Dtype, optional): float32, float16 or bfloat16.
        loc, scale (float, optional): mean and scale.
        key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.

    Returns:
        array: the numbers.
    """

def randint(low: scalar | array, high: scalar | array, shape: Sequence[int] = [], dtype: Dtype | None = int32, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """
    Random integers in [low, high).

    Args:
        low, high (scalar or array): the bounds; arrays must broadcast to ``shape``.
        shape (list(int), optional): of the result.
        dtype (Dtype, optional): an integer type or bool.
        key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.

    Returns:
        array: the integers.
    """

def bernoulli(p: scalar | array = 0.5, shape: Sequence[int] | None = None, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """
    Random booleans.

    Args:
        p (float or array, optional): the probability of True; an array must broadcast to ``shape``.
        shape (list(int), optional): of the result; that of ``p`` by default.
        key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.

    Returns:
        array: bool.
    """

def categorical(logits: array, axis: int = -1, shape: Sequence[int] | None = None, num_samples: int | None = None, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """
    Random categories with the probabilities softmax(logits).

    Args:
        logits (array): unnormalised log probabilities along ``axis``.
        axis (int, optional): the axis of the categories.
        shape (list(int), optional): of the result; the shape of logits without the axis must broadcast to it.
        num_samples (int, optional): how many to draw from each distribution, in a new last axis.
        key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.

    Returns:
        array: uint32.
    """

def permutation(x: int | array, axis: int = 0, key: array | None = None, stream: StreamOrDevice = None) -> array:
    """
    A random permutation of range(x), or the entries of an array in random order.

    Args:
        x (int or array): how many, or the array to shuffle.
        axis (int, optional): the axis to shuffle along.
        key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.

    Returns:
        array: uint32 of shape (x,), or an array like ``x``.
    """
