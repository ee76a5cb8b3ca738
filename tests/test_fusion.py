"""Fused programs against the same ops one by one: bit for bit, for random graphs."""

import random

import numpy as np
import pytest

import mlx_rocm.core as mx

SHAPES = [(), (1,), (5,), (3, 5), (1, 5), (3, 1), (2, 3, 5), (700,), (40, 700)]
DTYPES = [
    mx.float32,
    mx.float16,
    mx.bfloat16,
    mx.int32,
    mx.uint8,
    mx.bool_,
    mx.complex64,
    mx.float64,
    mx.int64,
]
UNARY = [
    mx.exp,
    mx.sin,
    mx.negative,
    mx.abs,
    mx.square,
    mx.sigmoid,
    mx.tanh,
    mx.sqrt,
    mx.logical_not,
    mx.rsqrt,
]
BINARY = [
    mx.add,
    mx.multiply,
    mx.subtract,
    mx.maximum,
    mx.minimum,
    mx.divide,
    mx.less,
    mx.equal,
    mx.logaddexp,
]


def dtypes():
    on_gpu = mx.default_device() == mx.Device(mx.gpu)
    return [d for d in DTYPES if d != mx.float64 or not on_gpu]  # which has no float64


def bits(a):
    if a.dtype == mx.bfloat16:
        a = a.astype(mx.float32)
    return np.array(a).tobytes()


def random_input(rng, shape, dtype):
    values = np.random.default_rng(rng.randrange(1 << 30)).normal(size=shape) * 2
    return mx.array(values.astype(np.float32)).astype(dtype)


def random_program(rng, inputs):
    """Steps as data, so that the same graph is built eagerly and in the trace."""
    steps, count = [], inputs
    for _ in range(rng.randrange(2, 25)):
        pick = [max(0, count - 1 - int(rng.expovariate(0.4))) for _ in range(3)]
        kind = rng.choice(["unary", "binary", "binary", "where", "cast", "scalar", "sum", "broadcast"])
        steps.append((kind, rng.randrange(1 << 16), pick))
        count += 1
    outputs = sorted(rng.sample(range(inputs, count), min(3, count - inputs)))
    return steps, outputs


def run_program(program, arrays):
    steps, outputs = program
    values = list(arrays)
    for kind, choice, (i, j, k) in steps:
        a, b, c = values[i], values[j], values[k]
        try:
            if kind == "unary":
                out = UNARY[choice % len(UNARY)](a)
            elif kind == "binary":
                out = BINARY[choice % len(BINARY)](a, b)
            elif kind == "where":
                out = mx.where(a, b, c)
            elif kind == "cast":
                out = a.astype(dtypes()[choice % len(dtypes())])
            elif kind == "scalar":
                out = a * (choice % 7) + 0.5
            elif kind == "sum":
                out = a.sum(axis=-1, keepdims=True) if a.ndim else a
            else:
                out = mx.broadcast_to(a, b.shape)
        except ValueError:  # shapes or dtypes that do not go together: the same in both runs
            out = a
        values.append(out)
    return [values[o] for o in outputs]


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed):
    rng = random.Random(seed)
    shapes = [rng.choice(SHAPES) for _ in range(3)]
    kinds = [rng.choice(dtypes()) for _ in range(3)]
    arrays = [random_input(rng, s, d) for s, d in zip(shapes, kinds, strict=True)]
    if rng.random() < 0.5 and arrays[0].ndim == 2:
        arrays[0] = arrays[0].T
    program = random_program(rng, len(arrays))
    expected = run_program(program, arrays)
    compiled = mx.compile(lambda *a: run_program(program, a))
    for _ in range(2):
        for e, c in zip(expected, compiled(*arrays), strict=True):
            assert e.dtype == c.dtype and e.shape == c.shape
            assert bits(e) == bits(c)


@pytest.mark.parametrize("seed", range(20))
def test_donated_inputs(seed):
    """Inputs that die before evaluation may lend their memory to outputs; no output may suffer from it."""
    rng = random.Random(1000 + seed)
    dtype = rng.choice([mx.float32, mx.float16, mx.int32])
    make = lambda r: [random_input(r, (3000,), dtype) for _ in range(3)]
    program = random_program(rng, 3)
    state = rng.getstate()
    expected = run_program(program, make(rng))
    mx.eval(expected)
    rng.setstate(state)
    arrays = make(rng)
    mx.eval(arrays)
    out = mx.compile(lambda *a: run_program(program, a))(*arrays)
    del arrays
    mx.eval(out)
    for e, c in zip(expected, out, strict=True):
        assert bits(e) == bits(c)


def test_shapeless_outputs_of_different_shapes():
    def f(x, y):
        u, v = x + x, y * 2
        return u * v, v

    compiled = mx.compile(f, shapeless=True)
    for a, b in [((3, 3), (3, 3)), ((3, 3), (1, 3)), ((1, 1), (4, 2))]:
        x, y = mx.ones(a), mx.full(b, 3.0)
        for e, c in zip(f(x, y), compiled(x, y), strict=True):
            assert e.shape == c.shape and mx.array_equal(e, c)


def test_gradient_of_compiled_group_inside_import(tmp_path):
    """A program that was fused can still be differentiated and batched."""

    def f(x):
        return mx.exp(mx.sin(x) * 2.0) + x

    x = mx.array([0.1, 0.2, 0.3])
    path = str(tmp_path / "f.mlxfn")
    mx.export_function(path, f, x)
    imported = mx.import_function(path)
    expected = mx.grad(lambda a: f(a).sum())(x)
    assert mx.allclose(mx.grad(lambda a: imported(a)[0].sum())(x), expected)
    assert mx.allclose(mx.grad(lambda a: mx.compile(imported)(a)[0].sum())(x), expected)


def test_export_of_a_metal_kernel(tmp_path):
    """Another machine may be able to run it; here the call fails, and so does the imported function."""
    kernel = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[0] = a[0];")

    def f(a, stream=mx.gpu):
        return kernel(
            inputs=[a],
            grid=(1, 1, 1),
            threadgroup=(1, 1, 1),
            output_shapes=[a.shape],
            output_dtypes=[a.dtype],
            stream=stream,
        )[0]

    x, path = mx.ones((2,)), str(tmp_path / "k.mlxfn")
    mx.export_function(path, f, x)
    with pytest.raises(RuntimeError, match="No Metal back-end"):
        f(x)
    with pytest.raises(ValueError, match="Only supports the GPU"):
        mx.export_function(path, lambda a: f(a, mx.cpu), x)
    mx.export_function(path, f, x)
    with pytest.raises(RuntimeError, match="No Metal back-end"):
        mx.eval(mx.import_function(path)(x))
