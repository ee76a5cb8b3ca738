"""Products that go to hipBLASLt: with a stand-in library beside the emulated GPU, in a process of its own.

It proves what our side says to the library (layouts, transposes, batches, scalars) and what happens when the library refuses;
nothing about the real one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emulator import hip

HERE = Path(__file__).parent

START = """
import numpy as np
import mlx_rocm.core as mx

mx.set_default_device(mx.gpu)
rng = np.random.default_rng(0)
TOLERANCE = {mx.float32: 4e-6, mx.float16: 2e-3, mx.bfloat16: 1.2e-2}


def draw(dtype, *shape):
    return mx.array(rng.standard_normal(shape).astype(np.float32)).astype(dtype)


def wide(x):
    return np.array(x.astype(mx.float32)).astype(np.float64)


def check(got, want, dtype):
    error = np.abs(wide(got) - want).max() / np.abs(want).max()
    assert error <= TOLERANCE[dtype], (dtype, error)
"""
PROGRAM = """
for dtype in TOLERANCE:
    a, b, c = draw(dtype, 160, 128), draw(dtype, 128, 136), draw(dtype, 136)
    want = wide(a) @ wide(b)
    check(a @ b, want, dtype)
    check(a @ mx.contiguous(b.T).T, want, dtype)
    check(mx.contiguous(a.T).T @ b, want, dtype)
    check(mx.addmm(c, a, b, 0.5, 2.0), 0.5 * want + 2 * wide(c), dtype)
x, w = draw(mx.bfloat16, 4, 3, 160, 128), draw(mx.bfloat16, 4, 3, 128, 160)
check(x @ w, wide(x) @ wide(w), mx.bfloat16)  # one stride over the batch
check(x @ w[:, :1], wide(x) @ wide(w[:, :1]), mx.bfloat16)  # and rows that share a matrix
check(x[:, :1] @ w, wide(x[:, :1]) @ wide(w), mx.bfloat16)  # two strides: not for BLAS
check(x @ w[0, 0], wide(x) @ wide(w[0, 0]), mx.bfloat16)  # one tall product
check(x[:, :, :, :64] @ w[:, :, :64], wide(x[:, :, :, :64]) @ wide(w[:, :, :64]), mx.bfloat16)
"""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """A folder with the emulator and the stand-in."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    folder = tmp_path_factory.mktemp("libraries")
    for library in hip.build().glob("lib*.so"):
        (folder / library.name).symlink_to(library)
    source, target = HERE / "blas_stand_in" / "hipblaslt.cpp", folder / "libhipblaslt.so.0"
    subprocess.run(
        [compiler, "-std=c++20", "-O2", "-shared", "-fPIC", "-o", target, source, "-ldl"], check=True
    )
    return folder


# One product that is used often, and one that adds to its result.
REPEATED = """
a, b, c = draw(mx.float32, 160, 128), draw(mx.float32, 128, 136), draw(mx.float32, 136)
want = wide(a) @ wide(b)
for _ in range(5):
    check(a @ b, want, mx.float32)
    check(mx.addmm(c, a, b), want + wide(c), mx.float32)
"""


def run(libraries, log, program=PROGRAM, **variables) -> list[str]:
    """The calls that reached the library."""
    env = {
        **os.environ,
        "MLX_ROCM_LIBRARIES": str(libraries),
        "AMDEMU_ARCH": "gfx1201",
        "STAND_IN_LOG": str(log),
        "XDG_CACHE_HOME": str(log.parent / "cache"),
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-c", START + program],
        env=env,
        cwd=log.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return log.read_text().splitlines() if log.exists() else []


def test_products_reach_the_library(libraries, tmp_path):
    calls = run(libraries, tmp_path / "log")
    assert calls.count("product 136 160 128 batch 1") == 4 * 3
    assert "product 160 160 128 batch 12" in calls
    assert "product 160 1920 128 batch 1" in calls
    assert "product 160 480 128 batch 4" in calls
    # A geometry asks once: plain, two transposes and an addend for each type, and four batches.
    assert calls.count("heuristic") == 4 * 3 + 4


def test_a_failure_is_tried_once_more(libraries, tmp_path):
    calls = run(libraries, tmp_path / "log", STAND_IN_FAIL="1")
    assert calls.count("failure") == 1
    assert calls.count("product 136 160 128 batch 1") == 4 * 3


def test_a_library_without_kernels_for_the_device_is_left_alone(libraries, tmp_path):
    calls = run(libraries, tmp_path / "log", REPEATED, STAND_IN_NO_ALGORITHM="1")
    assert not [line for line in calls if line.startswith("product")]


def test_blas_can_be_turned_off(libraries, tmp_path):
    assert run(libraries, tmp_path / "log", REPEATED, MLX_ROCM_BLAS="0") == []


def tuned(tmp_path, text=None) -> str:
    """What is kept of the choices; text: replaces it."""
    (file,) = (tmp_path / "cache" / "mlx_rocm" / "tuned").glob("blas-*.tsv")
    if text is not None:
        file.write_text(text)
    return file.read_text()


PRODUCT = "product 136 160 128 batch 1"


def test_the_fastest_algorithm_is_kept(libraries, tmp_path):
    delays = {"STAND_IN_DELAYS": "40 40 0 40"}
    calls = run(libraries, tmp_path / "log", REPEATED, MLX_ROCM_TUNE="3", **delays)
    # Twice by the heuristic's first before it is measured; sums are never measured.
    assert calls[: calls.index(PRODUCT + " by 1")].count(PRODUCT) >= 5
    assert calls[-2:] == [PRODUCT + " by 2", PRODUCT]
    assert tuned(tmp_path).startswith("2\t")
    (tmp_path / "log").unlink()
    calls = run(libraries, tmp_path / "log", REPEATED, **delays)  # the next process knows
    assert calls.count(PRODUCT + " by 2") == calls.count(PRODUCT) == 5
    assert PRODUCT + " by 1" not in calls


def test_our_kernels_are_kept_where_the_library_is_slower(libraries, tmp_path):
    delays = {"STAND_IN_DELAYS": "400 400"}
    run(libraries, tmp_path / "log", REPEATED, MLX_ROCM_TUNE="1", **delays)
    assert tuned(tmp_path).startswith("-1\t")
    (tmp_path / "log").unlink()
    calls = run(libraries, tmp_path / "log", REPEATED, STAND_IN_DELAYS="0")
    assert calls.count(PRODUCT) == 5  # those that add to their result


@pytest.mark.parametrize(
    "damage", ["no number", "cut short", "an algorithm that is not there", "empty", "unreadable"]
)
def test_damaged_choices_do_no_harm(libraries, tmp_path, damage):
    delays = {"STAND_IN_DELAYS": "40 0"}
    run(libraries, tmp_path / "log", REPEATED, MLX_ROCM_TUNE="1", **delays)
    line = tuned(tmp_path)
    damaged = {
        "no number": line.replace("\t", "\tx", 1),
        "cut short": line[: len(line) // 2],
        "an algorithm that is not there": "7" + line[line.index("\t") :],
        "empty": "",
        "unreadable": "\0\xff\n\t\t\n",
    }
    tuned(tmp_path, damaged[damage])
    (tmp_path / "log").unlink()
    calls = run(libraries, tmp_path / "log", REPEATED, MLX_ROCM_TUNE="0", **delays)
    assert calls.count(PRODUCT) == 10


def test_a_bad_number_of_uses_is_an_error(libraries, tmp_path):
    with pytest.raises(AssertionError, match="MLX_ROCM_TUNE is 'often'"):
        run(libraries, tmp_path / "log", REPEATED, MLX_ROCM_TUNE="often")
