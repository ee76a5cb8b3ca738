"""Random views into every family of kernels: offsets, negative strides, permuted and repeated axes, no elements; against the CPU device.

Longer by hand: MLX_ROCM_TEST_EXAMPLES=2000.
"""

import numpy as np
import pytest

from tests.running import EXAMPLES

pytestmark = pytest.mark.gpu_only

SIZES = (0, 1, 1, 2, 3, 5, 7, 8, 16, 17, 31, 32, 33, 40)


class Draw:
    """Random sizes, dtypes and views of one example."""

    def __init__(self, mx, seed):
        self.mx, self.rng = mx, np.random.default_rng(seed)
        self.halves = [mx.float32, mx.float16, mx.bfloat16]
        self.any = [*self.halves, mx.int32, mx.uint8, mx.int64, mx.int16]

    def one(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def shape(self, low, high, least=0):
        return [max(least, self.one(SIZES)) for _ in range(int(self.rng.integers(low, high + 1)))]

    def values(self, shape, dtype, special):
        if dtype == self.mx.bool_:
            return self.mx.array(self.rng.integers(0, 2, shape).astype(bool))
        if dtype not in self.halves:
            return self.mx.array(self.rng.integers(0, 100, shape)).astype(dtype)
        x = self.rng.normal(size=shape).astype(np.float32)
        if special:
            odd = self.rng.choice(np.float32([np.nan, np.inf, -np.inf, -0.0]), size=shape)
            x = np.where(self.rng.random(shape) < 0.15, odd, x)
        return self.mx.array(x).astype(dtype)

    def view(self, shape, dtype, special=False):
        """An array and a function that makes a view of that shape of it."""
        order = self.rng.permutation(len(shape)) if self.rng.random() < 0.5 else np.arange(len(shape))
        big, index = [], []
        for n in shape:
            if n > 0 and self.rng.random() < 0.12:
                big.append(1)
                index.append(slice(None))
                continue
            step = self.one((1, 1, 1, 1, 2, 3, -1, -1, -2))
            before, after = int(self.rng.integers(0, 4)), int(self.rng.integers(0, 3))
            span = max(0, n - 1) * abs(step) + 1
            big.append(before + span + after)
            if n == 0:
                index.append(slice(0, 0))
            elif step > 0:
                index.append(slice(before, before + span, step))
            else:
                index.append(slice(before + span - 1, before - 1 if before else None, step))
        base = self.values([big[i] for i in order], dtype, special)
        back = [int(i) for i in np.argsort(order)]

        def make(x):
            if shape:
                x = self.mx.transpose(x, back)[tuple(index)]
            return self.mx.broadcast_to(x, shape)

        return base, make


FAMILIES = {}


def family(f):
    FAMILIES[f.__name__] = f
    return f


@family
def unary(d):
    mx = d.mx
    f = d.one(
        [mx.exp, mx.tanh, mx.sqrt, mx.floor, mx.sign, mx.log1p, mx.erf, mx.sin, mx.isnan, mx.round, mx.abs]
    )
    return [d.view(d.shape(0, 5), d.one(d.halves), True)], f


@family
def binary(d):
    mx, shape, dtype = d.mx, d.shape(0, 4), d.one(d.any)
    f = d.one(
        [mx.add, mx.multiply, mx.maximum, mx.power, mx.divide, mx.remainder, mx.logaddexp, mx.less_equal]
    )
    return [d.view(shape, dtype, True), d.view(shape, dtype, True)], f


@family
def where(d):
    mx, shape = d.mx, d.shape(0, 4)
    dtypes = (mx.bool_, mx.float16, mx.float32)
    return [d.view(shape, t, True) for t in dtypes], mx.where


@family
def reduction(d):
    mx, dtype = d.mx, d.one([*d.any, d.mx.bool_])
    f = d.one([mx.sum, mx.mean, mx.max, mx.min, mx.all, mx.any, mx.var])
    shape = d.shape(1, 4, least=int(f in (mx.max, mx.min)))
    axes = [int(i) for i in d.rng.permutation(len(shape))[: int(d.rng.integers(1, len(shape) + 1))]]
    special = f in (mx.max, mx.min, mx.all, mx.any)
    return [d.view(shape, dtype, special)], lambda x: f(x, axis=axes)


@family
def place_of_extreme(d):
    mx, shape = d.mx, d.shape(1, 4, least=1)
    axis, f = int(d.rng.integers(len(shape))), d.one([mx.argmax, mx.argmin])
    return [d.view(shape, d.one(d.any), True)], lambda x: f(x, axis=axis)


@family
def scan(d):
    mx, shape = d.mx, d.shape(1, 3)
    f = d.one([mx.cumsum, mx.cummax, mx.cummin])
    options = {
        "axis": int(d.rng.integers(len(shape))),
        "reverse": d.one([False, True]),
        "inclusive": d.one([False, True]),
    }
    return [d.view(shape, d.one([*d.halves, mx.int32, mx.int64]), f is not mx.cumsum)], lambda x: f(
        x, **options
    )


@family
def order(d):
    mx, shape = d.mx, d.shape(1, 3)
    axis, f = int(d.rng.integers(len(shape))), d.one([mx.sort, mx.argsort])
    return [d.view(shape, d.one(d.any), True)], lambda x: f(x, axis=axis)


@family
def rows(d):
    mx, dtype = d.mx, d.one(d.halves)
    shape = [*d.shape(0, 2), d.one((1, 5, 33, 64, 100, 1025, 5000))]
    x, w, b = d.view(shape, dtype), d.view(shape[-1:], dtype), d.view(shape[-1:], dtype)
    # A large eps: a row that repeats one number has no variance, and its rounding errors would be divided by the root of eps.
    choices = [
        ([x], lambda x: mx.softmax(x, axis=-1)),
        ([x], lambda x: mx.logsumexp(x, axis=-1)),
        ([x, w], lambda x, w: mx.fast.rms_norm(x, w, 1e-2)),
        ([x, w, b], lambda x, w, b: mx.fast.layer_norm(x, w, b, 1e-2)),
    ]
    return d.one(choices)


@family
def rope(d):
    size = d.one((4, 8, 32, 64, 80))
    shape = [int(d.rng.integers(1, 3)), int(d.rng.integers(1, 4)), int(d.rng.integers(1, 9)), size]
    options = {
        "traditional": d.one([False, True]),
        "base": 1e4,
        "scale": 1.0,
        "offset": int(d.rng.integers(50)),
    }
    return [d.view(shape, d.one(d.halves))], lambda x: d.mx.fast.rope(x, size, **options)


@family
def product(d):
    mx, dtype = d.mx, d.one(d.halves)
    m, k, n = (d.one((1, 2, 3, 5, 8, 16, 17, 33, 64, 70, 129)) for _ in range(3))
    batch = [min(3, b) for b in d.shape(0, 2)]
    a, b, c = d.view([*batch, m, k], dtype), d.view([*batch, k, n], dtype), d.view([m, n], dtype)
    if d.one([False, True]):
        return [a, b], mx.matmul
    return [a, b, c], lambda a, b, c: mx.addmm(c, a, b, alpha=0.5, beta=2.0)


@family
def product_of_experts(d):
    mx, dtype, experts = d.mx, d.one(d.halves), int(d.rng.integers(1, 5))
    count, (m, k, n) = int(d.rng.integers(1, 9)), (d.one((1, 2, 5, 16, 17, 33)) for _ in range(3))
    operands = [d.view([count, m, k], dtype), d.view([experts, k, n], dtype), d.view([count], mx.int32)]
    return operands, lambda a, b, i: mx.gather_mm(a, b, rhs_indices=i % experts)


@family
def quantized(d):
    mx, dtype = d.mx, d.one(d.halves)
    options = {"group_size": d.one((32, 64)), "bits": d.one((2, 3, 4, 6, 8))}
    k, n, m = (
        options["group_size"] * int(d.rng.integers(1, 4)),
        d.one((8, 24, 64)),
        d.one((1, 2, 5, 9, 17, 40)),
    )

    def f(x, w):
        with mx.stream(mx.cpu):
            w = mx.quantize(mx.contiguous(mx.round(w * 8) / 8), **options)
        return mx.quantized_matmul(x, *w, transpose=True, **options)

    return [d.view([m, k], dtype), d.view([n, k], dtype)], f


@family
def attention(d):
    mx, dtype, size = d.mx, d.one(d.halves), d.one((32, 64, 80, 96, 128))
    heads, group, queries = int(d.rng.integers(1, 3)), int(d.rng.integers(1, 4)), d.one((1, 1, 2, 5, 17, 33))
    keys = max(queries, d.one((1, 7, 33, 64, 100)))
    q, k, v = (
        d.view([2, h, n, size], dtype) for h, n in ((heads * group, queries), (heads, keys), (heads, keys))
    )
    mask = d.view([2, heads * group, queries, keys], d.one([mx.bool_, dtype]))
    f = mx.fast.scaled_dot_product_attention
    if d.one([False, True]):
        return [q, k, v, mask], lambda q, k, v, m: f(q, k, v, scale=0.2, mask=m)
    kind = d.one([None, "causal"])
    return [q, k, v], lambda q, k, v: f(q, k, v, scale=0.2, mask=kind)


@family
def take(d):
    mx, shape = d.mx, d.shape(1, 3, least=1)
    axis = int(d.rng.integers(len(shape)))
    n, along = shape[axis], [*shape[:axis], int(d.rng.integers(1, 10)), *shape[axis + 1 :]]
    x, index = d.view(shape, d.one(d.any), True), d.one([mx.int32, mx.uint32, mx.int64, mx.uint8])
    if d.one([False, True]):
        return [x, d.view(d.shape(0, 2), index)], lambda x, i: mx.take(x, i % n, axis=axis)
    return [x, d.view(along, index)], lambda x, i: mx.take_along_axis(x, i % n, axis=axis)


@family
def scatter(d):
    mx, shape, count = d.mx, d.shape(1, 3, least=1), int(d.rng.integers(0, 12))
    dtype, how = (
        d.one([mx.float32, mx.int32, mx.int64, mx.float16, mx.uint8]),
        d.one(["add", "maximum", "minimum"]),
    )

    def f(x, i, u):
        if dtype in d.halves:  # sums do not depend on their order then
            x, u = mx.round(x), mx.round(u)
        return getattr(x.at[i % shape[0]], how)(u)

    return [d.view(shape, dtype), d.view([count], mx.int32), d.view([count, *shape[1:]], dtype)], f


@family
def assignment(d):
    mx, shape, dtype = d.mx, d.shape(1, 3, least=2), d.one(d.any)
    index = tuple(d.one([slice(None), slice(1, None, 2), slice(None, None, -1)]) for _ in shape)

    def part(x, u):
        y = x + 0
        y[index] = u
        return y

    def masked(x, m, u):
        y = x + 0
        y[m] = u
        return y

    if d.one([False, True]):
        return [d.view(shape, dtype, True), d.view(np.zeros(shape)[index].shape, dtype, True)], part
    return [d.view(shape, dtype, True), d.view(shape, mx.bool_), d.view([], dtype)], masked


@family
def moves(d):
    mx, shape, dtype = d.mx, d.shape(1, 4, least=1), d.one(d.any)
    axis = int(d.rng.integers(len(shape)))
    f = d.one(
        [
            lambda x, y: mx.concatenate([x, y, x], axis=axis),
            lambda x, y: mx.contiguous(mx.flatten(x)),
            lambda x, y: mx.stack([y, x], axis=axis),
            lambda x, y: mx.roll(x, 2, axis=axis),
            lambda x, y: mx.repeat(x, 3, axis=axis),
            lambda x, y: mx.pad(x, [(1, 2)] * x.ndim),
            lambda x, y: x.astype(d.mx.float32),
            lambda x, y: mx.contiguous(mx.view(x, mx.uint8)),
        ]
    )
    return [d.view(shape, dtype, True), d.view(shape, dtype, True)], f


@family
def transform(d):
    mx, shape = d.mx, d.shape(1, 3, least=2)
    axis = int(d.rng.integers(len(shape)))
    if d.one([False, True]):
        shape[-1] = d.one((2, 8, 64, 12, 56, 256))
        return [d.view(shape, d.one(d.halves))], mx.hadamard_transform
    f = d.one([mx.fft.fft, mx.fft.rfft, mx.fft.irfft])
    return [d.view(shape, mx.float32)], lambda x: f(x, axis=axis)


@family
def convolution(d):
    mx, dtype, size, channels = d.mx, d.one(d.halves), int(d.rng.integers(1, 4)), d.one((1, 3, 8, 16))
    x = d.view([2, int(d.rng.integers(3, 12)), int(d.rng.integers(3, 12)), channels], dtype)
    options = {"stride": d.one((1, 2)), "padding": d.one((0, 1))}
    return [x, d.view([d.one((1, 4, 17)), size, size, channels], dtype)], lambda x, w: mx.conv2d(
        x, w, **options
    )


def same(mx, want, got):
    assert want.dtype == got.dtype
    assert want.shape == got.shape
    tolerance = {mx.float16: 1e-2, mx.bfloat16: 6e-2, mx.complex64: 2e-3, mx.float32: 3e-4}.get(want.dtype, 0)
    if want.dtype == mx.bfloat16:
        want, got = (mx.astype(x, mx.float32, stream=mx.cpu) for x in (want, got))
    want, got = np.array(want), np.array(got)
    finite = (
        np.abs(want[np.isfinite(want)], dtype=np.float64)
        if tolerance and want.dtype.kind != "c"
        else np.abs(want)
    )
    room = tolerance * 0.2 * max(1.0, float(finite.max())) if finite.size else 0
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=room if tolerance else 0)


@pytest.mark.parametrize("name", FAMILIES)
def test_random_views(mx, name):
    for seed in range(max(1, EXAMPLES // 20)):
        d = Draw(mx, [seed, *name.encode()])
        results = []
        with mx.stream(mx.cpu):
            operands, f = FAMILIES[name](d)
        for device in (mx.cpu, mx.gpu):
            with mx.stream(device):
                results.append(f(*[make(x) for x, make in operands]))
                mx.eval(results[-1])
        try:
            same(mx, *results)
        except AssertionError as e:
            shapes = [(make(x).shape, str(x.dtype)) for x, make in operands]
            raise AssertionError(f"example {seed} of {name}, operands {shapes}: {e}") from None


@pytest.mark.parametrize("dtype", ["int16", "float32", "int64", "complex64"])
def test_wider_elements_of_a_part_that_begins_anywhere(mx, dtype):
    """The device is lost where a load is not aligned."""
    raw = np.arange(200, dtype=np.uint8)
    x = mx.array(raw)
    for offset in (1, 2, 4):
        got = mx.view(x[offset : offset + 160], getattr(mx, dtype))
        assert np.array_equal(
            np.array(mx.contiguous(got[::-1])).view(np.uint8),
            raw[offset : offset + 160].view(dtype)[::-1].copy().view(np.uint8),
        )
