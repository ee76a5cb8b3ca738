"""Times the cases on one implementation: the worker that compare.py drives, and a program of its own.

    python benchmarks/worker.py --impl mlx_rocm --only 'mm\\.|lin\\.' -v
    python benchmarks/worker.py --list

--impl: torch, numpy, or any importable package with MLX's API. --only and --skip are regular expressions on
case names. Tiers: 1 quick, 2 normal, 3 large. One JSON object is printed; a case has the seconds per call
(med, min, p90), the cores it kept busy, gflops or gbps where the case states its work, and a signature of its
result.
"""

import argparse
import gc
import json
import os
import re
import statistics
import sys
import time

import cases  # noqa: F401 - registers them
import numpy as np
from backends import CASES, MLX, SKIP, Numpy, Torch

SAMPLE = 0.002  # seconds that one timed sample should last at least


def leaves(value):
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        yield from leaves(list(value.values()))
    else:
        yield value


def signature(backend, output, canon):
    """A few numbers that two implementations share if their results agree: weighted means and rms values."""
    numbers = []
    for leaf in leaves(output):
        if isinstance(leaf, (int, float, bool)):
            numbers.append(float(leaf))
            continue
        values = np.ascontiguousarray(backend.tonp(canon(leaf) if canon else leaf)).reshape(-1)
        if values.size > 200000:
            values = values[:: values.size // 200000 + 1]
        if np.iscomplexobj(values):
            values = np.concatenate([values.real, values.imag])
        values = values.astype(np.float64)
        weights = 1.0 + 0.5 * np.sin(np.arange(values.size) * 0.7)
        numbers += [float(np.mean(values * weights)), float(np.sqrt(np.mean(values * values)))]
    return numbers[:8]


def seconds(call, repeats=1):
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def sample(call, budget, slow):
    """(seconds of each sample, calls in a sample, cores busy) for a call that may take 1 us or 10 s."""
    estimate = max(seconds(call), 1e-7)
    if estimate > slow:
        return [estimate], 1, None
    estimate = max(seconds(call, max(3, min(1000, int(0.01 / estimate)))), 1e-9)
    inner = max(1, int(SAMPLE / estimate))
    count = int(min(200, max(3, budget / (estimate * inner))))
    wall, cpu = time.perf_counter(), time.process_time()
    times = [seconds(call, inner) for _ in range(count)]
    cores = (time.process_time() - cpu) / max(1e-9, time.perf_counter() - wall)
    return times, inner, round(cores, 2)


def sample_once(timed, first):
    """For cases whose first run is what counts, or that return their own time."""
    times = [first] if timed.once is True else []
    for _ in range(4):
        start = time.perf_counter()
        value = timed.run()
        times.append(value if timed.once == "value" else time.perf_counter() - start)
    return times, 1, None


def run_case(backend, name, budget, slow):
    case = CASES[name]
    result = {"group": case.group, "tier": case.tier}
    try:
        timed = case.build(backend)
        if timed is SKIP:
            return {**result, "skip": True}
        start = time.perf_counter()
        output = timed.run()
        result["first"] = time.perf_counter() - start
        if timed.sig:
            result["sig"] = signature(backend, output, timed.canon)
        del output
        once = timed.once
        times, inner, cores = sample_once(timed, result["first"]) if once else sample(timed.run, budget, slow)
    except Exception as error:  # noqa: BLE001 - a missing function is a result, not a crash
        return {**result, "error": f"{type(error).__name__}: {error}"[:300]}
    times = sorted(t / timed.div for t in times)
    median = statistics.median(times)
    p90 = times[min(len(times) - 1, int(len(times) * 0.9))]
    result.update(med=median, min=times[0], p90=p90, reps=len(times), inner=inner, cores=cores)
    if timed.flops:
        result.update(flops=timed.flops, gflops=timed.flops / median / 1e9)
    if timed.nbytes:
        result.update(nbytes=timed.nbytes, gbps=timed.nbytes / median / 1e9)
    return result


def make_backend(name):
    backend = {"torch": Torch, "numpy": Numpy}.get(name, MLX)(name)
    backend.modname = name
    return backend


def add_selection(parser):
    parser.add_argument("--tier", type=int, default=2, help="largest tier (default 2)")
    parser.add_argument("--min-tier", type=int, default=1)
    parser.add_argument("--only", help="regular expression on case names")
    parser.add_argument("--skip", help="regular expression on case names")
    parser.add_argument("--group", help="op families, comma separated")
    parser.add_argument("--threads", type=int)


def select(options):
    """The names of the chosen cases."""
    groups = options.group.split(",") if options.group else None
    return [
        name
        for name, case in CASES.items()
        if options.min_tier <= case.tier <= options.tier
        and (not options.only or re.search(options.only, name))
        and not (options.skip and re.search(options.skip, name))
        and (groups is None or case.group in groups)
    ]


def serve(backend, options):
    """One JSON request per line on standard input, one answer per line."""
    for line in sys.stdin:
        request = json.loads(line)
        budget, slow = request.get("budget", options.budget), request.get("slow", options.slow)
        result = run_case(backend, request["case"], budget, slow)
        gc.collect()
        print(json.dumps({"case": request["case"], "res": result}), flush=True)


def describe(result):
    if "med" not in result:
        return result.get("error", "skipped")
    rate = f"{result['gflops']:9.1f} GFLOP/s" if "gflops" in result else f"{result.get('gbps', 0):9.2f} GB/s"
    return f"{result['med'] * 1e6:12.2f} us {rate}  cores {result['cores']}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--impl", default="mlx_rocm")
    add_selection(parser)
    parser.add_argument("--budget", type=float, default=0.3, help="seconds of timed calls per case")
    parser.add_argument("--slow", type=float, default=2.0, help="a call longer than this is timed once")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--serve", action="store_true", help="answer requests on standard input")
    parser.add_argument("-v", action="store_true", help="show each case as it finishes")
    options = parser.parse_args()
    if options.list:
        for name in select(options):
            print(CASES[name].tier, CASES[name].group, name)
        return
    if options.threads:
        os.environ.update({k: str(options.threads) for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")})
    backend = make_backend(options.impl)
    if options.threads and backend.kind == "torch":
        backend.torch.set_num_threads(options.threads)
    python = sys.version.split()[0]
    meta = {"impl": options.impl, "version": backend.version, "python": python, "ncpu": os.cpu_count()}
    if options.serve:
        print(json.dumps({"ready": meta}), flush=True)
        serve(backend, options)
        return
    results = {}
    for name in select(options):
        results[name] = run_case(backend, name, options.budget, options.slow)
        gc.collect()
        if options.v:
            print(f"{name:44s} {describe(results[name])}", file=sys.stderr, flush=True)
    json.dump({"meta": meta, "cases": results}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
