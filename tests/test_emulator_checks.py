"""The emulator's checks: kernels of tests/emulator/kernels/checks.hip have mistakes that must be reported."""

import ctypes as C
import os
import subprocess
import sys

import numpy as np
import pytest

from tests import amdtools
from tests.emulator import hip
from tests.emulator.hip import HipError
from tests.emulator.testing import ARCHS, fresh_devices, needs_toolchain  # noqa: F401

pytestmark = needs_toolchain
SOURCE = "tests/emulator/kernels/checks.hip"
u32 = np.uint32


@pytest.fixture(params=ARCHS)
def gpu(request):
    return hip.Gpu(request.param)


def run(gpu, name, threads, *arguments, groups=1):
    code = amdtools.compile_hip(SOURCE, gpu.arch)
    gpu.module(code.path).function(name)((groups, 1, 1), (threads, 1, 1), *arguments)


def index_of(gpu, value, thread, count=256):
    index = np.arange(count, dtype=u32)
    index[thread] = value
    return gpu.array(index)


@pytest.mark.parametrize("name, access", [("write_at", "store"), ("read_at", "load")])
def test_out_of_bounds(gpu, name, access):
    out = gpu.array(np.zeros(256, u32))
    run(gpu, name, 256, out, index_of(gpu, 255, 200))
    with pytest.raises(
        HipError, match=rf"out-of-bounds {access} of 4 bytes at 0x.* \(4 bytes past the end of the 1024-byte"
    ) as error:
        run(gpu, name, 256, out, index_of(gpu, 256, 200))
    assert error.value.status == 700
    assert f"kernel {name}, workgroup (0,0,0), wave {200 // gpu.wave}, pc 0x" in str(error.value)
    assert f"global_{access}" in str(error.value)


def test_use_after_free(gpu):
    out = gpu.array(np.zeros(256, u32))
    index = index_of(gpu, 0, 0)
    stale = hip.DeviceArray(gpu, (256,), u32)
    address = stale.pointer.value
    stale.free()
    with pytest.raises(HipError, match="out-of-bounds load"):
        run(gpu, "read_at", 256, out, np.uint64(address))
    hip.reset()
    run(gpu, "read_at", 256, out, index)


def test_host_memory_is_not_device_memory(gpu):
    host = np.arange(256, dtype=u32)
    with pytest.raises(HipError, match="out-of-bounds load"):
        run(gpu, "read_at", 256, gpu.array(host), np.uint64(host.ctypes.data))


def test_misaligned(gpu):
    with pytest.raises(HipError, match="misaligned global store of 4 bytes"):
        run(gpu, "misaligned", 64, gpu.array(np.zeros(1024, np.uint8)))


def test_race(gpu):
    out = gpu.array(np.zeros(256, u32))
    run(gpu, "synchronised", 256, out)
    assert (out.numpy() == np.arange(256)[::-1]).all()
    with pytest.raises(
        HipError, match=r"LDS data race: (load|store) of byte \d+, which wave \d+ (wrote|read)"
    ) as error:
        run(gpu, "race", 256, out)
    assert "ds_" in str(error.value)


def test_race_through_flat_pointers(gpu):
    with pytest.raises(HipError, match="LDS data race: .* flat_"):
        run(gpu, "flat_race", 256, gpu.array(np.zeros(256, u32)))


def test_write_after_read_race(gpu):
    with pytest.raises(HipError, match="LDS data race"):
        run(gpu, "overwrite", 256, gpu.array(np.zeros(256, u32)))


def test_neighbouring_bytes_do_not_race(gpu):
    out = gpu.array(np.zeros(256, np.uint8))
    run(gpu, "neighbouring_bytes", 256, out)
    assert (out.numpy() == np.arange(256)).all()


def test_atomics_do_not_race(gpu):
    out = gpu.array(np.zeros(1, u32))
    run(gpu, "lds_counter", 256, out)
    assert out.numpy()[0] == 256


@pytest.mark.parametrize("variant, caught", [({}, False), ({"MISSING_BARRIER": "1"}, True)])
def test_matmul_without_its_barrier(gpu, variant, caught):
    rng, n = np.random.default_rng(0), 256
    import ml_dtypes

    a, b = (rng.standard_normal((n, n)).astype(ml_dtypes.bfloat16) for _ in range(2))
    out = gpu.array(np.zeros((n, n), ml_dtypes.bfloat16))
    code = amdtools.compile_hip("tests/amd_kernels/matmul.hip", gpu.arch, {"T": "bf16", **variant})
    kernel = gpu.module(code.path).function("matmul")

    def launch():
        kernel((4, 4, 1), (4 * gpu.wave, 1, 1), gpu.array(a), gpu.array(b), out, u32(n), u32(n), u32(n))

    if caught:
        with pytest.raises(HipError, match=r"LDS data race: .* since the last barrier \[kernel matmul.* ds_"):
            launch()
        return
    launch()
    want = a.astype(np.float64) @ b.astype(np.float64).T
    assert np.abs(out.numpy().astype(np.float64) - want).max() <= np.abs(want).max() * 2**-8
    if gpu.arch != "gfx1030":
        assert hip.evidence()[-1]["instructions"]["matrix"] > 0


def test_lds_bounds(gpu):
    out = gpu.array(np.zeros(64, u32))
    run(gpu, "past_lds", 64, out, u32(0))
    with pytest.raises(
        HipError, match=r"out-of-bounds LDS store of 4 bytes at \d+ \(the workgroup has 256 bytes\)"
    ):
        run(gpu, "past_lds", 64, out, u32(1))


def test_poison(gpu):
    out = gpu.array(np.zeros(192, np.float32))
    never_written = gpu.empty((64,), np.float32)
    run(gpu, "uninitialised", 64, out, never_written)
    assert np.isnan(out.numpy()[:128]).all()


def test_trap(gpu):
    with pytest.raises(HipError, match="trapped|s_trap"):
        run(gpu, "trap", 64)


def test_unknown_instruction(gpu):
    out = gpu.array(np.zeros(64, u32))
    with pytest.raises(
        HipError, match=r"does not know this instruction \[kernel unknown.* pc 0x\w+: v_lerp_u8 "
    ):
        run(gpu, "unknown", 64, out)


def test_memory_of_another_device(gpu):
    """Kernels reach the memory of another device only after hipDeviceEnablePeerAccess; copies always may."""
    other = hip.Gpu("gfx1030" if gpu.arch != "gfx1030" else "gfx1151")
    theirs, out = other.array(np.arange(256, dtype=u32)), gpu.array(np.zeros(256, u32))
    index = index_of(gpu, 0, 0)
    gpu.select()
    hip.check("hipMemcpyPeer", out.pointer, gpu.index, theirs.pointer, other.index, C.c_size_t(1024))
    assert (out.numpy() == np.arange(256)).all()
    with pytest.raises(HipError, match=f"load of memory of device {other.index}"):
        run(gpu, "read_at", 256, theirs, index)
    hip.reset()
    gpu.select()
    hip.check("hipDeviceEnablePeerAccess", other.index, 0)
    run(gpu, "read_at", 256, theirs, index)
    gpu.select()
    hip.check("hipDeviceDisablePeerAccess", other.index)


def test_waves_take_turns(gpu):
    """A wave that spins does not keep the wave it waits for from running."""
    out, flag = gpu.array(np.zeros(1, u32)), gpu.array(np.zeros(1, u32))
    run(gpu, "spin", 128, out, flag)
    assert out.numpy()[0] == 5


def test_evidence(gpu):
    x = gpu.array(np.arange(64 * 32, dtype=u32))
    out = gpu.array(np.zeros(64, u32))
    hip.clear_evidence(detailed=True)
    for stride in (1, 2, 32):
        run(gpu, "strided", gpu.wave, x, out, u32(stride))
    unit, two, bank = hip.evidence()
    hip.clear_evidence()
    wave = gpu.wave
    for record in (unit, two, bank):
        assert record["kernel"] == "strided"
        assert record["waves"] == 1
        # The kernel arguments are read through scalar loads, too.
        assert 4 * wave <= record["bytes_read"] <= 4 * wave + 64
        assert record["bytes_written"] == 4 * wave
        assert record["lds_bytes_read"] == record["lds_bytes_written"] == 4 * wave
    assert [r["lines_read"] for r in (unit, two, bank)] == [4 * wave // 128, 8 * wave // 128, wave]
    # A load and a store: no conflict, two lanes a bank, all lanes of a pass on one bank.
    assert [r["bank_conflicts"] for r in (unit, two, bank)] == [0, 2 * (wave // 32), 2 * 31 * (wave // 32)]
    assert unit["instructions"]["global_load"] == 1
    assert unit["instructions"]["lds"] == 2


OTHER_PROCESS = """
import numpy as np
from tests import amdtools
from tests.emulator import hip
gpu = hip.Gpu("{arch}")
module = gpu.module(amdtools.compile_hip("{source}", gpu.arch).path)
{body}
"""


def in_other_process(arch: str, body: str, **environment: str) -> subprocess.CompletedProcess:
    """The settings are read once, so other ones need another process."""
    script = OTHER_PROCESS.format(arch=arch, source=SOURCE, body=body)
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "AMDEMU_ARCH": arch, "PYTHONPATH": str(amdtools.ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_wave_order_can_be_shuffled():
    body = """
order, next = gpu.array(np.zeros(64, np.uint32)), gpu.array(np.zeros(1, np.uint32))
module.function("arrival")((8, 1, 1), (256, 1, 1), order, next)
print(order.numpy().tolist())
"""
    outputs = {
        in_other_process("gfx1151", body, AMDEMU_SHUFFLE=seed, AMDEMU_THREADS="1").stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 3
    assert str([*range(8)] * 8) in {output.strip() for output in outputs}


@pytest.mark.parametrize("mode, flushed", [("keep", False), ("flush", True), ("kernel", False)])
def test_f32_denormal_mode(mode, flushed):
    body = """
x, out = gpu.array(np.full(64, 1e-40, np.float32)), gpu.array(np.zeros(64, np.float32))
module.function("product")((1, 1, 1), (64, 1, 1), out, x, np.float32(1))
print(out.numpy()[0])
"""
    result = in_other_process("gfx1151", body, AMDEMU_F32_DENORMALS=mode)
    assert (float(result.stdout) == 0) == flushed


def test_endless_loop_ends():
    body = """
flag = gpu.array(np.zeros(1, np.uint32))
try:
    module.function("endless")((1, 1, 1), (64, 1, 1), flag)
except hip.HipError as error:
    print(error)
"""
    result = in_other_process("gfx1151", body, AMDEMU_MAX_INSTRUCTIONS="3000000")
    assert "the wave does not end" in result.stdout


def test_a_missing_wait_shows():
    """With a delay before every operation, pinned memory read too early still holds the poison."""
    body = """
import ctypes as C
x, pinned = gpu.array(np.arange(64, dtype=np.uint32)), C.c_void_p()
hip.check("hipHostMalloc", C.byref(pinned), C.c_size_t(256), 0)
host = np.ctypeslib.as_array(C.cast(pinned, C.POINTER(C.c_uint32)), (64,))
hip.check("hipMemcpyAsync", pinned, x.pointer, C.c_size_t(256), 2, None)
early = host.copy()
hip.check("hipDeviceSynchronize")
print((early == 0x7fff7fff).all(), (host == np.arange(64)).all())
"""
    assert in_other_process("gfx1151", body, AMDEMU_DELAY_US="300000").stdout.split() == ["True", "True"]


@pytest.mark.parametrize("arch, visible", [("gfx1201", False), ("gfx1151", True)])
def test_host_access_to_device_memory(arch, visible):
    """VRAM of a discrete GPU is out of the host's reach; an APU shares its memory."""
    body = """
import ctypes
x = gpu.array(np.arange(4, dtype=np.uint32))
print(ctypes.c_uint.from_address(x.pointer.value + 8).value)
"""
    result = in_other_process(arch, body)
    if visible:
        assert result.stdout.strip() == "2"
    else:
        assert result.returncode != 0
        assert "the host dereferenced device memory" in result.stderr
