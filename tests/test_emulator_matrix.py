"""Matrix instructions against NumPy, with the fragment layouts written out as tables.

A lane of group g (lanes that hold the same k of one block form a group) and element e of its registers hold
A[row = lane in group][k], B[k][column = lane in group] and D[row][column = lane in group]. The tables are those
of AMD's amd_matrix_instruction_calculator; they share nothing with the emulator's.
"""

import functools
import hashlib
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import pytest

from tests import amdtools
from tests.emulator import hip
from tests.emulator.testing import ARCHS, fresh_devices, needs_toolchain  # noqa: F401

pytestmark = needs_toolchain

# k of element e in group g, by layout; n is the number of elements of a lane.
K_OF = {
    "rdna3": lambda g, e, n: e,
    "rdna4 16-bit": lambda g, e, n: (e & 3) + 4 * g + 8 * (e // 4),
    "rdna4 8-bit": lambda g, e, n: n * g + e,
    "cdna": lambda g, e, n: n * g + e,
    "cdna blocks": lambda g, e, n: e,
}
# (block, row) of element e of the result in group g.
D_OF = {
    "rdna3": lambda g, e: (0, 2 * e + g),
    "rdna4": lambda g, e: (0, 8 * g + e),
    "cdna 16": lambda g, e: (e // 4, 4 * g + e % 4),
    "cdna 32": lambda g, e: (e // 16, 8 * (e % 16 // 4) + 4 * g + e % 4),
    "cdna 4": lambda g, e: (g, e),
    "cdna f64": lambda g, e: (0, 4 * e + g),
}
F16, BF16, F32, F64, I8, I32 = ["f16", "bf16", "f32", "f64", "i8", "i32"]
NUMPY = {
    F16: np.float16,
    BF16: ml_dtypes.bfloat16,
    F32: np.float32,
    F64: np.float64,
    I8: np.int8,
    "u8": np.uint8,
    I32: np.int32,
    "fp8": ml_dtypes.float8_e4m3fn,
    "bf8": ml_dtypes.float8_e5m2,
    "fp8 fnuz": ml_dtypes.float8_e4m3fnuz,
    "bf8 fnuz": ml_dtypes.float8_e5m2fnuz,
}
CDNA2, CDNA3, CDNA4 = ("gfx90a",), ("gfx942",), ("gfx950",)
RDNA3, RDNA4 = ("gfx1100", "gfx1151"), ("gfx1200", "gfx1201")


@dataclass(frozen=True)
class Row:
    name: str
    archs: tuple[str, ...]
    size: int
    depth: int
    a: str
    b: str
    d: str
    blocks: int = 1
    modifiers: str = ""

    @property
    def wave(self) -> int:
        return 64 if self.archs[0].startswith("gfx9") else 32

    @property
    def layouts(self) -> tuple[str, str]:
        if self.archs == RDNA3:
            return "rdna3", "rdna3"
        if self.archs == RDNA4:
            return f"rdna4 {'16' if np.dtype(NUMPY[self.a]).itemsize == 2 else '8'}-bit", "rdna4"
        d = "cdna f64" if self.d == F64 else f"cdna {self.size}"
        return ("cdna blocks" if self.blocks > 1 else "cdna"), d

    @property
    def a_elements(self) -> int:
        return self.depth if self.archs == RDNA3 else self.size * self.depth * self.blocks // self.wave

    @property
    def d_elements(self) -> int:
        return self.size * self.size * self.blocks // self.wave


def _mfma(types, shapes, archs, old="{d}_{m}x{m}x{k}{t}", new="{d}_{m}x{m}x{k}_{t}"):
    for a, b, d in types:
        for m, k in shapes:
            spelling = new if archs[0] != "gfx90a" else old
            text = a if a == b and a not in ("fp8", "bf8") else f"{a}_{b}"
            yield Row("v_mfma_" + spelling.format(d=d, m=m, k=k, t=text), archs, m, k, a, b, d)


FP8 = [(a, b, F32) for a in ("fp8", "bf8") for b in ("fp8", "bf8")]
ROWS = [
    *(
        Row(f"v_wmma_f32_16x16x16_{t}", archs, 16, 16, t, t, F32)
        for t in (F16, BF16)
        for archs in (RDNA3, RDNA4)
    ),
    *(
        Row(f"v_wmma_{t}_16x16x16_{t}", archs, 16, 16, t, t, t)
        for t in (F16, BF16)
        for archs in (RDNA3, RDNA4)
    ),
    *(
        Row("v_wmma_i32_16x16x16_iu8", archs, 16, 16, I8, "u8", I32, modifiers="neg_lo:[1,0,0]")
        for archs in (RDNA3, RDNA4)
    ),
    *(Row(f"v_wmma_f32_16x16x16_{a}_{b}", RDNA4, 16, 16, a, b, d) for a, b, d in FP8),
    *_mfma([(F16, F16, F32)], [(16, 16), (32, 8)], CDNA2),
    *_mfma([(BF16, BF16, F32)], [(16, 16), (32, 8)], CDNA2, old="{d}_{m}x{m}x{k}{t}_1k"),
    *_mfma([(F32, F32, F32)], [(16, 4), (32, 2)], CDNA2),
    *_mfma([(I8, I8, I32)], [(16, 16), (32, 8)], CDNA2),
    *_mfma([(F64, F64, F64)], [(16, 4)], CDNA2),
    *_mfma([(F16, F16, F32), (BF16, BF16, F32)], [(16, 16), (32, 8)], CDNA3),
    *_mfma([(F32, F32, F32)], [(16, 4), (32, 2)], CDNA3),
    *_mfma([(I8, I8, I32)], [(16, 32), (32, 16)], CDNA3),
    *_mfma([(F64, F64, F64)], [(16, 4)], CDNA3),
    *_mfma(FP8, [(16, 32), (32, 16)], CDNA3),
    *_mfma([(F16, F16, F32), (BF16, BF16, F32)], [(16, 16), (16, 32), (32, 16)], CDNA4),
    *_mfma([(I8, I8, I32)], [(16, 64), (32, 32)], CDNA4),
    *_mfma(FP8, [(16, 32)], CDNA4),
    Row("v_mfma_f32_32x32x4_2b_f16", CDNA3, 32, 4, F16, F16, F32, blocks=2),
    Row("v_mfma_f32_16x16x4_4b_f16", CDNA3, 16, 4, F16, F16, F32, blocks=4),
    Row("v_mfma_f32_4x4x4_16b_f16", CDNA3, 4, 4, F16, F16, F32, blocks=16),
    Row("v_mfma_f32_16x16x1_4b_f32", CDNA3, 16, 1, F32, F32, F32, blocks=4),
]


def _words(count: int, dtype: str) -> int:
    return max(count * np.dtype(NUMPY[dtype]).itemsize // 4, 1)


def _d_words(row: Row) -> int:
    # RDNA3 spreads 16-bit results over one register each.
    return row.d_elements if row.archs == RDNA3 else _words(row.d_elements, row.d)


def _kernel(index: int, row: Row) -> str:
    a, b, d = _words(row.a_elements, row.a), _words(row.a_elements, row.b), _d_words(row)

    def vector(count):
        return "unsigned" if count == 1 else f"V<{count}>::type"

    return f"""
extern "C" __attribute__((global)) void
matrix_{index}(const void* a, const void* b, const void* c, void* d) {{
  unsigned lane = __builtin_amdgcn_workitem_id_x();
  {vector(a)} x = ((const {vector(a)}*)a)[lane];
  {vector(b)} y = ((const {vector(b)}*)b)[lane];
  {vector(d)} z = ((const {vector(d)}*)c)[lane];
  asm volatile("s_nop 7\\n{row.name} %0, %1, %2, %0 {row.modifiers}\\ns_nop 15\\ns_nop 7"
               : "+v"(z) : "v"(x), "v"(y));
  (({vector(d)}*)d)[lane] = z;
}}"""


@functools.cache
def _module(arch: str) -> hip.Module:
    source = "template <int N> struct V {\n"
    source += "  typedef unsigned type __attribute__((ext_vector_type(N), aligned(4)));\n};\n"
    source += "".join(_kernel(i, row) for i, row in enumerate(ROWS) if arch in row.archs)
    folder = amdtools.cache_dir() / "instruction-cases"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"matrix-{arch}-{hashlib.sha256(source.encode()).hexdigest()[:16]}.hip"
    path.write_text(source)
    return hip.Gpu(arch).module(amdtools.compile_hip(path, arch).path)


def _number_type(row: Row, name: str, arch: str):
    return NUMPY[f"{name} fnuz" if name in ("fp8", "bf8") and arch == "gfx942" else name]


def _fragments(row: Row, matrix: np.ndarray) -> np.ndarray:
    """A[block][row][k] (or B transposed) to registers[lane][element]."""
    out = np.zeros((row.wave, row.a_elements), matrix.dtype)
    for lane in range(row.wave):
        group = 0 if row.archs == RDNA3 else lane // row.size
        for e in range(row.a_elements):
            k = K_OF[row.layouts[0]](group, e, row.a_elements)
            out[lane, e] = matrix[group if row.blocks > 1 else 0, lane % row.size, k]
    return out


def _result_places(row: Row):
    for lane in range(row.wave):
        for e in range(row.d_elements):
            block, m = D_OF[row.layouts[1]](lane // row.size, e)
            yield lane, e, block, m, lane % row.size


def _numbers(rng, shape, dtype) -> np.ndarray:
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    # Small whole numbers and halves: sums are exact in every accumulator but 16-bit ones.
    return (rng.integers(-8, 9, shape) / 4).astype(dtype)


def _pack_d(row: Row, elements: np.ndarray) -> np.ndarray:
    """Result elements of each lane as 32-bit registers."""
    if row.archs == RDNA3 and elements.itemsize == 2:
        return elements.view(np.uint16).astype(np.uint32)
    return np.ascontiguousarray(elements).view(np.uint32)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("index", range(len(ROWS)), ids=lambda i: f"{ROWS[i].name}-{ROWS[i].archs[0]}")
def test_matrix(index, arch):
    row = ROWS[index]
    if arch not in row.archs:
        pytest.skip("not an instruction of this architecture")
    gpu, rng = hip.Gpu(arch), np.random.default_rng(index)
    a_type, b_type, d_type = (_number_type(row, name, arch) for name in (row.a, row.b, row.d))
    a = _numbers(rng, (row.blocks, row.size, row.depth), a_type)
    b = _numbers(rng, (row.blocks, row.size, row.depth), b_type)
    c = _numbers(rng, (row.blocks, row.size, row.size), d_type)
    registers = np.zeros((row.wave, row.d_elements), d_type)
    for lane, e, block, m, n in _result_places(row):
        registers[lane, e] = c[block, m, n]
    out = gpu.array(_pack_d(row, registers))
    inputs = [gpu.array(np.ascontiguousarray(_fragments(row, x)).view(np.uint8)) for x in (a, b)]
    _module(arch).function(f"matrix_{index}")((1, 1, 1), (row.wave, 1, 1), *inputs, out, out)

    words = out.numpy()
    narrow = row.archs == RDNA3 and registers.itemsize == 2
    got = words.astype(np.uint16).view(d_type) if narrow else words.view(d_type)
    wide = np.int64 if row.d == I32 else np.float64
    want = np.einsum("bmk,bnk->bmn", a.astype(wide), b.astype(wide)) + c.astype(wide)
    for lane, e, block, m, n in _result_places(row):
        assert got[lane, e] == want[block, m, n].astype(d_type), (lane, e, block, m, n)


@pytest.mark.parametrize("arch", [arch for arch in ARCHS if arch in RDNA3])
def test_rdna3_operands_must_be_replicated(arch):
    index = next(i for i, row in enumerate(ROWS) if row.archs == RDNA3)
    gpu = hip.Gpu(arch)
    a = np.ones((32, 16), np.float16)
    b = a.copy()
    b[20, 3] = 2  # lane 20 is to repeat lane 4
    out = gpu.array(np.zeros((32, 8), np.float32))
    with pytest.raises(hip.HipError, match=r"lanes 16-31 .* differs in lane 4 .*v_wmma_f32_16x16x16_f16"):
        _module(arch).function(f"matrix_{index}")((1, 1, 1), (32, 1, 1), gpu.array(a), gpu.array(b), out, out)
