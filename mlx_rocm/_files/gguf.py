"""GGUF: a binary header with metadata and a table of tensors, then the data.

Dimensions are stored fastest first. Q4_0, Q4_1 and Q8_0 become MLX's affine quantisation with groups of 32
(``weight``, ``scales``, ``biases``); the other quantised types that are known become float16.
"""

import math
import struct

import numpy as np

import mlx_rocm.core as mx

from .common import check_array, count_elements, write_data
from .gguf_blocks import BLOCKS, to_affine, to_float16

MAGIC = b"GGUF"
VERSION = 3
ALIGNMENT = 32
MAX_DIMENSIONS = 8
TENSOR_TYPES = {
    0: mx.float32,
    1: mx.float16,
    24: mx.int8,
    25: mx.int16,
    26: mx.int32,
    27: mx.int64,
    28: mx.float64,
    30: mx.bfloat16,
}
# Those that can be saved: what MLX saves, and bfloat16.
TENSOR_CODES = {dtype: code for code, dtype in TENSOR_TYPES.items() if code not in (27, 28)}
# metadata: code -> (struct format, dtype)
VALUE_TYPES = {
    0: ("B", mx.uint8),
    1: ("b", mx.int8),
    2: ("H", mx.uint16),
    3: ("h", mx.int16),
    4: ("I", mx.uint32),
    5: ("i", mx.int32),
    6: ("f", mx.float32),
    7: ("?", mx.bool_),
    10: ("Q", mx.uint64),
    11: ("q", mx.int64),
    12: ("d", mx.float32),
}
VALUE_CODES = {dtype: code for code, (_, dtype) in reversed(VALUE_TYPES.items()) if code != 12}
STRING, ARRAY = 8, 9


class Header:
    """Reads numbers and texts one after the other."""

    CHUNK = 1 << 20

    def __init__(self, source):
        self.source, self.position = source, 0
        self.start, self.data = 0, b""

    def take(self, count):
        """The next ``count`` bytes."""
        if count > self.source.size - self.position:
            raise RuntimeError(f"[load_gguf] {self.source.path} is cut short or damaged.")
        begin = self.position - self.start
        if begin + count > len(self.data):
            self.start, begin = self.position, 0
            self.data = self.source.read(
                self.start, min(max(count, self.CHUNK), self.source.size - self.start)
            )
        self.position += count
        return self.data[begin : begin + count]

    def number(self, code):
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def text(self):
        return self.take(self.number("Q")).decode("utf-8", "replace")

    def value(self):
        """A metadata value: str, list of str, or array of at most one dimension."""
        kind = self.number("I")
        if kind == STRING:
            return self.text()
        if kind != ARRAY:
            code, dtype = self._type(kind)
            return mx.array(self.number(code), dtype)
        kind, count = self.number("I"), self.number("Q")
        if kind == STRING:
            return [self.text() for _ in range(count)]
        code, dtype = self._type(kind)
        data = self.take(count * struct.calcsize("<" + code))
        return mx.array(np.frombuffer(data, np.dtype(code).newbyteorder("<"))).astype(dtype)

    def _type(self, kind):
        if kind not in VALUE_TYPES:
            raise RuntimeError(f"[load_gguf] {self.source.path} has metadata of unknown type {kind}.")
        return VALUE_TYPES[kind]


def read(source, stream):
    """(arrays by name, metadata by name) of a file."""
    header = Header(source)
    if header.take(4) != MAGIC:
        raise RuntimeError(f"[load_gguf] {source.path} is no GGUF file.")
    version = header.number("I")
    if version not in (2, 3):
        raise RuntimeError(
            f"[load_gguf] {source.path} has version {version} of the format; known are 2 and 3."
        )
    num_tensors, num_values = header.number("Q"), header.number("Q")
    metadata = {}
    for _ in range(num_values):
        key = header.text()
        metadata[key] = header.value()
    tensors = []
    for _ in range(num_tensors):
        name, rank = header.text(), header.number("I")
        if rank > MAX_DIMENSIONS:
            raise RuntimeError(f"[load_gguf] {name!r} in {source.path} has {rank} dimensions.")
        shape = [header.number("Q") for _ in range(rank)][::-1]
        tensors.append((name, shape, header.number("I"), header.number("Q")))
    alignment = metadata.get("general.alignment")
    alignment = (
        int(alignment.item()) if isinstance(alignment, mx.array) and alignment.size == 1 else ALIGNMENT
    )
    if not 0 < alignment <= 1 << 20:
        raise RuntimeError(f"[load_gguf] {source.path} has an alignment of {alignment} bytes.")
    start = math.ceil(header.position / alignment) * alignment
    arrays = {}
    for name, shape, kind, offset in tensors:
        arrays.update(_tensor(source, stream, name, shape, kind, start + offset))
    return arrays, metadata


def _tensor(source, stream, name, shape, kind, offset):
    """The arrays that a tensor becomes: one, or three for a quantised one."""
    count = count_elements(shape, 16 * source.size, source.path)
    if kind in TENSOR_TYPES:
        dtype = TENSOR_TYPES[kind]
        _check_size(source, name, offset, count * dtype.size)
        return {name: source.array(offset, shape, dtype, stream=stream)}
    if kind not in BLOCKS:
        raise RuntimeError(f"[load_gguf] {name!r} in {source.path} has type {kind}, which cannot be loaded.")
    block = BLOCKS[kind]
    if not shape or shape[-1] % block.elements:
        raise RuntimeError(
            f"[load_gguf] {name!r} in {source.path}: rows of {shape} are not whole {block.name} blocks."
        )
    size = count // block.elements * block.size
    _check_size(source, name, offset, size)
    data = np.frombuffer(source.read(offset, size), np.uint8).reshape(-1, block.size)
    if block.affine is None:
        return {name: to_float16(block, data, shape)}
    stem = name.removesuffix(".weight")
    weight, scales, biases = to_affine(block, data, shape)
    return {name: weight, stem + ".scales": scales, stem + ".biases": biases}


def _check_size(source, name, offset, size):
    if offset + size > source.size:
        raise RuntimeError(
            f"[load_gguf] {source.path} is cut short: {name!r} ends at byte {offset + size} of {source.size}."
        )


def _text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(name, value):
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _text(value)
    if isinstance(value, (list, tuple)) and all(isinstance(x, str) for x in value):
        return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(_text(x) for x in value)
    if not isinstance(value, mx.array):
        raise TypeError(
            f"[save_gguf] Metadata {name!r} must be a text, a list of texts or an array, "
            f"not {type(value).__name__}."
        )
    if value.ndim > 1:
        raise ValueError("[save_gguf] Cannot save metadata arrays with more than one dimension.")
    if value.dtype not in VALUE_CODES:
        raise ValueError(f"[save_gguf] Cannot save metadata of type {value.dtype}.")
    code = VALUE_CODES[value.dtype]
    data = np.array(value).astype(np.dtype(VALUE_TYPES[code][0]).newbyteorder("<")).tobytes()
    if value.ndim == 0:
        return struct.pack("<I", code) + data
    return struct.pack("<IIQ", ARRAY, code, value.size) + data


def write(out, arrays, metadata):
    head = [MAGIC, struct.pack("<IQQ", VERSION, len(arrays), len(metadata))]
    head += [_text(name) + _value(name, value) for name, value in metadata.items()]
    offset, padding = 0, []
    for name, array in arrays.items():
        check_array(array, "save_gguf", name)
        if array.dtype not in TENSOR_CODES:
            raise RuntimeError(f"[save_gguf] dtype {array.dtype} is not supported")
        shape = list(array.shape)[::-1]
        head.append(_text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape))
        head.append(struct.pack("<IQ", TENSOR_CODES[array.dtype], offset))
        padding.append(-array.nbytes % ALIGNMENT)
        offset += array.nbytes + padding[-1]
    mx.eval(list(arrays.values()))
    head = b"".join(head)
    out.write(head + bytes(-len(head) % ALIGNMENT))
    for array, zeros in zip(arrays.values(), padding, strict=True):
        write_data(out, array)
        out.write(bytes(zeros))
