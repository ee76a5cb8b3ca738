"""The emulator from Python: builds it, and calls its HIP functions through ctypes.

    gpu = Gpu("gfx1151")
    kernel = gpu.module(code_object_path).function("vadd_f32")
    out = gpu.empty((1000,), np.float32)
    kernel((4, 1, 1), (256, 1, 1), gpu.array(a), gpu.array(b), out, np.uint32(1000))
    print(out.numpy())

All targets are devices of one process, so a test run needs one library and no environment.
"""

import ctypes as C
import fcntl
import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
TARGETS = ("gfx90a", "gfx942", "gfx950", "gfx1030", "gfx1100", "gfx1151", "gfx1200", "gfx1201")
# Emulated too; the tests of single instructions are written for those above.
OLDER = ("gfx906", "gfx1010")
HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2


class HipError(RuntimeError):
    """A HIP call failed: `status` is its code, the message has the emulator's findings."""

    def __init__(self, call: str, status: int, text: str):
        super().__init__(f"{call} returned {status}: {text}")
        self.status = status


def tool(name: str) -> str | None:
    """cmake or ninja: beside this Python (pip install cmake ninja) or on the PATH."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(name, path=beside) or shutil.which(name)


@functools.cache
def build() -> Path:
    """Builds the libraries when they are missing or older than their sources; returns their folder.

    AMDEMU_BUILD names a folder with libraries that were built otherwise, e.g. with sanitizers.
    """
    if given := os.environ.get("AMDEMU_BUILD"):
        return Path(given)
    folder = FOLDER / "build"
    folder.mkdir(exist_ok=True)
    log = folder / "build.log"
    with (folder / "lock").open("w") as lock:  # several test processes may start at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        cmake, ninja = tool("cmake"), tool("ninja")
        if cmake is None or ninja is None:
            raise RuntimeError("the emulator is built with CMake and Ninja: pip install cmake ninja")
        configure = [
            cmake,
            "-S",
            str(FOLDER),
            "-B",
            str(folder),
            "-G",
            "Ninja",
            f"-DCMAKE_MAKE_PROGRAM={ninja}",
        ]
        with log.open("w") as out:
            for command in (configure, [ninja, "-C", str(folder), "-j2"]):
                run = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False)
                if run.returncode:
                    raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text()[-3000:]}")
    return folder


@functools.cache
def library() -> C.CDLL:
    """libamdhip64 with a device for every target. AMDEMU_* variables set before the first call count."""
    os.environ.setdefault("AMDEMU_ARCH", ",".join(TARGETS + OLDER))
    os.environ.setdefault("AMDEMU_MEMORY", "1G")
    lib = C.CDLL(str(build() / "libamdhip64.so"), mode=C.RTLD_GLOBAL)
    for name in ("hipGetErrorString", "hipGetErrorName", "emuLastFault", "emuEvidenceJson"):
        getattr(lib, name).restype = C.c_char_p
    return lib


@functools.cache
def hiprtc() -> C.CDLL:
    """libhiprtc: clang behind the HIPRTC functions."""
    library()
    return C.CDLL(str(build() / "libhiprtc.so"))


def check(call: str, *arguments) -> None:
    """Calls a HIP function; HipError when it does not return hipSuccess."""
    status = getattr(library(), call)(*arguments)
    if status:
        raise HipError(call, status, library().hipGetErrorString(status).decode())


def last_fault() -> str:
    return library().emuLastFault().decode()


def reset() -> None:
    """Brings lost devices back; real hardware would need a new process."""
    library().emuReset()


def evidence() -> list[dict]:
    """Counters of the launches since the last clear_evidence()."""
    return json.loads(library().emuEvidenceJson())


def clear_evidence(detailed: bool = False) -> None:
    """Forgets the counters; `detailed` turns on counting of cache lines and bank conflicts."""
    library().emuEvidenceClear()
    library().emuEvidenceEnable(int(detailed))


class DeviceArray:
    """An array in device memory."""

    def __init__(self, gpu: "Gpu", shape: tuple[int, ...], dtype):
        self.gpu, self.shape, self.dtype = gpu, tuple(shape), np.dtype(dtype)
        self.nbytes = int(np.prod(self.shape)) * self.dtype.itemsize
        self.pointer = C.c_void_p()
        gpu.select()
        check("hipMalloc", C.byref(self.pointer), C.c_size_t(self.nbytes))

    def set(self, value) -> "DeviceArray":
        host = np.ascontiguousarray(value, self.dtype)
        self.gpu.select()
        check(
            "hipMemcpy", self.pointer, C.c_void_p(host.ctypes.data), C.c_size_t(self.nbytes), HOST_TO_DEVICE
        )
        return self

    def numpy(self) -> np.ndarray:
        host = np.empty(self.shape, self.dtype)
        self.gpu.select()
        check(
            "hipMemcpy", C.c_void_p(host.ctypes.data), self.pointer, C.c_size_t(self.nbytes), DEVICE_TO_HOST
        )
        return host

    def free(self) -> None:
        if self.pointer.value:
            self.gpu.select()
            check("hipFree", self.pointer)
            self.pointer = C.c_void_p()

    def __del__(self):
        if self.pointer.value and self.gpu.alive():
            self.free()


class Function:
    """A kernel: call it with grid, block and arguments (DeviceArray or NumPy scalar). It waits."""

    def __init__(self, gpu: "Gpu", handle: C.c_void_p):
        self.gpu, self.handle = gpu, handle

    def __call__(self, grid, block, *arguments, lds: int = 0, stream=None) -> None:
        cells = [_cell(argument) for argument in arguments]
        pointers = (C.c_void_p * len(cells))(*[cell.ctypes.data for cell in cells])
        sizes = [C.c_uint(x) for x in (*grid, *block)]
        self.gpu.select()
        check("hipModuleLaunchKernel", self.handle, *sizes, C.c_uint(lds), stream, pointers, None)
        check("hipDeviceSynchronize")


class Module:
    def __init__(self, gpu: "Gpu", image: bytes):
        self.gpu, self.handle = gpu, C.c_void_p()
        gpu.select()
        check("hipModuleLoadData", C.byref(self.handle), image)

    def function(self, name: str) -> Function:
        handle = C.c_void_p()
        check("hipModuleGetFunction", C.byref(handle), self.handle, name.encode())
        return Function(self.gpu, handle)


class Gpu:
    """One emulated device, by architecture."""

    def __init__(self, arch: str):
        self.arch = arch
        self.index = os.environ.get("AMDEMU_ARCH", ",".join(TARGETS + OLDER)).split(",").index(arch)
        self.wave = 64 if arch.startswith("gfx9") else 32
        self.modules: dict[str, Module] = {}

    def select(self) -> None:
        check("hipSetDevice", self.index)

    def alive(self) -> bool:
        self.select()
        return library().hipDeviceSynchronize() == 0

    def array(self, value) -> DeviceArray:
        value = np.asarray(value)
        return DeviceArray(self, value.shape, value.dtype).set(value)

    def empty(self, shape, dtype) -> DeviceArray:
        return DeviceArray(self, shape, dtype)

    def module(self, path) -> Module:
        key = str(path)
        if key not in self.modules:
            self.modules[key] = Module(self, Path(path).read_bytes())
        return self.modules[key]


def _cell(argument) -> np.ndarray:
    if isinstance(argument, DeviceArray):
        return np.array([argument.pointer.value or 0], np.uint64)
    return np.array([argument])
