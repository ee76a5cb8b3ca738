"""Compiles with NVIDIA's NVRTC, which needs no GPU: the kernels' sources have to suit it as well as hiprtc."""

import ctypes
import functools
import sys
from collections.abc import Mapping, Sequence
from ctypes import byref, c_char_p, c_size_t, c_void_p
from pathlib import Path

from tests.amdtools import ROOT, CompileError, cache_dir

INSTALL = "bash tests/install_nvrtc.sh"
_FOLDERS = (cache_dir() / "nvrtc/nvidia/cu13/lib", Path("/usr/local/cuda/lib64"))


def library_path() -> Path | None:
    """The library, or None where it is not installed."""
    packages = (Path(folder) / "nvidia/cu13/lib" for folder in sys.path if folder.endswith("site-packages"))
    found = (path for folder in (*_FOLDERS, *packages) for path in sorted(folder.glob("libnvrtc.so.*")))
    return next(found, None)


def headers(source: Path) -> dict[str, str]:
    """The source file and all of kernels/*.h by the names that they are included by."""
    return {file.name: file.read_text() for file in (source, *sorted((ROOT / "kernels").glob("*.h")))}


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(library_path()))


def compile_ptx(source: str, headers: Mapping[str, str], options: Sequence[str]) -> str:
    """PTX of a source text. CompileError: NVRTC's log."""
    return _compile(source, headers, options, "PTX").rstrip(b"\0").decode()


def compile_cubin(source: str, headers: Mapping[str, str], options: Sequence[str]) -> bytes:
    """Machine code of a source text; `options` name a real architecture. CompileError: NVRTC's log."""
    return _compile(source, headers, options, "CUBIN")


def _compile(source: str, headers: Mapping[str, str], options: Sequence[str], what: str) -> bytes:
    library, program, count = _library(), c_void_p(), len(headers)
    texts, names = _strings(headers.values()), _strings(headers)
    status = library.nvrtcCreateProgram(byref(program), source.encode(), b"kernel.cu", count, texts, names)
    if status == 0:
        status = library.nvrtcCompileProgram(program, len(options), _strings(options))
    out = _read(program, what if status == 0 else "ProgramLog")
    library.nvrtcDestroyProgram(byref(program))
    if status:
        raise CompileError(f"NVRTC: {status}\n{source}\n{out.decode(errors='replace')}")
    return out


def _read(program: c_void_p, what: str) -> bytes:
    size = c_size_t()
    getattr(_library(), f"nvrtcGet{what}Size")(program, byref(size))
    text = ctypes.create_string_buffer(max(size.value, 1))
    getattr(_library(), f"nvrtcGet{what}")(program, text)
    return text.raw


def _strings(values):
    encoded = [value.encode() for value in values]
    return (c_char_p * max(len(encoded), 1))(*encoded)
