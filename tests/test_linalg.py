"""Factorisations multiply back; errors say what is wrong; LAPACK is found or its absence explained."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

SHAPES = [(1, 1), (4, 4), (7, 3), (3, 7), (2, 5, 5), (2, 3, 6, 4), (65, 65)]
TYPES = ["float32", "float64", "complex64"]
ROUNDING = {"float32": 2e-6, "float64": 1e-14, "complex64": 3e-6}


@pytest.fixture(autouse=True)
def on_cpu(mx):
    with mx.stream(mx.cpu):
        yield


def draw(shape, kind, seed=0):
    rng = np.random.default_rng([seed, *shape])
    a = rng.standard_normal(shape)
    return (a + 1j * rng.standard_normal(shape) if kind == "complex64" else a).astype(kind)


def square(n, kind, batch=(3,)):
    return draw((*batch, n, n), kind)


def to_mx(mx, a):
    return mx.array(a, dtype=getattr(mx, a.dtype.name))


def check(got, want, kind, n):
    scale = max(1.0, np.abs(want).max(initial=0))
    np.testing.assert_allclose(np.array(got), want, atol=ROUNDING[kind] * scale * (4 + n), rtol=0)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_svd(mx, kind, shape):
    a = draw(shape, kind)
    u, s, vh = (np.array(x) for x in mx.linalg.svd(to_mx(mx, a)))
    m, n = shape[-2:]
    k = min(m, n)
    check((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], a, kind, m + n)
    check(u @ np.conj(np.swapaxes(u, -1, -2)), np.broadcast_to(np.eye(m), u.shape), kind, m)
    check(vh @ np.conj(np.swapaxes(vh, -1, -2)), np.broadcast_to(np.eye(n), vh.shape), kind, n)
    assert (np.diff(s) <= 0).all()
    check(mx.linalg.svd(to_mx(mx, a), compute_uv=False), s, kind, m + n)
    if kind != "complex64":
        check(mx.linalg.pinv(to_mx(mx, a)), np.linalg.pinv(a.astype(float)), kind, 500)


@pytest.mark.parametrize("kind", TYPES[:2])
@pytest.mark.parametrize("shape", SHAPES)
def test_qr_and_lu(mx, kind, shape):
    a = draw(shape, kind)
    m, n = shape[-2:]
    q, r = (np.array(x) for x in mx.linalg.qr(to_mx(mx, a)))
    check(q @ r, a, kind, m + n)
    check(
        np.swapaxes(q, -1, -2) @ q,
        np.broadcast_to(np.eye(min(m, n)), (*shape[:-2], min(m, n), min(m, n))),
        kind,
        m,
    )
    assert (np.tril(r, -1) == 0).all()
    p, lower, upper = (np.array(x) for x in mx.linalg.lu(to_mx(mx, a)))
    check(np.take_along_axis(lower, p[..., None].astype(int), -2) @ upper, a, kind, m + n)
    packed, pivots = (np.array(x) for x in mx.linalg.lu_factor(to_mx(mx, a)))
    k = min(m, n)
    assert packed.shape == a.shape and pivots.shape == (*shape[:-2], k)
    check(np.triu(packed)[..., :k, :], upper, kind, n)


@pytest.mark.parametrize("kind", TYPES[:2])
@pytest.mark.parametrize("n", [1, 3, 20])
def test_inverses_and_systems(mx, kind, n):
    a = square(n, kind) + 2 * n * np.eye(n, dtype=kind)
    eye = np.broadcast_to(np.eye(n), a.shape)
    A = to_mx(mx, a)
    check(np.array(mx.linalg.inv(A)) @ a, eye, kind, n)
    check(np.array(mx.linalg.inv(mx.swapaxes(A, -1, -2))) @ np.swapaxes(a, -1, -2), eye, kind, n)
    for upper in (False, True):
        half = np.triu(a) if upper else np.tril(a)
        check(np.array(mx.linalg.tri_inv(A, upper=upper)) @ half, eye, kind, n)
        b = draw((3, n, 2), kind, 1)
        check(half @ np.array(mx.linalg.solve_triangular(A, to_mx(mx, b), upper=upper)), b, kind, n)
        spd = a @ np.swapaxes(a, -1, -2)
        factor = np.array(mx.linalg.cholesky(to_mx(mx, spd), upper=upper))
        turned = np.swapaxes(factor, -1, -2)
        check(turned @ factor if upper else factor @ turned, spd, kind, n)
        assert ((np.tril(factor, -1) if upper else np.triu(factor, 1)) == 0).all()
        check(np.array(mx.linalg.cholesky_inv(to_mx(mx, factor), upper=upper)) @ spd, eye, kind, 100 * n)
    check(a @ np.array(mx.linalg.solve(A, to_mx(mx, b))), b, kind, n)
    v = draw((n,), kind, 2)
    check(a[0] @ np.array(mx.linalg.solve(A[0], to_mx(mx, v))), v, kind, n)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("n", [1, 2, 9, 33])
def test_eigen(mx, kind, n):
    a = square(n, kind)
    hermitian = a + np.conj(np.swapaxes(a, -1, -2))
    for uplo, junk in (("L", np.triu), ("U", np.tril)):
        read = hermitian + 100 * junk(np.ones((n, n)), 1 if uplo == "L" else -1).astype(kind)
        w, v = (np.array(x) for x in mx.linalg.eigh(to_mx(mx, read), UPLO=uplo))
        check(hermitian @ v, v * w[..., None, :], kind, 10 * n)
        assert (np.diff(w) >= 0).all()
        check(mx.linalg.eigvalsh(to_mx(mx, read), UPLO=uplo), w, kind, 10 * n)
    w, v = (np.array(x) for x in mx.linalg.eig(to_mx(mx, a)))
    assert w.dtype == v.dtype == np.complex64
    check(a @ v, v * w[..., None, :], "complex64", 10 * n)
    check(np.linalg.norm(v, axis=-2), np.ones(w.shape), "complex64", n)
    np.testing.assert_allclose(
        np.sort_complex(np.array(mx.linalg.eigvals(to_mx(mx, a)))[0]), np.sort_complex(w[0]), atol=1e-4
    )


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 12])
def test_determinants(mx, n):
    a = square(n, "float32")
    np.testing.assert_allclose(np.array(mx.linalg.det(mx.array(a))), np.linalg.det(a), rtol=2e-4, atol=1e-6)
    sign, log = (np.array(x) for x in mx.linalg.slogdet(mx.array(a)))
    want_sign, want_log = np.linalg.slogdet(a)
    np.testing.assert_array_equal(sign, want_sign)
    np.testing.assert_allclose(log, want_log, atol=1e-4)


def test_singular_determinant(mx):
    sign, log = mx.linalg.slogdet(mx.zeros((5, 5)))
    assert sign.item() == 0 and log.item() == -np.inf and mx.linalg.det(mx.zeros((5, 5))).item() == 0


@pytest.mark.parametrize("ord", [None, 0, 1, 2, 3, -1, 0.5, float("inf"), -float("inf")])
def test_vector_norms(mx, ord):
    x = draw((3, 4, 5), "float32")
    for axis in (0, 1, -1):
        for keep in (False, True):
            check(
                mx.linalg.norm(mx.array(x), ord, axis=axis, keepdims=keep),
                np.linalg.norm(x.astype(float), ord, axis=axis, keepdims=keep),
                "float32",
                20,
            )


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")])
def test_matrix_norms(mx, ord):
    x = draw((3, 4, 5), "float32")
    for axis in ((0, 1), (2, 0), (-1, -2), (1, 2)):
        for keep in (False, True):
            check(
                mx.linalg.norm(mx.array(x), ord, axis=axis, keepdims=keep),
                np.linalg.norm(x.astype(float), ord, axis=axis, keepdims=keep),
                "float32",
                20,
            )


@pytest.mark.parametrize("sizes", [(3, 3), (2, 3), (3, 2), (2, 2)])
def test_cross(mx, sizes):
    def lift(v):
        return np.concatenate([v, np.zeros((*v.shape[:-1], 3 - v.shape[-1]))], -1)

    a, b = draw((4, 1, sizes[0]), "float32"), draw((5, sizes[1]), "float32")
    want = np.cross(lift(a), lift(b))
    check(mx.linalg.cross(mx.array(a), mx.array(b)), want, "float32", 1)
    check(
        mx.linalg.cross(mx.array(a[:, 0].T.copy()), mx.array(b[:4].T.copy()), axis=0),
        np.cross(lift(a[:, 0]), lift(b[:4])).T,
        "float32",
        1,
    )


def test_gradient_of_the_inverse(mx):
    a = draw((4, 4), "float32") + 4 * np.eye(4, dtype=np.float32)
    w = draw((4, 4), "float32", 1)
    got = mx.grad(lambda x: (mx.linalg.inv(x) * mx.array(w)).sum())(mx.array(a))
    inverse = np.linalg.inv(a)
    check(got, -(inverse.T @ w @ inverse.T), "float32", 10)


def test_batch_axes_under_vmap(mx):
    a = square(4, "float32") + 8 * np.eye(4, dtype=np.float32)
    want = np.array(mx.linalg.inv(mx.array(a)))
    for axis in range(3):
        moved = mx.array(np.ascontiguousarray(np.moveaxis(a, 0, axis)))
        check(mx.vmap(mx.linalg.inv, in_axes=axis)(moved), want, "float32", 4)
        for x, y in zip(mx.vmap(mx.linalg.qr, in_axes=axis)(moved), mx.linalg.qr(mx.array(a)), strict=True):
            check(x, np.array(y), "float32", 4)


def test_errors(mx):
    for call, words in [
        (lambda: mx.linalg.svd(mx.zeros(3)), "[linalg::svd] Arrays must have >= 2 dimensions."),
        (
            lambda: mx.linalg.qr(mx.zeros((2, 2), mx.int32)),
            "[linalg::qr] Arrays must have type float32 or float64.",
        ),
        (lambda: mx.linalg.inv(mx.zeros((2, 3))), "[linalg::inv] Only defined for square matrices."),
        (lambda: mx.linalg.solve(mx.zeros((2, 2)), mx.zeros(3)), "must match second to last dimension"),
        (lambda: mx.linalg.eigh(mx.zeros((2, 2)), UPLO="x"), "[linalg::eigh] UPLO must be 'L' or 'U'"),
        (lambda: mx.linalg.norm(mx.zeros((2, 2)), "bad"), "[linalg::norm] Invalid ord value 'bad'"),
        (lambda: mx.linalg.norm(mx.zeros((2, 2)), 3), "Invalid ord 3"),
        (lambda: mx.linalg.cross(mx.zeros(4), mx.zeros(4)), "must have size 2 or 3 but has 4"),
        (lambda: mx.linalg.det(mx.zeros((2, 2), mx.complex64)), "Complex inputs are not supported"),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert words in str(error.value), error.value
    for call, words in [
        (lambda: mx.linalg.inv(mx.zeros((3, 3))), "[linalg::inv] The matrix is singular"),
        (lambda: mx.linalg.cholesky(-mx.eye(3)), "[linalg::cholesky] The matrix is not positive definite"),
    ]:
        with pytest.raises(RuntimeError) as error:
            mx.eval(call())
        assert words in str(error.value)


def test_missing_lapack_is_explained(tmp_path):
    """With no package that brings LAPACK and no system library, the first factorisation says what to install."""
    code = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in ("numpy", "scipy", "scipy_openblas32") else real(name, *a)
import mlx_rocm.core as mx
try:
    mx.eval(mx.linalg.inv(mx.eye(2), stream=mx.cpu))
except RuntimeError as e:
    assert "pip install scipy-openblas32" in str(e), e
    print("explained")
else:
    print("system library")
assert "numpy" not in sys.modules
"""
    out = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd=tmp_path,  # not the repository's folder, whose sources have no extension beside them
        timeout=60,
    )
    assert out.returncode == 0, out.stderr
    assert out.stdout.strip() in ("explained", "system library")
