"""Layers with quantised weights.

See :func:`mlx_rocm.core.quantize` for the modes and what group size and bits they allow.  A quantised matrix
is stored as ``weight`` (packed in uint32), ``scales`` and, in affine mode, ``biases``.
"""

# ruff: noqa: TRY004  (wrong types are ValueErrors where they are in MLX)

import math
from collections.abc import Callable

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module
from mlx_rocm.utils import tree_map_with_path

# mode: (group size, bits)
_MODE_DEFAULTS = {"affine": (64, 4), "mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)}


def _defaults_for_mode(mode, group_size, bits):
    """``(group_size, bits)`` with those of ``mode`` where one is not given."""
    if mode not in _MODE_DEFAULTS:
        raise ValueError(
            f"[quantize] mode must be one of {', '.join(map(repr, _MODE_DEFAULTS))}, got {mode!r}."
        )
    default_group_size, default_bits = _MODE_DEFAULTS[mode]
    return group_size or default_group_size, bits or default_bits


def quantize(
    model: Module,
    group_size: int | None = None,
    bits: int | None = None,
    *,
    mode: str = "affine",
    quantize_input: bool = False,
    class_predicate: Callable[[str, Module], bool | dict] | None = None,
):
    """Replace layers of a model by their quantised forms, in place.

    Args:
        model: Its leaf modules that have a method ``to_quantized`` are replaced by what that returns.
        group_size: How many weights share a scale; each mode has a default.
        bits: Bits of a weight; each mode has a default.
        mode: ``"affine"``, ``"mxfp4"``, ``"mxfp8"`` or ``"nvfp4"``.
        quantize_input: Quantise activations too (modes ``"nvfp4"`` and ``"mxfp8"``, linear layers).
        class_predicate: ``class_predicate(path, module)`` selects layers: it returns a bool, or a dict of
            arguments for ``to_quantized`` to be used for this layer.

    Raises:
        ValueError: A selected layer cannot be quantised, or the predicate returned something else.

    Example:
        >>> nn.quantize(model, bits=8, class_predicate=lambda path, m: "head" not in path)
    """
    settings = {"group_size": group_size, "bits": bits, "mode": mode}
    if quantize_input:  # layers of other people may not know this argument
        settings["quantize_input"] = True

    def convert(path, module):
        chosen = class_predicate(path, module) if class_predicate else hasattr(module, "to_quantized")
        if not chosen:
            return module
        if not hasattr(module, "to_quantized"):
            raise ValueError(f"[quantize] {path} of type {type(module).__name__} cannot be quantized.")
        if isinstance(chosen, bool):
            return module.to_quantized(**settings)
        if not isinstance(chosen, dict):
            got = type(chosen).__name__
            raise ValueError(
                f"[quantize] class_predicate must return a bool or a dict of arguments, got {got}."
            )
        return module.to_quantized(**{k: v for k, v in chosen.items() if k != "quantize_input" or v})

    leaves = model.leaf_modules()
    model.update_modules(tree_map_with_path(convert, leaves, is_leaf=Module.is_module))


def _store_quantized(layer, weight):
    """Quantise ``weight`` into the parameters of ``layer``, with the layer's settings."""
    layer.weight, layer.scales, *biases = mx.quantize(weight, layer.group_size, layer.bits, mode=layer.mode)
    layer.biases = biases[0] if biases else None


def _multiply(layer, x):
    """``x`` times the transposed quantised weight of ``layer``."""
    return mx.quantized_matmul(
        x,
        layer["weight"],
        scales=layer["scales"],
        biases=layer.get("biases"),
        transpose=True,
        group_size=layer.group_size,
        bits=layer.bits,
        mode=layer.mode,
    )


def _settings_repr(layer):
    return f"group_size={layer.group_size}, bits={layer.bits}, mode={layer.mode}"


class QuantizedEmbedding(Module):
    """An :class:`Embedding` with a quantised table, whose parameters are frozen.

    Args:
        num_embeddings: The number of tokens.
        dims: The length of the vectors, a multiple of the group size.
        group_size: How many weights share a scale; each mode has a default.
        bits: Bits of a weight; each mode has a default.
        mode: See :func:`mlx_rocm.core.quantize`.
    """

    def __init__(
        self,
        num_embeddings: int,
        dims: int,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
    ):
        super().__init__()
        self.group_size, self.bits = _defaults_for_mode(mode, group_size, bits)
        self.mode = mode
        weight = mx.random.normal(shape=(num_embeddings, dims), scale=math.sqrt(1 / dims))
        _store_quantized(self, weight)
        self.num_embeddings = num_embeddings
        self.dims = dims
        self.freeze()

    def __call__(self, x):
        """The vectors for tokens ``x`` (integers of any shape): shape ``(*x.shape, dims)``."""
        biases = self.get("biases")
        return mx.dequantize(
            self["weight"][x],
            scales=self["scales"][x],
            biases=None if biases is None else biases[x],
            group_size=self.group_size,
            bits=self.bits,
            mode=self.mode,
        )

    def as_linear(self, x):
        """The products of ``x``, ``(..., dims)``, with all vectors: shape ``(..., num_embeddings)``."""
        return _multiply(self, x)

    def _extra_repr(self):
        return f"{self.num_embeddings}, {self.dims}, {_settings_repr(self)}"

    @classmethod
    def from_embedding(
        cls,
        embedding_layer: Module,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
    ):
        """The quantised form of an :class:`Embedding`."""
        rows, dims = embedding_layer.weight.shape
        layer = cls(rows, dims, group_size, bits, mode=mode)
        _store_quantized(layer, embedding_layer.weight)
        return layer


class QuantizedLinear(Module):
    """A :class:`Linear` with a quantised matrix, whose parameters are frozen.

    Gradients flow through it to its input.

    Args:
        input_dims: The length of the input's last axis, a multiple of the group size.
        output_dims: The length of the output's last axis.
        bias: Whether a bias is added.
        group_size: How many weights share a scale; each mode has a default.
        bits: Bits of a weight; each mode has a default.
        mode: See :func:`mlx_rocm.core.quantize`.
    """

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        bias: bool = True,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
    ):
        super().__init__()
        self.group_size, self.bits = _defaults_for_mode(mode, group_size, bits)
        self.mode = mode
        bound = math.sqrt(1 / input_dims)
        weight = mx.random.uniform(low=-bound, high=bound, shape=(output_dims, input_dims))
        _store_quantized(self, weight)
        if bias:
            self.bias = mx.zeros((output_dims,))
        self.freeze()

    def _extra_repr(self):
        outputs, words = self.weight.shape
        inputs = words * 32 // self.bits
        return f"input_dims={inputs}, output_dims={outputs}, bias={'bias' in self}, {_settings_repr(self)}"

    def __call__(self, x):
        y = _multiply(self, x)
        return y + self["bias"] if "bias" in self else y

    @classmethod
    def from_linear(
        cls,
        linear_layer: Module,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
    ):
        """The quantised form of a :class:`Linear`; the bias is taken over as it is and can be trained."""
        outputs, inputs = linear_layer.weight.shape
        layer = cls(inputs, outputs, False, group_size, bits, mode=mode)
        _store_quantized(layer, linear_layer.weight)
        if "bias" in linear_layer:
            layer.bias = linear_layer.bias
        return layer


class QQLinear(Module):
    """A linear layer without bias that quantises its input as well as its matrix.

    In evaluation mode the matrix is stored quantised.  In training mode it is stored as it is, quantised on
    each call, and gets gradients.  :meth:`Module.eval` and :meth:`Module.train` convert it.

    Args:
        input_dims: The length of the input's last axis, a multiple of the group size.
        output_dims: The length of the output's last axis.
        group_size: How many values share a scale; each mode has a default.
        bits: Bits of a value; each mode has a default.
        mode: ``"nvfp4"`` or ``"mxfp8"``.
    """

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "nvfp4",
    ):
        super().__init__()
        self.group_size, self.bits = _defaults_for_mode(mode, group_size, bits)
        self.mode = mode
        bound = math.sqrt(1 / input_dims)
        self.weight = mx.random.uniform(low=-bound, high=bound, shape=(output_dims, input_dims))
        self._quantized = False

    def _extra_repr(self):
        outputs, inputs = self.weight.shape
        if self.weight.dtype == mx.uint32:
            inputs = inputs * 32 // self.bits
        return f"input_dims={inputs}, output_dims={outputs}, {_settings_repr(self)}"

    def quantize(self):
        """Store the matrix quantised, unless it is already."""
        if self._quantized:
            return
        self.weight, self.scales = mx.quantize(self.weight, self.group_size, self.bits, mode=self.mode)
        self._quantized = True

    def dequantize(self):
        """Store the matrix in floating point, unless it is already."""
        if not self._quantized:
            return
        self.weight = mx.dequantize(
            self.weight, scales=self.scales, group_size=self.group_size, bits=self.bits, mode=self.mode
        )
        del self.scales
        self._quantized = False

    def _set_training_mode(self, mode: bool):
        super()._set_training_mode(mode)
        if mode:
            self.dequantize()
        else:
            self.quantize()

    def __call__(self, x):
        return mx.qqmm(
            x,
            self["weight"],
            scales=self.get("scales"),
            group_size=self.group_size,
            bits=self.bits,
            mode=self.mode,
        )

    @classmethod
    def from_linear(
        cls,
        linear_layer: Module,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "nvfp4",
    ):
        """The form of a :class:`Linear` that quantises input and matrix, in the same mode (training or
        evaluation).

        Raises:
            NotImplementedError: The layer has a bias.
        """
        if linear_layer.get("bias") is not None:
            raise NotImplementedError("[QQLinear] A bias is not supported.")
        outputs, inputs = linear_layer.weight.shape
        layer = cls(inputs, outputs, group_size, bits, mode=mode)
        layer.weight = linear_layer.weight
        layer.train(linear_layer.training)
        return layer
