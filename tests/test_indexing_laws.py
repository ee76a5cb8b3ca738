"""Indexing against NumPy for random shapes and random indices: get, set, and accumulating updates."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from running import EXAMPLES

FAST = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)


@st.composite
def slices(draw, n):
    start = draw(st.none() | st.integers(-n - 2, n + 2))
    stop = draw(st.none() | st.integers(-n - 2, n + 2))
    step = draw(st.none() | st.sampled_from([1, 2, 3, -1, -2]))
    return slice(start, stop, step)


@st.composite
def basic_index(draw, shape):
    """Integers, slices, at most one Ellipsis, and new axes."""
    out, used = [], draw(st.integers(0, len(shape)))
    ellipsis = draw(st.booleans())
    head = draw(st.integers(0, used)) if ellipsis else used
    axes = list(range(head)) + list(range(len(shape) - (used - head), len(shape)))
    for k, axis in enumerate(axes):
        if ellipsis and k == head:
            out.append(Ellipsis)
        out.append(draw(st.integers(-shape[axis], shape[axis] - 1) | slices(shape[axis])))
        if draw(st.integers(0, 5)) == 0:
            out.append(None)
    if ellipsis and head == len(axes):
        out.append(Ellipsis)
    return tuple(out)


@st.composite
def array_index(draw, shape):
    """Like basic_index without new axes, with one to three integer arrays of broadcastable shapes among
    the entries."""
    wide = draw(st.sampled_from([(2,), (3,), (2, 3), (1, 3), ()]))
    out = []
    for n in shape[: draw(st.integers(1, len(shape)))]:
        kind = draw(st.sampled_from(["array", "array", "slice", "int"]))
        if kind == "array":
            size = int(np.prod(wide))
            flat = draw(st.lists(st.integers(-n, n - 1), min_size=size, max_size=size))
            out.append(np.array(flat, np.int32).reshape(wide))
        else:
            out.append(draw(slices(n)) if kind == "slice" else draw(st.integers(-n, n - 1)))
    assume(any(isinstance(i, np.ndarray) for i in out))
    return tuple(out)


def to_index(mx, index):
    return tuple(mx.array(i) if isinstance(i, np.ndarray) else i for i in index)


def numbered(shape):
    return np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)


def same(mx, got, want):
    assert tuple(got.shape) == want.shape
    assert np.array_equal(np.array(got), want)


@FAST
@given(st.data(), SHAPES)
def test_basic_get(mx, data, shape):
    index, a = data.draw(basic_index(shape)), numbered(shape)
    same(mx, mx.array(a)[index], a[index])


@FAST
@given(st.data(), SHAPES)
def test_basic_get_of_a_view(mx, data, shape):
    """Indexing twice composes."""
    a = numbered(shape)
    first = data.draw(basic_index(shape))
    once = a[first]
    assume(once.ndim > 0 and 0 not in once.shape)
    second = data.draw(basic_index(once.shape))
    same(mx, mx.array(a)[first][second], once[second])
    same(mx, mx.array(a).T.T[first][second], once[second])


@FAST
@given(st.data(), SHAPES)
def test_array_get(mx, data, shape):
    index, a = data.draw(array_index(shape)), numbered(shape)
    same(mx, mx.array(a)[to_index(mx, index)], a[numpy_rule(index)])


def numpy_rule(index):
    """MLX counts integers as arrays once an array is present, as NumPy does."""
    return index


@FAST
@given(st.data(), SHAPES, st.booleans())
def test_basic_set(mx, data, shape, scalar):
    index, a = data.draw(basic_index(shape)), numbered(shape)
    x = mx.array(a)
    y = x[...] * 1
    v = np.float32(-1) if scalar else -1 - np.arange(a[index].size, dtype=np.float32).reshape(a[index].shape)
    x[index] = float(v) if scalar else mx.array(v)
    want = a.copy()
    want[index] = v
    same(mx, x, want)
    same(mx, y, a)


@FAST
@given(st.data(), SHAPES)
def test_array_set(mx, data, shape):
    index, a = data.draw(array_index(shape)), numbered(shape)
    picked = a[index]
    assume(len(np.unique(picked)) == picked.size)  # repeats may be written in any order
    x = mx.array(a)
    v = -1 - np.arange(picked.size, dtype=np.float32).reshape(picked.shape)
    x[to_index(mx, index)] = mx.array(v)
    want = a.copy()
    want[index] = v
    same(mx, x, want)


UPDATES = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


@FAST
@given(st.data(), SHAPES, st.sampled_from(sorted(UPDATES)))
def test_at(mx, data, shape, op):
    """x.at[index].op(v) accumulates over repeats."""
    index, a = data.draw(array_index(shape)), numbered(shape)
    picked = a[index]
    v = (np.arange(picked.size, dtype=np.float32).reshape(picked.shape) % 3) + (1 if op == "multiply" else -1)
    assume(op != "multiply" or picked.size <= 6)
    want = a.copy()
    UPDATES[op].at(want, index, v)
    got = getattr(mx.array(a).at[to_index(mx, index)], op)(mx.array(v))
    np.testing.assert_allclose(np.array(got), want, rtol=1e-6)


@FAST
@given(st.data(), SHAPES)
def test_mask_set(mx, data, shape):
    a = numbered(shape)
    depth = data.draw(st.integers(1, len(shape)))
    mask = np.array(
        data.draw(
            st.lists(
                st.booleans(), min_size=int(np.prod(shape[:depth])), max_size=int(np.prod(shape[:depth]))
            )
        )
    ).reshape(shape[:depth])
    for v in (5.0, -1 - np.arange(a[mask].size, dtype=np.float32).reshape(a[mask].shape)):
        x = mx.array(a)
        x[mx.array(mask)] = v if isinstance(v, float) else mx.array(v)
        want = a.copy()
        want[mask] = v
        same(mx, x, want)


@FAST
@given(st.data(), SHAPES)
def test_gradient_of_get(mx, data, shape):
    """The gradient of a sum over an index counts how often each element was read."""
    index, a = data.draw(array_index(shape)), numbered(shape)
    g = mx.grad(lambda x: x[to_index(mx, index)].sum())(mx.array(a))
    want = np.zeros(shape, np.float32)
    np.add.at(want, index, 1)
    same(mx, g, want)


def test_repeated_index_adds_once(mx):
    x = mx.zeros(3)
    x[mx.array([1, 1, 1])] += 1
    assert x.tolist() == [0, 1, 0]
    assert mx.zeros(3).at[mx.array([1, 1, 1])].add(1).tolist() == [0, 3, 0]


def test_update_is_seen_by_all_references(mx):
    x = mx.zeros(3)
    y = x
    x[0] = 1
    x += 1
    assert y.tolist() == [2, 1, 1]
    z = x[:]
    x[0] = 9
    assert z.tolist() == [2, 1, 1]


@pytest.mark.parametrize("index", [mx_bool for mx_bool in ([True, False, True],)])
def test_boolean_get_is_an_error(mx, index):
    with pytest.raises(ValueError):
        mx.arange(3)[mx.array(index)]


def test_list_index(mx):
    x = mx.arange(12).reshape(3, 4)
    assert x[[0, 2]].tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert x[:, [1, 1]].tolist() == [[1, 1], [5, 5], [9, 9]]
