"""Makes the descriptors of a product in the real hipBLASLt with the numbers of backend/gpu/hipblaslt.cpp, and prints the
status of each call and what the library gives back. Only its handle, and so the heuristic and the product, need a device.
"""

import ctypes
import json
import re
from ctypes import byref, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "backend" / "gpu" / "hipblaslt.cpp"
NUMBERS = {name: int(value) for name, value in re.findall(r"lt\.(\w+) = (\d+);", SOURCE.read_text())}
library = ctypes.CDLL("libhipblaslt.so.1")
done = {}


def call(label: str, name: str, *arguments) -> None:
    done[label] = getattr(library, "hipblasLt" + name)(*arguments)


def set_and_get(what: str, holder: c_void_p, attribute: str, value) -> None:
    number, size = c_int(NUMBERS[attribute]), c_size_t(ctypes.sizeof(value))
    call(f"set {attribute}", f"{what}SetAttribute", holder, number, byref(value), size)
    back, written = type(value)(-1), c_size_t(0)
    call(f"get {attribute}", f"{what}GetAttribute", holder, number, byref(back), size, byref(written))
    done[f"value {attribute}"] = back.value == value.value


operation, preference = c_void_p(), c_void_p()
for compute in ("compute_float", "compute_tf32"):
    call(
        compute,
        "MatmulDescCreate",
        byref(operation),
        c_int(NUMBERS[compute]),
        c_int(NUMBERS["type_float"]),
    )
for attribute in ("transpose_a", "transpose_b"):
    set_and_get("MatmulDesc", operation, attribute, c_int32(NUMBERS["transpose"]))
for dtype in ("type_float", "type_f16", "type_bf16"):
    layout = c_void_p()
    call(
        dtype,
        "MatrixLayoutCreate",
        byref(layout),
        c_int(NUMBERS[dtype]),
        c_uint64(64),
        c_uint64(32),
        c_int64(80),
    )
    set_and_get("MatrixLayout", layout, "batch_count", c_int32(3))
    set_and_get("MatrixLayout", layout, "batch_stride", c_int64(1 << 33))
call("preference", "MatmulPreferenceCreate", byref(preference))
set_and_get("MatmulPreference", preference, "workspace_bytes", c_uint64(32 << 20))
call("preference_destroy", "MatmulPreferenceDestroy", preference)
for function in ("MatmulAlgoGetHeuristic", "Matmul", "Create"):
    done[function] = 0 if hasattr(library, "hipblasLt" + function) else 1
print(json.dumps(done))
