"""Times single kernels under many variants, launched straight through the driver without our routes.

    python -m benchmarks.kernel_ladder                                       # all families, the first CUDA device
    python -m benchmarks.kernel_ladder --family qmv,norm --seconds-per-variant 0.05
    python -m benchmarks.kernel_ladder --hip libamdhip64.so --arch gfx942    # a HIP device; compiles with clang-22

The rows are in ladder_rows.py. A line is a variant: time, rate, share of the driver's own copy of 512 MiB in this run,
registers, and whether the output agreed with a reference where there is one and with the first variant elsewhere.
Inputs rotate so that the L2 cache does not serve them.
"""

import argparse
import concurrent.futures
import ctypes
import math
import multiprocessing
from ctypes import byref, c_float, c_int, c_size_t, c_void_p

import numpy as np

from benchmarks import ladder_rows
from tests import gpu_launch

_EVENTS = {
    "event_create": ("hipEventCreateWithFlags", "cuEventCreate"),
    "event_record": ("hipEventRecord", "cuEventRecord"),
    "event_wait": ("hipEventSynchronize", "cuEventSynchronize"),
    "event_time": ("hipEventElapsedTime", "cuEventElapsedTime"),
    "copy": ("hipMemcpyDtoD", "cuMemcpyDtoD_v2"),
    "attribute": ("hipFuncGetAttribute", "cuFuncGetAttribute"),
}
_REGISTERS = 4  # CU_FUNC_ATTRIBUTE_NUM_REGS, and HIP's number for it
_L2_BYTES = 128 << 20  # what one round of inputs has to exceed


class Timer:
    """Launches and times on one device. `gpu`: tests/gpu_launch.py."""

    def __init__(self, gpu):
        self.gpu = gpu
        at = int("cuInit" in gpu.names.values())
        gpu.names = {**gpu.names, **{key: names[at] for key, names in _EVENTS.items()}}
        self.events = [c_void_p(), c_void_p()]
        for event in self.events:
            gpu._call("event_create", byref(event), 0)

    def seconds(self, once, budget):
        """Seconds of one call of once(i): as many calls as fit `budget` seconds, after two to warm up."""
        once(0), once(1)
        self.gpu._call("wait")
        calls = 1
        while True:
            self.gpu._call("event_record", self.events[0], None)
            for i in range(calls):
                once(i)
            self.gpu._call("event_record", self.events[1], None)
            self.gpu._call("event_wait", self.events[1])
            ms = c_float()
            self.gpu._call("event_time", byref(ms), *self.events)
            spent = ms.value / 1e3
            if spent >= budget / 2 or calls >= 4096:
                return spent / calls
            calls = min(4096, max(2 * calls, int(calls * budget / max(spent, 1e-6))))

    def copy_rate(self, size, budget):
        """Bytes a second, read and written, of the driver's copy: the limit that shares refer to."""
        a, b = c_void_p(), c_void_p()
        for p in (a, b):
            self.gpu._call("alloc", byref(p), c_size_t(size))
        spent = self.seconds(lambda i: self.gpu._call("copy", b, a, c_size_t(size)), budget)
        for p in (a, b):
            self.gpu._call("free", p)
        return 2 * size / spent

    def registers(self, function):
        value = c_int(-1)
        try:
            self.gpu._call("attribute", byref(value), _REGISTERS, function)
        except (gpu_launch.GpuError, AttributeError):
            return -1
        return value.value


class Buffers:
    """Some copies of a case's arrays on the device, of which launch i takes number i."""

    def __init__(self, gpu, case, most):
        each = sum(a.nbytes for a in case.arrays.values())
        count = min(most, max(1, math.ceil(_L2_BYTES / each)))
        self.gpu = gpu
        self.sets = [{name: gpu._upload(a) for name, a in case.arrays.items()} for _ in range(count)]

    def arguments(self, arguments, i):
        held = self.sets[i % len(self.sets)]
        values = [held[a] if isinstance(a, str) else _value(a) for a in arguments]
        return values, (c_void_p * len(values))(*(ctypes.addressof(v) for v in values))

    def fill(self, name, array):
        self.gpu._call("upload", self.sets[0][name], array.ctypes.data_as(c_void_p), c_size_t(array.nbytes))

    def read(self, name, like):
        out = np.empty_like(like)
        self.gpu._call("download", out.ctypes.data_as(c_void_p), self.sets[0][name], c_size_t(out.nbytes))
        return out

    def free(self):
        for held in self.sets:
            for p in held.values():
                self.gpu._call("free", p)


def _value(a):
    if a is None:
        return c_void_p()
    return a if isinstance(a, ctypes.Structure) else np.ctypeslib.as_ctypes_type(a.dtype)(a.item())


def _apart(got, want):
    """The largest difference, relative to the largest of `want`; infinite where `got` was not written."""
    got, want = got.astype(np.float32), want.astype(np.float32)
    if not np.isfinite(got).all():
        return math.inf
    return float(np.abs(got - want).max() / max(np.abs(want).max(), 1e-30))


def difference(case, got, first):
    """How far the output is from the reference, which may end early, and from that of the first variant."""
    start = got.ravel()[: case.reference.size]
    error = _apart(start, case.reference.ravel())
    return max(error, _apart(got, first))


def run_case(timer, case, budget, most_sets):
    """Yields (variant, seconds or None, registers, error) of each variant of a case."""
    gpu, buffers = timer.gpu, Buffers(timer.gpu, case, most_sets)
    out = case.arrays["out"]
    empty = np.full_like(out, 77 if out.dtype.kind in "iu" else np.nan)
    first = None
    try:
        for v in case.variants:
            buffers.fill("out", empty)
            function = gpu._function(case.file, case.entry, tuple(sorted(v.defines.items())))
            ready = [buffers.arguments(v.arguments, i) for i in range(len(buffers.sets))]
            lds = gpu.allow_lds(function, v.lds)
            sizes = [c_int(n) for n in (*v.grid, v.threads, 1, 1, lds)]

            def once(i, function=function, ready=ready, sizes=sizes):
                gpu._call("launch", function, *sizes, None, ready[i % len(ready)][1], None)

            once(0)
            gpu._call("wait")
            got = buffers.read("out", empty)
            first = got if first is None else first
            error = difference(case, got, first)
            spent = timer.seconds(once, budget) if budget else None
            yield v, spent, timer.registers(function), error
    finally:
        buffers.free()


def compile_all(gpu, cases, jobs):
    """Compiles every variant in processes beside each other; those that do not compile fail again, by name, later."""
    wanted = {(case.file, tuple(sorted(v.defines.items()))) for case in cases for v in case.variants}
    with concurrent.futures.ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        coming = {key: pool.submit(gpu.compile, key[0], dict(key[1])) for key in wanted}
        for key, future in coming.items():
            if future.exception() is None:
                gpu.compiled[key] = future.result()


def _rate(case, seconds, limit):
    if case.flops:
        return f"{case.flops / seconds / 1e12:7.1f} TFLOP/s"
    return f"{case.bytes / seconds / 1e9:7.0f} GB/s {100 * case.bytes / seconds / limit:5.1f} %"


def device(options):
    if options.hip:
        return gpu_launch.hip_gpu(options.hip, options.arch)
    return gpu_launch.cuda_gpu()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", default=",".join(ladder_rows.FAMILIES), help="comma-separated")
    parser.add_argument("--seconds-per-variant", type=float, default=0.05)
    parser.add_argument("--tiny", action="store_true", help="small arrays and no timing: the emulator")
    parser.add_argument("--first", action="store_true", help="only the first variant of each case")
    parser.add_argument("--hip", help="a HIP library to use instead of CUDA")
    parser.add_argument("--arch", default="gfx942", help="architecture of the HIP device")
    parser.add_argument("--jobs", type=int, default=1, help="kernels compiled beside each other")
    options = parser.parse_args()
    timer = Timer(device(options))
    budget = 0 if options.tiny else options.seconds_per_variant
    limit = 0 if options.tiny else timer.copy_rate(512 << 20, 0.1)
    print(f"driver's copy: {limit / 1e9:.0f} GB/s read and written", flush=True)
    wrong = 0
    for family in options.family.split(","):
        cases = list(ladder_rows.FAMILIES[family](timer.gpu.wave, options.tiny))
        for case in cases:
            case.variants = case.variants[: 1 if options.first else None]
        if options.jobs > 1:
            compile_all(timer.gpu, cases, options.jobs)
        for case in cases:
            print(case.name)
            try:
                for v, spent, registers, error in run_case(timer, case, budget, 1 if options.tiny else 8):
                    good = error <= case.tolerance
                    wrong += not good
                    time, rate = (f"{spent * 1e6:9.2f} us", _rate(case, spent, limit)) if spent else ("", "")
                    verdict = "ok" if good else f"WRONG by {error:.3g}"
                    print(f"  {v.name:44s} {time} {rate} {registers:4d} registers  {verdict}", flush=True)
            except gpu_launch.GpuError as error:
                print(f"  stopped: {error}", flush=True)
                wrong += 1
    return wrong


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))
