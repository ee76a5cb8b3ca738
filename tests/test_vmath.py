"""Largest errors of the vectorised float functions against double precision, for each instruction set.

Arguments: random bit patterns (every binade, infinities, NaN, denormals), dense ranges where the functions bend, and
specials. One unit in the last place (ulp) is that of the correctly rounded result.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import special

SPECIALS = np.array(
    [0, 1, 2, 0.5, 3, 2.5, 1e-45, 1.17e-38, 1.1754944e-38, 3.4e38, 88.72, 88.73, 103.97, 104, np.inf, np.nan],
    np.float32,
)
SPECIALS = np.concatenate([SPECIALS, -SPECIALS])

# name: (reference, largest error in ulp)
UNARY = {
    "exp": (np.exp, 1.2),
    "expm1": (np.expm1, 2.0),
    "log": (np.log, 1.2),
    "log2": (np.log2, 2.0),
    "log10": (np.log10, 2.5),
    "log1p": (np.log1p, 2.0),
    "sin": (np.sin, 2.0),
    "cos": (np.cos, 2.0),
    "tan": (np.tan, 3.5),
    "sinh": (np.sinh, 2.0),
    "cosh": (np.cosh, 2.0),
    "tanh": (np.tanh, 2.5),
    "arcsinh": (np.arcsinh, 2.5),
    "arccosh": (np.arccosh, 2.5),
    "arctanh": (np.arctanh, 2.5),
    "arcsin": (np.arcsin, 2.5),
    "arccos": (np.arccos, 1.5),
    "arctan": (np.arctan, 1.5),
    "erf": (special.erf, 1.5),
    "erfinv": (special.erfinv, 3.5),
    "sigmoid": (special.expit, 3.0),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1.6),
}
BINARY = {
    "power": (np.power, 1.0),
    "arctan2": (np.arctan2, 2.0),
    "remainder": (np.remainder, 0.5),
}


def any_bits(rng, n):
    return rng.integers(0, 2**32, n, dtype=np.uint64).astype(np.uint32).view(np.float32)


def unary_arguments():
    rng = np.random.default_rng(0)
    dense = [
        np.linspace(a, b, 50_000) for a, b in ((-1, 1), (0.5, 2), (-12, 12), (-110, 95), (-66_000, 66_000))
    ]
    x = np.concatenate([SPECIALS, any_bits(rng, 100_000), *dense]).astype(np.float32)
    # Blocks of large arguments take another path than blocks without.
    return np.concatenate([x[np.abs(x) <= 65536], x])


def binary_arguments():
    rng = np.random.default_rng(1)
    a = [np.repeat(SPECIALS, len(SPECIALS)), any_bits(rng, 60_000), rng.uniform(-3, 3, 60_000)]
    b = [np.tile(SPECIALS, len(SPECIALS)), any_bits(rng, 60_000), rng.uniform(-9, 9, 60_000)]
    a += [rng.uniform(0, 100, 60_000), np.full(400, -2.5)]
    b += [rng.uniform(-10, 10, 60_000), np.arange(-200, 200)]
    return np.concatenate(a).astype(np.float32), np.concatenate(b).astype(np.float32)


def worst(got, want, arguments, name):
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        ulp = np.spacing(np.abs(np.where(np.isfinite(rounded), rounded, 1)), dtype=np.float32)
        error = np.abs(got.astype(np.float64) - want) / ulp
    error[(got == rounded) | (np.isnan(got) & np.isnan(want))] = 0
    error[np.isnan(error)] = np.inf
    at = int(np.argmax(error))
    shown = ", ".join(repr(a[at]) for a in arguments)
    return error[at], f"{name}({shown}) = {got[at]!r}, exactly {want[at]!r}: {error[at]:.2f} ulp"


def check_all():
    import mlx_rocm.core as mx

    mx.set_default_device(mx.cpu)
    problems = []
    for table, arguments in ((UNARY, (unary_arguments(),)), (BINARY, binary_arguments())):
        for name, (reference, limit) in table.items():
            got = np.array(getattr(mx, name)(*map(mx.array, arguments)))
            with np.errstate(all="ignore"):
                want = reference(*(a.astype(np.float64) for a in arguments))
                if name == "remainder":  # of an infinite divisor: fmod's value with the divisor's sign
                    known = np.isfinite(arguments[0]) & np.isfinite(arguments[1]) & (arguments[1] != 0)
                    got, want = np.where(known, got, 0), np.where(known, want, 0)
            error, text = worst(got, want, arguments, name)
            if error > limit:
                problems.append(f"{text}, allowed are {limit}")
    x = mx.array([0.0, -0.0])
    for name in (
        "expm1",
        "log1p",
        "sin",
        "tan",
        "sinh",
        "tanh",
        "arcsinh",
        "arctanh",
        "arcsin",
        "arctan",
        "erf",
        "erfinv",
    ):
        if np.signbit(np.array(getattr(mx, name)(x))).tolist() != [False, True]:
            problems.append(f"{name} loses the sign of zero")
    return problems


@pytest.mark.parametrize("isa", ["v2", "v3", "v4"])
def test_errors_in_ulp(isa, tmp_path):
    """A set that this machine lacks is replaced by the best one it has."""
    code = "import test_vmath; print('\\n'.join(test_vmath.check_all()))"
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.pathsep.join([here, *filter(None, sys.path)])
    env = {**os.environ, "MLX_ROCM_ISA": isa, "PYTHONPATH": path}
    # In the repository's folder `python -c` would find the sources, which have no extension beside them.
    out = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert out.returncode == 0, out.stderr
    assert out.stdout.strip() == ""
