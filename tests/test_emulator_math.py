"""AMD's device math library (ocml), executed by the emulator, against NumPy and SciPy in double precision."""

import functools
import hashlib

import numpy as np
import pytest
import scipy.special as sp

from tests import amdtools
from tests.emulator import hip
from tests.emulator.testing import ARCHS, fresh_devices, needs_toolchain  # noqa: F401

pytestmark = needs_toolchain
COUNT = 256

# name: (reference, least and largest argument); the range is the one that the function is good for.
UNARY = {
    "exp": (np.exp, -80, 80),
    "exp2": (np.exp2, -120, 120),
    "exp10": (lambda x: 10.0**x, -30, 30),
    "expm1": (np.expm1, -5, 80),
    "log": (np.log, 1e-3, 1e4),
    "log2": (np.log2, 1e-3, 1e4),
    "log10": (np.log10, 1e-3, 1e4),
    "log1p": (np.log1p, -0.9, 1e4),
    "sin": (np.sin, -1000, 1000),
    "cos": (np.cos, -1000, 1000),
    "tan": (np.tan, -1.5, 1.5),
    "asin": (np.arcsin, -1, 1),
    "acos": (np.arccos, -1, 1),
    "atan": (np.arctan, -50, 50),
    "sinh": (np.sinh, -20, 20),
    "cosh": (np.cosh, -20, 20),
    "tanh": (np.tanh, -5, 5),
    "asinh": (np.arcsinh, -50, 50),
    "acosh": (np.arccosh, 1, 50),
    "atanh": (np.arctanh, -0.99, 0.99),
    "sqrt": (np.sqrt, 0, 1e6),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1e-3, 1e6),
    "cbrt": (np.cbrt, -1e3, 1e3),
    "erf": (sp.erf, -4, 4),
    "erfc": (sp.erfc, -4, 4),
    "tgamma": (sp.gamma, 0.1, 20),
    "lgamma": (sp.gammaln, 3, 50),
}
BINARY = {
    "pow": (np.power, 0.1, 10),
    "atan2": (np.arctan2, -10, 10),
    "hypot": (np.hypot, -1e3, 1e3),
    "fmod": (np.fmod, 1, 100),
}
TOLERANCE = {"f32": 3e-6, "f64": 2e-14}
C_TYPE = {"f32": "float", "f64": "double"}


def _kernel(name: str, kind: str, arguments: int) -> str:
    t = C_TYPE[kind]
    parameters = ", ".join([t] * arguments)
    operands = ", ".join(["x[i]", "y[i]"][:arguments])
    return f"""
extern "C" __attribute__((device)) {t} __ocml_{name}_{kind}({parameters});
extern "C" __attribute__((global)) void {name}_{kind}(const {t}* x, const {t}* y, {t}* out) {{
  unsigned i = __builtin_amdgcn_workitem_id_x();
  out[i] = __ocml_{name}_{kind}({operands});
}}"""


@functools.cache
def _module(arch: str) -> hip.Module:
    source = "".join(_kernel(n, kind, 1) for n in UNARY for kind in C_TYPE)
    source += "".join(_kernel(n, kind, 2) for n in BINARY for kind in C_TYPE)
    folder = amdtools.cache_dir() / "instruction-cases"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"math-{arch}-{hashlib.sha256(source.encode()).hexdigest()[:16]}.hip"
    path.write_text(source)
    return hip.Gpu(arch).module(amdtools.compile_hip(path, arch).path)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("kind", C_TYPE)
@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_function(name, kind, arch):
    reference, low, high = (UNARY | BINARY)[name]
    dtype = np.float32 if kind == "f32" else np.float64
    rng, gpu = np.random.default_rng(0), hip.Gpu(arch)
    x, y = (rng.uniform(low, high, COUNT).astype(dtype) for _ in range(2))
    out = gpu.empty((COUNT,), dtype)
    _module(arch).function(f"{name}_{kind}")((1, 1, 1), (COUNT, 1, 1), gpu.array(x), gpu.array(y), out)
    arguments = [v.astype(np.float64) for v in ([x] if name in UNARY else [x, y])]
    want = reference(*arguments)
    error = np.abs(out.numpy() - want) / np.maximum(np.abs(want), 1e-3)
    assert error.max() < TOLERANCE[kind]
