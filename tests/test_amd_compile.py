"""Every registered kernel compiled for every AMD target and held to its budget, with no GPU and no ROCm."""

import os
import re

import pytest

from tests import amd_codeobject, amdtools, nvrtc
from tests.amd_registry import KERNELS, PROHIBITIONS, REQUIREMENTS, Row, Use, by_arch, measure, unregistered
from tests.amd_targets import RELATED, TARGETS, isa_number, target
from tests.gpu_launch import NVIDIA_DEFINES

try:
    amdtools.toolchain()
except amdtools.ToolchainMissing as missing:
    if os.environ.get("CI"):
        raise
    pytest.skip(str(missing), allow_module_level=True)


@pytest.mark.parametrize("arch", TARGETS)
@pytest.mark.parametrize("row", KERNELS, ids=lambda row: row.name)
def test_budget(row, arch):
    assert measure(row, arch).faults() == []


@pytest.mark.parametrize("arch", RELATED)
@pytest.mark.parametrize("name", ["qmv", "matmul T=bf16", "gemv T=i8"])
def test_related_chips(name, arch):
    row = next(row for row in KERNELS if row.name == name)
    assert [fault for fault in measure(row, arch).faults() if "waves fit" not in fault] == []


@pytest.mark.parametrize("arch", TARGETS)
def test_scalar_functors(arch):
    """All functors of kernels/scalar.h, a kernel each: none may cost scratch, spills or calls."""
    row = next(row for row in KERNELS if row.file.endswith("scalar.hip"))
    code = row.compile(arch)
    assert len(code.kernels) > 100
    faults = {name: Use(Row(row.file, name), arch, code).faults() for name in code.kernels}
    assert {name: found for name, found in faults.items() if found} == {}


def test_every_kernel_file_has_a_row():
    assert unregistered() == [], "add rows to tests/amd_rows/"


def test_rows_name_known_rules():
    for row in KERNELS:
        assert set(row.needs) <= set(REQUIREMENTS), row.name
        assert set(row.allows) <= set(PROHIBITIONS), row.name
        for arch in TARGETS:
            assert by_arch(row.waves, arch) > 0
            for need in row.needs:
                by_arch(REQUIREMENTS[need], arch)  # KeyError: the rule forgets this target


# ---- the checks catch what they are for ----------------------------------------------------------------------

FAULTY = {
    "spills": (
        """
        KERNEL(1024) faulty(float* x, u32 n) {
          float v[150];
          UNROLL for (int i = 0; i < 150; i++) v[i] = x[i * n + thread_x()];
          barrier();
          UNROLL for (int i = 0; i < 150; i++) x[i * n + thread_x()] = v[i] * v[(i * 7 + 1) % 150];
        }
        """,
        "vector and .* registers are spilled",
    ),
    "scratch": (
        """
        KERNEL(64) faulty(float* x, const u32* at) {
          float v[40];
          for (u32 i = 0; i < 40; i++) v[at[i] % 40] = x[i];
          x[thread_x()] = v[at[thread_x()] % 40];
        }
        """,
        "bytes of scratch per lane",
    ),
    "occupancy": (
        """
        KERNEL(64) faulty(float* x, u32 n) {
          SHARED float v[10000];
          v[thread_x()] = x[thread_x()];
          barrier();
          x[thread_x()] = v[thread_x() ^ n];
        }
        """,
        "waves fit a SIMD .*40000 bytes of LDS",
    ),
    "compare-and-swap loop": (
        """
        KERNEL(64) faulty(bf16* x, bf16 y) { atomic_apply<AddHalves>(x + thread_x(), y); }
        """,
        "compare-and-swap loop: global_atomic_cmpswap",
    ),
    "flat access": (
        """
        KERNEL(64) faulty(u64 address) { *(u32*)(address & ~3ull) = thread_x(); }
        """,
        "flat access: flat_store",
    ),
    "missing instruction": (
        """
        KERNEL(64) faulty(const u8* x, u8* y) { y[thread_x()] = x[thread_x()]; }
        """,
        "no 16-byte load",
    ),
}


@pytest.mark.parametrize("arch", ["gfx942", "gfx1151"])
@pytest.mark.parametrize("name", FAULTY)
def test_faulty_kernel_is_caught(name, arch, tmp_path):
    text, fault = FAULTY[name]
    source = tmp_path / "faulty.hip"
    source.write_text('#include "atomics.h"\n' + text)
    needs = ("16-byte load",) if name == "missing instruction" else ()
    faults = measure(Row(str(source), "faulty", needs=needs), arch).faults()
    assert any(re.search(fault, each) for each in faults), faults


def test_wrong_wave_size_is_caught(tmp_path):
    source = tmp_path / "wide.hip"
    source.write_text('#include "device.h"\nKERNEL(64) wide(u32* x) { x[lane()] = 1; }\n')
    code = amdtools.compile_hip(source, "gfx1151", options=("-mwavefrontsize64",))
    assert code.kernels["wide"].wave == 64


def test_compile_error_shows_command_and_diagnostics(tmp_path):
    source = tmp_path / "broken.hip"
    source.write_text("void f() { nonsense(); }\n")
    with pytest.raises(
        amdtools.CompileError, match=r"(?s)clang.*--offload-arch=gfx1151.*broken.hip.*nonsense"
    ):
        amdtools.compile_hip(source, "gfx1151")


def test_a_changed_header_compiles_anew(tmp_path):
    header, source = tmp_path / "part.h", tmp_path / "whole.hip"
    source.write_text(
        '#include "device.h"\n#include "part.h"\nKERNEL(64) whole(u32* x) { x[lane()] = VALUE; }\n'
    )
    header.write_text("#define VALUE 1\n")
    first = amdtools.compile_hip(source, "gfx1151")
    assert amdtools.compile_hip(source, "gfx1151").path == first.path
    header.write_text("#define VALUE 2\n")
    assert amdtools.compile_hip(source, "gfx1151").path != first.path


# ---- our reading of code objects and our table of targets against clang's own --------------------------------

PRESSURE = """
#include "device.h"
template <int Count>
DEVICE void keep(float* x, u32 n) {
  float v[Count];
  x += thread_x();
  UNROLL for (int i = 0; i < Count; i++) v[i] = x[i * n];
  barrier();
  UNROLL for (int i = 0; i < Count; i++) x[i * n + 1] = v[i] * v[(i + 1) % Count];
}
DEVICE void hold(float* x, u32 n, float* v) {
  v[thread_x()] = x[thread_x()];
  barrier();
  x[thread_x()] = v[thread_x() ^ n];
}
#define REGISTERS(name, count, threads) KERNEL(threads) name(float* x, u32 n) { keep<count>(x, n); }
#define MEMORY(name, bytes, threads) \\
  KERNEL(threads) name(float* x, u32 n) { SHARED float v[bytes / 4]; hold(x, n, v); }
REGISTERS(r10, 10, 64) REGISTERS(r20, 20, 64) REGISTERS(r30, 30, 64) REGISTERS(r40, 40, 256)
REGISTERS(r50, 50, 64) REGISTERS(r70, 70, 64) REGISTERS(r90, 90, 64) REGISTERS(r110, 110, 1024)
MEMORY(m5120, 5120, 64) MEMORY(m10240, 10240, 128) MEMORY(m20480, 20480, 256) MEMORY(m30720, 30720, 256)
MEMORY(m51200, 51200, 1024) MEMORY(m65536, 65536, 512)
"""
REMARKS = {
    "VGPRs": "vgprs",
    "ScratchSize [bytes/lane]": "scratch",
    "VGPRs Spill": "vgpr_spills",
    "LDS Size [bytes/block]": "lds",
}


@pytest.mark.parametrize("arch", [*TARGETS, *RELATED])
def test_resources_and_occupancy_agree_with_clang(arch, tmp_path):
    source = tmp_path / "pressure.hip"
    source.write_text(PRESSURE)
    code = amdtools.compile_hip(source, arch, options=("-Rpass-analysis=kernel-resource-usage",))
    remarks = _remarks(code.log)
    assert set(remarks) == set(code.kernels)
    for name, kernel in code.kernels.items():
        for heading, ours in REMARKS.items():
            if heading != "VGPRs" or not kernel.agprs:
                assert getattr(kernel, ours) == remarks[name][heading], (name, heading)
        waves = target(arch).occupancy(kernel.vgprs, kernel.sgprs, kernel.lds, kernel.max_group)
        assert waves == remarks[name]["Occupancy [waves/SIMD]"], (name, kernel)


def _remarks(log):
    kernels, values = {}, {}
    for line in log.splitlines():
        found = re.search(r"remark:\s+(.+?): (\S+) \[-Rpass", line)
        if found and found[1] == "Function Name":
            values = kernels.setdefault(found[2], {})
        elif found and found[2].isdigit():
            values[found[1]] = int(found[2])
    return kernels


def test_isa_numbers():
    names = ["gfx90a", "gfx942", "gfx950", "gfx1030", "gfx1151", "gfx1201", "gfx942:sramecc+:xnack-"]
    assert [isa_number(name) for name in names] == [9010, 9402, 9500, 10300, 11501, 12001, 9402]


def test_message_pack():
    data = bytes.fromhex("84 a1 61 05 a1 62 fe a1 63 92 c3 c0 d9 01 64 cd 01 00")
    assert amd_codeobject.unpack(data) == {"a": 5, "b": -2, "c": [True, None], "d": 256}
    with pytest.raises(ValueError, match="0xca is not part"):
        amd_codeobject.unpack(bytes([0xCA, 0, 0, 0, 0]))
    with pytest.raises(ValueError, match="not an ELF file"):
        amd_codeobject.read_kernels(b"MZ" * 40)


# ---- the same sources through NVIDIA's run-time compiler -----------------------------------------------------

MMA_SYNC = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"


@pytest.mark.skipif(nvrtc.library_path() is None, reason=f"NVRTC is not unpacked: {nvrtc.INSTALL}")
@pytest.mark.parametrize("source", sorted({(row.file, tuple(row.defines.items())) for row in KERNELS}))
def test_nvrtc(source):
    path, defines = amdtools.ROOT / source[0], dict(source[1])
    text = amdtools.with_defines(path, {**NVIDIA_DEFINES, **defines})
    ptx = nvrtc.compile_ptx(text, nvrtc.headers(path), ["--gpu-architecture=sm_90", "-std=c++17"])
    rows = [row for row in KERNELS if (row.file, dict(row.defines)) == (source[0], defines)]
    for row in rows:
        assert f".entry {row.entry}(" in ptx
        assert "bf16 matrix" not in row.needs or MMA_SYNC in ptx
    if path.name != "scalar.hip":  # CUDA's sin and cos have a local array for large arguments
        assert ".local" not in ptx, "a local array that is not in registers"
