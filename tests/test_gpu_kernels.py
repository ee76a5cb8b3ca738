"""The test kernels executed: on the AMD emulator, and on an NVIDIA GPU where there is one.

AMD_TEST_ARCHS=gfx90a,gfx1030 (or all) names other architectures to emulate.
"""

import functools
import os

import numpy as np
import pytest

from tests import amdtools
from tests import gpu_kernel_cases as kernels
from tests.amd_targets import TARGETS
from tests.emulator import hip
from tests.gpu_launch import GpuError, cuda_gpu

DEFAULT_ARCHS = "gfx1151,gfx1201,gfx942"
_archs = os.environ.get("AMD_TEST_ARCHS", DEFAULT_ARCHS)
ARCHS = list(TARGETS) if _archs == "all" else _archs.split(",")


class Emulated:
    """An emulated device as gpu_kernel_cases.py wants it."""

    def __init__(self, arch: str):
        self._gpu = hip.Gpu(arch)
        self.wave = self._gpu.wave

    def launch(self, file, entry, defines, grid, threads, *arguments) -> None:
        code = amdtools.compile_hip(file, self._gpu.arch, defines)
        arrays = [(each, self._gpu.array(each)) for each in arguments if isinstance(each, np.ndarray)]
        held = {id(host): device for host, device in arrays}
        kernel = self._gpu.module(code.path).function(entry)
        kernel(grid, (threads, 1, 1), *(held.get(id(each), each) for each in arguments))
        for host, device in arrays:
            host[...] = device.numpy()


@functools.cache
def _cuda():
    try:
        return cuda_gpu()
    except (OSError, GpuError):
        return None


@functools.cache
def _device(name: str):
    if name == "cuda":
        return _cuda()
    try:
        amdtools.toolchain()
    except amdtools.ToolchainMissing as error:
        pytest.skip(str(error))
    return Emulated(name)


@pytest.fixture(params=[*(["cuda"] if _cuda() else []), *ARCHS])
def gpu(request):
    return _device(request.param)


@pytest.mark.parametrize("name", kernels.CASES)
def test_kernel(gpu, name):
    kernels.CASES[name](gpu)


@pytest.mark.parametrize("entry", kernels.scalar_entries())
def test_scalar_functor(gpu, entry):
    kernels.scalar(gpu, entry)
