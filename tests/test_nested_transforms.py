"""A transform inside a function that another transform traces."""

import mlx_rocm.core as mx


def test_gradient_through_an_unmapped_input_of_vmap():
    w = mx.array([1.0, 2.0, 3.0])

    def loss(p):
        return mx.sum(mx.vmap(lambda a, q: a * q, in_axes=(None, 0))(p, w))

    assert mx.grad(loss)(mx.array([5.0])).tolist() == [6.0]


def test_a_captured_array_keeps_its_gradient_after_vmap():
    def loss(p):
        mx.vmap(lambda q: q * p)(mx.array([1.0, 2.0]))
        return mx.sum(p * p)

    assert mx.grad(loss)(mx.array([5.0])).tolist() == [10.0]


def test_vjp_with_a_captured_array_inside_grad():
    def loss(p):
        _, (inner,) = mx.vjp(lambda q: q * q * p, [mx.array(3.0)], [mx.array(1.0)])
        return inner * p

    assert mx.grad(loss)(mx.array(2.0)).item() == 24.0
