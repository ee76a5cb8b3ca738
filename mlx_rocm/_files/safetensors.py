"""safetensors: an 8-byte length, a JSON header with dtype, shape and place of each tensor, the data."""

import json
import struct

import mlx_rocm.core as mx

from .common import check_array, count_elements, write_data

DTYPES = {
    "BOOL": mx.bool_,
    "U8": mx.uint8,
    "U16": mx.uint16,
    "U32": mx.uint32,
    "U64": mx.uint64,
    "I8": mx.int8,
    "I16": mx.int16,
    "I32": mx.int32,
    "I64": mx.int64,
    "F16": mx.float16,
    "BF16": mx.bfloat16,
    "F32": mx.float32,
    "F64": mx.float64,
    "C64": mx.complex64,
    # 8-bit floats come as bytes (mx.from_fp8 converts them)
    "F8_E4M3": mx.uint8,
    "F8_E8M0": mx.uint8,
}
NAMES = {dtype: name for name, dtype in reversed(DTYPES.items())}
MAX_HEADER = 100_000_000


def read(source, stream):
    """(arrays by name, metadata by name) of a file."""
    length = struct.unpack("<Q", source.read(0, 8))[0]
    if length > min(source.size - 8, MAX_HEADER):
        raise RuntimeError(
            f"[load_safetensors] {source.path} is cut short or damaged: its header takes {length} bytes, "
            f"the file has {source.size}."
        )
    try:
        header = dict(json.loads(source.read(8, length)).items())
    except (ValueError, RecursionError, AttributeError) as error:
        raise RuntimeError(f"[load_safetensors] The header of {source.path} is damaged: {error}") from None
    metadata = header.pop("__metadata__", None) or {}
    start = 8 + length
    arrays = {name: _tensor(source, stream, name, entry, start) for name, entry in header.items()}
    return arrays, {str(k): str(v) for k, v in metadata.items()}


def _tensor(source, stream, name, entry, start):
    dtype = DTYPES.get(entry["dtype"])
    if dtype is None:
        raise RuntimeError(
            f"[load_safetensors] {name!r} in {source.path} has unknown type {entry['dtype']!r}."
        )
    begin, end = entry["data_offsets"]
    available = source.size - start
    if not (isinstance(begin, int) and isinstance(end, int) and 0 <= begin <= end <= available):
        raise RuntimeError(
            f"[load_safetensors] {source.path} is cut short or damaged: {name!r} lies at [{begin}, {end}), "
            f"there are {available} bytes of data."
        )
    count = count_elements(entry["shape"], available, source.path)
    if count * dtype.size != end - begin:
        raise RuntimeError(
            f"[load_safetensors] {name!r} in {source.path} has {end - begin} bytes, "
            f"its shape {entry['shape']} needs {count * dtype.size}."
        )
    return source.array(start + begin, entry["shape"], dtype, stream=stream)


def write(out, arrays, metadata):
    header, offset = {}, 0
    if metadata is not None:
        if not all(isinstance(x, str) for item in metadata.items() for x in item):
            raise TypeError("[save_safetensors] Metadata must be texts by name.")
        header["__metadata__"] = dict(metadata)
    for name, array in arrays.items():
        check_array(array, "save_safetensors", name)
    # Wide elements first: every array is then aligned in the file and can be mapped.
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].dtype.size))
    for name, array in arrays.items():
        size = array.nbytes
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    mx.eval(list(arrays.values()))
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    out.write(struct.pack("<Q", len(text)) + text)
    for array in arrays.values():
        write_data(out, array)
