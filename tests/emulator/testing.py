"""What the emulator's tests share: which architectures, and skipping without the tools."""

import os

import pytest

from tests import amdtools
from tests.emulator import hip

# The three that differ most; AMD_TEST_ARCHS=all is every target, a comma-separated list the ones in it.
DEFAULT_ARCHS = "gfx1151,gfx1201,gfx942"
_wanted = os.environ.get("AMD_TEST_ARCHS", DEFAULT_ARCHS)
ARCHS = list(hip.TARGETS) if _wanted == "all" else _wanted.split(",")


def _missing() -> str | None:
    try:
        amdtools.toolchain()
    except amdtools.ToolchainMissing as problem:
        return str(problem)
    return None if hip.tool("cmake") and hip.tool("ninja") else "not installed: pip install cmake ninja"


if os.environ.get("CI") and _missing():
    raise RuntimeError(_missing())
needs_toolchain = pytest.mark.skipif(_missing() is not None, reason=str(_missing()))


@pytest.fixture(autouse=True)
def fresh_devices():
    """A kernel that failed loses its device; the next test starts with working ones."""
    yield
    hip.reset()
