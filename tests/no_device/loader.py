"""The order in which a HIP driver may touch ROCm: a device is asked for first, and only a device opens the rest.

The smallest loader that keeps it; prints what it found. The project's own driver is held to the same test.
"""

import ctypes
import json
from ctypes import byref, c_int


def find_devices() -> int:
    """The number of devices; 0 without a library, a driver or a device. Never ends the process."""
    try:
        hip = ctypes.CDLL("libamdhip64.so.6")
    except OSError:
        return 0
    count = c_int(0)
    return count.value if hip.hipGetDeviceCount(byref(count)) == 0 else 0


def open_compilers() -> None:
    """Only behind a device: hiprtc aborts on architectures it does not know, hipBLASLt ends the process."""
    ctypes.CDLL("libhiprtc.so.6")
    ctypes.CDLL("libhipblaslt.so.1")


def loaded(*names: str) -> list[str]:
    """Those of the libraries that are mapped into this process."""
    with open("/proc/self/maps") as maps:
        text = maps.read()
    return [name for name in names if name in text]


if __name__ == "__main__":
    devices = find_devices()
    if devices:
        open_compilers()
    print(json.dumps({"devices": devices, "loaded": loaded("libamdhip64", "libhiprtc", "libhipblaslt")}))
