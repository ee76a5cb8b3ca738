"""The GPU device on the emulator, as part of the ordinary run: child processes of pytest with `--device gpu`.

gfx1151 (an APU: host and device share memory), gfx1201 (a discrete card) and gfx942 (waves of 64) get a selection of
the op table and of the GPU's own tests, see gpu_quick.py. Nearly all the time goes into compiling kernels.

    MLX_ROCM_TEST_ARCHS=gfx1100 pytest tests/test_gpu_emulated.py    # other architectures; `all` are the emulator's eight
    pytest tests/test_gpu_emulated.py --gpu-full                     # every test and dtype: hours
"""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.emulator import hip
from tests.emulator.testing import needs_toolchain

core = pytest.importorskip("mlx_rocm.core")
HERE = Path(__file__).resolve().parent
PACKAGE = Path(core.__file__).resolve().parent.parent

OPS = ("test_op_values.py", "test_op_layouts.py", "test_op_compile.py")
CORE = ("test_gpu_core.py", "test_gpu_process.py")
OWN = tuple(
    p.name
    for p in sorted(HERE.glob("test_*.py"))
    if "\npytestmark = pytest.mark.gpu_only" in p.read_text() and p.name not in CORE
)

# Every how many cases of the op table, of the GPU's own tests; parts.
FIRST, OTHERS = (5, 6, 4), (16, 14, 2)
CHILD_LIMIT = 1500  # seconds, on machines that are busy


def architectures() -> list[str]:
    named = os.environ.get("MLX_ROCM_TEST_ARCHS", "gfx1151,gfx1201,gfx942")
    return list(hip.TARGETS) if named == "all" else named.split(",")


def chunks() -> list:
    made = []
    for i, arch in enumerate(architectures()):
        ops, own, parts = OTHERS if i else FIRST
        for p in range(parts):
            made.append(pytest.param(arch, OPS, ops, f"{p}/{parts}", id=f"{arch}-ops-{p}"))
        made += [
            pytest.param(arch, OWN, own, f"{p}/{parts // 2}", id=f"{arch}-own-{p}") for p in range(parts // 2)
        ]
        made.append(pytest.param(arch, CORE, 1, "0/1", id=f"{arch}-core"))
    return made


def environment(arch: str) -> dict[str, str]:
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "AMDEMU_", "MLX_ROCM_TEST"))
    }
    return {
        **inherited,
        "PYTHONPATH": str(PACKAGE),
        "MLX_ROCM_LIBRARIES": str(hip.build()),
        "MLX_ROCM_DRIVER": "hip",
        "MLX_ROCM_QUIET": "1",
        "MLX_ROCM_TEST_EXAMPLES": "10",  # every random program is a kernel or more
        "AMDEMU_ARCH": arch,
        "AMDEMU_THREADS": "1",  # pytest -n uses the other cores
    }


@needs_toolchain
@pytest.mark.skipif(os.environ.get("MLX_ROCM_TEST_DEVICE") == "gpu", reason="this run uses a GPU itself")
@pytest.mark.timeout(CHILD_LIMIT + 60)
@pytest.mark.parametrize("arch, files, every, shard", chunks())
def test_on_the_emulator(request, tmp_path, arch, files, every, shard):
    full = request.config.getoption("--gpu-full")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--rootdir",
        str(HERE.parent),
        "-c",
        str(HERE.parent / "pyproject.toml"),
    ]
    command += [
        "-p",
        "no:cacheprovider",
        "-q",
        "--tb=short",
        "--maxfail=20",
        "--device",
        "gpu",
        "--shard",
        shard,
    ]
    command += [] if full else ["--gpu-quick", str(every)]
    if importlib.util.find_spec("xdist"):
        command += ["-p", "no:xdist"]
    command += [str(HERE / name) for name in files if (HERE / name).exists()]
    begin = time.monotonic()
    # Not in the source folder, whose mlx_rocm has no extension after `pip install .`.
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment(arch),
        capture_output=True,
        text=True,
        timeout=None if full else CHILD_LIMIT,
        check=False,
    )
    last = run.stdout.strip().splitlines()[-1:] or ["no output"]
    print(f"{arch} {shard}: {last[0]}, {time.monotonic() - begin:.0f} s")
    assert run.returncode == 0, f"exit status {run.returncode}\n{run.stdout[-12000:]}\n{run.stderr[-4000:]}"
    assert " passed" in run.stdout
