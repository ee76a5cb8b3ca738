"""Small helpers of the op drivers: where a case runs and which dtypes the device has."""

from __future__ import annotations

import contextlib
import os

import pytest

# random examples per hypothesis test; more for a long search: MLX_ROCM_TEST_EXAMPLES=5000
EXAMPLES = int(os.environ.get("MLX_ROCM_TEST_EXAMPLES", "120"))


def pick_device(mx, c):
    """Ops without a GPU implementation are called on a CPU stream, as their users do."""
    return mx.stream(mx.cpu) if c.cpu_only else contextlib.nullcontext()


def skip_dtype(dtype: str, device_name: str) -> None:
    if device_name == "gpu" and dtype == "float64":
        pytest.skip("float64 exists on the CPU device only")
