"""Facts of the AMD architectures that this project compiles for, one row each.

Sources: LLVM's AMDGPU user guide and AMD's ISA manuals. `occupancy` is checked against clang's own resource
remarks in test_amd_compile.py, so a wrong row is noticed.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True)
class Target:
    """One architecture. Sizes in bytes; registers are counted per lane."""

    name: str
    wave: int  # lanes of a wave, as the project's kernels use it
    mma: str  # matrix instruction family, see kernels/mma.h
    vgprs: int  # vector registers that the waves of one SIMD share
    vgpr_granule: int
    max_waves: int  # resident waves of one SIMD
    lds_pool: int  # LDS that the four SIMDs of a CU (CDNA) or WGP (RDNA) share
    lds_granule: int
    lds_group: int  # the most that one workgroup may ask for
    sgprs: int  # scalar registers of one SIMD; 0: they never limit the number of waves
    pair_atomics: frozenset[str]  # 16-bit floats of which global memory adds pairs natively
    dot2_f16: bool  # an instruction for the dot product of two pairs of f16
    dot2_bf16: bool
    dot4: str  # the one for four int8, see kernels/dot.h
    simds: int = 4

    def defines(self) -> dict[str, str]:
        """The defines that every kernel gets from its target."""
        return {
            "WAVE": str(self.wave),
            "MMA": f"MMA_{self.mma.upper()}",
            "LDS_BYTES": str(self.lds_group),
            "ATOMIC_PK_F16": str(int("f16" in self.pair_atomics)),
            "ATOMIC_PK_BF16": str(int("bf16" in self.pair_atomics)),
            "DOT2_F16": str(int(self.dot2_f16)),
            "DOT2_BF16": str(int(self.dot2_bf16)),
            "DOT4": f"DOT4_{self.dot4.upper()}",
        }

    def occupancy(self, vgprs: int, sgprs: int, lds: int, group: int) -> int:
        """Resident waves of one SIMD for a kernel with these resources and `group` threads in a workgroup."""
        waves = min(self.max_waves, self.vgprs // _round_up(max(vgprs, 1), self.vgpr_granule))
        if self.sgprs:
            waves = min(waves, self.sgprs // _round_up(max(sgprs, 1), 16))
        if lds:
            waves_per_group = -(-group // self.wave)
            groups = self.lds_pool // _round_up(lds, self.lds_granule)
            waves = min(waves, -(-groups * waves_per_group // self.simds))
        return waves


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step


_F16, _BOTH = frozenset({"f16"}), frozenset({"f16", "bf16"})


def _cdna(name: str, mma: str, lds: int, lds_granule: int, pairs: frozenset[str], dot2_bf16: bool) -> Target:
    return Target(name, 64, mma, 512, 8, 8, lds, lds_granule, lds, 800, pairs, True, dot2_bf16, "sdot4")


def _gcn(name: str, *, dots: bool) -> Target:
    dot4 = "sdot4" if dots else "none"
    return Target(name, 64, "shuffle", 256, 4, 10, 65536, 512, 65536, 800, frozenset(), dots, False, dot4)


def _rdna(
    name: str, mma: str, vgprs: int, vgpr_granule: int, lds_granule: int, pairs: frozenset[str], dot4: str
) -> Target:
    # A workgroup runs on a WGP (two CUs) with 128 KiB of LDS, and may ask for half of it.
    lds, group, dots = 131072, 65536, dot4 != "none"
    return Target(
        name,
        32,
        mma,
        vgprs,
        vgpr_granule,
        16,
        lds,
        lds_granule,
        group,
        0,
        pairs,
        dots,
        dot4 == "sudot4",
        dot4,
    )


def _rdna1(name: str, *, dots: bool) -> Target:
    row = _rdna(name, "none", 1024, 8, 512, frozenset(), "sdot4" if dots else "none")
    return replace(row, max_waves=20)


_ROWS = (
    _cdna("gfx90a", "mfma_cdna2", 65536, 512, _F16, False),
    _cdna("gfx942", "mfma_cdna3", 65536, 512, _BOTH, False),
    _cdna("gfx950", "mfma_cdna4", 163840, 1280, _BOTH, True),
    _rdna("gfx1030", "none", 1024, 16, 512, frozenset(), "sdot4"),
    _rdna("gfx1100", "wmma_gfx11", 1536, 24, 1024, frozenset(), "sudot4"),
    _rdna("gfx1151", "wmma_gfx11", 1536, 24, 1024, frozenset(), "sudot4"),
    _rdna("gfx1200", "wmma_gfx12", 1536, 24, 1024, _BOTH, "sudot4"),
    _rdna("gfx1201", "wmma_gfx12", 1536, 24, 1024, _BOTH, "sudot4"),
)
TARGETS = MappingProxyType({row.name: row for row in _ROWS})

# Chips that differ from one of TARGETS in nothing that kernels see but the number of registers, and those before RDNA2
# and CDNA2. They are compiled less often.
_FEWER_VGPRS = ("gfx1102", "gfx1103", "gfx1150", "gfx1152", "gfx1153")
RELATED = MappingProxyType(
    {
        **{
            name: replace(TARGETS["gfx1030"], name=name)
            for name in ("gfx1031", "gfx1032", "gfx1034", "gfx1035", "gfx1036")
        },
        **{
            name: _rdna1(name, dots=dots)
            for name, dots in (("gfx1010", False), ("gfx1012", True), ("gfx1013", False))
        },
        **{
            name: _gcn(name, dots=dots)
            for name, dots in (("gfx900", False), ("gfx90c", False), ("gfx906", True), ("gfx908", True))
        },
        "gfx1101": replace(TARGETS["gfx1100"], name="gfx1101"),
        **{
            name: replace(TARGETS["gfx1100"], name=name, vgprs=1024, vgpr_granule=16) for name in _FEWER_VGPRS
        },
    }
)


def target(arch: str) -> Target:
    """The row of an architecture. KeyError: neither in TARGETS nor in RELATED."""
    return TARGETS[arch] if arch in TARGETS else RELATED[arch]


def isa_number(arch: str) -> int:
    """The number that AMD's device library knows an ISA by: gfx90a is 9010, gfx1151 is 11501."""
    digits = arch.split(":")[0].removeprefix("gfx")
    return int(digits[:-2]) * 1000 + int(digits[-2], 16) * 100 + int(digits[-1], 16)
