"""Runs Python with Debian's real ROCm libraries in reach, on a machine that may have an older libc and no GPU.

install_rocm.sh unpacks the libraries with the libc they were built for; programs run through that libc's loader.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.amdtools import ROOT, cache_dir

INSTALL = "bash tests/no_device/install_rocm.sh"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"


def root() -> Path:
    """The folder that holds the unpacked packages; `root() / "complete"` exists when they are there."""
    return cache_dir() / "rocm"


def why_not() -> str | None:
    """Why these libraries cannot be used to show what happens without a device; None: they can."""
    if Path("/dev/kfd").exists():
        return "this machine has an AMD GPU"
    if not (root() / "complete").exists():
        return f"the ROCm runtime is not unpacked: {INSTALL}"
    return None


def run_python(arguments: list[str], timeout: float = 120, **options) -> subprocess.CompletedProcess:
    """`python ARGUMENTS` with the ROCm libraries on the search path; output is captured as text."""
    libraries = root() / _LIBRARIES
    command = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
    command += [os.path.realpath(sys.executable), *arguments]
    # The loader hides the interpreter's virtual environment from it, so its folders are passed on.
    # The repository comes last: an installed mlx_rocm has its extension, the sources may not.
    path = os.pathsep.join([*(each for each in sys.path if each.endswith("site-packages")), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=timeout, env=environment, **options
    )
