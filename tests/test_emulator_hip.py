"""The stand-in HIP runtime: devices, memory, streams, events, modules, launches, fault injection, hiprtc."""

import ctypes as C
import struct
import threading
import time

import numpy as np
import pytest

from tests import amdtools
from tests.emulator import hip
from tests.emulator.hip import HipError, check
from tests.emulator.testing import ARCHS, fresh_devices, needs_toolchain  # noqa: F401

pytestmark = needs_toolchain
KERNELS = "tests/emulator/kernels/checks.hip"
INVALID_VALUE, OUT_OF_MEMORY, INVALID_CONFIGURATION, NOT_FOUND, NOT_READY = 1, 2, 9, 500, 600


@pytest.fixture(params=ARCHS)
def gpu(request):
    gpu = hip.Gpu(request.param)
    gpu.select()
    return gpu


def fails(status: int, call: str, *arguments) -> None:
    with pytest.raises(HipError) as error:
        check(call, *arguments)
    assert error.value.status == status


def attribute(gpu, number: int) -> int:
    value = C.c_int()
    check("hipDeviceGetAttribute", C.byref(value), number, gpu.index)
    return value.value


def malloc(bytes_: int, call: str = "hipMalloc", *flags) -> C.c_void_p:
    pointer = C.c_void_p()
    check(call, C.byref(pointer), C.c_size_t(bytes_), *flags)
    return pointer


def product(gpu):
    return gpu.module(amdtools.compile_hip(KERNELS, gpu.arch).path).function("product")


def test_properties(gpu):
    raw = C.create_string_buffer(1472)
    check("hipGetDevicePropertiesR0600", raw, gpu.index)
    assert raw.raw[1160:].split(b"\0")[0].split(b":")[0].decode() == gpu.arch
    (memory,) = struct.unpack_from("<Q", raw, 288)
    (wave,) = struct.unpack_from("<i", raw, 308)
    assert (memory, wave) == (1 << 30, gpu.wave)
    assert attribute(gpu, 87) == gpu.wave
    assert attribute(gpu, 16) == (gpu.arch == "gfx1151")  # integrated
    assert attribute(gpu, 74) == (163840 if gpu.arch == "gfx950" else 65536)
    fails(INVALID_VALUE, "hipDeviceGetAttribute", C.byref(C.c_int()), 99999, gpu.index)
    fails(101, "hipSetDevice", 77)


def test_memory_runs_out(gpu):
    free, total = C.c_size_t(), C.c_size_t()
    check("hipMemGetInfo", C.byref(free), C.byref(total))
    fails(OUT_OF_MEMORY, "hipMalloc", C.byref(C.c_void_p()), C.c_size_t(free.value + 1))
    held = malloc(free.value // 2)
    fails(OUT_OF_MEMORY, "hipMalloc", C.byref(C.c_void_p()), C.c_size_t(free.value // 2 + 4096))
    check("hipFree", held)
    check("hipFree", malloc(free.value // 2 + 4096))
    assert malloc(0).value is None
    check("hipFree", None)
    fails(INVALID_VALUE, "hipFree", held)


def test_copies(gpu):
    source = np.arange(1000, dtype=np.uint32)
    device, pinned = malloc(4000), malloc(4000, "hipHostMalloc", 0)
    check("hipMemcpy", device, C.c_void_p(source.ctypes.data), C.c_size_t(4000), 1)
    check("hipMemcpyAsync", pinned, device, C.c_size_t(4000), 2, None)
    check("hipDeviceSynchronize")
    assert (np.ctypeslib.as_array(C.cast(pinned, C.POINTER(C.c_uint32)), (1000,)) == source).all()
    check("hipMemsetD32Async", device, 7, C.c_size_t(10), None)
    check("hipMemset", C.c_void_p(device.value + 40), 1, C.c_size_t(4))
    out = np.zeros(1000, np.uint32)
    check("hipMemcpy", C.c_void_p(out.ctypes.data), device, C.c_size_t(4000), 4)
    assert out[:12].tolist() == [7] * 10 + [0x01010101, 11]
    # Two rows of four words out of rows of ten.
    small = np.zeros((2, 4), np.uint32)
    check("hipMemcpy2D", C.c_void_p(small.ctypes.data), C.c_size_t(16), C.c_void_p(device.value + 80), C.c_size_t(40),
          C.c_size_t(16), C.c_size_t(2), 2)  # fmt: skip
    assert small.tolist() == [[20, 21, 22, 23], [30, 31, 32, 33]]
    fails(INVALID_VALUE, "hipMemcpy", device, C.c_void_p(source.ctypes.data), C.c_size_t(4004), 1)
    fails(21, "hipMemcpy", device, C.c_void_p(source.ctypes.data), C.c_size_t(4), 2)  # wrong direction
    for pointer, call in ((device, "hipFree"), (pinned, "hipHostFree")):
        check(call, pointer)


def test_pointer_attributes(gpu):
    device, pinned = malloc(64), malloc(64, "hipHostMalloc", 0)
    raw = (C.c_int * 8)()
    check("hipPointerGetAttributes", raw, device)
    assert (raw[0], raw[1]) == (2, gpu.index)
    check("hipPointerGetAttributes", raw, pinned)
    assert raw[0] == 1
    fails(INVALID_VALUE, "hipPointerGetAttributes", raw, C.c_void_p(np.zeros(1).ctypes.data))
    check("hipFree", device)
    check("hipHostFree", pinned)


def test_streams_run_in_order_and_events_order_streams(gpu):
    """A host function blocks the first stream; the second one waits for its event, a third does not."""
    first, second, third = (C.c_void_p() for _ in range(3))
    for stream in (first, second, third):
        check("hipStreamCreateWithFlags", C.byref(stream), 1)
    event = C.c_void_p()
    check("hipEventCreateWithFlags", C.byref(event), 2)
    order = []
    host_function = C.CFUNCTYPE(None, C.c_void_p)

    def note(stream, name, seconds=0.0):
        def run(_):
            time.sleep(seconds)
            order.append(name)

        callback = host_function(run)
        check("hipLaunchHostFunc", stream, callback, None)
        return callback

    held = [note(first, "a", 0.2), note(first, "b")]
    check("hipEventRecord", event, first)
    assert hip.library().hipEventQuery(event) == NOT_READY
    assert hip.library().hipStreamQuery(first) == NOT_READY
    check("hipStreamWaitEvent", second, event, 0)
    held += [note(second, "after event"), note(third, "free")]
    check("hipStreamSynchronize", third)
    assert order == ["free"]
    check("hipEventSynchronize", event)
    check("hipDeviceSynchronize")
    assert order == ["free", "a", "b", "after event"]
    assert len(held) == 4
    for stream in (first, second, third):
        check("hipStreamDestroy", stream)
    check("hipEventDestroy", event)


def test_elapsed_time(gpu):
    start, stop = C.c_void_p(), C.c_void_p()
    for event in (start, stop):
        check("hipEventCreate", C.byref(event))
    check("hipEventRecord", start, None)
    check("hipEventRecord", stop, None)
    check("hipEventSynchronize", stop)
    milliseconds = C.c_float(-1)
    check("hipEventElapsedTime", C.byref(milliseconds), start, stop)
    assert 0 <= milliseconds.value < 1000


def test_launch_is_asynchronous(gpu):
    """The default stream waits for a blocking stream, a non-blocking one does not take part."""
    x, out = gpu.array(np.ones(64, np.float32)), gpu.array(np.zeros(64, np.float32))
    stream = C.c_void_p()
    check("hipStreamCreate", C.byref(stream))
    launched = threading.Event()
    came_first = []
    callback = C.CFUNCTYPE(None, C.c_void_p)(lambda _: came_first.append(launched.wait(20)))
    check("hipLaunchHostFunc", stream, callback, None)
    arguments = [
        np.array([out.pointer.value], np.uint64),
        np.array([x.pointer.value], np.uint64),
        np.float32([3]),
    ]
    pointers = (C.c_void_p * 3)(*(a.ctypes.data for a in arguments))
    geometry = [C.c_uint(n) for n in (1, 1, 1, 64, 1, 1, 0)]
    check("hipModuleLaunchKernel", product(gpu).handle, *geometry, stream, pointers, None)
    launched.set()  # only now may the stream get as far as the kernel
    assert (out.numpy() == 3).all()  # a plain copy waits for blocking streams
    assert came_first == [True]
    check("hipStreamDestroy", stream)


def test_packed_arguments(gpu):
    x, out = gpu.array(np.ones(64, np.float32)), gpu.array(np.zeros(64, np.float32))
    packed = struct.pack("<QQf", out.pointer.value, x.pointer.value, 5.0)
    size = C.c_size_t(len(packed))
    buffer = C.create_string_buffer(packed, len(packed))
    extra = (C.c_void_p * 5)(1, C.addressof(buffer), 2, C.addressof(size), 3)
    check(
        "hipModuleLaunchKernel",
        product(gpu).handle,
        *(C.c_uint(n) for n in (1, 1, 1, 64, 1, 1, 0)),
        None,
        None,
        extra,
    )
    assert (out.numpy() == 5).all()


def test_bad_launches(gpu):
    function = product(gpu)
    x = gpu.array(np.ones(64, np.float32))
    for grid, block in (((0, 1, 1), (64, 1, 1)), ((1, 1, 1), (65, 1, 1)), ((1, 70000, 1), (64, 1, 1))):
        with pytest.raises(HipError) as error:
            function(grid, block, x, x, np.float32(1))
        assert error.value.status == INVALID_CONFIGURATION
    with pytest.raises(HipError) as error:
        function((1, 1, 1), (64, 1, 1), x, x, np.float32(1), lds=1 << 20)
    assert error.value.status == INVALID_VALUE


def test_modules(gpu):
    module = gpu.module(amdtools.compile_hip(KERNELS, gpu.arch).path)
    with pytest.raises(HipError) as error:
        module.function("no_such_kernel")
    assert error.value.status == NOT_FOUND
    fails(200, "hipModuleLoadData", C.byref(C.c_void_p()), b"not an ELF file" + bytes(100))
    other = "gfx1030" if gpu.arch != "gfx1030" else "gfx1151"
    image = amdtools.compile_hip(KERNELS, other).path.read_bytes()
    fails(209, "hipModuleLoadData", C.byref(C.c_void_p()), image)


def test_function_attributes_and_occupancy(gpu):
    kernel = amdtools.compile_hip(KERNELS, gpu.arch).kernels["race"]
    function = gpu.module(amdtools.compile_hip(KERNELS, gpu.arch).path).function("race")
    values = []
    for number in (0, 1, 3, 4):
        value = C.c_int()
        check("hipFuncGetAttribute", C.byref(value), number, function.handle)
        values.append(value.value)
    assert values == [256, kernel.lds, kernel.scratch, kernel.vgprs]
    groups = C.c_int()
    call = "hipModuleOccupancyMaxActiveBlocksPerMultiprocessor"
    check(call, C.byref(groups), function.handle, 256, C.c_size_t(0))
    assert 1 <= groups.value <= 64
    check(call, C.byref(groups), function.handle, 256, C.c_size_t(40000))
    assert 1 <= groups.value <= 3


def test_errors_are_remembered(gpu):
    library = hip.library()
    library.hipGetLastError()
    fails(101, "hipSetDevice", 99)
    assert library.hipPeekAtLastError() == 101
    assert library.hipGetLastError() == 101
    assert library.hipGetLastError() == 0
    assert library.hipGetErrorName(101) == b"hipErrorInvalidDevice"
    assert library.hipGetErrorString(2) == b"out of memory"


def test_a_fault_loses_the_device(gpu):
    function = gpu.module(amdtools.compile_hip(KERNELS, gpu.arch).path).function("trap")
    with pytest.raises(HipError):
        function((1, 1, 1), (64, 1, 1))
    assert "trap" in hip.last_fault()
    fails(719, "hipMalloc", C.byref(C.c_void_p()), C.c_size_t(64))
    fails(719, "hipDeviceSynchronize")
    hip.reset()
    check("hipFree", malloc(64))


def test_injected_failures(gpu):
    inject = hip.library().emuFailAt
    inject(b"malloc", 2)
    first = malloc(64)
    fails(OUT_OF_MEMORY, "hipMalloc", C.byref(C.c_void_p()), C.c_size_t(64))
    check("hipFree", malloc(64))
    x = gpu.array(np.ones(64, np.float32))
    inject(b"launch", 1)
    with pytest.raises(HipError) as error:
        product(gpu)((1, 1, 1), (64, 1, 1), x, x, np.float32(1))
    assert error.value.status == 701
    product(gpu)((1, 1, 1), (64, 1, 1), x, x, np.float32(1))
    inject(b"copy", 1)
    fails(999, "hipMemcpy", first, first, C.c_size_t(4), 3)
    inject(b"load", 1)
    fails(200, "hipModuleLoadData", C.byref(C.c_void_p()), b"anything")
    inject(b"lost", 1)
    fails(719, "hipMemcpy", first, first, C.c_size_t(4), 3)
    fails(719, "hipDeviceSynchronize")
    assert inject(b"no such kind", 1) == 1
    hip.reset()
    check("hipFree", first)


class Program:
    """A hiprtc program."""

    def __init__(self, source: str, headers: dict[str, str] | None = None):
        headers = headers or {}
        self.handle = C.c_void_p()
        names = (C.c_char_p * len(headers))(*(name.encode() for name in headers))
        texts = (C.c_char_p * len(headers))(*(text.encode() for text in headers.values()))
        created = hip.hiprtc().hiprtcCreateProgram(
            C.byref(self.handle), source.encode(), b"test.hip", len(headers), texts, names
        )
        assert created == 0

    def compile(self, *options: str) -> int:
        array = (C.c_char_p * len(options))(*(option.encode() for option in options))
        return hip.hiprtc().hiprtcCompileProgram(self.handle, len(options), array)

    def _read(self, what: str) -> bytes:
        size = C.c_size_t()
        suffix = "Size" if what == "Code" else "LogSize"
        hip.hiprtc()[f"hiprtcGet{'Code' if what == 'Code' else 'Program'}{suffix}"](
            self.handle, C.byref(size)
        )
        buffer = C.create_string_buffer(size.value)
        hip.hiprtc()["hiprtcGetCode" if what == "Code" else "hiprtcGetProgramLog"](self.handle, buffer)
        return buffer.raw

    def code(self) -> bytes:
        return self._read("Code")

    def log(self) -> str:
        return self._read("Log").rstrip(b"\0").decode()


RTC_SOURCE = """
#include "half.h"
extern "C" __attribute__((device)) float __ocml_erf_f32(float);
extern "C" __attribute__((global)) void erf_half(float* x) {
  unsigned i = __builtin_amdgcn_workitem_id_x();
  x[i] = HALF * __ocml_erf_f32(x[i]) + OFFSET;
}
"""


def test_hiprtc(gpu):
    program = Program(RTC_SOURCE, {"half.h": "#define HALF 0.5f"})
    assert program.compile(f"--offload-arch={gpu.arch}", "-DOFFSET=1.0f", "-std=c++17") == 0, program.log()
    values = np.linspace(-2, 2, 64, dtype=np.float32)
    x = gpu.array(values)
    hip.Module(gpu, program.code()).function("erf_half")((1, 1, 1), (64, 1, 1), x)
    from scipy.special import erf

    assert np.abs(x.numpy() - (erf(values) / 2 + 1)).max() < 1e-6


def test_hiprtc_errors(gpu):
    program = Program("int broken = undeclared_name;")
    assert program.compile(f"--offload-arch={gpu.arch}") == 6
    assert "test.hip:1:" in program.log()
    assert "undeclared_name" in program.log()
    assert Program("").compile("--offload-arch=gfx9999") == 5
    hip.library().emuFailAt(b"compile", 1)
    good = Program("int fine;")
    assert good.compile(f"--offload-arch={gpu.arch}") == 6
    assert good.compile(f"--offload-arch={gpu.arch}") == 0
