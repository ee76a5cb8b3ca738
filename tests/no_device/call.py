"""Makes one call into the real ROCm libraries and prints its return code: python call.py NAME [ARCH].

Each call has a process of its own, because some of them end it.
"""

import ctypes
import sys
from ctypes import byref, c_char_p, c_int, c_void_p

KERNEL = b'extern "C" __global__ void k(float* x) { x[0] = 1; }'


def hip():
    return ctypes.CDLL("libamdhip64.so.6")


def hiprtc():
    return ctypes.CDLL("libhiprtc.so.6")


def get_device_count() -> int:
    count = c_int(-1)
    status = hip().hipGetDeviceCount(byref(count))
    print(f"devices {count.value}")
    return status


def compile_for(arch: str) -> int:
    library, program = hiprtc(), c_void_p()
    library.hiprtcCreateProgram(byref(program), KERNEL, b"k.hip", 0, None, None)
    options = (c_char_p * 1)(f"--offload-arch={arch}".encode())
    return library.hiprtcCompileProgram(program, 1, options)


CALLS = {
    "hipGetDeviceCount": get_device_count,
    "hipInit": lambda: hip().hipInit(0),
    "hipSetDevice": lambda: hip().hipSetDevice(0),
    "hipSetDeviceFlags": lambda: hip().hipSetDeviceFlags(4),
    "hipMalloc": lambda: hip().hipMalloc(byref(c_void_p()), 64),
    "hipHostMalloc": lambda: hip().hipHostMalloc(byref(c_void_p()), 64, 0),
    "hipStreamCreateWithFlags": lambda: hip().hipStreamCreateWithFlags(byref(c_void_p()), 1),
    "hipEventCreateWithFlags": lambda: hip().hipEventCreateWithFlags(byref(c_void_p()), 2),
    "hipModuleLoadData": lambda: hip().hipModuleLoadData(byref(c_void_p()), b"\0" * 64),
    "hipDriverGetVersion": lambda: hip().hipDriverGetVersion(byref(c_int())),
    "hipRuntimeGetVersion": lambda: hip().hipRuntimeGetVersion(byref(c_int())),
    "hiprtcVersion": lambda: hiprtc().hiprtcVersion(byref(c_int()), byref(c_int())),
    "hiprtcCompileProgram": lambda: compile_for(sys.argv[2]),
    "hipblasLtCreate": lambda: ctypes.CDLL("libhipblaslt.so.1").hipblasLtCreate(byref(c_void_p())),
}

if __name__ == "__main__":
    print(f"status {CALLS[sys.argv[1]]()}", flush=True)
