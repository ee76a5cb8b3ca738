"""Compiling and caching kernels, with the emulator's hiprtc (which runs clang) and NVIDIA's NVRTC.

Every compile happens in a process of its own, since a process keeps its compiler.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import amdtools, nvrtc
from tests.emulator import hip
from tests.no_device import rocm

core = pytest.importorskip("mlx_rocm.core")
from mlx_rocm.cli import kernels

HERE = Path(__file__).resolve().parent
PACKAGE = Path(core.__file__).resolve().parent.parent

# Adds VALUE to n floats; KIND picks the text of the generated header.
KERNEL = """#include "device.h"
#include "generated.h"
KERNEL(256) add(float* x, u32 n) {
  u32 i = group_x() * 256 + thread_x();
  if (i < n) x[i] = generated(x[i]) + VALUE;
}
"""
GENERATED = "DEVICE float generated(float x) {\\n  return x * 2.0f;\\t}"


def line(value="1.0f", file="add.hip", entry="add", generated=GENERATED):
    """A kernel as a line of the manifest."""
    return f"{file}\t{entry}\t{generated}\tVALUE={value}"


class Jit:
    """Runs compiles in processes that share a cache folder."""

    def __init__(self, folder: Path, libraries: Path, arch: str):
        self.folder, self.arch = folder, arch
        self.sources, self.cache = folder / "kernels", folder / "cache"
        self.sources.mkdir()
        for header in (HERE.parent / "kernels").glob("*.h"):
            shutil.copy(header, self.sources)
        (self.sources / "add.hip").write_text(KERNEL)
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(PACKAGE),
            "XDG_CACHE_HOME": str(self.cache),
            "MLX_ROCM_KERNELS": str(self.sources),
            "MLX_ROCM_LIBRARIES": str(libraries),
            "MLX_ROCM_QUIET": "1",
            "MLX_ROCM_KERNEL_SEED": "",
        }

    def start(self, lines, arch=None, threads=1, **environment):
        process = subprocess.Popen(
            [sys.executable, str(HERE / "gpu_jit_child.py"), arch or self.arch, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**self.environment, **environment},
        )
        process.stdin.write("\n".join([lines] if isinstance(lines, str) else lines))
        process.stdin.close()
        process.stdin = None
        return process

    def finish(self, process):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return {**json.loads(out), "text": err}

    def __call__(self, lines, **more):
        return self.finish(self.start(lines, **more))

    def entries(self, arch=None):
        name = re.sub(r"[^\w+-]", "_", arch or self.arch)
        return sorted((self.cache / "mlx_rocm/kernels" / name).glob("*"))


@pytest.fixture(params=["gfx1151", "sm_90"])
def jit(request, tmp_path):
    return _jit(tmp_path, request.param)


@pytest.fixture
def one_jit(tmp_path):
    """For what does not depend on the compiler: the faster one that is there."""
    return _jit(tmp_path, "sm_90" if nvrtc.library_path() else "gfx1151")


def _jit(folder, arch):
    if arch != "sm_90":
        return Jit(folder, _emulator(), arch)
    if nvrtc.library_path() is None:
        pytest.skip(f"NVRTC is not installed: {nvrtc.INSTALL}")
    return Jit(folder, nvrtc.library_path().parent, arch)


def _emulator():
    try:
        amdtools.toolchain()
    except amdtools.ToolchainMissing as error:
        pytest.skip(str(error))
    return hip.build()


@pytest.fixture
def amd(tmp_path):
    return Jit(tmp_path, _emulator(), "gfx1151")


def is_same(arch, new, old):
    """Whether two compiles gave the same: the emulator's hiprtc names a symbol after a temporary folder."""
    return new == old or (arch.startswith("gfx") and not any(each.startswith("error") for each in new))


def test_sha256():
    for size in (0, 1, 55, 56, 63, 64, 65, 119, 120, 1000):
        data = bytes(i * 7 % 256 for i in range(size))
        assert core._sha256(data) == hashlib.sha256(data).hexdigest()


def test_cold_then_warm(jit):
    cold = jit([line(), line("2.0f")])
    warm = jit([line(), line("2.0f")])
    assert (cold["compiled"], warm["compiled"]) == (2, 0)
    assert cold["codes"] == warm["codes"]
    assert cold["codes"][0] != cold["codes"][1]
    assert len(jit.entries()) == 2
    assert cold["text"] == warm["text"] == ""


def test_whatever_changes_the_code_changes_the_key(jit):
    """A changed header, define, generated text and entry each compile anew; old entries stay."""
    variants = [
        line(),
        line("2.0f"),
        line(generated=GENERATED.replace("2.0f", "3.0f")),
        line(entry="x" * 400),
    ]
    assert jit(variants)["compiled"] == len(variants)
    header = jit.sources / "device.h"
    header.write_text(header.read_text() + "\nconstexpr int added = 1;\n")
    assert jit(variants)["compiled"] == len(variants)
    assert len(jit.entries()) == 2 * len(variants)


@pytest.mark.parametrize("damage", ["flipped", "short", "empty", "header", "renamed"])
def test_damaged_entry_is_compiled_again(one_jit, damage):
    good = one_jit(line())["codes"]
    (entry,) = one_jit.entries()
    data = entry.read_bytes()
    if damage == "renamed":  # another kernel's code under this key
        one_jit(line("2.0f"))
        (other,) = (each for each in one_jit.entries() if each != entry)
        shutil.copy(other, entry)
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        new = {"flipped": flipped, "short": data[:-1], "empty": b"", "header": data[: data.index(b"\n")]}
        entry.write_bytes(new[damage])
    again = one_jit(line())
    assert again["compiled"] == 1
    assert is_same(one_jit.arch, again["codes"], good)
    assert one_jit(line()) == {**again, "compiled": 0}, "the entry was not replaced"


def test_other_processes_of_a_race_wait(one_jit):
    """Of processes and threads that start at once, one compiles each kernel."""
    lines = [line(f"{i}.0f") for i in range(3)]
    racing = [one_jit.start(lines, threads=3) for _ in range(3)]
    results = [one_jit.finish(process) for process in racing]
    assert sum(each["compiled"] for each in results) == len(lines)
    assert all(each["codes"] == results[0]["codes"] for each in results)
    assert not [each for each in one_jit.entries() if each.name.startswith("tmp")]


def test_cache_that_cannot_be_written(one_jit):
    """A file where the folder should be: even root cannot write there. Kernels stay in the process."""
    one_jit.cache.write_text("not a folder")
    result = one_jit([line(), line(), line("2.0f")], threads=2)
    assert result["compiled"] == 2
    assert result["codes"][0] == result["codes"][1] != result["codes"][2]
    assert is_same(
        one_jit.arch, one_jit([line()], XDG_CACHE_HOME="/proc/nowhere")["codes"], result["codes"][:1]
    )


def test_full_disk(one_jit):
    """Files of at most 1000 bytes: an entry that cannot be written whole does not appear."""
    if one_jit.arch != "sm_90":
        pytest.skip("the limit would hit clang's own files")
    assert one_jit([line()], FILE_LIMIT="1000")["compiled"] == 1
    assert one_jit.entries() == []
    assert one_jit([line()])["compiled"] == 1
    assert len(one_jit.entries()) == 1


def test_two_architectures_share_a_cache(amd):
    other = "gfx942:sramecc+:xnack-"
    first, second = amd(line()), amd(line(), arch=other)
    assert first["codes"] != second["codes"]
    assert len(amd.entries()) == len(amd.entries(other)) == 1
    assert amd(line())["compiled"] == amd(line(), arch=other)["compiled"] == 0


def test_error_names_kernel_defines_log_and_source(jit):
    result = jit([line("unknown_name"), line()])
    message, good = result["codes"]
    assert not good.startswith("error")
    assert result["stderr"], "standard error was not given back"
    for part in ("Kernel add of add.hip", jit.arch, "VALUE=unknown_name", "unknown_name", "add.hip"):
        assert part in message, message
    source = Path(re.search(r"source: (.*)$", message)[1])
    assert source.parent == jit.cache / "mlx_rocm/failed"
    assert "#define VALUE unknown_name" in source.read_text()
    assert "unknown_name" in source.with_suffix(".log").read_text()
    assert jit([line("unknown_name")])["codes"] == [message], "a failure was kept"


def test_long_log_is_cut(one_jit):
    (one_jit.sources / "bad.hip").write_text(
        '#include "device.h"\n' + "\n".join(f"int a{i} = no{i};" for i in range(300))
    )
    (message,) = one_jit(line(file="bad.hip"))["codes"]
    assert message.startswith("error")
    assert len(message.splitlines()) < 60


def test_unknown_file_and_arch(amd):
    (missing,) = amd(line(file="nothing.hip"))["codes"]
    assert "nothing.hip" in missing
    (unknown,) = amd(line(), arch="gfx700")["codes"]
    assert "gfx700" in unknown


def test_no_compiler(jit):
    """The message says what was looked for and what to do."""
    (message,) = jit(
        line(), MLX_ROCM_LIBRARIES="/nowhere", MLX_ROCM_CLANG="/nowhere/clang", CUDA_PATH="/nowhere"
    )["codes"]
    if not message.startswith("error"):
        pytest.skip("this machine has a compiler of its own")
    assert "No compiler for GPU kernels" in message


def test_sources_are_in_the_extension(jit):
    """With nothing on disk: headers have their includes in place, and a kernel is complete."""
    result = jit("wave.h\tnone\t", MLX_ROCM_KERNELS="")
    assert result["compiled"] == 1
    assert not result["codes"][0].startswith("error"), result["codes"][0]
    for file in sorted((HERE.parent / "kernels").glob("*.h*")):
        text = core._gpu_source(f"{file.name}\tx\t", jit.arch)
        assert "#include" not in text
        assert "#pragma once" not in text
        assert text.count('#line 1 "device.h"') <= 1


def test_prefetch(jit):
    lines = [line(f"{i}.0f") for i in range(4)]
    result = jit([*lines, line("unknown_name")], PREFETCH="1")
    assert result["codes"][:4] == jit(lines)["codes"]
    assert "unknown_name" in result["codes"][4]
    assert len(jit.entries()) == 4


def test_exit_while_prefetching(one_jit):
    for _ in range(3):
        process = one_jit.start([line(f"{i}.0f") for i in range(50)], PREFETCH="exit")
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
    assert len(one_jit.entries()) < 50


def test_helper_processes(one_jit):
    """They compile what is missing while the program goes on, and end with it."""
    lines = [line(f"{i}.0f") for i in range(5)]
    assert one_jit(lines[:1], HELPERS="1", MLX_ROCM_PRECOMPILE="1")["compiled"] <= 1
    result = one_jit(lines, HELPERS="4", WAIT="1")
    assert result["compiled"] == 0
    assert result["codes"] == one_jit(lines, HELPERS="0")["codes"]
    shutil.rmtree(one_jit.cache)
    many = [line(f"{i}.5f") for i in range(100)]
    assert one_jit(many[:1], HELPERS="0", MLX_ROCM_PRECOMPILE="0")["compiled"] == 1
    (one_jit.sources / "many").write_text("\n".join(many))
    code = "from mlx_rocm.cli import kernels; import sys; f, arch = sys.argv[1:]; "
    code += "kernels.compile_in_background(open(f).read().splitlines(), arch)"
    command = [sys.executable, "-c", code, str(one_jit.sources / "many"), one_jit.arch]
    subprocess.run(command, env=one_jit.environment, cwd=one_jit.folder, check=True, timeout=60)
    left = len(one_jit.entries())
    assert left < 100
    time.sleep(1)
    assert len(one_jit.entries()) == left, "helpers are still at work"


def test_shipped_kernels_are_of_these_sources(amd):
    """python -m tests.record_kernels was run after the last change of a kernel's defines."""
    lines = [each for path in kernels.SHIPPED.glob("*.tsv") for each in path.read_text().splitlines()]
    one_of_a_kind = {}
    for each in lines:
        file, entry, generated, *defines = each.split("\t")
        names = tuple(define.split("=")[0] for define in defines)
        text = core._gpu_source(f"{file}\t{entry}\t{generated}", "gfx1151")
        unused = [name for name in names if not re.search(rf"\b{name}\b", text)]
        assert not unused, f"{unused} of {each}"
        one_of_a_kind[file, entry, names] = each
    assert one_of_a_kind
    codes = amd(one_of_a_kind.values(), MLX_ROCM_KERNELS="")["codes"]
    assert not [each for each in codes if each.startswith("error")]


@pytest.fixture
def slow_clang(amd):
    """Without hiprtc clang compiles; here it takes its time."""
    wrapper = amd.folder / "slow-clang"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *offload-arch*) sleep 0.4;; esac\nexec {amdtools.toolchain().clang} "$@"\n'
    )
    wrapper.chmod(0o755)
    amd.environment |= {"MLX_ROCM_LIBRARIES": "/nowhere", "MLX_ROCM_CLANG": str(wrapper)}
    return amd


def test_progress(slow_clang):
    """A second of compiling is told, at most once every five seconds; a process may be quiet."""
    lines = [line(f"{i}.0f") for i in range(4)]
    first = slow_clang(lines, MLX_ROCM_QUIET="0")
    assert re.fullmatch(r"(mlx_rocm: compiling GPU kernels for gfx1151: \d done, [\d.]+ s\n)+", first["text"])
    assert slow_clang(lines, MLX_ROCM_QUIET="0") == {**first, "compiled": 0, "text": ""}
    assert slow_clang([each + "5" for each in lines])["text"] == ""


def test_progress_in_a_terminal(slow_clang):
    """One line in place, gone when the compiles are over."""
    main, terminal = os.openpty()
    lines = "\n".join(line(f"{i}.0f") for i in range(3))
    command = [sys.executable, str(HERE / "gpu_jit_child.py"), "gfx1151"]
    environment = {**slow_clang.environment, "MLX_ROCM_QUIET": ""}
    run = subprocess.run(
        command, input=lines.encode(), stdout=subprocess.PIPE, stderr=terminal, env=environment, check=True
    )
    text = os.read(main, 10000).decode()
    os.close(main)
    os.close(terminal)
    assert json.loads(run.stdout)["compiled"] == 3
    assert "\n" not in text
    assert "2 done" in text
    assert text.endswith("\r\x1b[K")


def test_manifest(one_jit):
    """Kernels are written down once, in the order of their first use, and can be compiled from there."""
    lines = [line(), line("2.0f"), line(generated="")]
    one_jit([lines[0], lines[0], lines[1]])
    one_jit(lines)
    manifest = one_jit.cache / "mlx_rocm/manifest.tsv"
    assert manifest.read_text().splitlines() == lines[:2], "with one that failed"
    assert one_jit(manifest.read_text().splitlines())["compiled"] == 0


def warm(jit, *arguments, **environment):
    """Runs mlx-rocm warm; returns its exit code and what it says."""
    code = "import sys; from mlx_rocm.cli import main; sys.exit(main())"
    run = subprocess.run(
        [sys.executable, "-c", code, "warm", *arguments],
        cwd=jit.folder,
        env={**jit.environment, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in run.stderr
    return run.returncode, run.stderr


def test_warm_for_another_architecture(jit):
    """What was used is compiled into a folder, which is looked up before any compiler."""
    seed = jit.folder / "seed"
    lines = [line(), line("2.0f")]
    assert warm(jit, "--arch", jit.arch, "--used")[0] == 1, "nothing is recorded yet"
    jit(lines)
    with (jit.cache / "mlx_rocm/manifest.tsv").open("a") as manifest:
        manifest.write(line(file="of_another_version.hip") + "\n")
    arch = jit.arch.replace("gfx1151", "gfx942")
    code, text = warm(jit, "--arch", arch, "--output", str(seed), "--used")
    assert code == 0, text
    assert f"2 kernels for {arch} are in {seed}" in text
    assert "1 of 3 known kernels do not compile" in text
    nothing = {
        "MLX_ROCM_LIBRARIES": "/nowhere",
        "MLX_ROCM_CLANG": "/nowhere",
        "XDG_CACHE_HOME": "/proc/nowhere",
    }
    device = arch.replace("gfx942", "gfx942:sramecc+:xnack-")
    seeded = jit(lines, arch=device, MLX_ROCM_KERNEL_SEED=str(seed), **nothing)
    assert seeded["compiled"] == 0
    assert not [each for each in seeded["codes"] if each.startswith("error")]
    assert jit(line("3.0f"), arch=device, MLX_ROCM_KERNEL_SEED=str(seed))["compiled"] == 1


def test_warm_says_what_is_wrong(one_jit):
    for arguments, part in (
        (["--output", "x"], "--arch"),
        (["--arch", "gfx1151", "--model", "x"], "--model"),
        (["--model", "/nowhere"], "GPU"),
    ):
        code, text = warm(one_jit, *arguments, MLX_ROCM_LIBRARIES="/nowhere")
        if "GPU" in part and core.is_available(core.gpu):
            continue
        assert code == 1
        assert part in text


def test_info_names_the_compiler(amd):
    code = "import sys; from mlx_rocm.cli import main; sys.exit(main(['info']))"

    def info(**more):
        environment = {**amd.environment, "AMDEMU_ARCH": "gfx1151", **more}
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=amd.folder,
            env=environment,
            check=True,
            capture_output=True,
        ).stdout

    assert b"hiprtc" in info()
    assert b"MLX_ROCM_DRIVER=none" in info(MLX_ROCM_DRIVER="none")


PROGRAM = """
import mlx_rocm.core as mx
x = mx.array([1.0, 2.0, 3.0])
for i in range(mx.device_count(mx.gpu)):
    with mx.stream(mx.Device(mx.gpu, i)):
        print((x * 3 + 1).tolist())
print(mx._gpu_compile_counts()[0])
"""


def test_program_on_two_devices(amd):
    """Kernels of two architectures in one process: compiled once each, found again, and warmed for one of them."""

    def run(devices="gfx1151,gfx942"):
        environment = {**amd.environment, "MLX_ROCM_KERNELS": "", "AMDEMU_ARCH": devices}
        out = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=amd.folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert out.returncode == 0, out.stderr
        *lines, compiled = out.stdout.splitlines()
        assert set(lines) == {"[4.0, 7.0, 10.0]"}
        return len(lines), int(compiled)

    devices, compiled = run()
    assert devices == 2
    assert compiled >= 2
    assert run() == (2, 0)
    assert run("gfx1151") == (1, 0)
    code, text = warm(amd, "--used", MLX_ROCM_KERNELS="", AMDEMU_ARCH="gfx1100")
    assert code == 0, text
    assert run("gfx1100") == (1, 0)


@pytest.mark.skipif(bool(rocm.why_not()), reason=str(rocm.why_not()))
def test_real_hiprtc(amd, monkeypatch):
    """AMD's own library, which stays silent on standard error also when it refuses a source."""
    folder = rocm.root()
    monkeypatch.setattr(rocm, "root", lambda: folder)  # it is below $XDG_CACHE_HOME
    for name, value in {**amd.environment, "MLX_ROCM_LIBRARIES": ""}.items():
        monkeypatch.setenv(name, value)
    lines = "\n".join([line(), line("unknown_name")])
    run = rocm.run_python([str(HERE / "gpu_jit_child.py"), "gfx1151"], input=lines)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result["stderr"]
    assert not result["codes"][0].startswith("error")
    assert "unknown_name" in result["codes"][1]
    assert "hiprtc" in result["codes"][1]
    assert run.stderr == ""
