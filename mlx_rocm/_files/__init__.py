"""The file formats behind ``mx.load`` and the ``mx.save`` functions.

Headers are taken apart here; the data itself is read by the extension when an array is evaluated
(``core._File.array``), or at once when it comes from a file object or an archive. Everything read from a file
is checked against the size of the file before any memory is asked for.
"""

import os

from . import gguf, npy, safetensors
from .common import open_source, write_target

READERS = {
    "npy": npy.read,
    "npz": npy.read_archive,
    "safetensors": safetensors.read,
    "gguf": gguf.read,
}
WITH_METADATA = ("safetensors", "gguf")


def load(file, format=None, return_metadata=False, stream=None):
    """See ``mx.load``."""
    name = file if isinstance(file, (str, os.PathLike)) else getattr(file, "name", "")
    if format is None:
        format = os.path.splitext(os.fspath(name) if not isinstance(name, int) else "")[1][1:]
    if format not in READERS:
        raise ValueError(f"[load] Unknown file format {format!r}; known are {', '.join(READERS)}.")
    if return_metadata and format not in WITH_METADATA:
        raise ValueError(f"[load] metadata not supported for format {format}")
    source = open_source(file)
    try:
        arrays, metadata = READERS[format](source, stream)
    except (KeyError, IndexError, TypeError, OverflowError, UnicodeDecodeError, RecursionError) as error:
        raise RuntimeError(f"[load] {source.path} is damaged: {type(error).__name__}: {error}") from error
    return (arrays, metadata) if return_metadata else arrays


def save(file, arr):
    """See ``mx.save``."""
    write_target(file, ".npy", lambda out: npy.write(out, arr))


def savez(file, *args, **kwargs):
    """See ``mx.savez``."""
    write_target(file, ".npz", lambda out: npy.write_archive(out, args, kwargs, compressed=False))


def savez_compressed(file, *args, **kwargs):
    """See ``mx.savez_compressed``."""
    write_target(file, ".npz", lambda out: npy.write_archive(out, args, kwargs, compressed=True))


def save_safetensors(file, arrays, metadata=None):
    """See ``mx.save_safetensors``."""
    write_target(file, ".safetensors", lambda out: safetensors.write(out, arrays, metadata))


def save_gguf(file, arrays, metadata=None):
    """See ``mx.save_gguf``."""
    write_target(file, ".gguf", lambda out: gguf.write(out, arrays, metadata or {}))
