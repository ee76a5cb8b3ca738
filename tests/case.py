"""What a row of the op table is, and how its inputs are drawn, converted and compared.

A row (`Case`) names one public op, the arrays it takes and a reference that works on NumPy arrays in double
precision. The drivers
(`test_op_*.py`) combine every row with the variations it allows: dtype, layout, gradient, vmap, compile,
export.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from domains import draw, kind_of

FLOATS = ("float32", "float16", "bfloat16")
FLOATS64 = (*FLOATS, "float64")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTS = SIGNED + UNSIGNED
REAL = FLOATS64 + INTS
NUMBERS = (*REAL, "complex64")
ALL = (*NUMBERS, "bool")
F32 = ("float32",)
F32_64 = ("float32", "float64")

# Relative tolerance of a result of this dtype that was computed with care: one rounding to the dtype plus a
# few ulp of work in
# float32. A row may widen it (`tol`) where the algorithm, not the dtype, limits the result.
RTOL = {"float64": 1e-12, "float32": 2e-6, "float16": 1.1e-3, "bfloat16": 8.5e-3, "complex64": 4e-6}

NP_DTYPE = {
    "bool": np.bool_,
    "float16": np.float16,
    "float32": np.float32,
    "bfloat16": np.float32,
    "float64": np.float64,
    "complex64": np.complex64,
    **{name: np.dtype(name).type for name in INTS},
}


@dataclass(frozen=True)
class Arg:
    """One array argument: its shape, the domain its values are drawn from, and a dtype if the case
    fixes it."""

    shape: tuple[int, ...]
    domain: Any = "normal"
    dtype: str | None = None


@dataclass(frozen=True)
class Case:
    op: str  # as in mlx.core: "add", "linalg.qr", "array.sum"
    args: tuple[Arg, ...]
    ref: Callable | None  # NumPy arrays (float64, int64, bool, complex128) -> result(s)
    call: Callable  # call(mx, *arrays) -> result(s)
    name: str = ""  # tells variants of one op apart
    dtypes: tuple[str, ...] = FLOATS64
    out: Any = (
        "same"  # dtype of the (first) result: "same", a name, a function of the dtype under test, or None
    )
    tol: float = 1.0  # multiplies RTOL
    norm: bool = (
        False  # errors are judged against the largest element of the result (sums, products, transforms)
    )
    check: Callable | None = None  # check(mx, outputs, inputs, rtol): for results that are not unique
    grad: tuple[int, ...] = ()  # arguments with a derivative
    grad_tol: float = 1.0
    vmap: bool = True
    compile: bool = True
    shapeless: bool = True
    export: bool = True
    layouts: tuple[str, ...] | None = None  # None: all
    free_shape: bool = False  # elementwise: accepts any one shape for all arguments
    cpu_only: bool = False
    tags: frozenset = field(default_factory=frozenset)

    @property
    def id(self) -> str:
        return f"{self.op}-{self.name}" if self.name else self.op


def resolve(mx, op: str) -> Callable:
    """The public callable with this dotted name below mlx.core; array methods are called on their first
    argument."""
    if op.startswith("array."):
        attr = op.split(".", 1)[1]
        return lambda x, *rest, **kw: getattr(x, attr)(*rest, **kw)
    f = mx
    for part in op.split("."):
        f = getattr(f, part)
    return f


def case(op: str, *args, ref=None, domain="normal", extra=(), kw=None, call=None, **options) -> Case:
    """Builds a row. `args` are shapes or Arg; without `call` the op gets the arrays, then `extra`, then
    `kw`."""
    made = tuple(a if isinstance(a, Arg) else Arg(tuple(a), domain) for a in args)
    named = dict(kw or {})
    if call is None:

        def call(mx, *arrays):
            return resolve(mx, op)(*arrays, *extra, **{k: as_value(mx, v) for k, v in named.items()})

    return Case(op=op, args=made, ref=ref, call=call, **options)


@dataclass(frozen=True)
class DtypeName:
    """Stands for mx.<name> in keyword arguments, since rows are built before the module under test is
    known."""

    name: str


def as_value(mx, v):
    return mx_dtype(mx, v.name) if isinstance(v, DtypeName) else v


def mx_dtype(mx, name: str):
    return getattr(mx, "bool_" if name == "bool" else name)


# ---------------------------------------------------------------- inputs


def round_to(a: np.ndarray, dtype: str) -> np.ndarray:
    """The values an array of `dtype` really holds, in the reference's type."""
    if dtype == "bfloat16":
        bits = np.ascontiguousarray(a, dtype=np.float32).view(np.uint32).astype(np.uint64)
        rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
        out = rounded.astype(np.uint32).view(np.float32)
        return np.where(np.isnan(a), np.float64(np.nan), out.astype(np.float64)).reshape(np.shape(a))
    with np.errstate(all="ignore"):
        a = np.asarray(a).astype(NP_DTYPE[dtype])
    return a.astype(
        {"f": np.float64, "i": np.int64, "u": np.uint64, "b": np.bool_, "c": np.complex128}[a.dtype.kind]
    )


def seed_of(text: str) -> int:
    return zlib.crc32(text.encode())


def draw_inputs(c: Case, dtype: str, salt: int = 0, shape: tuple[int, ...] | None = None) -> list[np.ndarray]:
    """Reference-typed inputs of a case; `shape` replaces every argument's shape (free_shape cases)."""
    rng = np.random.default_rng(seed_of(c.id) + salt)
    out = []
    for a in c.args:
        dt = a.dtype or dtype
        out.append(round_to(draw(rng, a.domain, a.shape if shape is None else shape, kind_of(dt)), dt))
    return out


def arg_dtypes(c: Case, dtype: str) -> list[str]:
    return [a.dtype or dtype for a in c.args]


def to_mx(mx, a: np.ndarray, dtype: str):
    if dtype == "float64":
        return mx.array(np.array(a, np.float64), dtype=mx.float64)
    x = mx.array(np.array(a, order="C").astype(NP_DTYPE[dtype]))
    return x.astype(mx.bfloat16) if dtype == "bfloat16" else x


def mx_inputs(mx, c: Case, dtype: str, inputs: list[np.ndarray]):
    return [to_mx(mx, a, d) for a, d in zip(inputs, arg_dtypes(c, dtype), strict=True)]


# ---------------------------------------------------------------- outputs


def dtype_name(mx, x) -> str:
    name = str(x.dtype).rsplit(".", 1)[-1]
    return "bool" if name == "bool_" else name


def to_np(mx, x) -> np.ndarray:
    if isinstance(x, mx.array):
        return np.array(x.astype(mx.float32)) if x.dtype == mx.bfloat16 else np.array(x)
    return np.asarray(x)


def leaves(out) -> list:
    """Results in order, whatever structure they came in."""
    if isinstance(out, dict):
        return [y for k in sorted(out) for y in leaves(out[k])]
    if isinstance(out, tuple | list):
        return [y for v in out for y in leaves(v)]
    return [out]


def reference(c: Case, inputs: list[np.ndarray]) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return [np.asarray(r) for r in leaves(c.ref(*inputs))]


def rtol_of(mx, x, c: Case, dtype: str) -> float:
    """0 for exact types. A float result that was computed from half-precision inputs keeps the result's
    own tolerance."""
    name = dtype_name(mx, x) if isinstance(x, mx.array) else dtype
    return RTOL.get(name, 0.0) * c.tol


def assert_close(got: np.ndarray, want: np.ndarray, rtol: float, norm: bool, what: str) -> None:
    want = np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    if got.size == 0:
        return
    if rtol == 0.0:
        same = got == want
        if got.dtype.kind in "fc":
            same |= np.isnan(got) & np.isnan(want)
        assert same.all(), (
            f"{what}: {int((~same).sum())} of {same.size} differ\n"
            f"got  {got[~same][:8]}\nwant {want[~same][:8]}"
        )
        return
    with np.errstate(all="ignore"):
        magnitude = np.where(np.isfinite(want), np.abs(want), 0.0)
        atol = rtol * (max(magnitude.max(), 0.05) if norm else 0.05)
        wide = got.astype(np.complex128 if got.dtype.kind == "c" or want.dtype.kind == "c" else np.float64)
        limit = rtol * magnitude + atol
        error = np.abs(wide - want)
        ok = (error <= limit) | (wide == want) | (np.isnan(wide) & np.isnan(want))
        if not ok.all():
            worst = np.nanmax(np.where(ok, 0, error / limit)) if np.isfinite(error[~ok]).any() else np.inf
            raise AssertionError(
                f"{what}: {int((~ok).sum())} of {ok.size} off by up to {worst:.3g} x "
                f"the tolerance {rtol:.2g}\n"
                f"got  {wide[~ok][:6]}\nwant {np.broadcast_to(want, ok.shape)[~ok][:6]}"
            )


def assert_matches(mx, c: Case, dtype: str, outputs, wants: list[np.ndarray], what: str) -> None:
    got = leaves(outputs)
    assert len(got) == len(wants), f"{what}: {len(got)} results, expected {len(wants)}"
    mx.eval([g for g in got if isinstance(g, mx.array)])
    for i, (g, w) in enumerate(zip(got, wants, strict=True)):
        want = w
        rtol = rtol_of(mx, g, c, dtype)
        if isinstance(g, mx.array) and rtol and w.dtype.kind == "f":
            want = overflow_like(w, dtype_name(mx, g))
        if w.dtype.kind in "iu" and isinstance(g, mx.array) and dtype_name(mx, g) in INTS:
            want = w.astype(NP_DTYPE[dtype_name(mx, g)])  # integers wrap
        assert_close(to_np(mx, g), want, rtol, c.norm, f"{what}, result {i}")


def overflow_like(w: np.ndarray, dtype: str) -> np.ndarray:
    """Values beyond the result type's range are infinite there."""
    if dtype == "float16":
        return np.where(np.abs(w) > 65519.0, np.copysign(np.inf, w), w)
    if dtype in ("float32", "bfloat16"):
        return np.where(np.abs(w) > 3.4028235e38, np.copysign(np.inf, w), w)
    return w


def expected_dtype(c: Case, dtype: str) -> str | None:
    if callable(c.out):
        return c.out(dtype)
    return dtype if c.out == "same" else c.out
