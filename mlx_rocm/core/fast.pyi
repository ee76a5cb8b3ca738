"""Fused ops."""

from collections.abc import Sequence

import mlx_rocm.core


from collections.abc import Sequence
from mlx_rocm.core import Dtype, StreamOrDevice, array, scalar

def rms_norm(x: mlx_rocm.core.array, weight: mlx_rocm.core.array | None, eps: float, *, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    x / sqrt(mean(x**2) + eps) * weight over the last axis; weight (features,) may be None.
    """

def layer_norm(x: mlx_rocm.core.array, weight: mlx_rocm.core.array | None, bias: mlx_rocm.core.array | None, eps: float, *, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    (x - mean) / sqrt(variance + eps) * weight + bias over the last axis; weight and bias may be None.
    """

def rope(a: mlx_rocm.core.array, dims: int, *, traditional: bool, base: float | None, scale: float, offset: object, freqs: mlx_rocm.core.array | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    Rotary position encoding of the first dims features of a (batch, ..., time, features).
    """

def scaled_dot_product_attention(q: mlx_rocm.core.array, k: mlx_rocm.core.array, v: mlx_rocm.core.array, *, scale: float, mask: object | None = None, sinks: mlx_rocm.core.array | None = None, force_fused: bool = False, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    softmax(scale * q @ k.T + mask) @ v for q (batch, heads, q_len, dim) and k, v (batch, kv_heads, kv_len, dim). mask: None, 'causal', or a boolean or additive array; sinks: one extra logit per head.
    """

def cross_entropy(logits: mlx_rocm.core.array, targets: mlx_rocm.core.array, *, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> mlx_rocm.core.array:
    """
    logsumexp(logits) - logits[target] over the last axis, in float32; targets (...,) are class indices.
    """

def gated_delta_update(q: mlx_rocm.core.array, k: mlx_rocm.core.array, v: mlx_rocm.core.array, gamma: mlx_rocm.core.array, beta: mlx_rocm.core.array, initial_state: mlx_rocm.core.array | None = None, mask: mlx_rocm.core.array | None = None, stream: mlx_rocm.core.Stream | mlx_rocm.core.ThreadLocalStream | mlx_rocm.core.Device | mlx_rocm.core.DeviceType | None = None) -> list[mlx_rocm.core.array]:
    """
    Gated delta rule: S = gamma S; S += beta (v - S k) k^T; y = S q for every step. q, k (batch, time, key_heads, dk), v (batch, time, heads, dv), gamma, beta (batch, time, heads), initial_state (batch, heads, dv, dk), mask (batch, time). Returns [y, state].
    """

def hip_kernel(name: str, input_names: Sequence[str], output_names: Sequence[str], source: str, header: str = '', ensure_row_contiguous: bool = True, shared_memory: int = 0) -> object:
    """
    A kernel written in HIP (or CUDA): source is the body of a function of the inputs and outputs by name. For an input x it may use x_shape, x_strides and x_ndim. The result is called with inputs, output_shapes, output_dtypes, grid (threads in all), threadgroup, template (pairs of a name and a dtype, bool or int), init_value, verbose and stream, and returns the list of outputs.
    """

def cuda_kernel(name: str, input_names: Sequence[str], output_names: Sequence[str], source: str, header: str = '', ensure_row_contiguous: bool = True, shared_memory: int = 0) -> object:
    """
    A kernel in CUDA's language, compiled as HIP: see hip_kernel. Fails where there is no GPU.
    """

def metal_kernel(name: str, input_names: Sequence[str], output_names: Sequence[str], source: str, header: str = '', ensure_row_contiguous: bool = True, atomic_outputs: bool = False, compile_options: object | None = None) -> object:
    """
    A kernel in Metal's language: it can be exported, and fails when it is called otherwise.
    """

def precompiled_cuda_kernel(*args, **kwargs) -> None:
    """A compiled CUDA kernel: fails, for want of a CUDA back-end."""
