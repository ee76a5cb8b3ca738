"""Compositions of view-making ops against NumPy: whatever chain of reshapes, transposes, slices and
broadcasts, the values agree,
and so do results computed from such views."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import EXAMPLES
from test_indexing_laws import basic_index

FAST = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
MAX_SIZE = 400


@st.composite
def factors(draw, n):
    """A random shape of n elements."""
    shape = []
    while n > 1 and draw(st.booleans()):
        d = draw(st.sampled_from([k for k in range(1, n + 1) if n % k == 0]))
        shape.append(d)
        n //= d
    shape.append(n)
    return tuple(draw(st.permutations(shape)))


@st.composite
def step(draw, shape):
    """One op on an array of this shape: (function of (module, array), name)."""
    n = int(np.prod(shape))
    kinds = ["reshape", "transpose", "index", "flatten", "flip", "expand"] + (
        ["broadcast"] if n * 3 <= MAX_SIZE and len(shape) < 5 else []
    )
    kind = draw(st.sampled_from(kinds))
    if kind == "reshape":
        new = draw(factors(n)) if n else shape
        return lambda m, x: x.reshape(new)
    if kind == "transpose":
        axes = tuple(draw(st.permutations(range(len(shape)))))
        return lambda m, x: m.transpose(x, axes)
    if kind == "index":
        index = draw(basic_index(shape)) if n and shape else ()
        return lambda m, x: x[index]
    if kind == "flatten":
        return lambda m, x: x.reshape(-1)
    if kind == "flip":
        return lambda m, x: m.flip(x) if m is np else x[tuple(slice(None, None, -1) for _ in shape)]
    if kind == "expand":
        axis = draw(st.integers(0, len(shape)))
        return lambda m, x: m.expand_dims(x, axis)
    new = (3, *shape)
    return lambda m, x: m.broadcast_to(x, new)


@st.composite
def chains(draw):
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple))
    start = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    want, steps = start, []
    for _ in range(draw(st.integers(1, 6))):
        f = draw(step(want.shape))
        want = f(np, want)
        steps.append(f)
    return start, steps, np.asarray(want)


def run(mx, start, steps, evaluate):
    x = mx.array(start)
    for f in steps:
        x = f(mx, x)
        if evaluate:
            mx.eval(x)
    return x


@FAST
@given(chains(), st.booleans())
def test_chain(mx, chain, evaluate):
    start, steps, want = chain
    got = run(mx, start, steps, evaluate)
    assert tuple(got.shape) == want.shape
    assert np.array_equal(np.array(got), want)


@FAST
@given(chains())
def test_computing_on_views(mx, chain):
    """Elementwise, reduction, sort and copy kernels read any strides."""
    start, steps, want = chain
    x = run(mx, start, steps, False)
    assert np.array_equal(np.array(x + x), want + want)
    assert np.array_equal(np.array(mx.contiguous(x)), want)
    if want.size and want.ndim:
        assert np.array_equal(np.array(x.sum(axis=0)), want.sum(axis=0))
        assert np.array_equal(np.array(x.max(axis=-1)), want.max(axis=-1))
        assert np.array_equal(np.array(mx.sort(x, axis=-1)), np.sort(want, axis=-1))
        assert np.array_equal(np.array(mx.cumsum(x, axis=0)), np.cumsum(want, axis=0, dtype=np.float32))
        assert np.array_equal(
            np.array(mx.concatenate([x, x], axis=-1)), np.concatenate([want, want], axis=-1)
        )
        assert np.array_equal(np.array(x.astype(mx.int32)), want.astype(np.int32))


@FAST
@given(chains())
def test_gradient_through_views(mx, chain):
    """Each view hands the gradient back to the elements it came from."""
    start, steps, want = chain
    weights = np.random.default_rng(0).integers(-3, 4, want.shape).astype(np.float32)

    def f(x):
        for g in steps:
            x = g(mx, x)
        return (x * mx.array(weights)).sum()

    got = np.array(mx.grad(f)(mx.array(start)))
    positions = np.arange(start.size).reshape(start.shape)
    for g in steps:
        positions = g(np, positions)
    expected = np.zeros(start.size, np.float32)
    np.add.at(expected, np.asarray(positions).reshape(-1), weights.reshape(-1))
    assert np.array_equal(got, expected.reshape(start.shape))


@FAST
@given(chains())
def test_tolist_and_numpy_agree(mx, chain):
    start, steps, want = chain
    x = run(mx, start, steps, False)
    assert x.tolist() == want.tolist()
    assert np.array_equal(np.array(memoryview(x)) if want.size else want, want)
