"""NumPy's formats: npy (a small header, then the data) and npz (a zip archive of npy files)."""

import ast
import struct
import sys
import zipfile

import mlx_rocm.core as mx

from .common import Memory, check_array, count_elements, write_data

MAGIC = b"\x93NUMPY"
ALIGNMENT = 64
# Missing data up to this size is noticed when the array is evaluated, as in MLX; more is refused at once.
NOTICED_LATE = 1 << 20
# NumPy's kind and width; V2 is what MLX writes for bfloat16, which NumPy does not have.
DTYPES = {
    "b1": mx.bool_,
    "u1": mx.uint8,
    "u2": mx.uint16,
    "u4": mx.uint32,
    "u8": mx.uint64,
    "i1": mx.int8,
    "i2": mx.int16,
    "i4": mx.int32,
    "i8": mx.int64,
    "f2": mx.float16,
    "f4": mx.float32,
    "f8": mx.float64,
    "c8": mx.complex64,
    "V2": mx.bfloat16,
}
CODES = {dtype: code for code, dtype in DTYPES.items()}


def read(source, stream):
    """(array, no metadata) of a .npy file."""
    start = source.read(0, 10)
    if start[:6] != MAGIC:
        raise RuntimeError(f"[load] {source.path} is no .npy file.")
    if start[6] == 1:
        at, length = 10, struct.unpack("<H", start[8:])[0]
    elif start[6] in (2, 3):
        at, length = 12, struct.unpack("<I", source.read(8, 4))[0]
    else:
        raise RuntimeError(
            f"[load] {source.path} has version {start[6]} of the .npy format; known are 1 to 3."
        )
    text = source.read(at, length).decode("latin1")
    try:
        header = ast.literal_eval(text.strip("\0 \n"))
        descr, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
        dtype = DTYPES.get(descr[1:])
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        raise RuntimeError(f"[load] The header of {source.path} is damaged.") from None
    if dtype is None or descr[0] not in "<>|=" or not isinstance(shape, tuple):
        raise RuntimeError(f"[load] Elements of type {descr!r} in {source.path} cannot be loaded.")
    need, have = count_elements(shape, 2**62, source.path) * dtype.size, source.size - at - length
    if need > max(have, NOTICED_LATE):
        raise RuntimeError(
            f"[load] {source.path} is cut short or damaged: {need} bytes are wanted, it has {have}."
        )
    swapped = {"<": "little", ">": "big"}.get(descr[0], sys.byteorder) != sys.byteorder
    order = list(reversed(shape)) if fortran else list(shape)
    array = source.array(at + length, order, dtype, swapped and dtype.size > 1, stream)
    return (mx.transpose(array, stream=stream) if fortran and len(shape) > 1 else array), {}


def write(out, array):
    check_array(array, "save")
    code = CODES[array.dtype]
    mark = "|" if array.dtype.size == 1 else "<"
    header = {"descr": mark + code, "fortran_order": False, "shape": tuple(array.shape)}
    text = repr(header).encode()
    text += b" " * (-(len(text) + 11) % ALIGNMENT) + b"\n"
    out.write(MAGIC + b"\x01\x00" + struct.pack("<H", len(text)) + text)
    write_data(out, array)


def read_archive(source, stream):
    """(arrays by name, no metadata) of a .npz file."""
    import io

    try:
        with zipfile.ZipFile(io.BytesIO(source.read(0, source.size))) as archive:
            arrays = {}
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                # Deflate packs at most about 1000 to 1: more is a damaged size.
                if entry.file_size > 1100 * source.size:
                    raise RuntimeError(f"[load] {source.path} is damaged: {name!r} asks for too much.")
                data = archive.read(entry)
                arrays[name] = read(Memory(data, f"{source.path} ({name})"), stream)[0]
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        raise RuntimeError(f"[load] {source.path} is no .npz file, cut short or damaged: {error}") from error
    return arrays, {}


def write_archive(out, args, kwargs, compressed):
    arrays = dict(kwargs)
    for i, array in enumerate(args):
        name = f"arr_{i}"
        if name in arrays:
            raise ValueError(f"[savez] Cannot use un-named variables and keyword {name}")
        arrays[name] = array
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, array in arrays.items():
            check_array(array, "savez", name)
            with archive.open(name + ".npy", "w", force_zip64=True) as entry:
                write(entry, array)
