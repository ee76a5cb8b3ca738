"""HIP source to AMD code object with Debian's clang, on a machine with neither GPU nor ROCm.

    co = compile_hip("tests/amd_kernels/copy.hip", "gfx1151", {"T": "float"})
    co.path                      the code object (ELF), ready for hipModuleLoadData or the emulator
    co.kernels["copy"].vgprs     resource use, see amd_codeobject.KernelResources
    co.instructions["copy"]      disassembly, one line an instruction

Results are cached by content in `cache_dir()`. Install the tools with tests/install_amd_toolchain.sh.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.amd_codeobject import KernelResources, read_kernels
from tests.amd_targets import isa_number, target

ROOT = Path(__file__).resolve().parent.parent
INSTALL = "bash tests/install_amd_toolchain.sh"
# -munsafe-fp-atomics: without it float atomics in global memory become compare-and-swap loops.
FLAGS = ("-O3", "-std=c++17", "-mcode-object-version=5", "-munsafe-fp-atomics", "-Wall", "-Werror=undef")
_BITCODE_DIRS = ("/usr/lib/x86_64-linux-gnu/amdgcn/bitcode", "/opt/rocm/amdgcn/bitcode")
_PADDING = ("s_code_end", "s_nop")  # what the linker fills the end of a function with
_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


class ToolchainMissing(RuntimeError):
    """A tool or a bitcode library is not installed; the message says how to get it."""


class CompileError(RuntimeError):
    """clang refused the source; the message has the command and its diagnostics."""


@dataclass(frozen=True)
class Toolchain:
    """Paths of the compiler, the disassembler and the device library's bitcode."""

    clang: str
    objdump: str
    bitcode: Path
    digest: str  # of the compiler's version and the bitcode: part of every cache key


def cache_dir() -> Path:
    """Where compiled code objects are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mlx_rocm-tests"


@functools.cache
def toolchain() -> Toolchain:
    """The installed toolchain. ToolchainMissing: what lacks, and the command that installs it."""
    clang = _tool("clang-22")
    objdump = _tool("llvm-objdump-22")
    _tool("ld.lld-22")
    bitcode = _bitcode()
    version = subprocess.run([clang, "--version"], capture_output=True, text=True, check=True).stdout
    digest = hashlib.sha256(version.encode())
    digest.update((bitcode / "ocml.bc").read_bytes())
    return Toolchain(clang, objdump, bitcode, digest.hexdigest())


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolchainMissing(f"{name} is not installed: {INSTALL}")
    return path


def _bitcode() -> Path:
    own = os.environ.get("MLX_ROCM_BITCODE")  # e.g. triton/backends/amd/lib of an unpacked triton wheel
    for folder in (own,) if own else _BITCODE_DIRS:
        if (Path(folder) / "ocml.bc").exists():
            return Path(folder)
    raise ToolchainMissing(f"ocml.bc (package rocm-device-libs) is not installed: {INSTALL}")


@dataclass(frozen=True)
class CodeObject:
    """A compiled module."""

    path: Path
    arch: str
    log: str  # the compiler's warnings and remarks

    @functools.cached_property
    def kernels(self) -> dict[str, KernelResources]:
        return read_kernels(self.path.read_bytes())

    @functools.cached_property
    def disassembly(self) -> str:
        """llvm-objdump's text, cached beside the code object."""
        listing = self.path.with_suffix(".s")
        if not listing.exists():
            command = [toolchain().objdump, "-d", f"--mcpu={self.arch.split(':')[0]}", str(self.path)]
            _write(listing, subprocess.run(command, capture_output=True, check=True).stdout)
        return listing.read_text()

    @functools.cached_property
    def instructions(self) -> dict[str, list[str]]:
        """Instructions of each function, without addresses and encodings."""
        functions: dict[str, list[str]] = {}
        lines: list[str] = []
        for line in self.disassembly.splitlines():
            label = re.match(r"[0-9a-f]+ <(.+)>:$", line)
            if label:
                lines = functions.setdefault(label[1], [])
            elif line.startswith("\t"):
                lines.append(line.split("//")[0].strip())
        for lines in functions.values():
            while lines and lines[-1].split()[0] in _PADDING:
                lines.pop()
        return functions


def compile_hip(
    source: str | Path,
    arch: str,
    defines: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    includes: Sequence[str | Path] = (),
) -> CodeObject:
    """Compiles one .hip file for one architecture, or returns the cached result.

    `source` is relative to the repository root. The defines of the target (WAVE, MMA, LDS_BYTES) are added to
    `defines`, `kernels/` and the source's own folder to `includes`. KeyError: an architecture without a row.
    CompileError: clang's diagnostics.
    """
    tools = toolchain()
    path = (ROOT / source).resolve()
    folders = [path.parent, ROOT / "kernels", *(ROOT / folder for folder in includes)]
    values = {**target(arch).defines(), **(defines or {})}
    text = with_defines(path, values)
    flags = [*FLAGS, *options]
    key = _key(path, folders, arch, (text, *flags), tools)
    out = cache_dir() / arch / f"{path.stem}-{key}.co"
    log = out.with_suffix(".log")
    if not (out.exists() and log.exists()):
        out.parent.mkdir(parents=True, exist_ok=True)
        _write(log, _clang(text, folders, arch, flags, tools, out).encode())
    return CodeObject(out, arch, log.read_text())


def with_defines(path: Path, defines: Mapping[str, str]) -> str:
    """A source that sets the defines and then includes the file, as the JIT does.

    They are not -D options because names such as T would reach the compilers' own headers, which use them.
    """
    lines = [f"#define {name} {value}" for name, value in sorted(defines.items())]
    return "\n".join([*lines, f'#include "{path.name}"', ""])


def _clang(
    text: str, folders: Sequence[Path], arch: str, flags: Sequence[str], tools: Toolchain, out: Path
) -> str:
    wave64 = "-mwavefrontsize64" in flags or arch.startswith("gfx9")
    libraries = [
        tools.bitcode / "ocml.bc",
        tools.bitcode / "ockl.bc",
        _control_constants(arch, wave64, tools),
    ]
    command = [tools.clang, "-x", "hip", "--cuda-device-only", f"--offload-arch={arch}"]
    command += ["-nogpuinc", "-nogpulib", "--no-gpu-bundle-output", *flags]
    for folder in folders:
        command += ["-I", str(folder)]
    for library in libraries:
        command += ["-Xclang", "-mlink-builtin-bitcode", "-Xclang", str(library)]
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        built = Path(folder) / "out.co"
        command += ["-", "-o", str(built)]
        run = subprocess.run(command, check=False, input=text, capture_output=True, text=True)
        if run.returncode:
            raise CompileError(f"{' '.join(command)}\n{text}\n{run.stderr}")
        built.replace(out)
    return run.stderr


def _control_constants(arch: str, wave64: bool, tools: Toolchain) -> Path:
    """The constants that ocml asks for, built by the compiler itself, so that any ISA it knows will do."""
    out = cache_dir() / "bitcode" / f"oclc-{arch.replace(':', '_')}-{int(wave64)}-{tools.digest[:16]}.bc"
    if out.exists():
        return out
    values = {
        "int __oclc_ISA_version": isa_number(arch),
        "int __oclc_ABI_version": 500,
        "unsigned char __oclc_finite_only_opt": 0,
        "unsigned char __oclc_unsafe_math_opt": 0,
        "unsigned char __oclc_daz_opt": 0,
        "unsigned char __oclc_correctly_rounded_sqrt32": 1,
        "unsigned char __oclc_wavefrontsize64": int(wave64),
        "unsigned char __oclc_wavefrontsize_log2": 6 if wave64 else 5,
    }
    place = '__attribute__((address_space(4), visibility("protected")))'
    text = "".join(f"const {place} {name} = {value};\n" for name, value in values.items())
    command = [tools.clang, "-x", "c", "-", "-target", "amdgcn-amd-amdhsa", f"-mcpu={arch}", "-nogpulib"]
    command += ["-Xclang", "-mcode-object-version=none", "-emit-llvm", "-c", "-O1", "-o", "-"]
    run = subprocess.run(command, check=False, input=text.encode(), capture_output=True)
    if run.returncode:
        raise CompileError(f"control constants for {arch}: {run.stderr.decode()}")
    _write(out, run.stdout)
    return out


def _key(path: Path, folders: Sequence[Path], arch: str, flags: Sequence[str], tools: Toolchain) -> str:
    digest = hashlib.sha256(repr((arch, tuple(flags), tools.digest, path.name)).encode())
    for file in _reachable(path, folders):
        digest.update(file.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()[:24]


def _reachable(path: Path, folders: Sequence[Path]) -> list[Path]:
    """The source and every header it includes, in the order of first use."""
    found = [path]
    for file in found:  # grows while it is walked
        for name in _INCLUDE.findall(file.read_text()):
            candidates = [folder / name for folder in (file.parent, *folders)]
            header = next((each.resolve() for each in candidates if each.exists()), None)
            if header is not None and header not in found:
                found.append(header)
    return found


def _write(path: Path, data: bytes) -> None:
    """Writes a file in one step, so that tests running at the same time never see half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as out:
        out.write(data)
    os.replace(out.name, path)
