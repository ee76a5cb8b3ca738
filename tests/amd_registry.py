"""Every kernel variant that is compiled for every AMD target, with what its machine code must and must not have.

A new kernel is a new `Row` in KERNELS. test_amd_compile.py asserts the rows, amd_report.py prints them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.amd_codeobject import KernelResources
from tests.amd_targets import target
from tests.amdtools import ROOT, CodeObject, compile_hip

# What a row may ask for by name: a pattern that some instruction matches, by architecture (the longest prefix
# counts; None: nothing to ask for there).
REQUIREMENTS: Mapping[str, Mapping[str, str | None]] = {
    "16-byte load": {"gfx": r"global_load_(dwordx4|b128) "},
    "16-byte store": {"gfx": r"global_store_(dwordx4|b128) "},
    "16-byte LDS load": {"gfx": r"ds_(read|load)_b128 "},
    "16-byte LDS store": {"gfx": r"ds_(write|store)_b128 "},
    "streamed load": {
        "gfx9": r"global_load_dwordx4 .* nt\b",
        "gfx90a": r"global_load_dwordx4 .* glc slc\b",
        "gfx10": r"global_load_dwordx4 .* slc\b",
        "gfx11": r"global_load_b128 .* slc dlc\b",
        "gfx12": r"global_load_b128 .* th:TH_LOAD_NT\b",
    },
    "bf16 matrix": {
        "gfx90a": r"v_mfma_f32_16x16x16bf16_1k ",
        "gfx942": r"v_mfma_f32_16x16x16_bf16 ",
        "gfx950": r"v_mfma_f32_16x16x32_bf16 ",
        "gfx10": None,
        "gfx11": r"v_wmma_f32_16x16x16_bf16 ",
        "gfx12": r"v_wmma_f32_16x16x16_bf16 ",
    },
    "f16 matrix": {
        "gfx90a": r"v_mfma_f32_16x16x16f16 ",
        "gfx942": r"v_mfma_f32_16x16x16_f16 ",
        "gfx950": r"v_mfma_f32_16x16x32_f16 ",
        "gfx10": None,
        "gfx11": r"v_wmma_f32_16x16x16_f16 ",
        "gfx12": r"v_wmma_f32_16x16x16_f16 ",
    },
    "DPP": {"gfx": r"_dpp "},
    "bf16 dot": {"gfx": r"v_(dual_)?dot2c?(acc)?_f32_bf16", "gfx90a": None, "gfx942": None, "gfx10": None},
    "f16 dot": {"gfx": r"v_(dual_)?dot2c?(acc)?_f32_f16"},
    "int8 dot": {"gfx": r"v_dot4c?_i32_i8", "gfx11": r"v_dot4_i32_iu8", "gfx12": r"v_dot4_i32_iu8"},
    "f32 atomic add": {"gfx": r"global_atomic_add_f32 ", "gfx10": None},
    "f16 atomic add": {"gfx": r"global_atomic_pk_add_f16 ", "gfx10": None, "gfx11": None},
    "bf16 atomic add": {"gfx": r"global_atomic_pk_add_bf16 ", "gfx90a": None, "gfx10": None, "gfx11": None},
    "integer atomic": {"gfx": r"global_atomic_(smax|max_i32|add|add_u32) "},
    "bf16 conversion": {"gfx": None, "gfx950": r"v_cvt_pk_bf16_f32 "},
}

# What no kernel may have, unless its row allows it on that architecture.
PROHIBITIONS: Mapping[str, str] = {
    "compare-and-swap loop": r"(global|flat|buffer)_atomic_cmpswap|ds_cmpst|ds_cmpstore",
    "flat access": r"^flat_(load|store|atomic)",  # the compiler lost track of which memory a pointer is for
    "scratch access": r"^scratch_(load|store)|^buffer_(load|store)",
    "call": r"^s_(swappc|call)_b64",
}


@dataclass(frozen=True)
class Row:
    """One kernel variant.

    `needs` are names in REQUIREMENTS; `allows` maps a name in PROHIBITIONS to the architecture prefixes where it
    is all right; `waves` is the least number of resident waves of a SIMD, by architecture prefix.
    """

    file: str
    entry: str
    defines: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    allows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waves: Mapping[str, int] = field(default_factory=lambda: {"gfx": 8})

    @property
    def name(self) -> str:
        return " ".join([self.entry, *(f"{key}={value}" for key, value in self.defines.items())])

    def compile(self, arch: str, options: tuple[str, ...] = ()) -> CodeObject:
        return compile_hip(self.file, arch, self.defines, options)


@dataclass(frozen=True)
class Use:
    """What one kernel asks of one target, and the faults found in its machine code."""

    row: Row
    arch: str
    code: CodeObject

    @property
    def kernel(self) -> KernelResources:
        return self.code.kernels[self.row.entry]

    @property
    def waves(self) -> int:
        """Resident waves of a SIMD."""
        kernel = self.kernel
        return target(self.arch).occupancy(kernel.vgprs, kernel.sgprs, kernel.lds, kernel.max_group)

    @property
    def instructions(self) -> list[str]:
        return self.code.instructions[self.row.entry]

    def count(self, pattern: str) -> int:
        """Instructions that match."""
        return sum(1 for line in self.instructions if re.search(pattern, line))

    def faults(self) -> list[str]:
        """Every broken budget, as a sentence. An empty list is what is wanted."""
        return [*self._resource_faults(), *self._instruction_faults()]

    def _resource_faults(self):
        kernel, facts = self.kernel, target(self.arch)
        if kernel.wave != facts.wave:
            yield f"compiled for waves of {kernel.wave} lanes, not {facts.wave}"
        if kernel.vgpr_spills or kernel.sgpr_spills:
            yield f"{kernel.vgpr_spills} vector and {kernel.sgpr_spills} scalar registers are spilled"
        if kernel.scratch or kernel.dynamic_stack:
            yield f"{kernel.scratch} bytes of scratch per lane (dynamic stack: {kernel.dynamic_stack})"
        if kernel.lds > facts.lds_group:
            yield f"{kernel.lds} bytes of LDS, and a workgroup has {facts.lds_group}"
        least = by_arch(self.row.waves, self.arch)
        if self.waves < least:
            yield f"{self.waves} waves fit a SIMD ({kernel.vgprs} VGPRs, {kernel.lds} bytes of LDS), not {least}"

    def _instruction_faults(self):
        for need in self.row.needs:
            pattern = by_arch(REQUIREMENTS[need], self.arch)
            if pattern is not None and not self.count(pattern):
                yield f"no {need} ({pattern})"
        for name, pattern in PROHIBITIONS.items():
            allowed = self.arch.startswith(self.row.allows.get(name, ()))
            found = [line for line in self.instructions if re.search(pattern, line)]
            if found and not allowed:
                yield f"{name}: {found[0]}"


def by_arch(table: Mapping, arch: str):
    """The entry with the longest key that `arch` starts with. KeyError: no such key."""
    return table[max((key for key in table if arch.startswith(key)), key=len, default=arch)]


def measure(row: Row, arch: str) -> Use:
    """Compiles one row for one target (or takes it from the cache)."""
    code = row.compile(arch)
    if row.entry not in code.kernels:
        raise KeyError(f"{row.file} has no kernel {row.entry}, but {', '.join(code.kernels)}")
    return Use(row, arch, code)


def unregistered() -> list[str]:
    """Kernel files that no row compiles."""
    files = [*ROOT.glob("kernels/**/*.hip"), *ROOT.glob("tests/amd_kernels/*.hip")]
    known = {row.file for row in KERNELS}
    return sorted(name for name in (str(file.relative_to(ROOT)) for file in files) if name not in known)


_TESTS = "tests/amd_kernels/"
_MATMUL = {"gfx9": 6, "gfx950": 8, "gfx10": 6, "gfx11": 12, "gfx12": 12}
_TILE = ("16-byte load", "16-byte LDS load", "16-byte LDS store")

_VALUES = {"ARG": "0", "PARTS": "0", "AT": "u32", "INDEX": "u32"}
_PLACES = {**_VALUES, "ARG": "1", "OUT": "u32"}
_SUM = {**_VALUES, "T": "bf16", "ACC": "float", "OP": "Add", "OUT": "bf16"}
_MAX = {**_VALUES, "T": "i8", "ACC": "i32", "OP": "Maximum", "OUT": "i8"}
_ARGMAX = {**_PLACES, "T": "bf16", "ACC": "float", "OP": "FirstMaximum"}
_ROW = {"T": "bf16", "INDEX": "u32", "VEC": "8"}
_WIDE_ROW = {**_ROW, "TEAM": "256", "THREADS": "256", "VECS": "2"}
_NARROW_ROW = {**_ROW, "T": "float", "VEC": "4", "TEAM": "32", "THREADS": "256", "VECS": "2"}
_LONGEST_ROW = {**_ROW, "TEAM": "1024", "THREADS": "1024", "VECS": "4"}
_AFFINE = {"WEIGHT": "1", "BIAS": "1"}
_VECTORS = ("16-byte load", "16-byte store")

KERNELS: tuple[Row, ...] = (
    *(
        Row("kernels/reduce_rows.hip", "reduce_rows", {**_SUM, "TEAM": team, "STRIDED": "0"}, needs=needs)
        for team, needs in (("1", ("16-byte load",)), ("32", ("16-byte load", "DPP")), ("256", ("16-byte load", "DPP")))
    ),
    Row("kernels/reduce_rows.hip", "reduce_rows", {**_SUM, "TEAM": "32", "STRIDED": "1"}, needs=("DPP",)),
    Row(
        "kernels/reduce_rows.hip",
        "reduce_rows",
        {**_ARGMAX, "TEAM": "256", "STRIDED": "0"},
        needs=("16-byte load", "DPP"),
        waves={"gfx9": 4, "gfx1": 8},
    ),
    Row("kernels/reduce_columns.hip", "reduce_columns", {**_SUM, "VEC": "8"}, needs=("16-byte load",)),
    Row(
        "kernels/reduce_columns.hip",
        "reduce_columns",
        {**_MAX, "VEC": "16"},
        needs=("16-byte load",),
        waves={"gfx9": 4, "gfx1": 8},
    ),
    Row("kernels/softmax.hip", "softmax", {**_NARROW_ROW, "LSE": "0"}, needs=(*_VECTORS, "DPP")),
    Row("kernels/softmax.hip", "softmax", {**_WIDE_ROW, "LSE": "0"}, needs=(*_VECTORS, "DPP")),
    Row(
        "kernels/softmax.hip",
        "softmax",
        {**_LONGEST_ROW, "LSE": "0"},
        needs=(*_VECTORS, "DPP"),
        waves={"gfx9": 4, "gfx1": 8},
    ),
    Row(
        "kernels/softmax_long.hip",
        "softmax_parts",
        _ROW,
        needs=("16-byte load", "DPP"),
        waves={"gfx9": 4, "gfx1": 8},
    ),
    Row("kernels/softmax_long.hip", "softmax_apply", _ROW, needs=(*_VECTORS, "DPP")),
    Row(
        "kernels/norm.hip",
        "norm_rows",
        {**_WIDE_ROW, "LAYER": "0", "WEIGHT": "1", "BIAS": "0"},
        needs=(*_VECTORS, "DPP"),
    ),
    Row(
        "kernels/norm.hip",
        "norm_rows",
        {**_WIDE_ROW, "LAYER": "1", **_AFFINE},
        needs=(*_VECTORS, "DPP"),
        waves={"gfx9": 6, "gfx1": 8},
    ),
    Row("kernels/norm_long.hip", "norm_long", {**_ROW, "LAYER": "1", **_AFFINE}, needs=(*_VECTORS, "DPP")),
    Row(_TESTS + "copy.hip", "copy", needs=("16-byte load", "16-byte store")),
    Row(
        _TESTS + "reduce.hip",
        "reduce",
        needs=("16-byte load", "DPP", "f32 atomic add"),
        allows={"compare-and-swap loop": ("gfx10",)},  # RDNA2 has no float atomics in memory
    ),
    Row(
        _TESTS + "reduce.hip", "reduce", {"REDUCE_MAX": "1"}, needs=("16-byte load", "DPP", "integer atomic")
    ),
    Row(_TESTS + "softmax.hip", "softmax", {"T": "float"}, needs=("DPP",)),
    Row(_TESTS + "softmax.hip", "softmax", {"T": "f16"}, needs=("DPP",)),
    Row(_TESTS + "softmax.hip", "softmax", {"T": "bf16"}, needs=("DPP", "bf16 conversion")),
    Row(_TESTS + "qmv.hip", "qmv", needs=("16-byte load", "streamed load", "DPP")),
    Row(_TESTS + "matmul.hip", "matmul", {"T": "bf16"}, needs=(*_TILE, "bf16 matrix"), waves=_MATMUL),
    Row(_TESTS + "matmul.hip", "matmul", {"T": "f16"}, needs=(*_TILE, "f16 matrix"), waves=_MATMUL),
    Row(
        _TESTS + "atomics.hip",
        "scatter_add",
        {"T": "float"},
        needs=("f32 atomic add",),
        allows={"compare-and-swap loop": ("gfx10",)},
    ),
    Row(
        _TESTS + "atomics.hip",
        "scatter_add",
        {"T": "f16"},
        needs=("f16 atomic add",),
        allows={"compare-and-swap loop": ("gfx10", "gfx11")},
    ),
    Row(
        _TESTS + "atomics.hip",
        "scatter_add",
        {"T": "bf16"},
        needs=("bf16 atomic add",),
        allows={"compare-and-swap loop": ("gfx90a", "gfx10", "gfx11")},
    ),
    Row(_TESTS + "atomics.hip", "scatter_add", {"T": "i32"}, needs=("integer atomic",)),
    Row(_TESTS + "gemv.hip", "gemv", {"T": "bf16"}, needs=("16-byte load", "streamed load", "bf16 dot")),
    Row(_TESTS + "gemv.hip", "gemv", {"T": "f16"}, needs=("16-byte load", "streamed load", "f16 dot")),
    Row(_TESTS + "gemv.hip", "gemv", {"T": "i8"}, needs=("16-byte load", "streamed load", "int8 dot")),
    *(Row(_TESTS + "scalar.hip", entry) for entry in ("exp_f32", "power_f32", "remainder_i32", "sin_c64")),
)
