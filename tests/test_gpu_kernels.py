"""The test kernels executed: on an NVIDIA GPU where there is one, and on the AMD emulator."""

import pytest

from tests import gpu_kernel_cases as kernels
from tests.gpu_launch import GpuError, cuda_gpu


@pytest.fixture(scope="module")
def gpu():
    try:
        return cuda_gpu()
    except (OSError, GpuError) as error:
        pytest.skip(f"no CUDA device: {error}")


@pytest.mark.parametrize("name", kernels.CASES)
def test_kernel(gpu, name):
    kernels.CASES[name](gpu)


@pytest.mark.parametrize("entry", kernels.scalar_entries())
def test_scalar_functor(gpu, entry):
    kernels.scalar(gpu, entry)
