"""What a row of the compile check asks of a kernel's machine code, and whether it has that."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.amd_codeobject import KernelResources
from tests.amd_targets import target
from tests.amdtools import CodeObject, compile_hip

_NOT_OLDER = dict.fromkeys(("gfx900", "gfx906", "gfx908", "gfx90c"))  # what GPUs before CDNA2 lack
_NO_DOTS = dict.fromkeys(("gfx900", "gfx90c", "gfx1010", "gfx1013"))

# What a row may ask for by name: a pattern that some instruction matches, by architecture (the longest prefix
# counts; None: nothing to ask for there).
REQUIREMENTS: Mapping[str, Mapping[str, str | None]] = {
    "16-byte load": {"gfx": r"global_load_(dwordx4|b128) "},
    "16-byte store": {"gfx": r"global_store_(dwordx4|b128) "},
    "16-byte LDS load": {"gfx": r"ds_(read|load)_b128 "},
    "16-byte LDS store": {"gfx": r"ds_(write|store)_b128 "},
    "streamed load": {
        "gfx9": r"global_load_dwordx[24] .* nt\b",
        "gfx90a": r"global_load_dwordx[24] .* glc slc\b",
        **dict.fromkeys(("gfx90", "gfx10"), r"global_load_dwordx[24] .* slc\b"),
        "gfx11": r"global_load_b(64|128) .* slc dlc\b",
        "gfx12": r"global_load_b(64|128) .* th:TH_LOAD_NT\b",
    },
    "bf16 matrix": {
        "gfx90a": r"v_mfma_f32_16x16x16bf16_1k ",
        "gfx942": r"v_mfma_f32_16x16x16_bf16 ",
        "gfx950": r"v_mfma_f32_16x16x32_bf16 ",
        **_NOT_OLDER,
        "gfx10": None,
        "gfx11": r"v_wmma_f32_16x16x16_bf16 ",
        "gfx12": r"v_wmma_f32_16x16x16_bf16 ",
    },
    "f16 matrix": {
        "gfx90a": r"v_mfma_f32_16x16x16f16 ",
        "gfx942": r"v_mfma_f32_16x16x16_f16 ",
        "gfx950": r"v_mfma_f32_16x16x32_f16 ",
        **_NOT_OLDER,
        "gfx10": None,
        "gfx11": r"v_wmma_f32_16x16x16_f16 ",
        "gfx12": r"v_wmma_f32_16x16x16_f16 ",
    },
    "DPP": {"gfx": r"_dpp "},
    "bf16 dot": {
        "gfx": r"v_(dual_)?dot2c?(acc)?_f32_bf16",
        **dict.fromkeys(("gfx90", "gfx942", "gfx10")),
    },
    "f16 dot": {"gfx": r"v_(dual_)?dot2c?(acc)?_f32_f16", **_NO_DOTS},
    "int8 dot": {
        "gfx": r"v_dot4c?_i32_i8",
        **_NO_DOTS,
        "gfx11": r"v_dot4_i32_iu8",
        "gfx12": r"v_dot4_i32_iu8",
    },
    "f32 atomic add": {"gfx": r"global_atomic_add_f32 ", **_NOT_OLDER, "gfx10": None},
    "f16 atomic add": {"gfx": r"global_atomic_pk_add_f16 ", **_NOT_OLDER, "gfx10": None, "gfx11": None},
    "bf16 atomic add": {"gfx": r"global_atomic_pk_add_bf16 ", "gfx90": None, "gfx10": None, "gfx11": None},
    "integer atomic": {"gfx": r"global_atomic_(smax|max_i32|add|add_u32) "},
    "LDS atomic": {"gfx": r"ds_add_rtn_u32 "},
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


# Names of REQUIREMENTS that go together.
VECTORS = ("16-byte load", "16-byte store")
TILE = ("16-byte load", "16-byte LDS load", "16-byte LDS store")


def as_text(defines: Mapping[str, object]) -> dict[str, str]:
    """Defines as the compiler takes them: text."""
    return {name: str(value) for name, value in defines.items()}
