"""Attention, rotary embedding and the gated delta rule on the GPU: what their kernels could get wrong, against
NumPy. The op table has the plain cases."""

import numpy as np
import pytest
from refs import nn as N

pytestmark = pytest.mark.gpu_only

TOLERANCE = {"float32": 2e-5, "float16": 3e-3, "bfloat16": 2e-2}


def to_mx(mx, a, dtype):
    return mx.array(a.astype(np.float32)).astype(getattr(mx, dtype))


def to_np(mx, a):
    return np.array(a.astype(mx.float32)).astype(np.float64)


def rounded(mx, a, dtype):
    """The array and what is left of it in `dtype`."""
    x = to_mx(mx, a, dtype)
    return x, to_np(mx, x)


def check(mx, got, want, dtype):
    got = to_np(mx, got)
    assert got.shape == want.shape
    scale = max(np.abs(want).max(), 1e-6)
    error = np.abs(got - want).max() / scale
    assert error <= TOLERANCE[dtype], f"off by {error:.3g} of the largest value"


def cache(mx, rng, shape, dtype):
    """Keys or values as a model keeps them: the first part of a longer buffer, (batch, heads, length, dim)."""
    b, h, n, d = shape
    buffer, exact = rounded(mx, rng.standard_normal((b, h, n + 7, d)), dtype)
    return buffer[:, :, :n], exact[:, :, :n]


def mask_of(mx, rng, kind, q, kv_len, dtype):
    """(argument, reference)"""
    shape = (q[0], 1, q[2], kv_len)
    if kind in (None, "causal"):
        return kind, kind
    if kind == "bool":
        m = rng.random(shape) > 0.4
        m[..., 0, :] = False  # a row that sees nothing
        return mx.array(m), m
    if kind == "columns":  # broadcast along the rows
        m = rng.random((1, 1, 1, kv_len)) > 0.4
        return mx.array(m), np.broadcast_to(m, shape)
    return rounded(mx, rng.standard_normal((q[0], q[1], q[2], kv_len)), dtype)


def attend(mx, q_shape, kv_heads, kv_len, dtype="bfloat16", v_dim=None, mask=None, sinks=False):
    rng = np.random.default_rng(0)
    b, h, n, d = q_shape
    q, q_ref = rounded(mx, rng.standard_normal((b, n, h, d)), dtype)
    q, q_ref = q.transpose(0, 2, 1, 3), q_ref.transpose(0, 2, 1, 3)
    k, k_ref = cache(mx, rng, (b, kv_heads, kv_len, d), dtype)
    v, v_ref = cache(mx, rng, (b, kv_heads, kv_len, v_dim or d), dtype)
    m, m_ref = mask_of(mx, rng, mask, q_shape, kv_len, dtype)
    s, s_ref = rounded(mx, rng.standard_normal(h), dtype) if sinks else (None, None)
    scale = d**-0.5
    got = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=m, sinks=s)
    check(mx, got, N.attention(q_ref, k_ref, v_ref, scale, m_ref, s_ref), dtype)


@pytest.mark.parametrize(
    ("dim", "dtype"),
    [(d, "bfloat16") for d in (32, 40, 80, 128, 192, 256)]
    + [(80, "float16"), (40, "float32"), (256, "float32")],
)
def test_head_dims(mx, dim, dtype):
    attend(mx, (1, 2, 1, dim), 1, 40, dtype)
    attend(mx, (1, 2, 20, dim), 1, 40, dtype, mask="causal")


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 31, 32, 33, 64, 100])
def test_query_lengths(mx, length):
    attend(mx, (1, 2, length, 64), 1, 101, mask="causal")
    attend(mx, (2, 2, length, 64), 2, 33)


@pytest.mark.parametrize("kv_len", [1, 15, 64, 129])
@pytest.mark.parametrize("length", [1, 17])
def test_key_lengths(mx, length, kv_len):
    attend(mx, (1, 2, length, 64), 1, kv_len)


@pytest.mark.parametrize("length", [1, 3, 40])
@pytest.mark.parametrize("group", [3, 8])
def test_grouped_heads(mx, group, length):
    attend(mx, (1, 2 * group, length, 64), 2, 50, mask="causal")


@pytest.mark.parametrize("sinks", [False, True])
@pytest.mark.parametrize("mask", [None, "causal", "bool", "columns", "additive"])
@pytest.mark.parametrize("length", [2, 35])
def test_masks(mx, length, mask, sinks):
    attend(mx, (2, 4, length, 64), 2, 50, mask=mask, sinks=sinks)
    attend(mx, (1, 2, length, 32), 1, 30, "float32", mask=mask, sinks=sinks)


@pytest.mark.parametrize("length", [2, 35])
def test_more_queries_than_keys(mx, length):
    """With a causal mask, the first rows see no key and get the mean of the values."""
    attend(mx, (1, 2, length, 64), 2, length - 1, mask="causal")


@pytest.mark.parametrize("sinks", [False, True])
@pytest.mark.parametrize("mask", [None, "causal", "bool"])
@pytest.mark.parametrize("length", [1, 12])
def test_long_contexts_are_shared(mx, length, mask, sinks):
    """Workgroups share the keys of a head, and a second kernel merges what they found."""
    attend(mx, (1, 4, length, 64), 2, 1300, mask=mask, sinks=sinks)


@pytest.mark.parametrize("length", [1, 20])
def test_values_of_another_width(mx, length):
    attend(mx, (1, 4, length, 192), 2, 40, v_dim=128)
    attend(mx, (1, 2, length, 64), 1, 40, v_dim=24)


@pytest.mark.parametrize("dim", [3, 65, 100])
def test_odd_dims(mx, dim):
    """What the matrix kernel does not take."""
    attend(mx, (1, 2, 1, dim), 1, 20)
    attend(mx, (1, 2, 11, dim), 1, 20, "float16", mask="causal")


def test_dims_beyond_the_kernels(mx):
    attend(mx, (1, 2, 3, 1030), 1, 9, "float32", mask="causal")


@pytest.mark.parametrize("length", [1, 33])
def test_rows_at_odd_addresses(mx, length):
    """Keys and values inside of one wide projection, at addresses that no vector load takes."""
    rng = np.random.default_rng(1)
    all_, exact = rounded(mx, rng.standard_normal((1, 40, 2 * 64 + 64 + 1)), "bfloat16")
    k, v = all_[:, :, 1:65][:, None], all_[:, :, 65:129][:, None]
    k_ref, v_ref = exact[:, :, 1:65][:, None], exact[:, :, 65:129][:, None]
    q, q_ref = rounded(mx, rng.standard_normal((1, 2, length, 64)), "bfloat16")
    got = mx.fast.scaled_dot_product_attention(q, k, v, scale=0.125)
    check(mx, got, N.attention(q_ref, k_ref, v_ref, 0.125), "bfloat16")


def test_infinite_additive_mask(mx):
    """-inf hides a key; a row of nothing else is NaN, as with the composed ops."""
    m = np.zeros((4, 20), np.float32)
    m[:, 10:] = -np.inf
    m[2] = -np.inf
    q = mx.random.normal((1, 1, 4, 32))
    k, v = mx.random.normal((1, 1, 20, 32)), mx.random.normal((1, 1, 20, 32))
    got = to_np(mx, mx.fast.scaled_dot_product_attention(q, k, v, scale=0.2, mask=mx.array(m)))
    want = to_np(mx, mx.fast.scaled_dot_product_attention(q, k[:, :, :10], v[:, :, :10], scale=0.2))
    assert np.isnan(got[:, :, 2]).all()
    np.testing.assert_allclose(got[:, :, [0, 1, 3]], want[:, :, [0, 1, 3]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("traditional", [False, True])
@pytest.mark.parametrize("dims", [8, 64, 66, 128])
def test_rope_of_strided_heads(mx, dims, traditional, dtype):
    """(batch, time, heads, features) seen as (batch, heads, time, features), from a wider projection."""
    rng = np.random.default_rng(2)
    wide, exact = rounded(mx, rng.standard_normal((2, 5, 6, 128)), dtype)
    x, ref = wide[:, :, 1:6].transpose(0, 2, 1, 3), exact[:, :, 1:6].transpose(0, 2, 1, 3)
    got = mx.fast.rope(x, dims, traditional=traditional, base=10000.0, scale=1.0, offset=7)
    check(mx, got, N.rope(ref, dims, traditional, offset=7), dtype)


def test_rope_in_place(mx):
    """The result may take the place of an input that nobody else holds: many rows, part of each rotated."""
    exact = np.random.default_rng(3).standard_normal((1, 2, 600, 24)).astype(np.float32)
    x = mx.array(exact) + 0.0
    got = mx.fast.rope(x, 16, traditional=False, base=10000.0, scale=1.0, offset=0)
    del x
    check(mx, got, N.rope(exact.astype(np.float64), 16), "float32")


def test_rope_offsets_of_every_item(mx):
    rng = np.random.default_rng(4)
    x, exact = rounded(mx, rng.standard_normal((3, 4, 2, 64)), "float16")
    offsets = np.array([0, 9, 4000])
    for given in (
        mx.array(offsets),
        mx.array(np.repeat(offsets, 2))[::2],
        mx.array(offsets.astype(np.uint32)),
    ):
        got = mx.fast.rope(x, 64, traditional=False, base=10000.0, scale=1.0, offset=given)
        check(mx, got, N.rope(exact, 64, offset=offsets.astype(float)), "float16")


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("time", [1, 4, 9])
def test_gated_delta(mx, time, dtype):
    rng = np.random.default_rng(5)
    shapes = [(1, time, 2, 128), (1, time, 2, 128), (1, time, 4, 40)]
    inputs = [rounded(mx, rng.uniform(-0.3, 0.3, s), dtype) for s in shapes]
    gates = [rounded(mx, rng.uniform(0.5, 0.99, (1, time, 4)), "float32") for _ in range(2)]
    state = rng.standard_normal((1, 4, 40, 128))
    args = [each[0] for each in inputs + gates]
    y, after = mx.fast.gated_delta_update(*args, mx.array(state.astype(np.float32)))
    want_y, want_state = N.gated_delta(
        *[each[1] for each in inputs + gates], state.astype(np.float32).astype(float)
    )
    check(mx, y, want_y, dtype)
    check(mx, after, want_state, "float32")


def test_gated_delta_at_odd_addresses(mx):
    """Keys of an odd width from inside of a projection, two values a lane; some steps left out."""
    rng = np.random.default_rng(6)
    wide, exact = rounded(mx, rng.uniform(-0.5, 0.5, (2, 5, 1, 17)), "bfloat16")
    q, k, v = wide[..., 1:6], wide[..., 6:11], wide[..., 11:14]
    q_ref, k_ref, v_ref = exact[..., 1:6], exact[..., 6:11], exact[..., 11:14]
    gates = [rounded(mx, rng.uniform(0.5, 0.99, (2, 5, 1)), "bfloat16") for _ in range(2)]
    y, _ = mx.fast.gated_delta_update(
        q, k, v, *[each[0] for each in gates], mask=mx.array([[1, 1, 1, 1, 0]] * 2) == 1
    )
    want, _ = N.gated_delta(*[each[:, :4] for each in (q_ref, k_ref, v_ref, *[g[1] for g in gates])])
    check(mx, y[:, :4], want, "bfloat16")
    assert (to_np(mx, y)[:, 4] == 0).all()
