"""Gradients of every differentiable row against central differences of its double-precision reference.

The whole Jacobian is formed numerically, so vjp is checked for a random cotangent and jvp for a random
tangent, element by element.
"""

import numpy as np
import pytest
from case import Case, draw_inputs, leaves, mx_inputs, to_mx, to_np
from op_table import CASES
from running import pick_device

DIFFERENTIABLE = [pytest.param(c, id=c.id) for c in CASES if c.grad]
STEP = 1e-5
RTOL, ATOL = 2e-5, 2e-5
# MLX has no forward-mode rule for these either; they may say so, but must not be wrong
MAY_LACK_JVP = (
    "gather_mm",
    "gather_qmm",
    "conv",
    "cumprod",
    "cummax",
    "cummin",
    "diag",
    "array.diag",
    "ArrayAt",
    "array.__setitem__-scatter",
    "depends",
    "quantized_matmul",
)
# second derivatives: elementwise ops and the ones that models differentiate twice
TWICE = (
    "softmax",
    "matmul",
    "sum",
    "mean",
    "var",
    "prod",
    "max",
    "fast.rms_norm",
    "fast.layer_norm",
    "logsumexp",
    "take",
    "cumsum",
    "reshape",
)
SECOND = [
    pytest.param(c, id=c.id)
    for c in CASES
    if c.grad and (c.free_shape or c.op in TWICE) and "float32" in c.dtypes
]


def grad_dtype(c: Case) -> str | None:
    return next((d for d in ("float32", "complex64") if d in c.dtypes), None)


def float_leaves(values) -> list[np.ndarray]:
    return [np.asarray(v) for v in leaves(values) if np.asarray(v).dtype.kind in "fc"]


def flat_reference(c: Case, inputs) -> np.ndarray:
    with np.errstate(all="ignore"):
        outs = leaves(c.ref(*inputs))
    return np.concatenate([np.asarray(o).astype(np.complex128).ravel() for o in outs])


def directions(x: np.ndarray):
    """Unit vectors of an array; a complex array has a real and an imaginary one per element."""
    for i in np.ndindex(*x.shape):
        for unit in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
            e = np.zeros(x.shape, x.dtype)
            e[i] = unit
            yield e


def numeric_jacobian(c: Case, inputs, argnum: int) -> np.ndarray:
    """d output / d input, one column per direction (see `directions`)."""
    x = inputs[argnum]
    columns = []
    for e in directions(x):
        lo, hi = list(inputs), list(inputs)
        lo[argnum], hi[argnum] = x - STEP * e, x + STEP * e
        columns.append((flat_reference(c, hi) - flat_reference(c, lo)) / (2 * STEP))
    return np.stack(columns, -1)


def is_float(mx, x) -> bool:
    return isinstance(x, mx.array) and mx.issubdtype(x.dtype, mx.inexact)


def check(got, want, c: Case, what: str) -> None:
    limit = c.grad_tol * (RTOL * np.abs(want) + ATOL * max(1.0, np.abs(want).max(initial=0.0)))
    error = np.abs(got - want)
    assert (error <= limit).all(), (
        f"{c.id}: {what} off by up to {np.max(error / limit):.3g} x the tolerance\n"
        f"got  {got[error > limit][:6]}\n"
        f"want {want[error > limit][:6]}"
    )


def setup(mx, c: Case):
    dtype = grad_dtype(c)
    inputs = draw_inputs(c, dtype)
    arrays = mx_inputs(mx, c, dtype, inputs)

    def fun(*differentiated):
        full = list(arrays)
        for k, v in zip(c.grad, differentiated, strict=True):
            full[k] = v
        return leaves(c.call(mx, *full))

    return dtype, inputs, [arrays[k] for k in c.grad], fun


def random_like(rng, shape, complex_):
    v = rng.standard_normal(shape)
    return v + 1j * rng.standard_normal(shape) if complex_ else v


@pytest.mark.parametrize("c", DIFFERENTIABLE)
def test_vjp(mx, c):
    with pick_device(mx, c):
        _, inputs, primals, fun = setup(mx, c)
        outs = fun(*primals)
        mx.eval(outs)
        rng = np.random.default_rng(1)
        cots = [random_like(rng, o.shape, o.dtype == mx.complex64) for o in outs]
        sent = [
            to_mx(mx, ct, "complex64" if o.dtype == mx.complex64 else "float32")
            for ct, o in zip(cots, outs, strict=True)
        ]
        _, grads = mx.vjp(fun, primals, sent)
        mx.eval(grads)
        cot = np.concatenate([ct.ravel() for ct in cots])
        for k, g in zip(c.grad, grads, strict=True):
            jac = numeric_jacobian(c, inputs, k)
            want = (np.conj(cot)[:, None] * jac).real.sum(0)
            x = inputs[k]
            if x.dtype.kind == "c":
                want = want[0::2] + 1j * want[1::2]
            check(to_np(mx, g).ravel(), want, c, f"vjp of argument {k}")


@pytest.mark.parametrize("c", DIFFERENTIABLE)
def test_jvp(mx, c):
    with pick_device(mx, c):
        _, inputs, primals, fun = setup(mx, c)
        rng = np.random.default_rng(2)
        tangents = [random_like(rng, inputs[k].shape, inputs[k].dtype.kind == "c") for k in c.grad]
        sent = [to_mx(mx, t, "complex64" if t.dtype.kind == "c" else "float32") for t in tangents]
        try:
            _, outs = mx.jvp(fun, primals, sent)
        except (ValueError, RuntimeError, NotImplementedError) as e:
            if c.id.startswith(MAY_LACK_JVP) and any(w in str(e) for w in ("mplemented", "NYI", "has no")):
                pytest.skip(f"no forward-mode rule: {e}")
            raise
        got = np.concatenate([to_np(mx, o).ravel() for o in outs])
        want = 0
        for k, t in zip(c.grad, tangents, strict=True):
            parts = (
                t.ravel() if t.dtype.kind != "c" else np.stack([t.real.ravel(), t.imag.ravel()], -1).ravel()
            )
            want = want + numeric_jacobian(c, inputs, k) @ parts
        check(got, want if got.dtype.kind == "c" else want.real, c, "jvp")


@pytest.mark.parametrize("c", SECOND)
def test_second_derivative(mx, c):
    """The derivative along v of the gradient of <cotangent, f>, against second differences of the
    reference along v."""
    with pick_device(mx, c):
        _, inputs, primals, fun = setup(mx, c)
        rng = np.random.default_rng(3)
        cots = [rng.standard_normal(o.shape) for o in fun(*primals)]
        sent = [to_mx(mx, ct, "float32") for ct in cots]
        direction = [rng.standard_normal(inputs[k].shape) / 2 for k in c.grad]
        _, curved = mx.jvp(
            lambda *p: mx.vjp(fun, list(p), sent)[1], primals, [to_mx(mx, v, "float32") for v in direction]
        )
        got = sum(
            float((to_np(mx, g).astype(np.float64) * v).sum()) for g, v in zip(curved, direction, strict=True)
        )
        cot = np.concatenate([ct.ravel() for ct in cots])

        def along(t):
            moved = list(inputs)
            for k, v in zip(c.grad, direction, strict=True):
                moved[k] = moved[k] + t * v
            return float((cot * flat_reference(c, moved).real).sum())

        h = 1e-4
        want = (along(h) - 2 * along(0) + along(-h)) / h**2
        scale = max(1.0, abs(want), float(np.abs(cot).sum()))
        assert abs(got - want) <= 2e-5 * c.grad_tol * scale, (
            f"{c.id}: second derivative {got}, expected {want}"
        )


def test_matrices_of_gather_mm_get_one_product_each(mx):
    """A product for each pair would take pairs times the size of a matrix: 10 MB here."""
    rng = np.random.default_rng(0)
    index = mx.array(rng.integers(0, 4, 600).astype(np.uint32))
    x, w = (mx.array(rng.standard_normal(s).astype(np.float32)) for s in ((600, 1, 64), (4, 64, 64)))
    mx.eval(x, w, index)
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    grad = mx.grad(lambda w: mx.gather_mm(x, w, rhs_indices=index).sum())(w)
    mx.eval(grad)
    assert mx.get_peak_memory() - before < 4 << 20
    rows = np.array(x)[:, 0].astype(np.float64)
    want = np.stack([rows[np.array(index) == e].sum(0) for e in range(4)])[:, :, None] * np.ones(64)
    assert np.abs(np.array(grad) - want).max() < 1e-4
