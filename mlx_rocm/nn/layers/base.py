"""Module: the base class of all layers and models."""

# ruff: noqa: TRY004  (wrong types are ValueErrors where they are in MLX)

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from typing import Any

import mlx_rocm.core as mx
from mlx_rocm.utils import tree_flatten, tree_unflatten


class Module(dict):
    """Base class of layers and models: a dict of arrays, sub-modules and containers of them, with attribute
    access.

    Assigning an array, a dict (hence also a module), a list or a tuple to an attribute stores it in the dict;
    everything else (sizes, flags, functions) is an ordinary attribute.  The arrays found by walking dicts and
    lists whose name does not start with an underscore are the module's *parameters*; those that are not
    frozen are *trainable*, and :func:`mlx_rocm.nn.value_and_grad` differentiates with respect to them.

    Example:
        >>> class MLP(nn.Module):
        ...     def __init__(self, dims, hidden):
        ...         super().__init__()
        ...         self.up = nn.Linear(dims, hidden)
        ...         self.down = nn.Linear(hidden, dims)
        ...
        ...     def __call__(self, x):
        ...         return self.down(nn.relu(self.up(x)))
        >>> model = MLP(16, 64)
        >>> mx.eval(model.parameters())  # arrays are lazy: this computes the initial values
        >>> model.up.weight = 2 * model.up.weight
    """

    __call__: Callable

    def __init__(self):
        """Every subclass calls this before it sets attributes."""
        self._no_grad = set()
        self._training = True

    # ---- attributes ----

    @property
    def training(self):
        """True in training mode (the initial state), False after :meth:`eval`."""
        return self._training

    @property
    def state(self):
        """The module itself seen as a dict: reading and writing it reads and writes the module.

        Unlike :meth:`parameters` it holds everything stored in the module, names with an underscore included.
        Pass it as ``inputs`` and ``outputs`` of :func:`mlx_rocm.core.compile`.
        """
        return self

    def __getattr__(self, key: str):
        # Python comes here only when `key` is no ordinary attribute.
        try:
            value = self[key]
        except KeyError:
            value = None
        if value is not None:
            return value
        return object.__getattribute__(self, key)  # raises AttributeError with Python's own message

    def __setattr__(self, key: str, val: Any):
        if isinstance(val, (mx.array, dict, list, tuple)):
            if key not in self and hasattr(self, key):
                delattr(self, key)  # the name must not be found as an ordinary attribute first
            self[key] = val
        else:
            super().__setattr__(key, val)
            self.pop(key, None)

    def __delattr__(self, name):
        if self.get(name) is not None:
            del self[name]
        else:
            super().__delattr__(name)

    def _extra_repr(self) -> str:
        """What stands in the parentheses of the representation; layers override it."""
        return ""

    def __repr__(self):
        lines = [f"({path}): {child!r}" for path, child in _child_modules(self)]
        body = "".join("\n" + textwrap.indent(line, "  ") for line in lines)
        return f"{type(self).__name__}({self._extra_repr()}{body}" + ("\n)" if lines else ")")

    # ---- files ----

    def load_weights(self, file_or_weights: str | list[tuple[str, mx.array]], strict: bool = True) -> Module:
        """Replace parameters by those of a file or a list.

        Args:
            file_or_weights: A ``.safetensors`` or ``.npz`` file, or ``(path, array)`` pairs as
                ``tree_flatten(model.parameters())`` gives them.
            strict: Require exactly the model's parameters, with their shapes.  Otherwise unknown names are
                ignored and missing ones keep their values.

        Returns:
            The module.

        Raises:
            ValueError: In strict mode, when names or shapes differ; the message lists all names concerned.
        """
        weights = file_or_weights
        if isinstance(weights, (str, os.PathLike)):
            weights = list(mx.load(os.fspath(weights)).items())
        if strict:
            _check_weights(dict(weights), tree_flatten(self.parameters(), destination={}))
        if len(weights) != 0:
            self.update(tree_unflatten(weights), strict=False)
        return self

    def save_weights(self, file: str):
        """Write all parameters to ``file``.

        Args:
            file: A name ending in ``.safetensors`` or ``.npz``, which selects the format.

        Raises:
            ValueError: Any other ending.
        """
        file = os.fspath(file)
        weights = tree_flatten(self.parameters(), destination={})
        if file.endswith(".safetensors"):
            mx.save_safetensors(file, weights)
        elif file.endswith(".npz"):
            mx.savez(file, **weights)
        else:
            raise ValueError(f"[save_weights] {file!r} must end in '.safetensors' or '.npz'.")

    # ---- walking the tree ----

    @staticmethod
    def is_module(value):
        """True if ``value`` is a :class:`Module`."""
        return isinstance(value, Module)

    @staticmethod
    def valid_child_filter(module, key, value):
        """The filter of :meth:`children`: keeps modules, dicts and lists."""
        return isinstance(value, (dict, list))

    @staticmethod
    def valid_parameter_filter(module, key, value):
        """The filter of :meth:`parameters`: keeps arrays and containers, without a leading underscore."""
        return isinstance(value, (dict, list, mx.array)) and not key.startswith("_")

    @staticmethod
    def trainable_parameter_filter(module, key, value):
        """The filter of :meth:`trainable_parameters`: that of :meth:`parameters` minus what is frozen."""
        return Module.valid_parameter_filter(module, key, value) and key not in module._no_grad

    def filter_and_map(
        self,
        filter_fn: Callable[[Module, str, Any], bool],
        map_fn: Callable | None = None,
        is_leaf_fn: Callable[[Module, str, Any], bool] | None = None,
    ):
        """A nested dict of the module's contents: filtered, with a function applied to the leaves.

        All callbacks see the module that owns a value and the value's name in it; inside a list or dict of
        that module the name is dotted (``layers.0``).

        Args:
            filter_fn: ``filter_fn(module, key, value)`` says what to keep.  In lists and plain dicts an empty
                dict takes the place of what is not kept.
            map_fn: Applied to each leaf that is kept; the identity by default.
            is_leaf_fn: ``is_leaf_fn(module, key, value)``; by default everything but modules, dicts and lists
                is a leaf.

        Raises:
            RuntimeError: ``is_leaf_fn`` denies that something is a leaf which cannot be walked.
        """
        return _filter_module(self, filter_fn, map_fn, is_leaf_fn)

    def parameters(self):
        """All arrays of the module and its sub-modules as a nested dict."""
        return _filter_module(self, self.valid_parameter_filter, None, None)

    def trainable_parameters(self):
        """Those of :meth:`parameters` that are not frozen."""
        return _filter_module(self, self.trainable_parameter_filter, None, None)

    def children(self):
        """The direct sub-modules as a nested dict (lists and dicts of modules are kept)."""
        return _filter_module(self, self.valid_child_filter, None, lambda m, k, v: isinstance(v, Module))

    def leaf_modules(self):
        """The sub-modules at any depth that have no sub-modules themselves, as a nested dict.

        Sub-modules that hold nothing (activations, dropout) do not count: a module that has only such ones is
        a leaf.
        """

        def is_leaf(module, key, value):
            return isinstance(value, Module) and not any(
                tree_flatten(child) for _, child in _child_modules(value)
            )

        return _filter_module(self, self.valid_child_filter, None, is_leaf)

    def apply_to_modules(self, apply_fn: Callable[[str, Module], Any]) -> Module:
        """Call ``apply_fn(path, module)`` for this module (path "") and all below it, parents first."""
        stack = [("", self)]
        while stack:
            path, module = stack.pop()
            apply_fn(path, module)
            stack.extend(_child_modules(module, f"{path}." if path else ""))
        return self

    def modules(self):
        """A list of this module and all its sub-modules."""
        return [module for _, module in self.named_modules()]

    def named_modules(self):
        """A list of ``(path, module)`` for this module (whose path is empty) and all its sub-modules."""
        found = []
        self.apply_to_modules(lambda path, module: found.append((path, module)))
        return found

    # ---- changing it ----

    def update(self, parameters: dict, strict: bool = True) -> Module:
        """Replace parameters in place by those of a nested dict, which may hold a part of them.

        Args:
            parameters: A tree such as :meth:`parameters` returns.
            strict: Complain about what the module does not have; otherwise ignore it.

        Returns:
            The module.

        Raises:
            ValueError: In strict mode: unknown name, position beyond a list, or something that is no array.
        """
        _assign(self, parameters, strict, _replace_array, "parameter")
        return self

    def update_modules(self, modules: dict, strict: bool = True) -> Module:
        """Replace sub-modules in place by those of a nested dict such as :meth:`children` or
        :meth:`leaf_modules` returns.

        Args:
            modules: The new modules; it may hold a part of them.
            strict: Complain about what the module does not have; otherwise ignore it.

        Returns:
            The module.

        Raises:
            ValueError: In strict mode: unknown name, position beyond a list, or something that is no module.
        """
        _assign(self, modules, strict, _replace_module, "sub-module")
        return self

    def apply(
        self,
        map_fn: Callable[[mx.array], mx.array],
        filter_fn: Callable[[Module, str, Any], bool] | None = None,
    ) -> Module:
        """Replace every parameter by ``map_fn(parameter)``.

        Args:
            map_fn: The function.
            filter_fn: Which values to replace, see :meth:`filter_and_map`; all parameters by default.

        Returns:
            The module.
        """
        self.update(_filter_module(self, filter_fn or Module.valid_parameter_filter, map_fn, None))
        return self

    def set_dtype(
        self,
        dtype: mx.Dtype,
        predicate: Callable[[mx.Dtype], bool] | None = lambda x: mx.issubdtype(x, mx.floating),
    ):
        """Cast the parameters.

        Args:
            dtype: The new type.
            predicate: ``predicate(current_dtype)`` says what to cast: floating types by default, everything
                if None.
        """
        self.apply(lambda x: x.astype(dtype) if predicate is None or predicate(x.dtype) else x)

    # ---- freezing and modes ----

    def _validate_keys(self, keys, strict):
        keys = keys if isinstance(keys, list) else [keys]
        if strict:
            for key in keys:
                if key not in self:
                    raise KeyError(f"{type(self).__name__} has no member {key!r}.")
        return keys

    def _validate_keys_recursive(self, keys):
        modules = self.modules()
        for key in keys if isinstance(keys, list) else [keys]:
            if not any(key in module for module in modules):
                raise KeyError(f"{type(self).__name__} and its sub-modules have no member {key!r}.")

    def _visit(self, fn, recurse, keys, strict):
        """Call ``fn(module, strict)`` here, or in all sub-modules if one of them has each strict key."""
        if not recurse:
            fn(self, strict)
            return self
        if strict and keys is not None:
            self._validate_keys_recursive(keys)
        return self.apply_to_modules(lambda _, module: fn(module, False))

    def freeze(
        self,
        *,
        recurse: bool = True,
        keys: str | list[str] | None = None,
        strict: bool = False,
    ) -> Module:
        """Exclude parameters from :meth:`trainable_parameters`.

        Args:
            recurse: Freeze in the sub-modules too.
            keys: Names of parameters, such as ``"bias"``; all by default.
            strict: Complain about names that do not occur.

        Returns:
            The module.

        Raises:
            KeyError: ``strict`` and a name does not occur.
        """

        def freeze_one(module, strict):
            names = _own_parameter_names(module) if keys is None else module._validate_keys(keys, strict)
            module._no_grad.update(names)

        return self._visit(freeze_one, recurse, keys, strict)

    def unfreeze(
        self,
        *,
        recurse: bool = True,
        keys: str | list[str] | None = None,
        strict: bool = False,
    ) -> Module:
        """Undo :meth:`freeze`; the arguments are the same.

        Returns:
            The module.

        Raises:
            KeyError: ``strict`` and a name does not occur.
        """

        def unfreeze_one(module, strict):
            if keys is None:
                module._no_grad.clear()
            else:
                module._no_grad.difference_update(module._validate_keys(keys, strict))

        return self._visit(unfreeze_one, recurse, keys, strict)

    def _set_training_mode(self, mode: bool) -> None:
        """Called by :meth:`train`; layers that keep other data in the two modes override it."""
        self._training = mode

    def train(self, mode: bool = True) -> Module:
        """Set training mode (``mode=False``: evaluation mode) in the whole tree; returns the module.

        Dropout and batch normalisation, for example, act differently in the two.
        """
        return self.apply_to_modules(lambda _, module: module._set_training_mode(mode))

    def eval(self) -> Module:
        """Set evaluation mode here and in all sub-modules; returns the module."""
        return self.train(False)


def _child_modules(module, prefix=""):
    """``(path, module)`` of the direct sub-modules, those in nested lists and dicts included."""
    found = []

    def walk(items, prefix):
        for key, value in items:
            if isinstance(value, Module):
                found.append((f"{prefix}{key}", value))
            elif isinstance(value, dict):
                walk(value.items(), f"{prefix}{key}.")
            elif isinstance(value, list):
                walk(enumerate(value), f"{prefix}{key}.")

    walk(module.items(), prefix)
    return found


def _own_parameter_names(module):
    """The names, dotted inside containers, of the parameters that are not those of a sub-module."""

    names = []

    def walk(key, value):
        if isinstance(value, Module) or not module.valid_parameter_filter(module, key, value):
            return
        if isinstance(value, dict):
            for k, v in value.items():
                walk(f"{key}.{k}", v)
        elif isinstance(value, list):
            for i, v in enumerate(value):
                walk(f"{key}.{i}", v)
        else:
            names.append(key)

    for key, value in module.items():
        walk(key, value)
    return names


def _filter_module(module, keep, fn, is_leaf):
    """:meth:`Module.filter_and_map`."""

    def convert(module, key, value):
        if is_leaf is None:
            if not isinstance(value, (dict, list)):
                return value if fn is None else fn(value)
        elif is_leaf(module, key, value):
            return value if fn is None else fn(value)
        if isinstance(value, Module):
            return walk(value)
        if isinstance(value, dict):
            return {k: element(module, f"{key}.{k}", v) for k, v in value.items()}
        if isinstance(value, list):
            return [element(module, f"{key}.{i}", v) for i, v in enumerate(value)]
        raise RuntimeError(
            f"[filter_and_map] {key!r} is neither a leaf nor a container: {type(value).__name__}."
        )

    def element(module, key, value):
        return convert(module, key, value) if keep(module, key, value) else {}

    def walk(module):
        return {key: convert(module, key, value) for key, value in module.items() if keep(module, key, value)}

    return walk(module)


def _is_placeholder(new):
    """Whether ``new`` is what :func:`_filter_module` leaves in a list in place of what was not kept."""
    return isinstance(new, dict) and not new


def _replace_array(current, new, strict):
    """Whether ``current`` is a parameter, to be replaced by ``new``."""
    if not isinstance(current, mx.array):
        return False
    if isinstance(new, mx.array):
        return True
    if strict and not _is_placeholder(new):
        raise ValueError(f"[update] Expected an array, got {type(new).__name__}.")
    return not _is_placeholder(new)


def _replace_module(current, new, strict):
    """Whether ``current`` is a sub-module, to be replaced by ``new``."""
    return isinstance(current, Module) and isinstance(new, Module)


def _assign(target, new, strict, replace, what):
    """Walk ``new`` and ``target`` together; put new values in where ``replace(current, new, strict)``."""
    if isinstance(new, dict) and isinstance(target, dict):
        entries, known = new.items(), target
    elif isinstance(new, list) and isinstance(target, list):
        entries, known = enumerate(new), range(len(target))
    elif strict and not _is_placeholder(new):
        raise ValueError(f"[update] Expected a {what} or a container of them, got {type(new).__name__}.")
    else:
        return
    for key, value in entries:
        if key not in known:
            if strict:
                raise ValueError(_missing(target, key, what))
        elif replace(target[key], value, strict):
            target[key] = value
        else:
            _assign(target[key], value, strict, replace, what)


def _missing(target, key, what):
    if isinstance(target, list):
        return f"[update] Position {key} is out of range for a list of {len(target)}."
    return f"[update] {type(target).__name__} has no {what} named {key!r}."


def _check_weights(new, current):
    """Raise ValueError unless ``new`` has exactly the names and shapes of ``current``."""
    unknown = sorted(new.keys() - current.keys())
    if unknown:
        raise ValueError(
            f"[load_weights] Received {len(unknown)} parameters not in model:\n" + ",\n".join(unknown)
        )
    missing = sorted(current.keys() - new.keys())
    if missing:
        raise ValueError(f"[load_weights] Missing {len(missing)} parameters:\n" + ",\n".join(missing))
    for name, old in current.items():
        value = new[name]
        if not isinstance(value, mx.array):
            raise ValueError(f"[load_weights] Expected an array for {name}, got {type(value).__name__}.")
        if value.shape != old.shape:
            raise ValueError(f"[load_weights] Expected shape {old.shape} for {name}, got {value.shape}.")
