"""Layers whose parameters are divided among the processes of a group.

*All to sharded* divides the outputs: every process has the whole input and computes a part of the output.
*Sharded to all* divides the inputs: every process has a part of the input, and the partial outputs are summed
over the network.  One after the other they need a single exchange.
"""

# ruff: noqa: TRY004  (wrong types are ValueErrors where they are in MLX)

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module
from mlx_rocm.nn.layers.linear import Linear
from mlx_rocm.nn.layers.quantized import _multiply, _settings_repr, _store_quantized
from mlx_rocm.utils import tree_flatten, tree_map_with_path, tree_unflatten


@lru_cache
def sum_gradients(group):
    """A function that returns its argument, and whose gradient is summed over the processes of ``group``."""
    if group.size() == 1:
        return lambda x: x

    @mx.custom_function
    def identity(x):
        return x

    @identity.vjp
    def identity_vjp(x, cotangent, _):
        return mx.distributed.all_sum(cotangent, group=group)

    return identity


# ---- which part of a weight a process gets ----


def _split(weight, segments, axis):
    """``mx.split``, where positions may also be given as fractions of the axis."""
    if not isinstance(segments, int) and not isinstance(segments[0], int):
        segments = [int(fraction * weight.shape[axis]) for fraction in segments]
    return mx.split(weight, segments, axis=axis)


def _shard(parameters, predicate: Callable, group: mx.distributed.Group | None = None):
    """This process's part of a parameter tree.

    ``predicate(path, weight)`` returns the axis to divide, or the axis and the segments that the weight
    consists of (each is divided), or None to keep the whole.
    """
    group = group or mx.distributed.init()
    size, rank = group.size(), group.rank()

    def part(path, weight):
        rule = predicate(path, weight) if isinstance(weight, mx.array) else None
        if rule is None:
            return weight
        if not isinstance(rule, (int, tuple)):
            raise ValueError(f"[shard] Expected an axis or (axis, segments) for {path}, got {rule!r}.")
        axis, segments = rule if isinstance(rule, tuple) else (rule, 1)
        pieces = [_split(segment, size, axis)[rank] for segment in _split(weight, segments, axis)]
        return mx.contiguous(mx.concatenate(pieces, axis=axis))

    return tree_map_with_path(part, parameters)


def _all_to_sharded(segments):
    """Divide outputs: the last axis of biases, the one before last of everything else."""

    def rule(path, weight):
        return (-1 if path.endswith("bias") else max(weight.ndim - 2, 0)), segments

    return rule


def _sharded_to_all(segments):
    """Divide inputs: the last axis of everything but biases, which are added after the sum."""

    def rule(path, weight):
        return None if path.endswith("bias") else (-1, segments)

    return rule


_RULES = {"all-to-sharded": _all_to_sharded, "sharded-to-all": _sharded_to_all}


def _check_sharding(sharding):
    if sharding not in _RULES:
        raise ValueError(f"[shard] sharding must be one of {', '.join(map(repr, _RULES))}, got {sharding!r}.")


def shard_inplace(
    module: Module,
    sharding: str | Callable,
    *,
    segments: int | list = 1,
    group: mx.distributed.Group | None = None,
):
    """Replace the parameters of a module by this process's part of them.

    The module does not begin to communicate by this: it has to do so by itself, or not to need it.

    Args:
        module: The module.
        sharding: ``"all-to-sharded"``, ``"sharded-to-all"`` or a function of path and weight that returns an
            axis, an axis and segments, or None.
        segments: For weights made of several ones: how many of the same size, or the positions between them,
            as integers or fractions of the axis.
        group: The processes; all by default.

    Raises:
        ValueError: ``sharding`` is another string, or the function returned something else.
    """
    if isinstance(sharding, str):
        _check_sharding(sharding)
        sharding = _RULES[sharding](segments)
    module.update(_shard(module.parameters(), sharding, group))


def shard_linear(
    module: Module,
    sharding: str,
    *,
    segments: int | list = 1,
    group: mx.distributed.Group | None = None,
):
    """A new linear layer with this process's part of a linear layer, which communicates as needed.

    Args:
        module: A :class:`Linear` or a quantised one.
        sharding: ``"all-to-sharded"`` or ``"sharded-to-all"``.
        segments: See :func:`shard_inplace`.
        group: The processes; all by default.

    Raises:
        ValueError: ``sharding`` is another string.
    """
    _check_sharding(sharding)
    plain, quantized = _LAYERS[sharding]
    create = plain.from_linear if isinstance(module, Linear) else quantized.from_quantized_linear
    return create(module, segments=segments, group=group)


# ---- linear layers ----


def _part_of(layer, what, dims):
    """``dims`` divided by the size of the layer's group."""
    size = layer.group.size()
    if dims % size != 0:
        raise ValueError(
            f"[{type(layer).__name__}] {what} of {dims} cannot be divided among {size} processes."
        )
    return dims // size


def _uniform(bound, *shape):
    return mx.random.uniform(low=-bound, high=bound, shape=shape)


class AllToShardedLinear(Module):
    """A :class:`Linear` of which this process computes a part of the output.

    The gradient for the input is summed over the processes.

    Args:
        input_dims: The length of the input's last axis.
        output_dims: The length of the whole output's last axis.
        bias: Whether there is a bias.
        group: The processes; all by default.

    Raises:
        ValueError: ``output_dims`` cannot be divided by the size of the group.
    """

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        bias: bool = True,
        group: mx.distributed.Group | None = None,
    ):
        super().__init__()
        self.group = group or mx.distributed.init()
        outputs = _part_of(self, "An output", output_dims)
        bound = math.sqrt(1.0 / input_dims)
        self.weight = _uniform(bound, outputs, input_dims)
        if bias:
            self.bias = _uniform(bound, outputs)

    def _extra_repr(self) -> str:
        outputs, inputs = self.weight.shape
        return f"input_dims={inputs}, output_dims={outputs * self.group.size()}, bias={'bias' in self}"

    def __call__(self, x: mx.array) -> mx.array:
        x = sum_gradients(self.group)(x)
        if "bias" in self:
            return mx.addmm(self["bias"], x, self["weight"].T)
        return x @ self["weight"].T

    @classmethod
    def from_linear(
        cls,
        linear_layer: Module,
        *,
        segments: int | list = 1,
        group: mx.distributed.Group | None = None,
    ):
        """This process's part of a :class:`Linear`; see :func:`shard_inplace` for ``segments``."""
        return _from_linear(cls, linear_layer, _all_to_sharded(segments), group)


class ShardedToAllLinear(Module):
    """A :class:`Linear` for an input of which this process has a part; the output is whole and the same
    everywhere.

    Args:
        input_dims: The length of the whole input's last axis.
        output_dims: The length of the output's last axis.
        bias: Whether there is a bias.
        group: The processes; all by default.

    Raises:
        ValueError: ``input_dims`` cannot be divided by the size of the group.
    """

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        bias: bool = True,
        group: mx.distributed.Group | None = None,
    ):
        super().__init__()
        self.group = group or mx.distributed.init()
        inputs = _part_of(self, "An input", input_dims)
        bound = math.sqrt(1.0 / input_dims)
        self.weight = _uniform(bound, output_dims, inputs)
        if bias:
            self.bias = _uniform(bound, output_dims)

    def _extra_repr(self) -> str:
        outputs, inputs = self.weight.shape
        return f"input_dims={inputs * self.group.size()}, output_dims={outputs}, bias={'bias' in self}"

    def __call__(self, x: mx.array) -> mx.array:
        y = mx.distributed.all_sum(x @ self["weight"].T, group=self.group)
        return y + self["bias"] if "bias" in self else y

    @classmethod
    def from_linear(
        cls,
        linear_layer: Module,
        *,
        segments: int | list = 1,
        group: mx.distributed.Group | None = None,
    ):
        """This process's part of a :class:`Linear`; see :func:`shard_inplace` for ``segments``."""
        return _from_linear(cls, linear_layer, _sharded_to_all(segments), group)


class _QuantizedSharded(Module):
    """What the quantised sharded layers share: settings, parameters and that these stay frozen."""

    def _create(self, inputs, outputs, bound, bias):
        _store_quantized(self, _uniform(bound, outputs, inputs))
        if bias:
            self.bias = mx.zeros((outputs,))
        self.freeze()

    def unfreeze(self, *args, **kwargs):
        """:meth:`Module.unfreeze`, except for the layer's own parameters, which cannot be trained."""
        super().unfreeze(*args, **kwargs)
        self.freeze(recurse=False)

    def _describe(self, inputs_times=1, outputs_times=1):
        outputs, words = self.weight.shape
        inputs = words * 32 // self.bits * inputs_times
        outputs *= outputs_times
        return f"input_dims={inputs}, output_dims={outputs}, bias={'bias' in self}, {_settings_repr(self)}"


class QuantizedAllToShardedLinear(_QuantizedSharded):
    """A :class:`QuantizedLinear` of which this process computes a part of the output; its parameters are
    frozen.

    Args:
        input_dims: The length of the input's last axis.
        output_dims: The length of the whole output's last axis.
        bias: Whether there is a bias.
        group_size: How many weights share a scale.
        bits: Bits of a weight.
        mode: See :func:`mlx_rocm.core.quantize`.
        group: The processes; all by default.

    Raises:
        ValueError: ``output_dims`` cannot be divided by the size of the group.
    """

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        bias: bool = True,
        group_size: int = 64,
        bits: int = 4,
        mode: str = "affine",
        group: mx.distributed.Group | None = None,
    ):
        super().__init__()
        self.group_size = group_size
        self.bits = bits
        self.mode = mode
        self.group = group or mx.distributed.init()
        outputs = _part_of(self, "An output", output_dims)
        self._create(input_dims, outputs, math.sqrt(1.0 / input_dims), bias)

    def _extra_repr(self) -> str:
        return self._describe(outputs_times=self.group.size())

    def __call__(self, x: mx.array) -> mx.array:
        y = _multiply(self, sum_gradients(self.group)(x))
        return y + self["bias"] if "bias" in self else y

    @classmethod
    def from_quantized_linear(
        cls,
        quantized_linear_layer: Module,
        *,
        segments: int | list = 1,
        group: mx.distributed.Group | None = None,
    ):
        """This process's part of a :class:`QuantizedLinear`; see :func:`shard_inplace` for ``segments``."""
        return _from_quantized_linear(cls, quantized_linear_layer, _all_to_sharded(segments), group)


class QuantizedShardedToAllLinear(_QuantizedSharded):
    """A :class:`QuantizedLinear` for an input of which this process has a part; its parameters are frozen.

    Args:
        input_dims: The length of the whole input's last axis.
        output_dims: The length of the output's last axis.
        bias: Whether there is a bias.
        group_size: How many weights share a scale.
        bits: Bits of a weight.
        mode: See :func:`mlx_rocm.core.quantize`.
        group: The processes; all by default.

    Raises:
        ValueError: ``input_dims`` cannot be divided by the size of the group.
    """

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        bias: bool = True,
        group_size: int = 64,
        bits: int = 4,
        mode: str = "affine",
        group: mx.distributed.Group | None = None,
    ):
        super().__init__()
        self.group_size = group_size
        self.bits = bits
        self.mode = mode
        self.group = group or mx.distributed.init()
        inputs = _part_of(self, "An input", input_dims)
        self._create(inputs, output_dims, math.sqrt(1.0 / input_dims), bias)

    def _extra_repr(self) -> str:
        return self._describe(inputs_times=self.group.size())

    def __call__(self, x: mx.array) -> mx.array:
        y = mx.distributed.all_sum(_multiply(self, x), group=self.group)
        return y + self["bias"] if "bias" in self else y

    @classmethod
    def from_quantized_linear(
        cls,
        quantized_linear_layer: Module,
        *,
        segments: int | list = 1,
        group: mx.distributed.Group | None = None,
    ):
        """This process's part of a :class:`QuantizedLinear`; see :func:`shard_inplace` for ``segments``."""
        return _from_quantized_linear(cls, quantized_linear_layer, _sharded_to_all(segments), group)


_LAYERS = {
    "all-to-sharded": (AllToShardedLinear, QuantizedAllToShardedLinear),
    "sharded-to-all": (ShardedToAllLinear, QuantizedShardedToAllLinear),
}


def _from_linear(cls, linear, rule, group):
    group = group or mx.distributed.init()
    outputs, inputs = linear.weight.shape
    layer = cls(inputs, outputs, "bias" in linear, group)
    layer.update(_shard(linear.parameters(), rule, group))
    return layer


def _from_quantized_linear(cls, quantized, rule, group):
    group = group or mx.distributed.init()
    outputs, words = quantized.weight.shape
    layer = cls(
        words * 32 // quantized.bits,
        outputs,
        "bias" in quantized,
        group_size=quantized.group_size,
        bits=quantized.bits,
        mode=getattr(quantized, "mode", "affine"),
        group=group,
    )
    layer.update(_shard(quantized.parameters(), rule, group))
    return layer


# ---- fully sharded modules ----


def _gather_function(group, shapes, compute_dtype):
    """A differentiable function from this process's parts of arrays to the whole arrays.

    Each array is divided along its first axis.  All parts travel in one message, in ``compute_dtype`` if
    given.  The gradients are averaged over the processes, and each process gets those of its own parts.
    """
    size = group.size()
    part_shapes = [(shape[0] // size, *shape[1:]) for shape in shapes]
    ends = list(accumulate(math.prod(shape) for shape in part_shapes))[:-1]

    def join(arrays, rows):
        return mx.concatenate([a.reshape(rows, -1) for a in arrays], axis=1)

    def separate(joined, shapes):
        return [part.reshape(shape) for part, shape in zip(mx.split(joined, ends, axis=1), shapes)]

    @mx.custom_function
    def gather(parts):
        if compute_dtype is not None:
            parts = [p.astype(compute_dtype) for p in parts]
        return separate(mx.distributed.all_gather(join(parts, 1), group=group), shapes)

    @gather.vjp
    def gather_vjp(parts, cotangents, _):
        mean = mx.distributed.sum_scatter(join(cotangents, size), group=group) / size
        return [g.astype(p.dtype) for g, p in zip(separate(mean, part_shapes), parts)]

    return gather


def _keep_unsharded(module, key, value):
    """The parameters that are not already those of a :class:`FullyShardedModule`."""
    return not isinstance(value, FullyShardedModule) and Module.valid_parameter_filter(module, key, value)


class FullyShardedModule(Module):
    """Keeps only this process's part of a module's parameters and gathers the whole ones for each call.

    Args:
        module: Its parameters are replaced in place by parts of them, divided along the first axis, except
            those of sub-modules that are fully sharded themselves.
        group: The processes; all by default.
        compute_dtype: The type in which the parameters are gathered and used; their own by default.

    Raises:
        ValueError: A parameter is a scalar, or its first axis cannot be divided by the size of the group.
    """

    def __init__(
        self,
        module: Module,
        group: mx.distributed.Group | None = None,
        compute_dtype: mx.Dtype | None = None,
    ):
        super().__init__()
        group = group or mx.distributed.init()
        size = group.size()
        tree = module.filter_and_map(_keep_unsharded)
        named = tree_flatten(tree)
        for path, array in named:
            if array.ndim == 0 or array.shape[0] % size != 0:
                raise ValueError(
                    f"[FullyShardedModule] The first axis of '{path}' with shape {array.shape} cannot be "
                    f"divided among {size} processes."
                )
        # Past Module.__setattr__: a list would count as content of the module.
        object.__setattr__(self, "_paths", [path for path, _ in named])
        self._gather = _gather_function(group, [array.shape for _, array in named], compute_dtype)
        module.update(_shard(tree, lambda path, weight: 0, group))
        self.module = module

    def _extra_repr(self) -> str:
        return f"num_sharded_params={len(self._paths)}"

    def _call_gathered(self, fn, *args, **kwargs):
        """Call ``fn`` while the module has its whole parameters."""
        parts = self.module.filter_and_map(_keep_unsharded)
        whole = self._gather([array for _, array in tree_flatten(parts)])
        self.module.update(tree_unflatten(list(zip(self._paths, whole))))
        try:
            return fn(*args, **kwargs)
        finally:
            self.module.update(parts)

    def __call__(self, *args, **kwargs):
        return self._call_gathered(self.module, *args, **kwargs)

    def as_linear(self, *args, **kwargs):
        """Call the method of this name of the module, for embeddings shared with the output layer."""
        return self._call_gathered(self.module.as_linear, *args, **kwargs)


def fully_shard(
    module: Module,
    *,
    group: mx.distributed.Group | None = None,
    compute_dtype: mx.Dtype | None = None,
) -> Module:
    """Divide the memory of a module's parameters, gradients and optimizer state among processes.

    Apply it to the layers first, then to the model, so that only one layer's parameters are whole at a time.

    Args:
        module: Changed in place.
        group: The processes; all by default.
        compute_dtype: The type in which the parameters are gathered and used; their own by default.

    Returns:
        A :class:`FullyShardedModule`, or ``module`` itself in a group of one, if it is one already, or if
        there is nothing left to divide.
    """
    group = group or mx.distributed.init()
    if group.size() == 1 or isinstance(module, FullyShardedModule):
        return module
    wrapped = FullyShardedModule(module, group=group, compute_dtype=compute_dtype)
    return wrapped if wrapped._paths else module
