"""Convolutions on the GPU in the forms that choose another kernel, against NumPy in double precision."""

import numpy as np
import pytest
from refs import conv as reference

pytestmark = pytest.mark.gpu_only

TOLERANCE = {"float32": 3e-6, "float16": 2e-3, "bfloat16": 1.2e-2}
HALF, FLOAT = "bfloat16", "float32"

# (name, dtype, input, weight, options)
FORMS = [
    ("whole steps of channels", HALF, (2, 9, 10, 64), (80, 3, 3, 64), {"padding": 1}),
    ("whole steps, float", FLOAT, (1, 9, 8, 32), (70, 3, 3, 32), {"padding": 1, "stride": 2}),
    ("three channels", "float16", (1, 30, 31, 3), (40, 5, 3, 3), {"stride": 2, "padding": (2, 1)}),
    ("few positions, long sum", HALF, (1, 4, 4, 512), (64, 3, 3, 512), {}),
    ("few positions, long sum, float", FLOAT, (1, 3, 3, 256), (24, 3, 3, 256), {}),
    ("groups", HALF, (1, 8, 9, 48), (96, 3, 3, 16), {"groups": 3, "padding": 1}),
    ("many tiles", HALF, (4, 64, 64, 8), (16, 1, 2, 8), {}),
    ("a product", HALF, (2, 9, 8, 24), (40, 1, 1, 24), {}),
    ("a product, float", FLOAT, (3, 50, 12), (20, 1, 12), {"flip": True}),
    ("dilated input", HALF, (1, 7, 6, 40), (24, 3, 2, 40), {"input_dilation": (2, 3), "padding": 2, "flip": True}),
    ("one channel", FLOAT, (1, 300, 1), (1, 50, 1), {"padding": 49, "flip": True}),
    ("few outputs", HALF, (2, 11, 12), (6, 3, 4), {"groups": 3}),
    ("depthwise", HALF, (2, 37, 64), (64, 4, 1), {"groups": 64, "padding": 3}),
    ("depthwise, one output", HALF, (3, 4, 64), (64, 4, 1), {"groups": 64}),
    ("depthwise, busy", "float16", (2, 1500, 64), (64, 4, 1), {"groups": 64, "padding": 3}),
    ("depthwise, odd channels", FLOAT, (1, 20, 7), (7, 5, 1), {"groups": 7, "stride": 2}),
    ("depthwise, plane", HALF, (2, 9, 11, 24), (24, 3, 3, 1), {"groups": 24, "padding": 1, "stride": (2, 1)}),
    ("depthwise, flipped", FLOAT, (1, 9, 11, 12), (12, 3, 2, 1), {"groups": 12, "flip": True}),
    ("depthwise, volume", FLOAT, (1, 4, 6, 7, 8), (8, 2, 3, 3, 1), {"groups": 8, "padding": 1}),
    ("depthwise, dilated", HALF, (1, 40, 8), (8, 7, 1), {"groups": 8, "kernel_dilation": 5}),
    ("depthwise, dilated input", HALF, (1, 9, 8), (8, 3, 1), {"groups": 8, "input_dilation": 2, "padding": 2}),
]  # fmt: skip
# Whose gradients differ in what runs them.
DIFFERENTIATED = (
    "whole steps, float",
    "three channels",
    "groups",
    "a product",
    "few outputs",
    "depthwise, busy",
)
NAMED = pytest.mark.parametrize(
    ("dtype", "x", "w", "options"), [f[1:] for f in FORMS], ids=[f[0] for f in FORMS]
)


def operand(mx, shape, dtype, seed):
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    a = mx.array(x).astype(getattr(mx, dtype))
    return a, np.array(a.astype(mx.float32)).astype(np.float64)


def check(mx, got, want, dtype):
    got = np.array(got.astype(mx.float32))
    error = np.abs(got - want).max() / np.abs(want).max()
    assert got.shape == want.shape
    assert error < TOLERANCE[dtype], f"off by {error:.3g} of the largest value"


@NAMED
def test_value(mx, dtype, x, w, options):
    (a, x), (b, w) = operand(mx, x, dtype, 0), operand(mx, w, dtype, 1)
    check(mx, mx.conv_general(a, b, **options), reference.conv(x, w, **options), dtype)


@pytest.mark.parametrize(
    ("dtype", "x", "w", "options"),
    [f[1:] for f in FORMS if f[0] in DIFFERENTIATED],
    ids=[f[0] for f in FORMS if f[0] in DIFFERENTIATED],
)
def test_gradients(mx, dtype, x, w, options):
    """As on the CPU, which is checked against finite differences."""
    (a, x), (b, w) = operand(mx, x, dtype, 0), operand(mx, w, dtype, 1)
    g, _ = operand(mx, reference.conv(x, w, **options).shape, dtype, 2)
    conv = lambda a, b: mx.conv_general(a, b, **options)
    got = mx.vjp(conv, [a, b], [g])[1]
    with mx.stream(mx.cpu):
        exact = [each.astype(mx.float32) for each in (a, b, g)]
        want = [np.array(each) for each in mx.vjp(conv, exact[:2], exact[2:])[1]]
    for one, other in zip(got, want, strict=True):
        check(mx, one, other, dtype)


def test_views(mx):
    """Operands whose offsets and strides forbid wide accesses."""
    (a, x), (b, w) = operand(mx, (2, 12, 9, 35), HALF, 0), operand(mx, (33, 3, 3, 33), HALF, 1)
    check(
        mx,
        mx.conv2d(a[:, 1:, :, 1:33], b[1:, :, :, 1:]),
        reference.conv(x[:, 1:, :, 1:33], w[1:, :, :, 1:]),
        HALF,
    )
    (a, x), (b, w) = operand(mx, (2, 40, 33), HALF, 0), operand(mx, (33, 4, 1), HALF, 1)
    got = mx.conv1d(a[:, :, 1:], b[1:], groups=32)
    check(mx, got, reference.conv(x[:, :, 1:], w[1:], groups=32), HALF)


def test_empty(mx):
    assert mx.conv1d(mx.zeros((0, 5, 4)), mx.zeros((6, 3, 4))).shape == (0, 3, 6)
    assert (
        np.array(mx.conv1d(mx.zeros((2, 5, 0)), mx.zeros((6, 3, 0)))).tolist() == np.zeros((2, 3, 6)).tolist()
    )
