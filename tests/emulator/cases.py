"""The instruction cases: one row for each instruction (or form of one), with what it computes in NumPy.

    valu("v_add_f32", F32, (F32, F32), lambda x, y: x + y)

is a kernel that runs `v_add_f32 dst, x, y` on 256 lanes of special and random values. `gens` restricts the
generations (9: CDNA, 10-12: RDNA2-4), `archs` the architectures by prefix. Placeholders in assembly: {d} destination,
{x} {y} {z} sources, {l} the ".l" of 16-bit operands where the generation writes it, {vcc} the carry register.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

F32, F64, F16 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16)
U32, I32, U64, I64 = np.dtype(np.uint32), np.dtype(np.int32), np.dtype(np.uint64), np.dtype(np.int64)
U16, I16 = np.dtype(np.uint16), np.dtype(np.int16)
RDNA, ALL, CDNA = (10, 11, 12), (9, 10, 11, 12), (9,)


@dataclass(frozen=True)
class Case:
    """One instruction form. `expect` gets the sources, and maybe the old destination, as (waves, lanes)."""

    name: str
    asm: str
    result: np.dtype
    sources: tuple[np.dtype, ...]
    expect: Callable[..., np.ndarray]
    gens: tuple[int, ...] = ALL
    archs: tuple[str, ...] = ("gfx",)
    rtol: float = 0.0  # 0: the same bits (any NaN equals any NaN)
    scalar: bool = False
    old: bool = False  # `expect` takes the destination's old value as last argument
    wide: bool = False  # sources are used with all their bits, not as numbers: no float specials
    clobbers: tuple[str, ...] = field(default=())
    parts: np.dtype | None = None  # what the result is made of, where that differs: NaNs are compared as such

    def runs_on(self, arch: str) -> bool:
        return generation(arch) in self.gens and arch.startswith(self.archs)


CASES: list[Case] = []


def generation(arch: str) -> int:
    return 9 if arch.startswith("gfx9") else int(arch[3:5])


def _add(name, asm, result, sources, expect, **options) -> None:
    CASES.append(Case(name, asm, result, tuple(sources), expect, **options))


def valu(name, result, sources, expect, tail="", **options) -> None:
    """dst, sources, then modifiers."""
    half = [dtype.itemsize == 2 for dtype in (result, *sources)]
    operands = ["{" + letter + "}" + ("{l}" if is_half else "") for letter, is_half in zip("dxyz", half)]
    _add(name, f"{name} {', '.join(operands)} {tail}".strip(), result, sources, expect, **options)


def form(label, asm, result, sources, expect, **options) -> None:
    """An instruction written out, for modifiers and implied operands."""
    _add(label, asm, result, sources, expect, **options)


def compare(name, source, expect, **options) -> None:
    half = "{l}" if source.itemsize == 2 else ""
    asm = f"{name} {{vcc}}, {{x}}{half}, {{y}}{half}\nv_cndmask_b32 {{d}}, 0, 1, {{vcc}}"
    _add(
        name,
        asm,
        U32,
        (source, source),
        lambda x, y: expect(x, y).astype(np.uint32),
        clobbers=("vcc",),
        **options,
    )


def salu(name, result, sources, expect, **options) -> None:
    operands = ", ".join("{" + letter + "}" for letter in "dxyz"[: len(sources) + 1])
    _add(name, f"{name} {operands}", result, sources, expect, scalar=True, clobbers=("scc",), **options)


def scc(name, asm, sources, expect, **options) -> None:
    """The condition code that an instruction leaves."""
    _add(
        name,
        asm + "\ns_cselect_b32 {d}, 1, 0",
        U32,
        sources,
        lambda *s: expect(*s).astype(np.uint32),
        scalar=True,
        clobbers=("scc",),
        **options,
    )


# Helpers in NumPy


def u64(x):
    return x.astype(np.uint64)


def s64(x):
    return x.astype(np.int64)


def low32(x):
    return (x & np.array(0xFFFFFFFF, x.dtype)).astype(np.uint32)


def shift(y):
    return y & np.uint32(31)


def sext(x, bits):
    x = s64(x) & ((1 << bits) - 1)
    return x - ((x >> (bits - 1)) << bits)


def fields(x, bits, signed):
    parts = np.stack([(s64(x) >> s) & ((1 << bits) - 1) for s in range(0, 32, bits)])
    return sext(parts, bits) if signed else parts


def dot(x, y, bits, x_signed, y_signed):
    return low32((fields(x, bits, x_signed) * fields(y, bits, y_signed)).sum(0))


def num(pick):
    """minnum or maxnum: a NaN loses, and -0 is below +0."""

    def choose(x, y):
        out = np.where(np.isnan(x), y, np.where(np.isnan(y), x, pick(x, y)))
        zeros = (x == 0) & (y == 0)
        negative = np.signbit(x) | np.signbit(y) if pick is np.minimum else np.signbit(x) & np.signbit(y)
        return np.where(
            zeros, np.copysign(x.dtype.type(0), np.where(negative, -1, 1).astype(x.dtype)), out
        ).astype(x.dtype)

    return choose


min_num, max_num = num(np.minimum), num(np.maximum)


def lead(x):
    return np.array([32 - int(v).bit_length() if v else 0xFFFFFFFF for v in x.ravel()], np.uint32).reshape(
        x.shape
    )


def trail(x):
    return np.array(
        [(int(v) & -int(v)).bit_length() - 1 if v else 0xFFFFFFFF for v in x.ravel()], np.uint32
    ).reshape(x.shape)


def reverse(x):
    return np.array([int(f"{int(v):032b}"[::-1], 2) for v in x.ravel()], np.uint32).reshape(x.shape)


def popcount(x):
    return np.array([int(v).bit_count() for v in x.ravel()], np.uint32).reshape(x.shape)


def halves(x, dtype=np.uint16):
    """(low, high) halves of 32-bit words."""
    return (x & 0xFFFF).astype(np.uint16).view(dtype), (x >> 16).astype(np.uint16).view(dtype)


def join(low, high):
    return low.astype(low.dtype).view(np.uint16).astype(np.uint32) | (
        high.view(np.uint16).astype(np.uint32) << 16
    )


def bf16(x):
    return (x.astype(np.uint32) << 16).view(np.float32)


def to_bf16(x):
    import ml_dtypes

    return x.astype(ml_dtypes.bfloat16).view(np.uint16)


def to_fp8(x, dtype):
    """Bits of an 8-bit float; NaNs of either sign have the instruction's one pattern."""
    nan = 0x80 if "fnuz" in np.dtype(dtype).name else 0x7F
    return np.where(np.isnan(x), nan, x.astype(dtype).view(np.uint8)).astype(np.uint32)


def from_fp8(x, dtype):
    return (x & 0xFF).astype(np.uint8).view(dtype).astype(np.float32)


def saturating(x, dtype):
    info = np.iinfo(dtype)
    with np.errstate(invalid="ignore"):
        inside = np.clip(
            np.nan_to_num(np.trunc(x.astype(np.float64)), nan=0, posinf=info.max, neginf=info.min),
            info.min,
            info.max,
        )
    return inside.astype(np.int64).astype(dtype)


def fma64(x, y, z):
    """x * y + z rounded once (exact for halves, and where an extended double holds the sum)."""
    wide = np.longdouble
    return (x.astype(wide) * y.astype(wide) + z.astype(wide)).astype(x.dtype)
