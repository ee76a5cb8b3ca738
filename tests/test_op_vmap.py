"""vmap against a Python loop, with several ways to batch the arguments."""

import numpy as np
import pytest
from case import FLOATS, INTS, Case, assert_close, draw_inputs, leaves, mx_inputs, rtol_of, to_np
from op_table import CASES
from running import pick_device

BATCH = 3
# MLX has no batching rule for these either; they may say so, but must not be wrong
MAY_LACK_VMAP = (
    "linalg.lu",
    "linalg.qr",
    "linalg.solve",
    "linalg.det",
    "linalg.slogdet",
    "linalg.pinv",
    "linalg.cholesky",
    "linalg.eig",
    "to_fp8",
    "from_fp8",
    "gather_mm",
    "depends",
    "as_strided",
    "conv",
)
MAPPED = [pytest.param(c, id=c.id) for c in CASES if c.vmap and c.args and not c.id.startswith("array.__i")]


def patterns(n: int) -> list[tuple]:
    """Every argument along axis 0, each argument alone, and axis -1 or 1 where others are on 0."""
    out = [(0,) * n, (-1,) * n]
    if n > 1:
        out += [tuple(0 if i == k else None for i in range(n)) for k in range(n)]
        out.append(tuple(1 if i == 0 else 0 for i in range(n)))
    return out


def stack_inputs(mx, samples, in_axes):
    """Samples of each argument joined along its batch axis; unbatched ones take the first sample."""
    args = []
    for i, ax in enumerate(in_axes):
        if ax is None:
            args.append(samples[0][i])
        else:
            ax = min(ax, samples[0][i].ndim)
            args.append(mx.stack([s[i] for s in samples], axis=ax))
    return args


def usable(in_axes, arrays):
    """Axis 1 exists only for arguments with a dimension of their own."""
    return all(ax is None or ax <= 0 or a.ndim >= ax for ax, a in zip(in_axes, arrays, strict=True))


@pytest.mark.parametrize("c", MAPPED)
def test_vmap(mx, c: Case):
    dtype = next((d for d in FLOATS + INTS + ("complex64", "bool") if d in c.dtypes), c.dtypes[0])
    with pick_device(mx, c):
        samples = [mx_inputs(mx, c, dtype, draw_inputs(c, dtype, salt)) for salt in range(BATCH)]
        for in_axes in patterns(len(c.args)):
            if not usable(in_axes, samples[0]):
                continue
            try:
                got = leaves(
                    mx.vmap(lambda *a: leaves(c.call(mx, *a)), in_axes=in_axes)(
                        *stack_inputs(mx, samples, in_axes)
                    )
                )
            except (ValueError, RuntimeError, NotImplementedError) as e:
                unsupported = any(w in str(e) for w in ("mplemented", "only handle", "not supported"))
                if c.id.startswith(MAY_LACK_VMAP) and unsupported:
                    pytest.skip(f"no batching rule: {e}")
                raise
            loops = [
                leaves(c.call(mx, *[samples[0 if ax is None else b][i] for i, ax in enumerate(in_axes)]))
                for b in range(BATCH)
            ]
            mx.eval(got, loops)
            assert len(got) == len(loops[0])
            for j, g in enumerate(got):
                want = np.stack([to_np(mx, one[j]) for one in loops])
                rtol = 4 * rtol_of(mx, g, c, dtype)
                if c.check and rtol:
                    rtol *= 10  # factorisations of a batch may take another path
                assert g.dtype == loops[0][j].dtype
                assert_close(to_np(mx, g), want, rtol, True, f"vmap {c.id} in_axes={in_axes}")


def test_out_axes(mx):
    x = mx.arange(12).reshape(3, 4)
    for out_axes in (0, 1, -1):
        got = mx.vmap(lambda r: r * 2, out_axes=out_axes)(x)
        assert np.array_equal(np.array(got), np.moveaxis(np.array(x) * 2, 0, out_axes))


def test_trees(mx):
    x, y = mx.ones((3, 2)), mx.arange(3)
    got = mx.vmap(lambda d, s: {"a": d["x"] * s, "b": (d["y"] + s,)}, in_axes=({"x": 0, "y": None}, 0))(
        {"x": x, "y": mx.array(5)}, y
    )
    assert np.array_equal(np.array(got["a"]), np.ones((3, 2)) * np.arange(3)[:, None])
    assert np.array_equal(np.array(got["b"][0]), 5 + np.arange(3))


def test_nested(mx):
    a, b = mx.arange(6).reshape(2, 3), mx.arange(4)
    got = mx.vmap(lambda r: mx.vmap(lambda x: mx.vmap(lambda y: x * 10 + y)(b))(r))(a)
    assert np.array_equal(np.array(got), np.array(a)[..., None] * 10 + np.arange(4))


def test_grad_of_vmap(mx):
    x = mx.array(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4))
    batched = mx.grad(lambda x: mx.vmap(lambda r: (r * r.sum()).sum())(x).sum())(x)
    single = mx.vmap(mx.grad(lambda r: (r * r.sum()).sum()))(x)
    np.testing.assert_allclose(np.array(batched), np.array(single), rtol=1e-6)


@pytest.mark.parametrize("bad", [{"in_axes": 3}, {"in_axes": (0, 0, 0)}, {"in_axes": "0"}])
def test_errors(mx, bad):
    with pytest.raises((ValueError, IndexError, TypeError)):
        mx.vmap(lambda a, b: a + b, **bad)(mx.ones((2, 3)), mx.ones((2, 3)))


def test_mismatched_sizes(mx):
    with pytest.raises(ValueError):
        mx.vmap(lambda a, b: a + b)(mx.ones((2, 3)), mx.ones((4, 3)))
