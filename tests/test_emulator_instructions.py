"""Every row of tests/emulator/case_rows.py executed by the emulator and compared with NumPy.

One module for each architecture holds a kernel for each case, around the instruction as inline assembly.
AMD_TEST_ARCHS=all (or a list) names other architectures than the default three.
"""

import functools
import hashlib

import numpy as np
import pytest

from tests import amdtools
from tests.emulator import case_rows, cases, hip
from tests.emulator.cases import F16, F32, F64, Case, generation
from tests.emulator.testing import ARCHS, fresh_devices, needs_toolchain  # noqa: F401

pytestmark = needs_toolchain
LANES = 256

_TYPES = {2: "unsigned", 4: "unsigned", 8: "unsigned long long"}


def _kernel(index: int, case: Case, arch: str) -> str:
    """The case as a kernel: sources a, b, c; the destination starts as `old` where the case wants it."""
    gen = generation(arch)
    wave64 = gen == 9
    letter, out = ("s", "=&s") if case.scalar else ("v", "+&v" if case.old else "=&v")
    text = case.asm.format(
        d="%0",
        x="%1",
        y="%2",
        z="%3",
        l=".l" if gen == 11 else "",
        vcc="vcc" if wave64 else "vcc_lo",
        exec="exec" if wave64 else "exec_lo",
    )
    settings = [clobber for clobber in case.clobbers if "=" in clobber]
    text = "".join(f"s_mov_b32 {s.split('=')[0]}, {s.split('=')[1]}\n" for s in settings) + text
    text = text.replace("\n", "\\n").replace('"', '\\"')
    loads = "\n".join(
        f"  {_TYPES[dtype.itemsize]} x{i} = ((const {_TYPES[dtype.itemsize]}*)p{i})[at];"
        for i, dtype in enumerate(case.sources)
    )
    inputs = ", ".join(f'"{letter}"(x{i})' for i in range(len(case.sources)))
    clobbers = [clobber.split("=")[0] for clobber in case.clobbers]
    result = _TYPES[case.result.itemsize]
    at = "__builtin_amdgcn_workgroup_id_x()" if case.scalar else "__builtin_amdgcn_workitem_id_x()"
    names = "".join(f', "{name}"' for name in clobbers)
    return f"""
extern "C" __attribute__((global)) void
case_{index}(const void* p0, const void* p1, const void* p2, void* out, const void* old) {{
  unsigned at = {at};
{loads}
  {result} d = {f"(({result}*)old)[at]" if case.old else "0"};
  asm volatile("{text}" : "{out}"(d) : {inputs} : "memory"{names});
  (({result}*)out)[at] = d;
}}"""


@functools.cache
def _module(arch: str) -> hip.Module:
    rows = [(i, case) for i, case in enumerate(cases.CASES) if case.runs_on(arch)]
    source = "".join(_kernel(i, case, arch) for i, case in rows)
    folder = amdtools.cache_dir() / "instruction-cases"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"cases-{arch}-{hashlib.sha256(source.encode()).hexdigest()[:16]}.hip"
    path.write_text(source)
    return hip.Gpu(arch).module(amdtools.compile_hip(path, arch).path)


def _values(dtype: np.dtype, salt: int, wide: bool) -> np.ndarray:
    """256 values: random ones over the whole range, and the ones where instructions go wrong."""
    rng = np.random.default_rng(salt)
    if dtype in (F32, F64, F16) and not wide:
        info = np.finfo(dtype)
        special = [
            0.0,
            -0.0,
            np.inf,
            -np.inf,
            np.nan,
            info.max,
            -info.max,
            info.tiny,
            info.tiny / 4,
            -info.tiny / 2,
            1.0,
            -1.5,
            0.5,
            2.5,
            3.5,
            -2.5,
        ]
        values = (rng.standard_normal(LANES) * 10.0 ** rng.integers(-4, 5, LANES)).astype(dtype)
        values[:128] = rng.permutation(np.tile(np.array(special, dtype), 8))
        return values
    if dtype == F32:
        return rng.standard_normal(LANES).astype(dtype)
    if wide:  # pairs of ordinary halves
        return rng.standard_normal(2 * LANES).astype(np.float16).view(np.uint32)
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max, LANES, dtype=dtype, endpoint=True)
    special = np.array([0, 1, 2, 31, 32, 63, info.max, info.min, info.max // 2 + 1, 255], dtype)
    values[:80] = rng.permutation(np.tile(special, 8))
    return values


def _run(case: Case, index: int, arch: str):
    gpu = hip.Gpu(arch)
    inputs = [_values(dtype, 100 * index + i, case.wide) for i, dtype in enumerate(case.sources)]
    # 16-bit operands travel in the low half of a word whose high half is noise.
    noise = np.random.default_rng(index).integers(0, 65536, LANES).astype(np.uint32) << 16
    words = [x if x.itemsize > 2 else x.view(np.uint16).astype(np.uint32) | noise for x in inputs]
    old = _values(case.result, index + 7, False)
    out = gpu.array(np.zeros(LANES, np.uint32 if case.result.itemsize == 2 else case.result))
    buffers = [gpu.array(w) for w in words] + [out] * (3 - len(words))
    function = _module(arch).function(f"case_{index}")
    geometry = ((LANES, 1, 1), (1, 1, 1)) if case.scalar else ((1, 1, 1), (LANES, 1, 1))
    function(*geometry, *buffers, out, gpu.array(old))
    got = out.numpy()
    if case.result.itemsize == 2:
        got = got.astype(np.uint16).view(case.result)
    shape = (LANES, 1) if case.scalar else (-1, gpu.wave)
    arguments = [x.reshape(shape) for x in inputs] + ([old.reshape(shape)] if case.old else [])
    with np.errstate(all="ignore"):
        want = np.broadcast_to(case.expect(*arguments), arguments[0].shape).astype(case.result).ravel()
    return got, want


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("index", range(len(cases.CASES)), ids=lambda i: cases.CASES[i].name)
def test_instruction(index, arch):
    case = cases.CASES[index]
    if not case.runs_on(arch):
        pytest.skip("not an instruction of this architecture")
    got, want = _run(case, index, arch)
    number = case.parts or case.result
    got, want = got.view(number), want.view(number)
    if number in (F32, F64, F16):
        same = (np.isnan(got) & np.isnan(want)) | (
            got.view(f"u{got.itemsize}") == want.view(f"u{want.itemsize}")
        )
        with np.errstate(all="ignore"):
            same |= np.isfinite(want) & (
                np.abs(got.astype(np.float64) - want) <= case.rtol * np.abs(want.astype(np.float64))
            )
    else:
        same = got == want
    wrong = np.flatnonzero(~same)
    assert wrong.size == 0, (
        f"{wrong.size} lanes differ, the first {wrong[0]}: got {got[wrong[0]]}, want {want[wrong[0]]}"
    )


def test_every_case_runs_somewhere():
    assert all(any(case.runs_on(arch) for arch in hip.TARGETS) for case in cases.CASES)
    assert len(case_rows.CASES) > 200
