"""Gradients with respect to a module's parameters, and their exchange between processes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from itertools import accumulate
from typing import Any

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module
from mlx_rocm.utils import tree_flatten, tree_map, tree_reduce, tree_unflatten


def _with_parameters(model, fn):
    """``fn`` as a function of the parameters, which are put into ``model`` before the call."""

    def call(parameters, *args, **kwargs):
        model.update(parameters)
        return fn(*args, **kwargs)

    return call


def value_and_grad(model: Module, fn: Callable):
    """A function that returns the value of ``fn`` and its gradient for the model's trainable parameters.

    Args:
        model: The model; ``fn`` is expected to call it.
        fn: Returns a scalar array, or a tuple that starts with one.

    Returns:
        A function with the arguments of ``fn`` that returns ``(value, gradients)``; the gradients are a
        nested dict like :meth:`Module.trainable_parameters`.

    Example:
        >>> loss_and_grad = nn.value_and_grad(model, lambda x, y: nn.losses.mse_loss(model(x), y))
        >>> loss, gradients = loss_and_grad(x, y)
        >>> optimizer.update(model, gradients)
    """
    value_and_grad_fn = mx.value_and_grad(_with_parameters(model, fn))

    @wraps(fn)
    def wrapped(*args, **kwargs):
        return value_and_grad_fn(model.trainable_parameters(), *args, **kwargs)

    return wrapped


def checkpoint(module: Module, fn: Callable | None = None):
    """A function that computes ``fn`` but keeps no intermediate results for the gradient: they are computed
    again.

    Args:
        module: Its trainable parameters get gradients.
        fn: The function, by default the module itself.

    Returns:
        A function with the arguments and results of ``fn``.
    """
    fn = module if fn is None else fn
    checkpointed = mx.checkpoint(_with_parameters(module, fn))

    @wraps(fn)
    def wrapped(*args, **kwargs):
        return checkpointed(module.trainable_parameters(), *args, **kwargs)

    return wrapped


def _buckets(arrays, limit):
    """Positions of ``arrays`` in consecutive lists; a list ends when its arrays reach ``limit`` bytes."""
    bucket, size = [], 0
    for i, array in enumerate(arrays):
        bucket.append(i)
        size += array.nbytes
        if size >= limit:
            yield bucket
            bucket, size = [], 0
    if bucket:
        yield bucket


def average_gradients(
    gradients: Any,
    group: mx.distributed.Group | None = None,
    all_reduce_size: int = 32 * 1024**2,
    communication_stream: mx.Stream | None = None,
):
    """Average gradients over the processes of a group.

    Small arrays are joined, because a sum over the network costs a fixed time whatever its size.

    Args:
        gradients: A tree of arrays, the same structure and shapes in all processes.
        group: The processes; all by default.
        all_reduce_size: Join arrays until they have this many bytes; 0 or less sends each array by itself, as
            happens when they have different types.
        communication_stream: The stream that communicates.

    Returns:
        A tree like ``gradients``; ``gradients`` itself in a group of one.
    """
    group = group or mx.distributed.init()
    count = group.size()
    if count == 1:
        return gradients

    def average(x):
        return mx.distributed.all_sum(x, group=group, stream=communication_stream) / count

    named = tree_flatten(gradients)
    arrays = [array for _, array in named]
    if not arrays:
        return gradients
    if all_reduce_size <= 0 or any(a.dtype != arrays[0].dtype for a in arrays):
        return tree_map(average, gradients)

    averaged = []
    for bucket in _buckets(arrays, all_reduce_size):
        joined = average(mx.concatenate([arrays[i].reshape(-1) for i in bucket]))
        ends = list(accumulate(arrays[i].size for i in bucket))
        parts = mx.split(joined, ends[:-1])
        averaged.extend(part.reshape(arrays[i].shape) for i, part in zip(bucket, parts))
    return tree_unflatten([(name, array) for (name, _), array in zip(named, averaged)])


def clip_grad_norm_sharded(
    gradients: Any,
    max_norm: float,
    group: mx.distributed.Group | None = None,
):
    """Clip gradients of which each process of a group holds a different part by the norm of the whole.

    Args:
        gradients: A tree with this process's part of the gradients.
        max_norm: The largest norm that is left as it is.
        group: The processes; all by default.

    Returns:
        ``(gradients, norm)``: the scaled tree and the norm (before scaling) over all processes, a scalar
        array.
    """
    local = tree_reduce(lambda total, g: total + g.square().sum(), gradients, 0.0)
    norm = mx.sqrt(mx.distributed.all_sum(local, group=group))
    scale = mx.minimum(max_norm / (norm + 1e-6), 1.0)
    return tree_map(lambda g: g * scale, gradients), norm
