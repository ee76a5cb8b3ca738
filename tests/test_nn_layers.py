"""Values of the layers and activations of mlx_rocm.nn against nn_reference, and their errors."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special

import mlx_rocm.core as mx
from mlx_rocm import nn
from mlx_rocm.utils import tree_flatten

sys.path.insert(0, str(Path(__file__).parent))
import nn_reference as ref

RNG = np.random.default_rng(21)


def check(got, expected, tolerance=2e-5):
    assert tuple(got.shape) == np.shape(expected)
    np.testing.assert_allclose(np.array(got, np.float64), expected, rtol=tolerance, atol=tolerance)


def to_mx(a):
    return (
        mx.array(np.asarray(a, np.float32))
        if isinstance(a, np.ndarray) and a.dtype.kind == "f"
        else mx.array(a)
    )


def randomized(layer):
    """``layer`` with random parameters (many start as ones or zeros), and these as NumPy arrays by path."""
    values = {path: 0.5 * RNG.normal(size=p.shape) + 0.1 for path, p in tree_flatten(layer.parameters())}
    layer.load_weights([(path, to_mx(v)) for path, v in values.items()])
    return layer, values


# ---- activations: function, module or None, keywords, formula ----

ACTIVATIONS = [
    (nn.sigmoid, nn.Sigmoid, {}, ref.sigmoid),
    (nn.relu, nn.ReLU, {}, lambda x: np.maximum(x, 0)),
    (nn.relu2, nn.ReLU2, {}, lambda x: np.maximum(x, 0) ** 2),
    (nn.relu6, nn.ReLU6, {}, lambda x: np.clip(x, 0, 6)),
    (nn.leaky_relu, nn.LeakyReLU, {}, lambda x: np.where(x > 0, x, 0.01 * x)),
    (nn.leaky_relu, nn.LeakyReLU, {"negative_slope": 0.2}, lambda x: np.where(x > 0, x, 0.2 * x)),
    (nn.log_softmax, nn.LogSoftmax, {}, lambda x: special.log_softmax(x, -1)),
    (nn.log_softmax, None, {"axis": 0}, lambda x: special.log_softmax(x, 0)),
    (nn.elu, nn.ELU, {}, lambda x: ref.elu(x, 1.0)),
    (nn.elu, nn.ELU, {"alpha": 0.3}, lambda x: ref.elu(x, 0.3)),
    (nn.softmax, nn.Softmax, {}, lambda x: special.softmax(x, -1)),
    (nn.softmax, None, {"axis": 0}, lambda x: special.softmax(x, 0)),
    (nn.softmin, nn.Softmin, {}, lambda x: special.softmax(-x, -1)),
    (nn.softplus, nn.Softplus, {}, ref.softplus),
    (nn.softsign, nn.Softsign, {}, lambda x: x / (1 + np.abs(x))),
    (nn.softshrink, nn.Softshrink, {}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    (nn.softshrink, nn.Softshrink, {"lambd": 1.5}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 1.5, 0)),
    (nn.hard_shrink, nn.HardShrink, {}, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    (nn.hard_shrink, nn.HardShrink, {"lambd": 1.5}, lambda x: np.where(np.abs(x) > 1.5, x, 0)),
    (nn.celu, nn.CELU, {}, lambda x: ref.elu(x, 1.0)),
    (nn.celu, nn.CELU, {"alpha": 2.0}, lambda x: np.where(x > 0, x, 2 * np.expm1(x / 2))),
    (nn.silu, nn.SiLU, {}, ref.silu),
    (nn.log_sigmoid, nn.LogSigmoid, {}, special.log_expit),
    (nn.gelu, nn.GELU, {}, ref.gelu),
    (nn.gelu_approx, None, {}, ref.gelu_tanh),
    (nn.gelu_fast_approx, None, {}, lambda x: x * ref.sigmoid(1.702 * x)),
    (nn.glu, nn.GLU, {}, lambda x: x[:, :4] * ref.sigmoid(x[:, 4:])),
    (nn.glu, nn.GLU, {"axis": 0}, lambda x: x[:3] * ref.sigmoid(x[3:])),
    (nn.step, nn.Step, {}, lambda x: (x >= 0).astype(int)),
    (nn.step, nn.Step, {"threshold": 1.0}, lambda x: (x >= 1).astype(int)),
    (nn.selu, nn.SELU, {}, lambda x: 1.0507 * ref.elu(x, 1.67326)),
    (nn.mish, nn.Mish, {}, lambda x: x * np.tanh(ref.softplus(x))),
    (nn.hardswish, nn.Hardswish, {}, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    (nn.hard_tanh, nn.HardTanh, {}, lambda x: np.clip(x, -1, 1)),
    (nn.hard_tanh, None, {"min_val": -0.5, "max_val": 2.0}, lambda x: np.clip(x, -0.5, 2)),
    (nn.tanh, nn.Tanh, {}, np.tanh),
]


@pytest.mark.parametrize(
    "function, module, keywords, formula", ACTIVATIONS, ids=lambda v: getattr(v, "__name__", None)
)
def test_activations(function, module, keywords, formula):
    for size in (1, 3):  # one compiled function serves all shapes
        x = np.tile(RNG.normal(size=(6, 8)) * 3, (1, size))[:, :8] * size
        check(function(to_mx(x), **keywords), formula(x), 5e-6 if function is not nn.mish else 2e-5)
        if module is not None:
            check(module(**keywords)(to_mx(x)), formula(x))
    for dtype in (mx.float16, mx.bfloat16):
        got = function(to_mx(x).astype(dtype), **keywords)
        assert got.dtype == (mx.int32 if function is nn.step else dtype)


def test_activations_stay_finite():
    x = mx.array([-1e4, -100.0, 0.0, 100.0, 1e4])
    for function in (
        nn.sigmoid,
        nn.softplus,
        nn.log_sigmoid,
        nn.silu,
        nn.mish,
        nn.gelu_approx,
        nn.log_softmax,
        nn.celu,
    ):
        assert mx.all(mx.isfinite(function(x))).item(), function
    tiny = nn.log_softmax(mx.array([1e4, 1e4 - 5]))
    check(tiny, special.log_softmax([1e4, 1e4 - 5]))


def test_gelu_forms():
    x = to_mx(np.linspace(-6, 6, 101))
    exact = nn.GELU()(x)
    for form in ("precise", "tanh"):
        assert mx.array_equal(nn.GELU(form)(x), nn.gelu_approx(x))
    assert mx.array_equal(nn.GELU("fast")(x), nn.gelu_fast_approx(x))
    assert mx.abs(exact - nn.gelu_approx(x)).max().item() < 5e-4
    assert mx.abs(exact - nn.gelu_fast_approx(x)).max().item() < 0.021
    with pytest.raises(ValueError, match="'none', 'precise', 'tanh', 'fast', got 'exact'"):
        nn.GELU("exact")


def test_prelu():
    x = RNG.normal(size=(3, 4))
    layer, p = randomized(nn.PReLU(4))
    check(layer(to_mx(x)), np.where(x > 0, x, p["weight"] * x))
    assert nn.PReLU(init=0.1).weight.tolist() == pytest.approx([0.1])


# ---- layers with parameters: id, layer, inputs, reference of (parameters, *inputs) ----


def normal(*shape):
    return RNG.normal(size=shape)


def spatial(reference, *settings):
    return lambda p, x: reference(p, x, *settings)


LAYERS = {
    "Linear": (lambda: nn.Linear(5, 3), [normal(2, 4, 5)], ref.linear),
    "Linear no bias": (lambda: nn.Linear(5, 3, bias=False), [normal(5)], ref.linear),
    "Bilinear": (lambda: nn.Bilinear(3, 4, 5), [normal(2, 6, 3), normal(2, 6, 4)], ref.bilinear),
    "Bilinear no bias": (lambda: nn.Bilinear(3, 4, 5, False), [normal(6, 3), normal(6, 4)], ref.bilinear),
    "Embedding": (lambda: nn.Embedding(7, 3), [np.array([[0, 6], [3, 3]])], lambda p, i: p["weight"][i]),
    "LayerNorm": (lambda: nn.LayerNorm(6), [normal(2, 3, 6)], ref.layer_norm),
    "LayerNorm no bias": (
        lambda: nn.LayerNorm(6, 0.1, bias=False),
        [normal(3, 6)],
        spatial(ref.layer_norm, 0.1),
    ),
    "LayerNorm plain": (lambda: nn.LayerNorm(6, affine=False), [normal(3, 6)], ref.layer_norm),
    "RMSNorm": (lambda: nn.RMSNorm(6, 0.01), [normal(2, 3, 6)], spatial(ref.rms_norm, 0.01)),
    "InstanceNorm": (lambda: nn.InstanceNorm(4), [normal(2, 5, 4)], spatial(ref.instance_norm, 1e-5)),
    "InstanceNorm affine": (
        lambda: nn.InstanceNorm(4, 0.01, affine=True),
        [normal(2, 3, 5, 4)],
        spatial(ref.instance_norm, 0.01),
    ),
    "GroupNorm": (lambda: nn.GroupNorm(3, 6), [normal(2, 4, 5, 6)], spatial(ref.group_norm, 3, False, 1e-5)),
    "GroupNorm PyTorch": (
        lambda: nn.GroupNorm(3, 6, pytorch_compatible=True),
        [normal(2, 4, 5, 6)],
        spatial(ref.group_norm, 3, True, 1e-5),
    ),
    "GroupNorm plain": (
        lambda: nn.GroupNorm(2, 6, 0.1, False),
        [normal(2, 4, 6)],
        spatial(ref.group_norm, 2, False, 0.1),
    ),
    "BatchNorm NC": (
        lambda: nn.BatchNorm(4, track_running_stats=False),
        [normal(6, 4)],
        spatial(ref.batch_norm, 1e-5),
    ),
    "BatchNorm NHWC": (
        lambda: nn.BatchNorm(4, 0.1, affine=False, track_running_stats=False),
        [normal(2, 3, 5, 4)],
        spatial(ref.batch_norm, 0.1),
    ),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3), [normal(2, 9, 4)], spatial(ref.conv, (1,), (0,), (1,))),
    "Conv1d all": (
        lambda: nn.Conv1d(4, 6, 3, 2, 3, 2, 2, bias=False),
        [normal(2, 9, 4)],
        spatial(ref.conv, (2,), (3,), (2,), 2),
    ),
    "Conv1d depthwise": (
        lambda: nn.Conv1d(6, 6, 4, groups=6, padding=3),
        [normal(2, 9, 6)],
        spatial(ref.conv, (1,), (3,), (1,), 6),
    ),
    "Conv2d": (
        lambda: nn.Conv2d(3, 4, 3, 1, 1),
        [normal(2, 6, 7, 3)],
        spatial(ref.conv, (1, 1), (1, 1), (1, 1)),
    ),
    "Conv2d all": (
        lambda: nn.Conv2d(4, 6, (2, 3), (2, 1), (1, 0), (1, 2), 2),
        [normal(2, 6, 7, 4)],
        spatial(ref.conv, (2, 1), (1, 0), (1, 2), 2),
    ),
    "Conv3d": (
        lambda: nn.Conv3d(2, 3, (2, 3, 1), 2, 1),
        [normal(2, 4, 5, 4, 2)],
        spatial(ref.conv, (2, 2, 2), (1, 1, 1), (1, 1, 1)),
    ),
    "ConvTranspose1d": (
        lambda: nn.ConvTranspose1d(4, 3, 3),
        [normal(2, 5, 4)],
        spatial(ref.conv_transpose, (1,), (0,), (1,), (0,)),
    ),
    "ConvTranspose1d all": (
        lambda: nn.ConvTranspose1d(4, 3, 3, 3, 1, 2, 1, bias=False),
        [normal(2, 5, 4)],
        spatial(ref.conv_transpose, (3,), (1,), (2,), (1,)),
    ),
    "ConvTranspose2d": (
        lambda: nn.ConvTranspose2d(3, 4, (2, 3), (2, 1), (0, 1), 1, (1, 0)),
        [normal(2, 4, 5, 3)],
        spatial(ref.conv_transpose, (2, 1), (0, 1), (1, 1), (1, 0)),
    ),
    "ConvTranspose3d": (
        lambda: nn.ConvTranspose3d(2, 3, 2, 2),
        [normal(1, 3, 2, 3, 2)],
        spatial(ref.conv_transpose, (2, 2, 2), (0, 0, 0), (1, 1, 1), (0, 0, 0)),
    ),
    "RNN": (lambda: nn.RNN(3, 4), [normal(2, 5, 3), normal(2, 4)], ref.rnn),
    "RNN no bias": (lambda: nn.RNN(3, 4, bias=False), [normal(5, 3), normal(4)], ref.rnn),
    "RNN relu": (
        lambda: nn.RNN(3, 4, nonlinearity=nn.relu),
        [normal(2, 5, 3), normal(2, 4)],
        lambda p, x, h: ref.rnn(p, x, h, lambda y: np.maximum(y, 0)),
    ),
    "RNN from zero": (lambda: nn.RNN(3, 4), [normal(2, 5, 3)], lambda p, x: ref.rnn(p, x, np.zeros((2, 4)))),
    "GRU": (lambda: nn.GRU(3, 4), [normal(2, 5, 3), normal(2, 4)], ref.gru),
    "GRU no bias": (lambda: nn.GRU(3, 4, bias=False), [normal(5, 3), normal(4)], ref.gru),
    "GRU from zero": (lambda: nn.GRU(3, 4), [normal(2, 5, 3)], lambda p, x: ref.gru(p, x, np.zeros((2, 4)))),
    "LSTM": (lambda: nn.LSTM(3, 4), [normal(2, 5, 3), normal(2, 4), normal(2, 4)], ref.lstm),
    "LSTM no bias": (lambda: nn.LSTM(3, 4, False), [normal(5, 3), normal(4), normal(4)], ref.lstm),
    "LSTM from zero": (
        lambda: nn.LSTM(3, 4),
        [normal(2, 5, 3)],
        lambda p, x: ref.lstm(p, x, np.zeros((2, 4)), np.zeros((2, 4))),
    ),
    "MultiHeadAttention": (
        lambda: nn.MultiHeadAttention(12, 3, bias=True),
        [normal(2, 4, 12), normal(2, 6, 12), normal(2, 6, 12), normal(4, 6)],
        lambda p, q, k, v, m: ref.attention(p, q, k, v, 3, m),
    ),
    "MultiHeadAttention dims": (
        lambda: nn.MultiHeadAttention(8, 2, 3, 5, 6, 12, 7),
        [normal(2, 4, 3), normal(2, 6, 5), normal(2, 6, 6)],
        lambda p, q, k, v: ref.attention(p, q, k, v, 2),
    ),
}
LAYERS |= {
    f"TransformerEncoder {order} norm": (
        lambda first=first: nn.TransformerEncoder(2, 8, 2, norm_first=first),
        [normal(2, 5, 8), normal(5, 5)],
        lambda p, x, m, first=first: ref.stack(p, ref.encoder_layer, x, m, 2, first),
    )
    for order, first in (("pre", True), ("post", False))
}
LAYERS |= {
    f"TransformerDecoder {order} norm": (
        lambda first=first: nn.TransformerDecoder(2, 8, 2, 16, norm_first=first, checkpoint=True),
        [normal(2, 5, 8), normal(2, 3, 8), normal(5, 5), normal(5, 3)],
        lambda p, x, m, xm, mm, first=first: ref.stack(p, ref.decoder_layer, x, m, xm, mm, 2, first),
    )
    for order, first in (("pre", True), ("post", False))
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    create, inputs, reference = LAYERS[name]
    layer, p = randomized(create())
    got, expected = layer(*map(to_mx, inputs)), reference(p, *inputs)
    for g, e in zip(got, expected) if isinstance(expected, tuple) else [(got, expected)]:
        assert g.dtype == mx.float32
        check(g, e, 5e-5)


def test_transformer():
    model, p = randomized(nn.Transformer(8, 2, 2, 1, 16))
    src, tgt = normal(2, 4, 8), normal(2, 3, 8)
    causal = nn.MultiHeadAttention.create_additive_causal_mask(3)
    assert causal.tolist()[0][1:] == [mx.finfo(mx.float32).min] * 2 and mx.tril(causal).sum().item() == 0
    memory = ref.stack(ref.part(p, "encoder"), ref.encoder_layer, src, 0.0, 2, True)
    mask = np.where(np.tri(3) > 0, 0, -np.inf)
    expected = ref.stack(ref.part(p, "decoder"), ref.decoder_layer, tgt, memory, mask, 0.0, 2, True)
    check(model(to_mx(src), to_mx(tgt), None, causal, None), expected, 5e-5)
    custom = nn.Transformer(8, 2, custom_encoder=nn.Identity(), custom_decoder=nn.Identity())
    assert isinstance(custom.encoder, nn.Identity) and isinstance(custom.decoder, nn.Identity)
    assert nn.MultiHeadAttention.create_additive_causal_mask(2, mx.float16).dtype == mx.float16


def test_embedding_as_linear():
    layer, p = randomized(nn.Embedding(7, 3))
    x = normal(2, 3)
    check(layer.as_linear(to_mx(x)), x @ p["weight"].T)


def test_sequential_and_identity():
    layer = nn.Sequential(nn.Linear(3, 4), nn.relu, lambda x: x + 1, nn.Identity(3, some="thing"))
    x = to_mx(normal(2, 3))
    check(layer(x), np.maximum(np.array(layer.layers[0](x)), 0) + 1)


# ---- pooling ----

POOLS = [
    (nn.MaxPool1d, nn.AvgPool1d, (11,), [(2, None, 0), (3, 2, 1), ((4,), (1,), (2,)), (11, 11, 0)]),
    (
        nn.MaxPool2d,
        nn.AvgPool2d,
        (8, 6),
        [(2, None, 0), (3, 1, 1), ((2, 3), (2, 1), (1, 0)), ((4, 2), None, 0)],
    ),
    (nn.MaxPool3d, nn.AvgPool3d, (4, 6, 5), [(2, None, 0), ((1, 3, 2), (2, 3, 1), (0, 1, 1))]),
]


@pytest.mark.parametrize("maximum, mean, size, settings", POOLS, ids=["1d", "2d", "3d"])
def test_pooling(maximum, mean, size, settings):
    x = normal(2, *size, 3)
    for kernel, stride, padding in settings:
        full = [v if isinstance(v, tuple) else (v,) * len(size) for v in (kernel, stride or kernel, padding)]
        check(maximum(kernel, stride, padding)(to_mx(x)), ref.pool(x, *full, np.max, -np.inf))
        check(mean(kernel, stride, padding)(to_mx(x)), ref.pool(x, *full, np.mean, 0))
        assert repr(mean(kernel, stride, padding)) == (
            f"{mean.__name__}(kernel_size={full[0]}, stride={full[1]}, padding={full[2]})"
        )


def test_gradient_of_pooling():
    for layer in (nn.MaxPool2d(2), nn.MaxPool2d(2, 1)):
        x = np.arange(16.0).reshape(1, 4, 4, 1)
        gradient = np.array(mx.grad(lambda x, layer=layer: layer(x).sum())(to_mx(x)))[0, :, :, 0]
        # With growing values the maximum of a window is its last element.
        last = np.zeros((4, 4))
        (last[1::2, 1::2] if layer._stride == (2, 2) else last[1:, 1:])[...] = 1
        np.testing.assert_array_equal(gradient, last)


# ---- layers that act differently in training ----


def test_batch_norm_statistics():
    layer, momentum = nn.BatchNorm(3, momentum=0.2), 0.2
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(3):
        x = 2 * normal(10, 3) + 1
        check(layer(to_mx(x)), ref.batch_norm({}, x, 1e-5))
        mean = (1 - momentum) * mean + momentum * x.mean(0)
        variance = (1 - momentum) * variance + momentum * x.var(0, ddof=1)
    check(layer.running_mean, mean)
    check(layer.running_var, variance)
    layer.eval()
    check(layer(to_mx(x[:1])), (x[:1] - mean) / np.sqrt(variance + 1e-5), 1e-4)
    check(layer.running_mean, mean)


@pytest.mark.parametrize(
    "layer, shape, constant_axes",
    [
        (nn.Dropout, (40, 50), ()),
        (nn.Dropout2d, (40, 3, 5, 50), (1, 2)),
        (nn.Dropout2d, (3, 5, 2000), (0, 1)),
        (nn.Dropout3d, (40, 2, 3, 5, 50), (1, 2, 3)),
        (nn.Dropout3d, (2, 3, 5, 2000), (0, 1, 2)),
    ],
)
def test_dropout(layer, shape, constant_axes):
    p = 0.25
    drop, x = layer(p), mx.ones(shape)
    y = np.array(drop(x))
    assert set(np.unique(y)) == {0, np.float32(1 / (1 - p))}
    masks = y.mean(constant_axes) if constant_axes else y
    assert np.array_equal(np.unique(masks.round(5)), [0, np.float32(1 / (1 - p)).round(5)])
    assert (masks == 0).mean() == pytest.approx(p, abs=0.05)
    assert not np.array_equal(y, np.array(drop(x)))
    assert drop.eval()(x) is x and layer(0.0)(x) is x
    assert drop.train()(x.astype(mx.float16)).dtype == mx.float16


# ---- positions ----


@pytest.mark.parametrize("traditional", [False, True])
@pytest.mark.parametrize("dims, base, scale, offset", [(8, 10000, 1.0, 0), (6, 100.0, 0.5, 7)])
def test_rope(traditional, dims, base, scale, offset):
    x = normal(2, 3, 5, 8)
    got = nn.RoPE(dims, traditional, base, scale)(to_mx(x), offset=offset)
    check(got, ref.rope(x, dims, traditional, base, scale, offset), 5e-5)


def test_sinusoidal_positions():
    positions = np.array([[0.0, 1.0, 7.0]])
    frequencies = np.geomspace(1, 1e-4, 4)
    angles = positions[..., None] * frequencies
    check(
        nn.SinusoidalPositionalEncoding(8)(to_mx(positions)),
        0.5 * np.concatenate([np.sin(angles), np.cos(angles)], -1),
    )
    layer = nn.SinusoidalPositionalEncoding(8, 0.1, 2.0, scale=1, cos_first=True, full_turns=True)
    angles = 2 * np.pi * positions[..., None] * np.geomspace(2, 0.1, 4)
    check(layer(to_mx(positions)), np.concatenate([np.cos(angles), np.sin(angles)], -1), 1e-4)
    assert layer.parameters() == {}
    check(nn.SinusoidalPositionalEncoding(2)(mx.array([1.0])), [[math.sin(1), math.cos(1)]])


@pytest.mark.parametrize("heads", [1, 4, 6, 12])
def test_alibi(heads):
    slopes = np.array(ref.alibi_slopes(heads))[:, None, None]
    check(nn.ALiBi.create_alibi_slope(heads), slopes)
    scores, mask = normal(2, heads, 3, 5), normal(3, 5)
    distance = np.abs(np.arange(2, 5)[:, None] - np.arange(5))
    check(nn.ALiBi()(to_mx(scores), offset=2, mask=to_mx(mask)), scores + mask - slopes * distance)
    half = nn.ALiBi.create_alibi_matrix(3, 5, heads, dtype=mx.float16)
    assert half.shape == (1, heads, 3, 5) and half.dtype == mx.float16


# ---- resizing ----


@pytest.mark.parametrize("scales", [(2.0,), (3.0, 1.0), (1.5, 2.25), (0.5, 0.34), (2.0, 0.5, 1.4)])
@pytest.mark.parametrize(
    "mode, align_corners, antialias",
    [
        ("linear", False, False),
        ("linear", True, False),
        ("linear", False, True),
        ("cubic", False, False),
        ("cubic", True, False),
        ("cubic", False, True),
    ],
)
def test_interpolation(scales, mode, align_corners, antialias):
    x = normal(2, *(7, 8, 6)[: len(scales)], 3)
    layer = nn.Upsample(scales, mode, align_corners, antialias)
    check(layer(to_mx(x)), ref.resize(x, scales, mode, align_corners, antialias), 1e-4)


def test_interpolation_reproduces_lines():
    """Linear interpolation does, and of the cubic kernels the one with ``a = -1/2``, away from the border."""
    x, inner = mx.arange(10.0).reshape(1, 10, 1), slice(4, -4)
    expected = np.arange(20)[inner] / 2 - 0.25
    for mode, antialias in (("linear", False), ("linear", True), ("cubic", True)):
        y = nn.Upsample(2, mode, antialias=antialias)(x).reshape(-1)
        check(y[inner], expected, 1e-4)


def test_nearest():
    x = normal(2, 3, 4, 2)
    check(nn.Upsample(2)(to_mx(x)), x.repeat(2, 1).repeat(2, 2))
    check(nn.Upsample((1, 3))(to_mx(x)), x.repeat(3, 2))
    check(nn.Upsample((2.0, 0.5))(to_mx(x)), x.repeat(2, 1)[:, :, ::2])
    # Output 0 ... 5 of 4 have their centres at 0, 2/3 - 1/6, ... of the input.
    check(nn.Upsample((1, 1.5))(to_mx(x)), x[:, :, [0, 0, 1, 2, 2, 3]])
    ints = nn.Upsample(2)(mx.arange(4).reshape(1, 4, 1))
    assert ints.dtype == mx.int32 and ints.reshape(-1).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_upsample_representation_and_gradient():
    assert repr(nn.Upsample(2)) == "Upsample(scale_factor=2.0, mode='nearest', align_corners=False)"
    assert repr(nn.Upsample((2, 3), "cubic", antialias=True)) == (
        "Upsample(scale_factor=(2.0, 3.0), mode='cubic', align_corners=False, antialias=True)"
    )
    for layer in (nn.Upsample(2), nn.Upsample(1.5, "linear"), nn.Upsample(0.5, "cubic", antialias=True)):
        x = mx.zeros((1, 6, 6, 1))
        gradient = mx.grad(lambda x, layer=layer: layer(x).sum())(x)
        assert gradient.sum().item() == pytest.approx(layer(x).size, rel=1e-5)


# ---- quantised layers ----

MODES = [
    ("affine", 64, 4),
    ("affine", 32, 8),
    ("affine", 128, 3),
    ("mxfp4", 32, 4),
    ("mxfp8", 32, 8),
    ("nvfp4", 16, 4),
]


@pytest.mark.parametrize("mode, group_size, bits", MODES)
def test_quantised_layers(mode, group_size, bits):
    settings = {"group_size": group_size, "bits": bits, "mode": mode}
    linear, p = randomized(nn.Linear(128, 64))
    layer = linear.to_quantized(**settings)
    dense = mx.dequantize(layer.weight, layer.scales, layer.get("biases"), **settings).astype(mx.float32)
    error = np.abs(np.array(dense, np.float64) - p["weight"]).max() / np.abs(p["weight"]).max()
    assert error < {2: 0.5, 3: 0.2, 4: 0.2, 8: 0.05}[bits]
    x = normal(3, 128)
    check(layer(to_mx(x)), x @ np.array(dense, np.float64).T + p["bias"], 2e-4)
    gradient = mx.grad(lambda x: layer(x).sum())(to_mx(x))
    check(gradient, np.tile(np.array(dense, np.float64).sum(0), (3, 1)), 5e-4)

    embedding = nn.Embedding(20, 128)
    table = embedding.to_quantized(**settings)
    dense = np.array(
        mx.dequantize(table.weight, table.scales, table.get("biases"), **settings).astype(mx.float32)
    )
    tokens = np.array([[1, 19], [0, 7]])
    check(table(mx.array(tokens)).astype(mx.float32), dense[tokens])
    check(table.as_linear(to_mx(x)), x @ dense.T.astype(np.float64), 2e-4)
    fresh = nn.QuantizedLinear(128, 64, **settings)
    assert fresh.weight.shape == layer.weight.shape and fresh.trainable_parameters() == {}
    assert nn.QuantizedEmbedding(20, 128, **settings)(mx.array([3])).shape == (1, 128)


@pytest.mark.parametrize("mode, group_size", [("mxfp8", 32), ("nvfp4", 16)])
def test_layer_that_quantises_its_input(mode, group_size):
    layer = nn.QQLinear(64, 32, mode=mode)

    def rounded(a):
        parts = mx.quantize(a, group_size, 8 if mode == "mxfp8" else 4, mode=mode)
        return np.array(
            mx.dequantize(*parts, group_size=group_size, bits=layer.bits, mode=mode).astype(mx.float32)
        )

    x = mx.random.normal((1, 64))
    expected = rounded(x).astype(np.float64) @ rounded(layer.weight).T
    layer.eval()
    check(layer(x), expected, 1e-3)


# ---- errors ----


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: nn.LayerNorm(4, eps=0), r"\[LayerNorm\] 'eps' must be positive, got 0"),
        (lambda: nn.RMSNorm(4, eps=-1e-5), r"\[RMSNorm\] 'eps' must be positive"),
        (lambda: nn.BatchNorm(4, eps=0), r"\[BatchNorm\] 'eps'"),
        (lambda: nn.InstanceNorm(4, eps=0), r"\[InstanceNorm\] 'eps'"),
        (lambda: nn.GroupNorm(2, 4, eps=0), r"\[GroupNorm\] 'eps'"),
        (lambda: nn.GroupNorm(0, 4), "must be positive, got 0 and 4"),
        (lambda: nn.GroupNorm(3, 4), "4 channels cannot be divided into 3 groups"),
        (lambda: nn.BatchNorm(4)(mx.zeros(4)), r"2, 3 or 4 dimensions, got shape \(4,\)"),
        (lambda: nn.BatchNorm(4)(mx.zeros((1, 1, 4))), "more than one value per channel"),
        (
            lambda: nn.InstanceNorm(4)(mx.zeros((2, 4))),
            r"at least 3 dimensions \(N, ..., C\), got shape \(2, 4\)",
        ),
        (lambda: nn.Dropout(1.0), r"\[Dropout\] p must be in \[0, 1\), got 1.0"),
        (lambda: nn.Dropout2d(-0.1), r"\[Dropout2d\] p must be"),
        (lambda: nn.Dropout2d(0.5)(mx.zeros((2, 2))), r"\[Dropout2d\] Expected 3 or 4 dimensions"),
        (lambda: nn.Dropout3d(0.5).eval()(mx.zeros((2, 2, 2))), r"\[Dropout3d\] Expected 4 or 5 dimensions"),
        (
            lambda: nn.Conv1d(5, 4, 3, groups=2),
            r"\[Conv1d\] 5 input channels cannot be divided into 2 groups",
        ),
        (lambda: nn.Conv2d(5, 4, 3, groups=2), r"\[Conv2d\] 5 input channels"),
        (
            lambda: nn.MaxPool1d("2"),
            r"\[MaxPool1d\] 'kernel_size' must be an integer or a tuple of 1 integers",
        ),
        (lambda: nn.AvgPool2d((2, 2, 2)), r"\[AvgPool2d\] 'kernel_size' must be an integer or a tuple of 2"),
        (
            lambda: nn.MaxPool3d(2, stride=(1, 2)),
            r"\[MaxPool3d\] 'stride' must be an integer or a tuple of 3",
        ),
        (lambda: nn.MaxPool2d(2, stride=0), "'stride' must be positive, got 0"),
        (lambda: nn.MaxPool2d(2, padding=-1), "'padding' must be non-negative, got -1"),
        (lambda: nn.MaxPool2d(2)(mx.zeros((2, 4, 3))), r"2 spatial axes and channels, got shape \(2, 4, 3\)"),
        (lambda: nn.MultiHeadAttention(10, 3), "10 dims cannot be divided among 3 heads"),
        (lambda: nn.RNN(2, 2, nonlinearity=3), "nonlinearity must be callable, got 3"),
        (lambda: nn.SinusoidalPositionalEncoding(7), "dims must be positive and even, got 7"),
        (lambda: nn.Upsample(2, "area"), "mode must be 'nearest', 'linear' or 'cubic', got 'area'"),
        (lambda: nn.Upsample(2, antialias=True), "antialias=True needs mode"),
        (lambda: nn.Upsample(2, "linear", True, True), "cannot be combined with align_corners"),
        (lambda: nn.Upsample((2, 2))(mx.zeros((1, 4, 1))), "Expected a scale for each of 1 spatial axes"),
        (
            lambda: nn.Upsample(2)(mx.zeros((4, 1))),
            r"at least one spatial axis \(3 dimensions\), got shape \(4, 1\)",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
