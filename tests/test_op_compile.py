"""mx.compile against eager execution: every row, shapeless too, and random programs made of many ops."""

import numpy as np
import pytest
from case import FLOATS, INTS, Case, assert_close, draw_inputs, leaves, mx_inputs, rtol_of, to_np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from op_table import CASES
from running import EXAMPLES, pick_device

COMPILED = [pytest.param(c, id=c.id) for c in CASES if c.compile]
SHAPELESS = [pytest.param(c, id=c.id) for c in CASES if c.compile and c.shapeless and c.args]


def compare(mx, c: Case, dtype: str, got, want, what: str) -> None:
    got, want = leaves(got), leaves(want)
    mx.eval(got, want)
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert g.dtype == w.dtype and g.shape == w.shape
        # fused intermediates may keep float32 where eager rounds to a half type
        assert_close(to_np(mx, g), to_np(mx, w), 4 * rtol_of(mx, g, c, dtype), True, f"{what} {c.id}")


def first_dtype(c: Case) -> str:
    return next((d for d in FLOATS + INTS + ("complex64", "bool") if d in c.dtypes), c.dtypes[0])


def function(mx, c: Case):
    return lambda *a: [x for x in leaves(c.call(mx, *a)) if isinstance(x, mx.array)]


@pytest.mark.parametrize("c", COMPILED)
def test_compile(mx, c):
    with pick_device(mx, c):
        f = function(mx, c)
        compiled = mx.compile(f)
        for dtype in dict.fromkeys((first_dtype(c), c.dtypes[-1])):
            if dtype == "float64" and mx.default_device() == mx.gpu:
                continue
            for salt in range(2):  # the second call runs the cached program on new values
                inputs = mx_inputs(mx, c, dtype, draw_inputs(c, dtype, salt))
                compare(mx, c, dtype, compiled(*inputs), f(*inputs), "compile")


@pytest.mark.parametrize("c", SHAPELESS)
def test_shapeless(mx, c):
    """One trace serves every shape of the same rank; for elementwise rows the second call has another
    shape."""
    with pick_device(mx, c):
        f, dtype = function(mx, c), first_dtype(c)
        compiled = mx.compile(f, shapeless=True)
        shapes = [None, tuple(n + 1 for n in c.args[0].shape)] if c.free_shape else [None]
        for salt, shape in enumerate(shapes):
            inputs = mx_inputs(mx, c, dtype, draw_inputs(c, dtype, salt, shape))
            compare(mx, c, dtype, compiled(*inputs), f(*inputs), "shapeless")


# ---------------------------------------------------------------- random programs

UNARY = ("exp", "tanh", "abs", "negative", "square", "sigmoid", "floor", "sin", "erf", "logical_not")
BINARY = ("add", "multiply", "maximum", "subtract", "minimum", "less", "equal")
OTHER = ("sum", "softmax", "transpose", "slice", "where", "astype", "matmul", "cumsum", "broadcast")
STEPS = st.lists(
    st.tuples(st.sampled_from(UNARY + BINARY + OTHER), st.integers(0, 30), st.integers(0, 30)),
    min_size=1,
    max_size=14,
)


def run_program(mx, steps, a, b):
    """Each step reads earlier values by index. All values are 4 x 4 matrices."""
    values = [a, b, mx.array(2.0) * a]
    for op, i, j in steps:
        x, y = values[i % len(values)], values[j % len(values)]
        if op in UNARY:
            z = getattr(mx, op)(x.astype(mx.float32)) if op != "logical_not" else mx.logical_not(x)
        elif op in BINARY:
            z = (
                getattr(mx, op)(x, y)
                if x.dtype == y.dtype
                else getattr(mx, op)(x.astype(mx.float32), y.astype(mx.float32))
            )
        elif op == "sum":
            z = mx.clip(x.astype(mx.float32), -9, 9).sum(axis=i % 2, keepdims=True) + mx.zeros((4, 4))
        elif op == "softmax":
            z = mx.softmax(mx.clip(x.astype(mx.float32), -9, 9), axis=j % 2)
        elif op == "transpose":
            z = x.T
        elif op == "slice":
            z = mx.concatenate([x[1:], x[:1]])
        elif op == "where":
            z = mx.where(x.astype(mx.float32) > 0, y.astype(mx.float32), 0.5)
        elif op == "astype":
            z = mx.clip(x.astype(mx.float32), -100, 100).astype(mx.float16)
        elif op == "matmul":
            z = mx.tanh(x.astype(mx.float32)) @ mx.tanh(y.astype(mx.float32))
        elif op == "cumsum":
            z = mx.cumsum(mx.tanh(x.astype(mx.float32)), axis=i % 2)
        else:
            z = mx.broadcast_to(x[i % 4 : i % 4 + 1], (4, 4))
        values.append(z)
    return values[-1], values[len(values) // 2]


@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS, st.booleans())
def test_random_programs(mx, steps, shapeless):
    rng = np.random.default_rng(0)
    a, b = (mx.array(rng.standard_normal((4, 4)).astype(np.float32)) for _ in range(2))
    if shapeless and any(op == "broadcast" for op, _, _ in steps):
        shapeless = False
    f = mx.compile(lambda a, b: run_program(mx, steps, a, b), shapeless=shapeless)
    for x, y in zip(f(a, b), run_program(mx, steps, a, b), strict=True):
        assert x.dtype == y.dtype
        got, want = np.array(x.astype(mx.float32)), np.array(y.astype(mx.float32))
        np.testing.assert_allclose(
            got,
            want,
            rtol=2e-3 if x.dtype == mx.float16 else 1e-4,
            atol=2e-3 if x.dtype == mx.float16 else 1e-4,
        )


def test_retrace_rules(mx):
    """A new shape, dtype or Python constant traces again; the same ones do not."""
    traces = []

    def f(x, scale=1.0):
        traces.append((x.shape, scale))
        return x * scale

    g = mx.compile(f)
    for args, n in (
        ((mx.ones(3),), 1),
        ((mx.zeros(3),), 1),
        ((mx.ones(4),), 2),
        ((mx.ones(3, mx.int32),), 3),
        ((mx.ones(3), 2.0), 4),
        ((mx.ones(3), 2), 5),
        ((mx.ones(3), 2.0), 5),
    ):
        g(*args)
        assert len(traces) == n
    shapeless = mx.compile(f, shapeless=True)
    traces.clear()
    for x in (mx.ones(3), mx.ones(5), mx.ones(7)):
        assert shapeless(x).shape == x.shape
    assert len(traces) == 1
    shapeless(mx.ones((2, 2)))
    assert len(traces) == 2


def test_state_is_captured(mx):
    state = {"n": mx.array(0)}

    def step(x):
        state["n"] = state["n"] + 1
        return x + state["n"]

    compiled = mx.compile(step, inputs=state, outputs=state)
    assert [compiled(mx.array(10)).item() for _ in range(3)] == [11, 12, 13]
    assert state["n"].item() == 3


def test_random_state_is_captured(mx):
    f = mx.compile(lambda: mx.random.uniform(shape=(4,)), inputs=mx.random.state, outputs=mx.random.state)
    a, b = f(), f()
    assert not mx.array_equal(a, b).item()
    mx.random.seed(5)
    c = f()
    mx.random.seed(5)
    assert mx.array_equal(c, f()).item()


def test_failed_trace_does_not_poison(mx):
    fail = [True]

    def f(x):
        if fail[0]:
            raise RuntimeError("no")
        return x + 1

    g = mx.compile(f)
    with pytest.raises(RuntimeError, match="no"):
        g(mx.array(1))
    fail[0] = False
    assert g(mx.array(1)).item() == 2


def test_eval_inside_compile_is_an_error(mx):
    def f(x):
        y = x + 1
        mx.eval(y)
        return y

    with pytest.raises(ValueError):
        mx.compile(f)(mx.array(1.0))


def test_disable_compile(mx):
    calls = []
    g = mx.compile(lambda x: (calls.append(1), x + 1)[1])
    g(mx.array(1))
    mx.disable_compile()
    try:
        g(mx.array(1))
        g(mx.array(1))
        assert len(calls) == 3
    finally:
        mx.enable_compile()


def test_compile_of_grad(mx):
    def loss(w, x):
        return mx.square(mx.tanh(x @ w)).sum()

    w, x = mx.ones((3, 2)) * 0.1, mx.arange(12).reshape(4, 3).astype(mx.float32) / 10
    np.testing.assert_allclose(
        np.array(mx.compile(mx.grad(loss))(w, x)), np.array(mx.grad(loss)(w, x)), rtol=1e-5
    )
    np.testing.assert_allclose(
        np.array(mx.grad(mx.compile(loss))(w, x)), np.array(mx.grad(loss)(w, x)), rtol=1e-5
    )
    np.testing.assert_allclose(
        np.array(mx.vmap(mx.compile(mx.grad(loss)), in_axes=(None, 0))(w, x[:, None])),
        np.array(mx.vmap(mx.grad(loss), in_axes=(None, 0))(w, x[:, None])),
        rtol=1e-5,
    )
