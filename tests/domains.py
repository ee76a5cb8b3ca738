"""Where the values of test inputs come from: named domains, each a function of (rng, shape, kind).

`kind` is the NumPy kind of the dtype under test ("f", "i", "u", "b", "c"), so that one row serves all
dtypes. Integers stay small enough for int8 sums and products of a few elements to be exact.
"""

from __future__ import annotations

import math

import numpy as np

KINDS = {"bool": "b", "complex64": "c"}


def kind_of(dtype: str) -> str:
    return KINDS.get(dtype) or ("u" if dtype.startswith("u") else "i" if dtype.startswith("int") else "f")


def _integers(lo: int, hi: int):
    """Integers in [lo, hi), shifted to be non-negative for unsigned types."""
    return lambda rng, shape, kind: rng.integers(max(lo, 0) if kind == "u" else lo, hi, size=shape)


def _real(f, integers, floor=None):
    """A domain from a float sampler and an integer sampler. Booleans are coin flips, complex numbers
    use the floats twice."""

    def sample(rng, shape, kind):
        if kind == "b":
            return rng.random(shape) < 0.5
        if kind in "iu":
            return integers(rng, shape, kind)
        if kind == "c":
            return f(rng, shape) + 1j * f(rng, shape)
        return f(rng, shape)

    return sample


def _nonzero_float(rng, shape):
    return rng.uniform(0.3, 3.0, shape) * np.where(rng.random(shape) < 0.5, -1, 1)


def _nonzero_int(rng, shape, kind):
    a = rng.integers(1, 8, size=shape)
    return a if kind == "u" else a * np.where(rng.random(shape) < 0.5, -1, 1)


def _distinct(rng, shape, kind):
    """No two elements are equal or close; exact in every dtype for up to 120 elements."""
    n = math.prod(shape)
    ranks = rng.permutation(n).reshape(shape)
    if kind == "b":
        return ranks % 2 == 0
    if kind == "u":
        return ranks
    centred = ranks - n // 2
    if kind == "c":
        return centred / 4 + 1j * (ranks % 3)
    return centred if kind == "i" else centred / 4 + 0.125


def _ties(rng, shape, kind):
    """Few distinct values, for stability and tie rules."""
    a = rng.integers(0, 3, size=shape)
    return a > 0 if kind == "b" else a


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, -2.5, 1e-7, 1e4, -1e4])


def _special(rng, shape, kind):
    n = math.prod(shape)
    if kind in "iub":
        return rng.integers(0, 2, size=shape)
    a = np.resize(rng.permutation(SPECIAL), n).reshape(shape)
    return a + 0j if kind == "c" else a


def _matrices(make):
    """Domains of square matrices, drawn per matrix of the batch."""

    def sample(rng, shape, kind):
        n = shape[-1]
        out = np.zeros(shape, np.complex128 if kind == "c" else np.float64)
        for i in np.ndindex(*shape[:-2]):
            a = rng.standard_normal(shape[-2:])
            if kind == "c":
                a = a + 1j * rng.standard_normal(shape[-2:])
            out[i] = make(a, n)
        return out

    return sample


def _with_eigenvalues(a, n):
    """Symmetric positive definite with well separated eigenvalues 1, 2, ..., n, so that eigenvectors
    are well conditioned."""
    q, _ = np.linalg.qr(a)
    m = (q * np.arange(1, n + 1)) @ q.conj().T
    return (m + m.conj().T) / 2


DOMAINS = {
    "normal": _real(lambda r, s: r.standard_normal(s), _integers(-5, 6)),
    "wide": _real(lambda r, s: 20 * r.standard_normal(s), _integers(-100, 101)),
    "positive": _real(lambda r, s: r.uniform(0.2, 3.0, s), _integers(1, 8)),
    "unit": _real(lambda r, s: r.uniform(-0.9, 0.9, s), _integers(0, 1)),
    "probability": _real(lambda r, s: r.uniform(0.05, 0.95, s), _integers(0, 2)),
    "above1": _real(lambda r, s: r.uniform(1.1, 5.0, s), _integers(2, 9)),
    "nonzero": _real(_nonzero_float, _nonzero_int),
    # away from the half-integers, where rounding ops jump
    "off_half": _real(lambda r, s: r.integers(-4, 5, s) + r.uniform(-0.35, 0.35, s) + 0.05, _integers(-5, 6)),
    "halves": _real(lambda r, s: r.integers(-9, 10, s) / 2, _integers(-5, 6)),
    "shift": _integers(0, 4),
    "exponent": _real(lambda r, s: r.uniform(-2, 3, s), _integers(0, 3)),
    "distinct": _distinct,
    "ties": _ties,
    "special": _special,
    "bits": lambda r, s, k: r.integers(0, 2 if k == "b" else 120, size=s),
    "mask": lambda r, s, k: r.random(s) < 0.6,
    "any_u8": lambda r, s, k: r.integers(0, 256, size=s),
    "any_u32": lambda r, s, k: r.integers(0, 2**32, size=s, dtype=np.uint64),
    "spd": _matrices(_with_eigenvalues),
    "well_conditioned": _matrices(lambda a, n: a + 3 * np.sqrt(a.shape[-2]) * np.eye(*a.shape)),
    "lower": _matrices(lambda a, n: np.tril(a, -1) / 2 + np.diag(1 + np.abs(np.diag(a)))),
    "upper": _matrices(lambda a, n: np.triu(a, 1) / 2 + np.diag(1 + np.abs(np.diag(a)))),
}


def draw(rng: np.random.Generator, domain, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Samples a named domain, ("index", n): integers in [0, n), ("signed_index", n): [-n, n), ("rows",
    n): distinct integers
    in [0, n) along the last axis, ("uniform", lo, hi), or ("value", array): a constant."""
    if isinstance(domain, str):
        return np.asarray(DOMAINS[domain](rng, shape, kind))
    name, *p = domain
    if name == "index":
        return rng.integers(0, p[0], size=shape)
    if name == "signed_index":
        return rng.integers(-p[0], p[0], size=shape)
    if name == "rows":
        keys = rng.random((*shape[:-1], p[0]))
        return np.argsort(keys, axis=-1)[..., : shape[-1]]
    if name == "uniform":
        return rng.uniform(p[0], p[1], shape)
    if name == "value":
        return np.broadcast_to(np.asarray(p[0]), shape)
    if name == "sorted":
        return np.sort(draw(rng, p[0], shape, kind), axis=-1)
    raise ValueError(f"unknown domain {domain!r}")
