"""The real ROCm libraries on a machine without an AMD GPU: a clean "no device", and the kernels through hiprtc.

Skipped with the reason where the libraries are not unpacked (tests/no_device/install_rocm.sh) or a GPU is there.
"""

import hashlib
import importlib.util
import json

import pytest

from tests import amdtools, nvrtc
from tests.amd_registry import KERNELS, Use
from tests.amd_targets import TARGETS
from tests.no_device import rocm

reason = rocm.why_not()
if reason:
    pytest.skip(reason, allow_module_level=True)

HERE = amdtools.ROOT / "tests" / "no_device"
NO_DEVICE = 100  # hipErrorNoDevice

# What each call does without a device: its return code, or how it ends the process.
RETURNS = {
    "hipGetDeviceCount": NO_DEVICE,
    "hipInit": NO_DEVICE,
    "hipSetDevice": NO_DEVICE,
    "hipSetDeviceFlags": NO_DEVICE,
    "hipMalloc": NO_DEVICE,
    "hipHostMalloc": NO_DEVICE,
    "hipStreamCreateWithFlags": NO_DEVICE,
    "hipEventCreateWithFlags": NO_DEVICE,
    "hipModuleLoadData": NO_DEVICE,
    "hipDriverGetVersion": 0,
    "hipRuntimeGetVersion": 0,
    "hiprtcVersion": 0,
    "hiprtcCompileProgram gfx1151": 0,
    "hiprtcCompileProgram gfx942:sramecc+:xnack-": 0,
}
ENDS_THE_PROCESS = {
    "hiprtcCompileProgram gfx9999": "a signal",  # memory is corrupted first, so that the signal varies
    "hiprtcCompileProgram native": "a signal",
    "hipblasLtCreate": "exit(1)",
}


@pytest.mark.parametrize("call", RETURNS)
def test_call_returns(call):
    run = rocm.run_python([str(HERE / "call.py"), *call.split()])
    assert run.returncode == 0, run.stderr
    assert f"status {RETURNS[call]}\n" in run.stdout


@pytest.mark.parametrize("call", ENDS_THE_PROCESS)
def test_call_ends_the_process(call):
    """These are what a driver must not reach; when one of them has become harmless, this tells us."""
    run = rocm.run_python([str(HERE / "call.py"), *call.split()])
    assert ("a signal" if run.returncode < 0 else f"exit({run.returncode})") == ENDS_THE_PROCESS[call]
    assert "status" not in run.stdout


def test_hipblaslt_takes_our_descriptors():
    """The numbers that backend/gpu/hipblaslt.cpp gives for types and attributes, in the real library."""
    run = rocm.run_python([str(HERE / "blas_descriptors.py")])
    assert run.returncode == 0, run.stderr
    done = json.loads(run.stdout)
    assert len(done) > 20
    assert not {name: status for name, status in done.items() if status not in (0, True)}


def test_a_loader_that_asks_for_a_device_first_carries_on():
    run = rocm.run_python([str(HERE / "loader.py")])
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"devices": 0, "loaded": ["libamdhip64"]}


PRODUCT = """
import json
import mlx_rocm.core as mx
from tests.no_device.loader import loaded

total = mx.add(mx.array(40), mx.array(2)).item()
print(json.dumps([total, str(mx.default_device()), loaded("libhiprtc", "libhipblaslt")]))
"""


def _built() -> bool:
    package = importlib.util.find_spec("mlx_rocm")
    return package is not None and importlib.util.find_spec("mlx_rocm.core") is not None


@pytest.mark.skipif(not _built(), reason="mlx_rocm.core is not built")
def test_mlx_rocm_carries_on_with_the_cpu(tmp_path):
    run = rocm.run_python(["-c", PRODUCT], cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    total, device, opened = json.loads(run.stdout)
    assert total == 42
    assert "cpu" in device
    assert opened == []


# ---- the kernels through the compiler that users have ---------------------------------------------------------


def _job(row, arch):
    path = amdtools.ROOT / row.file
    job = {
        "source": amdtools.with_defines(path, {**TARGETS[arch].defines(), **row.defines}),
        "headers": nvrtc.headers(path),
        "options": [f"--offload-arch={arch}", "-O3", "-std=c++17", "-munsafe-fp-atomics"],
    }
    digest = hashlib.sha256(json.dumps(job).encode()).hexdigest()[:24]
    return {**job, "out": str(amdtools.cache_dir() / arch / f"{path.stem}-hiprtc-{digest}.co")}


def _compile(jobs):
    run = rocm.run_python([str(HERE / "hiprtc_compile.py")], input=json.dumps(jobs), timeout=900)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


# One after the other, minutes for each architecture where nothing is in the cache.
USUAL = ("gfx1151", "gfx1201", "gfx942")


@pytest.mark.timeout(1000)
@pytest.mark.parametrize(
    "arch", [pytest.param(arch, marks=() if arch in USUAL else pytest.mark.slow) for arch in TARGETS]
)
def test_hiprtc_compiles_every_kernel(arch):
    """The budgets hold for hiprtc's code as well: it is an older compiler than the one of test_amd_compile."""
    jobs = [_job(row, arch) for row in KERNELS]
    codes = [amdtools.CodeObject(amdtools.Path(job["out"]), arch, "") for job in jobs]
    todo = list({job["out"]: job for job in jobs if not amdtools.Path(job["out"]).exists()}.values())
    (amdtools.cache_dir() / arch).mkdir(parents=True, exist_ok=True)
    for job, result in zip(todo, _compile(todo) if todo else [], strict=True):
        assert result["status"] == 0, job["source"] + result["log"]
    faults = {}
    for row, code in zip(KERNELS, codes, strict=True):
        found = Use(row, arch, code).faults()
        if found:
            faults[row.name] = found
    assert faults == {}


def test_defines_as_options_reach_the_headers_of_hiprtc(tmp_path):
    """Why the JIT writes #define lines: hiprtc's own headers have template parameters named T."""
    text = 'extern "C" __global__ void k(T* x) { x[threadIdx.x] = 1; }'
    job = {"headers": {}, "options": ["--offload-arch=gfx1151"], "out": str(tmp_path / "k.co")}
    as_option = {**job, "source": text, "options": [*job["options"], "-DT=float"]}
    as_text = {**job, "source": "#define T float\n" + text}
    refused, accepted = _compile([as_option, as_text])
    assert refused["status"] != 0
    assert "hiprtc_runtime.h" in refused["log"]
    assert accepted["status"] == 0
