"""benchmarks/kernel_ladder.py on the emulator: every family's arguments suit its kernel, and outputs are right."""

import os
import re
import runpy
import subprocess
import sys

import pytest

from tests.amdtools import ROOT
from tests.emulator import hip
from tests.emulator.testing import needs_toolchain

FAMILIES = runpy.run_path(str(ROOT / "benchmarks" / "ladder_rows.py"))["FAMILIES"]
LIBRARIES = os.environ.get("MLX_ROCM_LIBRARIES")  # built elsewhere


@needs_toolchain
@pytest.mark.parametrize("arch", ["gfx1151", "gfx942"])
@pytest.mark.parametrize("family", FAMILIES)
def test_tiny(family, arch):
    library = f"{LIBRARIES or hip.build()}/libamdhip64.so"
    command = [sys.executable, "-m", "benchmarks.kernel_ladder", "--tiny", "--first", "--hip", library]
    environment = {**os.environ, "AMDEMU_ARCH": arch, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([*command, "--arch", arch, "--family", family], cwd=ROOT, env=environment,
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r" ok$", run.stdout, re.MULTILINE)
