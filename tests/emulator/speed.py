"""How fast the emulator runs: wave instructions a second and thread, and nanoseconds for a matrix instruction.

python -m tests.emulator.speed [gfx1151 gfx942 ...]
"""

import os
import sys
import time

import ml_dtypes
import numpy as np

from tests import amdtools
from tests.emulator import hip

REPEATS = 5


def _measure(kernel, grid, block, *arguments) -> tuple[float, dict]:
    """Least CPU seconds of several runs, and the counters of one."""
    kernel(grid, block, *arguments)
    hip.clear_evidence()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        kernel(grid, block, *arguments)
        seconds.append(time.process_time() - start)
    return min(seconds), hip.evidence()[-1]


def _kernel(gpu, file, name, **defines):
    return gpu.module(amdtools.compile_hip(f"tests/amd_kernels/{file}", gpu.arch, defines).path).function(
        name
    )


def qmv(gpu, m=2048, k=2048) -> str:
    rng, bf16 = np.random.default_rng(0), ml_dtypes.bfloat16
    w = gpu.array(rng.integers(0, 2**32, (m, k // 8), np.uint32))
    scales, biases = (gpu.array(rng.standard_normal((m, k // 64)).astype(bf16)) for _ in range(2))
    x, y = gpu.array(rng.standard_normal(k).astype(bf16)), gpu.empty((m,), bf16)
    rows = 256 // gpu.wave
    arguments = (w, scales, biases, x, y, np.uint32(m), np.uint32(k))
    seconds, record = _measure(_kernel(gpu, "qmv.hip", "qmv"), (m // rows, 1, 1), (256, 1, 1), *arguments)
    return f"4-bit QMV {m} x {k}: {record['wave_instructions'] / seconds / 1e6:.0f} M wave instructions/s"


def matmul(gpu, n=256) -> str:
    rng, bf16 = np.random.default_rng(0), ml_dtypes.bfloat16
    a, b = (gpu.array(rng.standard_normal((n, n)).astype(bf16)) for _ in range(2))
    c, size = gpu.empty((n, n), bf16), np.uint32(n)
    kernel = _kernel(gpu, "matmul.hip", "matmul", T="bf16")
    grid, block = (n // 64, n // 64, 1), (4 * gpu.wave, 1, 1)
    seconds, record = _measure(kernel, grid, block, a, b, c, size, size, size)
    rate = record["wave_instructions"] / seconds / 1e6
    return f"bf16 matmul {n}^3: {seconds * 1e3:.1f} ms, {rate:.0f} M wave instructions/s"


def main() -> None:
    os.environ.setdefault("AMDEMU_THREADS", "1")
    for arch in sys.argv[1:] or ("gfx1151", "gfx1201", "gfx942"):
        gpu = hip.Gpu(arch)
        for measure in (qmv, matmul):
            print(f"{arch}: {measure(gpu)}", flush=True)


if __name__ == "__main__":
    main()
