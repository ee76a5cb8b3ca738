"""Every kernel variant that is compiled for every AMD target, with what its machine code must and must not have.

A new kernel is a new `Row` in KERNELS. test_amd_compile.py asserts the rows, amd_report.py prints them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.amd_codeobject import KernelResources
from tests.amd_targets import target
from tests.amdtools import ROOT, CodeObject, compile_hip

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
        "gfx9": r"global_load_dwordx4 .* nt\b",
        "gfx90a": r"global_load_dwordx4 .* glc slc\b",
        **dict.fromkeys(("gfx90", "gfx10"), r"global_load_dwordx4 .* slc\b"),
        "gfx11": r"global_load_b128 .* slc dlc\b",
        "gfx12": r"global_load_b128 .* th:TH_LOAD_NT\b",
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


def unregistered() -> list[str]:
    """Kernel files that no row compiles."""
    files = [*ROOT.glob("kernels/**/*.hip"), *ROOT.glob("tests/amd_kernels/*.hip")]
    known = {row.file for row in KERNELS}
    return sorted(name for name in (str(file.relative_to(ROOT)) for file in files) if name not in known)


_TESTS = "tests/amd_kernels/"
_MATMUL = {"gfx9": 6, "gfx950": 8, "gfx10": 6, "gfx11": 12, "gfx12": 12}
_TILE = ("16-byte load", "16-byte LDS load", "16-byte LDS store")
_READ = ("16-byte load", "16-byte LDS load")


def _sizes(**defines: object) -> dict[str, str]:
    return {name: str(value) for name, value in defines.items()}


def _gemm(needs: tuple[str, ...], waves: dict[str, int], **defines: object) -> Row:
    return Row("kernels/gemm.hip", "gemm", _sizes(**defines), needs=needs, waves=waves)


_BIG = {"gfx9": 2, "gfx10": 4, "gfx11": 6, "gfx12": 6}
_SMALL = {"gfx9": 3, "gfx10": 6, "gfx11": 6, "gfx12": 6}
_GEMV = {"gfx9": 5, "gfx10": 10, "gfx11": 12, "gfx12": 12}
_64 = {"BM": 64, "BN": 64, "WAVES_M": 2, "WAVES_N": 2}
_FREE = {"A_RUNS": 0, "B_RUNS": 0}  # rows contiguous, or with any strides where VEC is 1
_GEMM = (
    _gemm((*_READ, "bf16 matrix"), _BIG, T="bf16", BATCHED=0),
    _gemm((*_READ, "f16 matrix"), _BIG, T="f16", A_RUNS=1, B_RUNS=0, VEC_A=8, VEC_B=8),
    _gemm(_READ, _BIG, T="bf16", A_RUNS=0, B_RUNS=1, VEC_A=8, VEC_B=8, EPILOGUE=1),
    _gemm(("16-byte LDS load",), _SMALL, T="f16", **_64, **_FREE, VEC_A=1, VEC_B=1, EPILOGUE=2),
    _gemm(_READ, _SMALL, T="bf16", **_64, A_RUNS=1, B_RUNS=1, VEC_A=8, VEC_B=8, GROUPED=1),
    _gemm(_READ, _SMALL, T="bf16", **_64, A_RUNS=1, B_RUNS=1, VEC_A=8, VEC_B=8, INDEXED=1),
    _gemm(_READ, _BIG, T="float", FMA=1),
    Row(
        "kernels/gemv.hip",
        "gemv_rows",
        {"T": "bf16", "BATCHED": "0"},
        needs=("16-byte load", "streamed load", "bf16 dot", "DPP"),
        waves=_GEMV,
    ),
    Row(
        "kernels/gemv.hip", "gemv_columns", {"T": "f16"}, needs=("16-byte load", "streamed load"), waves=_GEMV
    ),
    Row("kernels/gemm_group.hip", "group_rows", needs=("LDS atomic",)),
    Row("kernels/gemm_sum.hip", "sum_splits", {"T": "complex64", "ACC": "complex64", "EPILOGUE": "1"}),
)

_FFT_OFF = "LOAD STORE TWIDDLE CHIRP_IN CHIRP_OUT CONVOLVE FILTER_OUT SWAP_MID ACROSS_IN ACROSS_OUT PAIRED"


def _fft(n: int, lines: int, passes: str, **defines) -> dict[str, str]:
    """Defines of a row of fft.hip: whole lines of n complex numbers unless `defines` say otherwise."""
    threads = min(512, max(64, -(-n * lines // 512) * 64))
    shape = {"N": n, "LINES": lines, "THREADS": threads, "LINES_EACH": 1, "SPLIT": 1, "LENGTH": n}
    every = {**dict.fromkeys(_FFT_OFF.split(), 0), **shape, "OFFSET": "u32", "PASSES": passes, **defines}
    return {name: str(value) for name, value in every.items()}


def _conv(dtype: str, **defines) -> dict[str, str]:
    """Defines of a row of conv.hip or conv_direct.hip: 3 x 3 taps unless `defines` say otherwise."""
    geometry = {"AXES": 2, "KZ": 1, "KY": 3, "KX": 3, "FLIP": 0, "INPUT_DILATED": 0, "INDEX": "u32"}
    vec = 4 if dtype == "float" else 8
    threads = "256" if dtype == "float" else "(4 * WAVE)"
    tile = {
        "TILE_M": 64,
        "TILE_N": 64,
        "THREADS": threads,
        "OUT": dtype,
        "VEC_G": vec,
        "ALIGNED": 1,
        "GRADIENT": 0,
    }
    tile = {"TILE_M": 64, "TILE_N": 64, "THREADS": threads, "OUT": dtype, "VEC_G": vec, "ALIGNED": 1}
    return {
        name: str(value) for name, value in {"T": dtype, "VEC": vec, **geometry, **tile, **defines}.items()
    }


def _hadamard(dtype: str, **defines) -> dict[str, str]:
    every = {
        "TIN": dtype,
        "TOUT": dtype,
        "VEC": 4 if dtype == "float" else 8,
        "LOW": 1,
        "M": 1,
        "SIGNS": "{}",
    }
    return {name: str(value) for name, value in {**every, **defines}.items()}


_CONV_TILE = {"gfx9": 6, "gfx950": 6, "gfx10": 4, "gfx11": 9, "gfx12": 12}

_FLOAT_SUM = {"ACC": "float", "OP": "Add", "IDENTITY": "0", "REVERSE": "0", "INCLUSIVE": "1"}
_LOG_SUM = {
    "ACC": "float",
    "OP": "ScanLogAddExp",
    "IDENTITY": "-infinity()",
    "REVERSE": "1",
    "INCLUSIVE": "0",
}
_COMPLEX_MAX = {
    "ACC": "complex64",
    "OP": "Maximum",
    "IDENTITY": "(complex64{-infinity(), -infinity()})",
    "REVERSE": "0",
    "INCLUSIVE": "1",
}


def _sort(kind: str, positions: int, threads: int, log_items: int, vec: int, needs=(), waves=None) -> Row:
    defines = {"T": kind, "POSITIONS": str(positions), "THREADS": str(threads), "LOG_ITEMS": str(log_items)}
    return Row("kernels/sort.hip", "sort_rows", defines | {"VEC": str(vec)}, needs, waves=waves or {"gfx": 8})


def _radix(kind: str, positions: int, first: int, last: int, items: int, waves: Mapping[str, int]) -> Row:
    defines = {"T": kind, "POSITIONS": str(positions), "FIRST": str(first), "LAST": str(last)}
    defines |= {"SUM_TILES": str(int(items < 16)), "ITEMS": str(items)}
    return Row("kernels/radix.hip", "radix_scatter", defines, waves=waves)


def _scan(
    file: str, entry: str, kind: str, spec: Mapping[str, str], vec: int, items: int, needs=(), waves=None
) -> Row:
    defines = {"T": kind, **spec, "VEC": str(vec), "ITEMS": str(items)}
    return Row(f"kernels/{file}.hip", entry, defines, needs, waves=waves or {"gfx": 8})


# Sixteen keys with their partners in registers, which the shuffles of a whole stage overlap.
_SORT_WAVES = {"gfx9": 3, "gfx10": 7, "gfx": 8}
_RADIX_WAVES = {"gfx9": 3, "gfx": 8}

SORTING: tuple[Row, ...] = (
    _sort("float", 0, 256, 4, 4, ("16-byte store", "DPP"), _SORT_WAVES),
    _sort("float", 1, 256, 4, 4, ("16-byte store", "DPP"), _SORT_WAVES),
    _sort("bf16", 0, 1024, 4, 8, ("16-byte store", "DPP"), _SORT_WAVES),
    _sort("complex64", 1, 512, 3, 1, ("DPP",), _SORT_WAVES),
    _sort("bool", 0, 256, 0, 1, ("DPP",)),
    Row(
        "kernels/radix_count.hip",
        "radix_count",
        {"T": "float", "POSITIONS": "0", "FIRST": "1", "ITEMS": "16"},
    ),
    _radix("float", 1, 0, 0, 8, _RADIX_WAVES),
    _radix("complex64", 1, 0, 1, 8, _RADIX_WAVES),
    _radix("bf16", 0, 1, 0, 16, {"gfx9": 2, "gfx": 6}),
    _scan("scan", "scan_rows", "float", _FLOAT_SUM, 4, 8, ("16-byte load", "16-byte store")),
    _scan(
        "scan",
        "scan_pieces",
        "bf16",
        _FLOAT_SUM,
        8,
        16,
        ("16-byte load", "16-byte store"),
        {"gfx9": 7, "gfx": 8},
    ),
    _scan("scan", "piece_totals", "float", _FLOAT_SUM, 4, 8, ("16-byte load", "DPP")),
    _scan("scan", "scan_rows", "bf16", _LOG_SUM, 4, 4),
    _scan("scan_columns", "scan_columns", "complex64", _COMPLEX_MAX, 1, 1),
    _scan("scan_columns", "column_totals", "i8", _FLOAT_SUM | {"ACC": "u32"}, 4, 1),
    Row("kernels/search.hip", "searchsorted", {"T": "float", "RIGHT": "1"}),
    Row("kernels/random.hip", "random_bits", {"WHOLE": "1"}),
    Row("kernels/random.hip", "random_bits", {"WHOLE": "0"}),
    Row("kernels/random.hip", "random_values", {"T": "bf16", "VALUE": "normal"}),
    Row("kernels/random.hip", "random_values", {"T": "float", "VALUE": "gumbel"}),
    Row("kernels/arange.hip", "arange", {"T": "bf16", "START": "float", "ITEMS": "8"}, ("16-byte store",)),
    Row(
        "kernels/arange.hip",
        "arange",
        {"T": "complex64", "START": "double", "ITEMS": "2"},
        ("16-byte store",),
    ),
)

_HEADS = {"MASK": "0", "CAUSAL": "0", "SINKS": "0", "HEAD_DIM": "128", "VALUE_DIM": "128"}
_GATED = {
    **{name: "bf16" for name in ("QT", "KT", "VT", "GAMMA_T", "BETA_T")},
    "KEYS": "128",
    "VEC": "4",
    "LANES": "8",
    "MASK": "0",
}
_ROPE = {"OFFSET": "i32", "INDEX": "u32"}

_VALUES = {"ARG": "0", "PARTS": "0", "AT": "u32", "INDEX": "u32"}
_PLACES = {**_VALUES, "ARG": "1", "OUT": "u32"}
_SUM = {**_VALUES, "T": "bf16", "ACC": "float", "OP": "Add", "OUT": "bf16"}
_MAX = {**_VALUES, "T": "i8", "ACC": "i32", "OP": "Maximum", "OUT": "i8"}
_ARGMAX = {**_PLACES, "T": "bf16", "ACC": "float", "OP": "FirstMaximum"}
_ROW = {"T": "bf16", "INDEX": "u32", "VEC": "8"}
_WIDE_ROW = {**_ROW, "TEAM": "256", "THREADS": "512", "VECS": "2"}
_NARROW_ROW = {**_ROW, "T": "float", "VEC": "4", "TEAM": "32", "THREADS": "512", "VECS": "2"}
_LONGEST_ROW = {**_ROW, "TEAM": "1024", "THREADS": "1024", "VECS": "4"}
_AFFINE = {"WEIGHT": "1", "BIAS": "1"}
_VECTORS = ("16-byte load", "16-byte store")

_WINDOWS = {
    "INDEX": "i32",
    "INDICES": "1",
    "OPERANDS": "3",
    "ROW": "u32",
    "ROWS_EACH": "4",
    "COLS_EACH": "1",
}


def _gather(unit: str, **defines) -> Row:
    return Row(
        "kernels/gather.hip",
        "gather",
        {**_WINDOWS, "U": unit, **defines},
        needs=("16-byte load", "16-byte store") if unit == "Words4" else (),
        waves={"gfx": 8, "gfx9": 6},
    )


def _scatter(t: str, mode: str, needs: tuple[str, ...] = (), swaps: tuple[str, ...] = (), **defines) -> Row:
    return Row(
        "kernels/scatter.hip",
        "scatter",
        {**_WINDOWS, "T": t, "U": t, "MODE": f"SCATTER_{mode}", "CLAMP": "0", "PAIRS": "0", **defines},
        needs=needs,
        allows={"compare-and-swap loop": swaps},
    )


_INDEXING: tuple[Row, ...] = (
    _gather("Words4"),
    _gather("Words4", ROWS_EACH="1", COLS_EACH="4"),
    _gather("u8", INDEX="u64", INDICES="3", OPERANDS="5", ROW="u64"),
    _scatter("Words4", "ASSIGN", ("16-byte load", "16-byte store")),
    _scatter("float", "SUM", ("f32 atomic add",), ("gfx10",)),
    _scatter("bf16", "SUM", ("bf16 atomic add",), ("gfx90a", "gfx10", "gfx11"), PAIRS="1"),
    _scatter("f16", "SUM", ("f16 atomic add",), ("gfx10", "gfx11"), PAIRS="1"),
    _scatter("i64", "MAX"),
    _scatter("complex64", "PROD", swaps=("gfx",)),
    _scatter("u8", "MIN", swaps=("gfx",)),
    Row("kernels/along_axis.hip", "gather_axis", {"INDEX": "i32", "ROW": "u32", "U": "u32", "VECTOR": "1"},
        needs=("16-byte load", "16-byte store")),
    Row("kernels/along_axis.hip", "gather_axis", {"INDEX": "i64", "ROW": "u32", "U": "u8", "VECTOR": "0"}),
    Row("kernels/along_axis.hip", "scatter_axis",
        {"INDEX": "i32", "ROW": "u32", "T": "float", "MODE": "SCATTER_SUM"}, needs=("f32 atomic add",),
        allows={"compare-and-swap loop": ("gfx10",)}),
    Row("kernels/join.hip", "concatenate", {"U": "Words4", "ROW": "u32", "ROWS_EACH": "1", "COLS_EACH": "4"},
        needs=("16-byte load", "16-byte store")),
    *(Row("kernels/masked_scatter.hip", entry) for entry in ("mask_count", "mask_scan", "mask_place")),
    Row("kernels/masked_scatter.hip", "copy_chunks", {"U": "Words4"}, needs=("16-byte load", "16-byte store")),
)  # fmt: skip


def _quant(dtype: str, form: str, **defines) -> dict[str, str]:
    """Defines of a kernel that includes quant.h; `form` is mode, bits and group."""
    mode, bits, group = form.split()
    every = {"T": dtype, "MODE": f"MODE_{mode.upper()}", "BITS": bits, "GROUP": group, "PAIRS": "PAIRS_ONE"}
    return {name: str(value) for name, value in {**every, **defines}.items()}


def _qmv(dtype: str, form: str, rows: int, per_wave: int, **defines) -> dict[str, str]:
    shape = {"ROWS": rows, "PER_WAVE": per_wave, "SPLIT": 1, "DEPTH": 2, "UNIT": 32, "CHUNK": 8192 // rows}
    return _quant(dtype, form, **{**shape, **defines})


def _qmm(dtype: str, form: str, tile: str, **defines) -> dict[str, str]:
    sizes = dict(zip(("BM", "BN", "WAVES_M", "WAVES_N"), tile.split(), strict=True))
    return _quant(dtype, form, **{**sizes, "GROUPED": 0, "DEPTH": 1, **defines})


_QMV_WAVES = {"gfx9": 2, "gfx10": 5, "gfx11": 8, "gfx12": 8}
_STREAM = ("16-byte load", "streamed load", "DPP")
_QUANT: tuple[Row, ...] = (
    Row("kernels/quantize.hip", "quantize", _quant("bf16", "affine 4 64"), needs=("16-byte load", "DPP")),
    Row("kernels/quantize.hip", "quantize", _quant("float", "affine 5 32"), needs=("16-byte load", "DPP")),
    Row("kernels/quantize.hip", "quantize", _quant("f16", "nvfp4 4 16"), needs=("16-byte load", "DPP")),
    Row("kernels/quantize.hip", "dequantize", _quant("bf16", "affine 4 64"), needs=("16-byte store",)),
    Row("kernels/quantize.hip", "dequantize", _quant("bf16", "mxfp8 8 32"), needs=("16-byte store",)),
    Row("kernels/quantize.hip", "to_fp8", _quant("bf16", "mxfp8 8 32")),
    Row("kernels/quantize.hip", "from_fp8", _quant("bf16", "mxfp8 8 32")),
    Row("kernels/qmv.hip", "qmv", _qmv("bf16", "affine 4 64", 1, 4), needs=_STREAM, waves=_QMV_WAVES),
    Row("kernels/qmv.hip", "qmv", _qmv("bf16", "affine 4 64", 4, 2), needs=_STREAM, waves=_QMV_WAVES),
    Row("kernels/qmv.hip", "qmv", _qmv("f16", "affine 8 64", 1, 4, UNIT=16), needs=_STREAM, waves=_QMV_WAVES),
    Row(
        "kernels/qmv.hip", "qmv", _qmv("f16", "affine 6 64", 1, 2, SPLIT=2), needs=("DPP",), waves=_QMV_WAVES
    ),
    Row("kernels/qmv.hip", "qmv", _qmv("float", "affine 4 64", 2, 4), needs=_STREAM, waves=_QMV_WAVES),
    Row("kernels/qmv.hip", "qmv", _qmv("bf16", "affine 4 64", 1, 2), needs=_STREAM, waves=_QMV_WAVES),
    Row(
        "kernels/qmv.hip", "qmv", _qmv("bf16", "affine 4 64", 4, 2, DEPTH=1), needs=_STREAM, waves=_QMV_WAVES
    ),
    Row("kernels/qmv.hip", "qmv", _qmv("f16", "affine 8 64", 1, 2, UNIT=16), needs=_STREAM, waves=_QMV_WAVES),
    Row(
        "kernels/qmv.hip",
        "qmv",
        _qmv("f16", "affine 6 64", 1, 1, SPLIT=2, DEPTH=4),
        needs=("DPP",),
        waves=_QMV_WAVES,
    ),
    Row("kernels/qmv.hip", "qmv", _qmv("float", "affine 4 64", 2, 2), needs=_STREAM, waves=_QMV_WAVES),
    Row(
        "kernels/qmv.hip",
        "qmv",
        _qmv("bf16", "mxfp4 4 32", 1, 2, PAIRS="PAIRS_GATHER"),
        needs=_STREAM,
        waves=_QMV_WAVES,
    ),
    Row("kernels/qvm.hip", "qvm", _quant("bf16", "affine 4 64", ROWS=1), waves={"gfx": 8, "gfx9": 6}),
    Row("kernels/qvm.hip", "qvm", _quant("float", "affine 3 32", ROWS=4), waves={"gfx": 8, "gfx9": 4}),
    Row(
        "kernels/qmm_few.hip",
        "qmm_few",
        _quant("bf16", "affine 4 64", UNIT=32, TILES=2, MTILES=1, SPLIT=4, DEPTH=1, CHUNK=512),
        needs=("16-byte load", "streamed load", "bf16 matrix"),
        waves={"gfx": 8, "gfx9": 3},
    ),
    Row(
        "kernels/qmm_few.hip",
        "qmm_few",
        _quant("f16", "nvfp4 4 16", UNIT=32, TILES=1, MTILES=2, SPLIT=2, DEPTH=1, CHUNK=256),
        needs=("16-byte load", "streamed load", "f16 matrix"),
        waves={"gfx": 8, "gfx9": 3},
    ),
    Row(
        "kernels/qmm.hip",
        "qmm",
        _qmm("bf16", "affine 4 64", "128 128 2 4"),
        needs=("16-byte load", "16-byte LDS load", "16-byte LDS store", "bf16 matrix"),
        waves={"gfx": 6, "gfx9": 2},
    ),
    Row(
        "kernels/qmm.hip",
        "qmm",
        _qmm("f16", "affine 3 64", "32 128 1 4", GROUPED=1, DEPTH=2, PAIRS="PAIRS_GATHER"),
        needs=("16-byte load", "16-byte LDS load", "16-byte LDS store", "f16 matrix"),
        waves={"gfx": 4, "gfx9": 2},
    ),
    Row("kernels/qmm_group.hip", "qmm_group", {"BM": "64", "MATRICES": "1024"}),
)

KERNELS: tuple[Row, ...] = (
    *_QUANT,
    Row("kernels/conv.hip", "conv", _conv("bf16"), needs=(*_TILE, "bf16 matrix"), waves=_CONV_TILE),
    Row(
        "kernels/conv.hip",
        "conv",
        _conv("f16", TILE_M=128, VEC=1, ALIGNED=0, OUT="float"),
        needs=("16-byte LDS load", "f16 matrix"),
        waves={"gfx9": 3, "gfx10": 2, "gfx11": 5, "gfx12": 7},
        allows={"scratch access": ("gfx10",)},  # which the launcher gives no tile of 128
    ),
    Row("kernels/conv.hip", "conv", _conv("float"), needs=_TILE[:2], waves={"gfx": 8, "gfx9": 6}),
    Row(
        "kernels/conv.hip",
        "conv_gradient",
        _conv("bf16", GRADIENT=1),
        needs=("16-byte load", "16-byte LDS load", "bf16 matrix"),
        waves=_CONV_TILE,
    ),
    Row(
        "kernels/conv_direct.hip",
        "conv_depthwise",
        _conv("bf16", AXES=1, KY=1, KX=4, PIXELS=4, STRIDE_X=1, DILATION_X=1, TAPS_FIRST=0),
        needs=("16-byte load", "16-byte store"),
        waves={"gfx": 8, "gfx9": 4},
    ),
    Row(
        "kernels/conv_direct.hip",
        "conv_depthwise",
        _conv("float", PIXELS=4, STRIDE_X=1, DILATION_X=1, TAPS_FIRST=1),
        needs=("16-byte load", "16-byte store"),
        waves={"gfx": 8, "gfx9": 6},
    ),
    Row("kernels/conv_direct.hip", "conv_general", _conv("bf16", INPUT_DILATED=1)),
    Row("kernels/conv_direct.hip", "conv_general_gradient", _conv("bf16")),
    Row("kernels/conv_direct.hip", "conv_sum", _conv("bf16")),
    Row(
        "kernels/custom.hip",
        "custom_kernel",
        {"BLOCK_Y": "1", "BLOCK_Z": "1", "BOUND": "256"},
        needs=("f16 atomic add",),
        allows={"compare-and-swap loop": ("gfx10", "gfx11")},
    ),
    Row(
        "kernels/fft.hip",
        "fft",
        _fft(4096, 1, "Pass<8,1>,Pass<8,8>,Pass<8,64>,Pass<8,512>"),
        waves={"gfx": 4, "gfx9": 2, "gfx950": 8},  # 34 KiB of LDS
    ),
    Row(
        "kernels/fft.hip",
        "fft",
        _fft(512, 2, "Pass<8,1>,Pass<8,8>,Pass<8,64>", LENGTH=1024, LOAD=3, STORE=4, PAIRED=1),
        waves={"gfx": 8, "gfx9": 4, "gfx950": 8},
    ),
    Row("kernels/fft.hip", "fft", _fft(2197, 1, "Pass<13,1>,Pass<13,13>,Pass<13,169>"), waves={"gfx": 4}),
    Row(
        "kernels/fft.hip",
        "fft",
        _fft(
            256,
            4,
            "Pass<4,1>,Pass<8,4>,Pass<8,32>",
            LENGTH=97,
            CONVOLVE=1,
            CHIRP_IN=1,
            CHIRP_OUT=1,
            SWAP_MID=1,
            LOAD=1,
            STORE=2,
        ),
        waves={"gfx": 8, "gfx9": 4},
    ),
    Row(
        "kernels/hadamard.hip",
        "hadamard",
        _hadamard("bf16", HIGH=4096, TILE=4096),
        needs=("16-byte load", "16-byte store"),
        waves={"gfx": 8, "gfx9": 3, "gfx950": 8},  # 18 KiB of LDS
    ),
    Row(
        "kernels/hadamard.hip",
        "hadamard",
        _hadamard("float", HIGH=64, TILE=1792, M=28),
        needs=("16-byte load", "16-byte store"),
        waves={"gfx": 8, "gfx9": 7},
    ),
    *SORTING,
    *(
        Row("kernels/reduce_rows.hip", "reduce_rows", {**_SUM, "TEAM": team, "STRIDED": "0"}, needs=needs)
        for team, needs in (
            ("1", ("16-byte load",)),
            ("32", ("16-byte load", "DPP")),
            ("256", ("16-byte load", "DPP")),
        )
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
        waves={"gfx": 8, "gfx9": 7},
    ),
    Row(
        "kernels/norm.hip",
        "norm_rows",
        {**_WIDE_ROW, "LAYER": "1", **_AFFINE},
        needs=(*_VECTORS, "DPP"),
        waves={"gfx9": 5, "gfx1": 8},
    ),
    Row("kernels/norm_long.hip", "norm_long", {**_ROW, "LAYER": "1", **_AFFINE}, needs=(*_VECTORS, "DPP")),
    *_INDEXING,
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
    *_GEMM,
    *(
        Row(
            "kernels/rope.hip",
            "rope",
            {"T": "bf16", "VEC": "8", "HEADS": "4", "TRADITIONAL": str(t), "FREQS": str(t), **_ROPE},
            needs=("16-byte load", "16-byte store"),
            waves={"gfx": 8, "gfx9": 6},
        )
        for t in (0, 1)
    ),
    Row(
        "kernels/attention_decode.hip",
        "attention_decode",
        {
            "T": "bf16",
            "SPLIT": "1",
            "VEC": "8",
            "LANES": "16",
            "ROWS": "4",
            "UNROLL_KEYS": "4",
            "THREADS": "512",
            **_HEADS,
        },
        needs=("16-byte load", "DPP"),
        waves={"gfx": 8, "gfx9": 3},
    ),
    Row(
        "kernels/attention_combine.hip",
        "attention_combine",
        {"T": "bf16", "VALUE_DIM": "128", "SINKS": "0", "COLUMNS": "32", "VEC": "4"},
        needs=("16-byte load", "DPP"),
    ),
    *(
        Row(
            "kernels/attention_prefill.hip",
            "attention_prefill",
            {"T": "bf16", "SPLIT": "0", **_HEADS, **more},
            needs=("16-byte load", "16-byte LDS load", "16-byte LDS store", "bf16 matrix"),
            waves={"gfx": 3, "gfx9": 2},
        )
        for more in (
            {"CAUSAL": "1", "SIZE": "2"},
            {"SIZE": "0"},
            {"HEAD_DIM": "64", "VALUE_DIM": "64", "SIZE": "2"},
            {"HEAD_DIM": "192", "SIZE": "2"},
            {"HEAD_DIM": "256", "VALUE_DIM": "256", "SIZE": "2"},
        )
    ),
    *(
        Row(
            "kernels/gated_delta.hip",
            "gated_delta",
            {**_GATED, **more},
            needs=("16-byte store", "DPP"),
            waves=waves,
        )
        for more, waves in (
            ({"ROWS": "4", "STEPS": "1"}, {"gfx": 6, "gfx9": 2}),
            ({"ROWS": "1", "STEPS": "4"}, {"gfx": 5, "gfx9": 2}),
        )
    ),
    Row("kernels/pointwise.hip", "pointwise", needs=("16-byte load", "16-byte store", "bf16 conversion")),
    Row(
        "kernels/transpose.hip", "transpose", {"T": "u16", "W": "4"}, waves={"gfx": 6, "gfx9": 2, "gfx10": 4}
    ),
    Row("kernels/transpose.hip", "transpose", {"T": "u32", "W": "2"}, waves={"gfx": 8, "gfx9": 4}),
    *(Row(_TESTS + "scalar.hip", entry) for entry in ("exp_f32", "power_f32", "remainder_i32", "sin_c64")),
)
