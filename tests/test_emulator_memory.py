"""Memory instructions of every width, scratch, calls, buffers, atomics and work-item numbers, against NumPy."""

import numpy as np
import pytest

from tests import amdtools
from tests.emulator import hip
from tests.emulator.testing import ARCHS, fresh_devices, needs_toolchain  # noqa: F401

pytestmark = needs_toolchain
SOURCE = "tests/emulator/kernels/memory.hip"
u32 = np.uint32


@pytest.fixture(params=ARCHS)
def gpu(request):
    return hip.Gpu(request.param)


def run(gpu, name, *arguments, grid=(1, 1, 1), block=(64, 1, 1)):
    gpu.module(amdtools.compile_hip(SOURCE, gpu.arch).path).function(name)(grid, block, *arguments)


@pytest.mark.parametrize("order", ["straight", "scattered"])
@pytest.mark.parametrize(
    "name, bytes_", [("u8", 1), ("u16", 2), ("u32", 4), ("u64", 8), ("u96", 12), ("u128", 16)]
)
def test_widths(gpu, name, bytes_, order):
    rng = np.random.default_rng(bytes_)
    x = rng.integers(0, 256, (64, bytes_), np.uint8)
    at = np.arange(64, dtype=u32) if order == "straight" else rng.permutation(64).astype(u32)
    y = gpu.array(np.zeros_like(x))
    run(gpu, f"move_{name}", gpu.array(x), gpu.array(at), y)
    assert (y.numpy() == x[at]).all()


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16])
def test_small_loads_extend(gpu, dtype):
    info = np.iinfo(dtype)
    x = np.linspace(info.min, info.max, 64).astype(dtype)
    y = gpu.array(np.zeros(128, np.int32))
    run(gpu, f"extend_{'u' if info.min == 0 else 'i'}{8 * x.itemsize}", gpu.array(x), y)
    assert (y.numpy().reshape(2, 64) == x).all()


def test_halves(gpu):
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 65536, (2, 64)).astype(np.uint16)
    out, high = gpu.array(np.zeros(64, u32)), gpu.array(np.zeros(64, np.uint16))
    run(gpu, "interleave", gpu.array(x), gpu.array(y), out, high)
    assert (out.numpy() == (x | y.astype(u32) << 16)).all()
    assert (high.numpy() == y).all()


def test_scratch(gpu):
    x = np.random.default_rng(2).integers(-1000, 1000, (64, 16)).astype(np.int32)
    y = gpu.array(np.zeros(64, np.int32))
    run(gpu, "scratch_sort", gpu.array(x), y)
    want = []
    for t in range(64):
        values = [0] * 16
        for i in range(16):
            values[(i * 5 + t) % 16] = int(x[t, i])
        total = 0
        for i in range(16):
            total = total * 3 + values[(i + t * 7) % 16]
        want.append((total + 2**31) % 2**32 - 2**31)
    assert (y.numpy() == np.array(want)).all()


def test_calls(gpu):
    x = np.arange(1, 65, dtype=np.int32)
    y = gpu.array(np.zeros(64, np.int32))
    run(gpu, "calls", gpu.array(x), y)

    def steps(n):
        count = 0
        while n != 1:
            n, count = (3 * n + 1 if n % 2 else n // 2), count + 1
        return count + 1

    assert y.numpy().tolist() == [steps(n) for n in range(1, 65)]


def test_buffers_clamp(gpu):
    x = gpu.array(np.arange(100, 164, dtype=u32))
    y = gpu.array(np.zeros(64, u32))
    run(gpu, "buffer_copy", x, y, u32(40 * 4))
    assert (y.numpy() == np.where(np.arange(64) < 40, np.arange(101, 165), 0)).all()


OPERATIONS = {
    "add": np.add,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "min": np.minimum,
    "max": np.maximum,
}
ATOMICS = [
    *((op, dtype) for op in OPERATIONS for dtype in ("i32", "u32", "i64", "u64")),
    ("add", "f32"),
    ("add", "f64"),
]


@pytest.mark.parametrize("op, kind", ATOMICS)
def test_atomics(gpu, op, kind):
    names = {"i": "int", "u": "uint", "f": "float"}
    dtype = np.dtype(names[kind[0]] + kind[1:])
    rng = np.random.default_rng(3)
    if dtype.kind == "f":  # quarters, so that every order of summation is exact
        x, start = (rng.integers(-100, 100, n) / 4 for n in (64, 8))
    else:
        info = np.iinfo(dtype)
        x, start = (rng.integers(info.min, info.max, n, dtype, endpoint=True) for n in (64, 8))
    x, start = x.astype(dtype), start.astype(dtype)
    cells, old = gpu.array(start), gpu.array(np.zeros(64, dtype))
    run(gpu, f"atomic_{op}_{kind}", cells, gpu.array(x), old)
    now, before = start[:4].copy(), np.zeros(64, dtype)
    with np.errstate(over="ignore"):
        for i in range(64):  # lanes are served in order
            before[i] = now[i % 4]
            now[i % 4] = OPERATIONS[op](now[i % 4], x[i])
    got = cells.numpy()
    assert (got[:4] == now).all()
    assert (got[4:] == now).all()
    assert (old.numpy() == before).all()


def test_exchange(gpu):
    cell, old = gpu.array(np.array([77], u32)), gpu.array(np.zeros(64, u32))
    run(gpu, "exchange", cell, old)
    assert sorted([*old.numpy().tolist(), int(cell.numpy()[0])]) == [*range(64), 77]
    value = gpu.array(np.array([1], np.uint64))
    run(gpu, "compare_exchange", value)
    want = 1
    for _ in range(64):
        want = (want * 3 + 1) % 2**64
    assert value.numpy()[0] == want


def test_work_item_numbers(gpu):
    out = gpu.array(np.zeros(3 * 2 * 4 * 60, u32))
    run(gpu, "where", out, grid=(3, 2, 4), block=(5, 3, 4))
    group, thread = np.divmod(np.arange(out.shape[0]), 60)
    assert (out.numpy() == group * 1000 + thread + 100000 * 3 + 1000000 * 5).all()
