"""Launches one kernel on a GPU through its driver, with NumPy arrays as arguments: what a kernel test needs.

gpu = hip_gpu("libamdhip64.so", "gfx1151")          # a real one, or the emulator's stand-in
gpu = cuda_gpu()
gpu.launch("tests/amd_kernels/copy.hip", "copy", {}, (4, 1, 1), 256, x, y, np.uint64(x.size))
"""

import ctypes
import functools
from collections.abc import Callable, Mapping
from ctypes import byref, c_int, c_size_t, c_void_p
from dataclasses import dataclass

import numpy as np

from tests import amdtools, nvrtc

# The calls used here, as the two drivers name them.
_HIP = {
    "init": "hipInit",
    "count": "hipGetDeviceCount",
    "alloc": "hipMalloc",
    "free": "hipFree",
    "upload": "hipMemcpyHtoD",
    "download": "hipMemcpyDtoH",
    "load": "hipModuleLoadData",
    "function": "hipModuleGetFunction",
    "launch": "hipModuleLaunchKernel",
    "wait": "hipDeviceSynchronize",
}
_CUDA = {
    "init": "cuInit",
    "count": "cuDeviceGetCount",
    "alloc": "cuMemAlloc_v2",
    "free": "cuMemFree_v2",
    "upload": "cuMemcpyHtoD_v2",
    "download": "cuMemcpyDtoH_v2",
    "load": "cuModuleLoadData",
    "function": "cuModuleGetFunction",
    "launch": "cuLaunchKernel",
    "set_attribute": "cuFuncSetAttribute",
    "wait": "cuCtxSynchronize",
}
_MAX_DYNAMIC_LDS = c_int(8)  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
NVIDIA_DEFINES = {
    "WAVE": "32",
    "MMA": "MMA_SYNC",
    "LDS_BYTES": "233472",
    "ATOMIC_PK_F16": "1",
    "ATOMIC_PK_BF16": "1",
    "DOT2_F16": "0",
    "DOT2_BF16": "0",
    "DOT4": "DOT4_DP4A",
}


class GpuError(RuntimeError):
    """A driver call failed; the message names it and its status."""


@dataclass
class Gpu:
    """A device with its driver library and the compiler for it."""

    library: ctypes.CDLL
    names: Mapping[str, str]
    wave: int
    compile: Callable[[str, Mapping[str, str]], bytes]

    def launch(self, file, entry, defines, grid, threads, *arguments) -> None:
        """Runs a kernel and waits for it. Arrays are copied there and back, scalars passed by value."""
        function = self._function(file, entry, tuple(sorted(defines.items())))
        arrays = [each for each in arguments if isinstance(each, np.ndarray)]
        buffers = {id(array): self._upload(array) for array in arrays}
        values = [buffers.get(id(each)) or _scalar(each) for each in arguments]
        slots = (c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        self._call("launch", function, *(c_int(n) for n in (*grid, threads, 1, 1, 0)), None, slots, None)
        self._call("wait")
        for array in arrays:
            self._call("download", array.ctypes.data_as(c_void_p), buffers[id(array)], c_size_t(array.nbytes))
        for buffer in buffers.values():
            self._call("free", buffer)

    def allow_lds(self, function: c_void_p, size: int) -> int:
        """The dynamic LDS that a launch has to ask for: `size` bytes on NVIDIA, none where LDS is static."""
        if "set_attribute" not in self.names:
            return 0
        if size:
            self._call("set_attribute", function, _MAX_DYNAMIC_LDS, c_int(size))
        return size

    def _upload(self, array: np.ndarray) -> c_void_p:
        buffer = c_void_p()
        self._call("alloc", byref(buffer), c_size_t(max(array.nbytes, 1)))
        self._call("upload", buffer, array.ctypes.data_as(c_void_p), c_size_t(array.nbytes))
        return buffer

    @functools.cached_property
    def _functions(self) -> dict:
        return {}

    @functools.cached_property
    def compiled(self) -> dict:
        """Code by (file, sorted items of the defines): what was compiled ahead."""
        return {}

    def _function(self, file: str, entry: str, defines: tuple) -> c_void_p:
        key = (file, entry, defines)
        if key not in self._functions:
            module, function = c_void_p(), c_void_p()
            code = self.compiled.get((file, defines)) or self.compile(file, dict(defines))
            self._call("load", byref(module), code)
            self._call("function", byref(function), module, entry.encode())
            self._functions[key] = function
        return self._functions[key]

    def _call(self, name: str, *arguments) -> None:
        status = getattr(self.library, self.names[name])(*arguments)
        if status:
            raise GpuError(f"{self.names[name]} returned {status}")


def _scalar(value: np.generic):
    return np.ctypeslib.as_ctypes_type(value.dtype)(value.item())


def hip_gpu(library: str, arch: str) -> Gpu:
    """The first device of a HIP library, which is of architecture `arch`. GpuError: no device."""
    gpu = Gpu(
        ctypes.CDLL(library),
        _HIP,
        amdtools.target(arch).wave,
        functools.partial(_compile_hip, arch),
    )
    _require_device(gpu)
    return gpu


def cuda_gpu() -> Gpu:
    """The first CUDA device. OSError: no driver. GpuError: no device."""
    gpu = Gpu(ctypes.CDLL("libcuda.so.1"), _CUDA, 32, None)
    _require_device(gpu)
    gpu.compile = functools.partial(_compile_cuda, _cuda_arch(gpu.library))
    context = c_void_p()
    for status in (
        gpu.library.cuDevicePrimaryCtxRetain(byref(context), 0),
        gpu.library.cuCtxSetCurrent(context),
    ):
        if status:
            raise GpuError(f"no CUDA context: {status}")
    return gpu


def _compile_hip(arch: str, file: str, defines: Mapping[str, str]) -> bytes:
    return amdtools.compile_hip(file, arch, defines).path.read_bytes()


def _cuda_arch(library: ctypes.CDLL) -> str:
    major, minor = c_int(), c_int()
    library.cuDeviceGetAttribute(byref(major), 75, 0)
    library.cuDeviceGetAttribute(byref(minor), 76, 0)
    return f"sm_{major.value}{minor.value}"


def _compile_cuda(arch: str, file: str, defines: Mapping[str, str]) -> bytes:
    path = amdtools.ROOT / file
    text = amdtools.with_defines(path, {**NVIDIA_DEFINES, **defines})
    return nvrtc.compile_cubin(text, nvrtc.headers(path), [f"--gpu-architecture={arch}", "-std=c++17"])


def _require_device(gpu: Gpu) -> None:
    count = c_int(0)
    gpu._call("init", 0)
    gpu._call("count", byref(count))
    if count.value == 0:
        raise GpuError("no device")
