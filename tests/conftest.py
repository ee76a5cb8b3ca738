"""Options and fixtures shared by all tests: `--device cpu|gpu` picks the default device, `--run-slow`
admits the large tests."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gpu_quick import select


def core():
    """The module under test, or None where it is not built (some tests need no more than the sources)."""
    try:
        return importlib.import_module("mlx_rocm.core")
    except ModuleNotFoundError:
        return None


def pytest_addoption(parser):
    parser.addoption(
        "--device",
        choices=("cpu", "gpu"),
        default=os.environ.get("MLX_ROCM_TEST_DEVICE", "cpu"),
        help="default device of every test",
    )
    parser.addoption(
        "--gpu-quick",
        type=int,
        default=0,
        metavar="N",
        help="on the GPU: few dtypes and layouts of every N-th case (tests/gpu_quick.py); 1 is every case",
    )
    parser.addoption(
        "--gpu-full", action="store_true", help="test_gpu_emulated.py runs everything, not a selection"
    )
    parser.addoption("--shard", default="", metavar="i/n", help="the i-th of n parts of the chosen tests")
    parser.addoption("--run-slow", action="store_true", help="also run tests marked slow (large arrays)")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: needs much memory or time; runs only with --run-slow")
    config.addinivalue_line("markers", "cpu_only: has no GPU implementation; skipped with --device gpu")
    config.addinivalue_line("markers", "gpu_only: about the GPU device; skipped without --device gpu")
    os.environ["MLX_ROCM_TEST_DEVICE"] = config.getoption("--device")
    mx = core()
    if config.getoption("--device") == "gpu" and not (mx and mx.is_available(mx.gpu)):
        raise pytest.UsageError("--device gpu: no GPU that mlx_rocm can use was found (see `mlx-rocm info`)")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--gpu-quick") or config.getoption("--shard"):
        kept, left_out = select(items, config.getoption("--gpu-quick"), config.getoption("--shard"))
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept
    # The longest first: pytest -n deals them out to its processes in turn.
    items.sort(key=lambda item: item.path.name != "test_gpu_emulated.py")
    slow = pytest.mark.skip(reason="slow: run with --run-slow")
    cpu = pytest.mark.skip(reason="runs on the CPU device only")
    gpu = pytest.mark.skip(reason="about the GPU device: run with --device gpu")
    for item in items:
        if "slow" in item.keywords and not config.getoption("--run-slow"):
            item.add_marker(slow)
        if "cpu_only" in item.keywords and config.getoption("--device") == "gpu":
            item.add_marker(cpu)
        if "gpu_only" in item.keywords and config.getoption("--device") != "gpu":
            item.add_marker(gpu)


@pytest.fixture(scope="session")
def mx():
    import mlx_rocm.core

    return mlx_rocm.core


@pytest.fixture(scope="session", autouse=True)
def poisoned_memory():
    """Fresh memory is filled with a pattern, so that results that were never written show."""
    mx = core()
    if mx is not None:
        mx._set_poison(True)
    yield


@pytest.fixture(scope="session")
def device_name(request):
    return request.config.getoption("--device")


@pytest.fixture(autouse=True)
def default_device(request, device_name):
    """Every test starts on the chosen device with a fixed random seed and leaves it so."""
    mx = core()
    if mx is None:
        yield
        return
    mx.set_default_device(mx.gpu if device_name == "gpu" else mx.cpu)
    mx.random.seed(0)
    yield
    mx.set_default_device(mx.gpu if device_name == "gpu" else mx.cpu)


@pytest.fixture
def collected():
    """Runs the garbage collector before and after, for tests that read memory counters."""
    gc.collect()
    yield
    gc.collect()
