"""All layers and activation functions."""

# ruff: noqa: F401  (all names are for import from here)
from mlx_rocm.nn.layers.activations import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    HardShrink,
    Hardswish,
    HardTanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU2,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softmin,
    Softplus,
    Softshrink,
    Softsign,
    Step,
    Tanh,
    celu,
    elu,
    gelu,
    gelu_approx,
    gelu_fast_approx,
    glu,
    hard_shrink,
    hard_tanh,
    hardswish,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    prelu,
    relu,
    relu2,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    step,
    tanh,
)
from mlx_rocm.nn.layers.base import Module
from mlx_rocm.nn.layers.containers import Sequential
from mlx_rocm.nn.layers.convolution import Conv1d, Conv2d, Conv3d
from mlx_rocm.nn.layers.convolution_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from mlx_rocm.nn.layers.distributed import (
    AllToShardedLinear,
    FullyShardedModule,
    QuantizedAllToShardedLinear,
    QuantizedShardedToAllLinear,
    ShardedToAllLinear,
    fully_shard,
)
from mlx_rocm.nn.layers.dropout import Dropout, Dropout2d, Dropout3d
from mlx_rocm.nn.layers.embedding import Embedding
from mlx_rocm.nn.layers.linear import Bilinear, Identity, Linear
from mlx_rocm.nn.layers.normalization import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from mlx_rocm.nn.layers.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from mlx_rocm.nn.layers.positional_encoding import ALiBi, RoPE, SinusoidalPositionalEncoding
from mlx_rocm.nn.layers.quantized import QQLinear, QuantizedEmbedding, QuantizedLinear, quantize
from mlx_rocm.nn.layers.recurrent import GRU, LSTM, RNN
from mlx_rocm.nn.layers.transformer import (
    MultiHeadAttention,
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from mlx_rocm.nn.layers.upsample import Upsample
