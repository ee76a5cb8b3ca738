"""Function transformations by their rules: which arguments, trees, captured arrays, in-place updates, ties, custom rules, and
transformations of transformations."""

import math
from typing import NamedTuple

import numpy as np
import pytest


def test_argnums_and_argnames(mx):
    def f(x, y, z=None):
        return (x * y).sum() + (0 if z is None else (z * 3).sum())

    x, y = mx.array([1.0, 2.0]), mx.array([3.0, 5.0])
    assert mx.grad(f)(x, y).tolist() == [3, 5]
    assert mx.grad(f, argnums=1)(x, y).tolist() == [1, 2]
    gx, gy = mx.grad(f, argnums=(0, 1))(x, y)
    assert gx.tolist() == [3, 5] and gy.tolist() == [1, 2]
    positional, named = mx.grad(f, argnums=0, argnames="z")(x, y, z=x)
    assert positional.tolist() == [3, 5] and named["z"].tolist() == [3, 3]
    _, named = mx.grad(f, argnames=["z"])(x, y, z=x)
    assert named["z"].tolist() == [3, 3]
    value, g = mx.value_and_grad(f)(x, y)
    assert value.item() == 13 and g.tolist() == [3, 5]


@pytest.mark.parametrize("argnums", [-1, (0, 0), 5, ()])
def test_bad_argnums(mx, argnums):
    with pytest.raises(ValueError):
        mx.grad(lambda x: x.sum(), argnums=argnums)(mx.ones(2))


class Pair(NamedTuple):
    a: object
    b: object


def test_gradient_keeps_the_tree(mx):
    def f(p):
        return (p["w"][0] * p["w"][1].a).sum() + p["b"].sum()

    params = {"w": [mx.array([1.0, 2.0]), Pair(mx.array([3.0, 4.0]), mx.array(1.0))], "b": mx.array([0.0])}
    g = mx.grad(f)(params)
    assert g["w"][0].tolist() == [3, 4] and g["b"].tolist() == [1]
    assert isinstance(g["w"][1], Pair) and g["w"][1].a.tolist() == [1, 2]


def test_several_outputs(mx):
    (value, other), g = mx.value_and_grad(lambda x: (x.sum(), x * 2))(mx.array([1.0, 2.0]))
    assert value.item() == 3 and other.tolist() == [2, 4] and g.tolist() == [1, 1]


def test_captured_arrays_are_constants(mx):
    w = mx.array(3.0)
    assert mx.grad(lambda x: x * w)(mx.array(2.0)).item() == 3
    assert mx.grad(lambda x: mx.stop_gradient(x * x) + x)(mx.array(2.0)).item() == 1


def test_in_place_updates_are_differentiated(mx):
    def f(x):
        y = mx.zeros(3)
        y[1] = x * x
        y += x
        y[0:2] *= 2
        return y.sum()

    assert mx.grad(f)(mx.array(3.0)).item() == 2 * (1 + 2 * 3 + 1) + 1


def test_gradient_does_not_see_the_argument_change(mx):
    def f(x):
        x[0] = x[1] * 4
        return x.sum()

    x = mx.array([1.0, 2.0])
    assert mx.grad(f)(x).tolist() == [0, 5]
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize(
    "op, at, want", [("maximum", (2.0, 2.0), (0.5, 0.5)), ("minimum", (2.0, 2.0), (0.5, 0.5))]
)
def test_ties(mx, op, at, want):
    got = mx.grad(getattr(mx, op), argnums=(0, 1))(mx.array(at[0]), mx.array(at[1]))
    assert tuple(g.item() for g in got) == want or sum(g.item() for g in got) == 1


def test_max_shares_ties(mx):
    assert mx.grad(lambda x: x.max())(mx.array([1.0, 3.0, 3.0])).tolist() == [0, 0.5, 0.5]


def test_relu_at_zero(mx):
    assert mx.grad(lambda x: mx.maximum(x, 0))(mx.array(0.0)).item() == 0


def test_unused_input(mx):
    assert mx.grad(lambda x, y: x.sum(), argnums=1)(mx.ones(2), mx.ones(3)).tolist() == [0, 0, 0]


def test_higher_orders(mx):
    f = mx.sin
    for order in range(1, 5):
        f = mx.grad(f)
        want = [math.cos, lambda t: -math.sin(t), lambda t: -math.cos(t), math.sin][order - 1](0.7)
        assert f(mx.array(0.7)).item() == pytest.approx(want, rel=1e-5)


def test_hessian_through_vmap(mx):
    def f(x):
        return (x**3).sum() + x[0] * x[1]

    x = mx.array([1.0, 2.0])
    h = mx.vmap(lambda v: mx.jvp(mx.grad(f), [x], [v])[1][0])(mx.eye(2))
    assert np.allclose(np.array(h), [[6, 1], [1, 12]])


def test_checkpoint(mx):
    """The same gradient, with the inside computed again instead of kept."""
    calls = []

    def block(x, w):
        calls.append(1)
        return mx.tanh(x @ w)

    x, w = mx.ones((4, 4)) * 0.1, mx.ones((4, 4)) * 0.2

    def loss(f):
        return lambda w: f(f(x, w), w).sum()

    plain = mx.grad(loss(block))(w)
    again = mx.grad(loss(mx.checkpoint(block)))(w)
    assert np.allclose(np.array(plain), np.array(again), rtol=1e-6)
    assert len(calls) > 4
    assert np.allclose(np.array(mx.checkpoint(block)(x, w)), np.array(block(x, w)))


def test_custom_vjp(mx):
    @mx.custom_function
    def f(x, y):
        return x * y

    @f.vjp
    def f_vjp(primals, cotangent, output):
        x, y = primals
        assert output.shape == x.shape
        return cotangent * 10 * y, cotangent * x

    gx, gy = mx.grad(lambda x, y: f(x, y).sum(), argnums=(0, 1))(mx.array([1.0, 2.0]), mx.array([3.0, 4.0]))
    assert gx.tolist() == [30, 40] and gy.tolist() == [1, 2]


def test_custom_single_argument_is_bare(mx):
    f = mx.custom_function(lambda x: mx.exp(x))

    @f.vjp
    def f_vjp(x, cotangent, output):
        return cotangent * 7

    @f.jvp
    def f_jvp(x, tangent):
        return tangent * 5

    assert mx.grad(lambda x: f(x).sum())(mx.ones(2)).tolist() == [7, 7]
    assert mx.jvp(f, [mx.ones(2)], [mx.ones(2)])[1][0].tolist() == [5, 5]


def test_custom_vmap(mx):
    f = mx.custom_function(lambda x, y: x + y)

    @f.vmap
    def f_vmap(inputs, axes):
        x, y = inputs
        return x * 0 + 9 + y * 0, axes[0]

    got = mx.vmap(f, in_axes=(0, 0))(mx.ones((3, 2)), mx.ones((3, 2)))
    assert got.tolist() == [[9, 9]] * 3


def test_custom_without_rules_is_differentiated(mx):
    f = mx.custom_function(lambda x: x * x)
    assert mx.grad(lambda x: f(x).sum())(mx.array([3.0])).tolist() == [6]


def test_depends_orders_work(mx):
    x, y = mx.ones(3) + 1, mx.ones(3) * 5
    a = mx.depends(x, y)
    b, c = mx.depends([x, x * 2], [y])
    assert a.tolist() == [2, 2, 2] and b.tolist() == [2, 2, 2] and c.tolist() == [4, 4, 4]


def test_exception_in_the_function_passes_through(mx):
    def f(x):
        raise KeyError("mine")

    for transform in (mx.grad, mx.vmap, mx.value_and_grad):
        with pytest.raises(KeyError, match="mine"):
            transform(f)(mx.ones(2))
    assert mx.grad(lambda x: x.sum())(mx.ones(2)).tolist() == [1, 1]
