"""Runs the cases on two implementations, interleaved (A B, B A, ...), and prints ratios by op family.

    python benchmarks/compare.py                                  # MLX's CPU build against mlx_rocm
    python benchmarks/compare.py --group quant,matmul --rounds 5
    python benchmarks/compare.py --a torch --b mlx_rocm@/other/venv/bin/python --only softmax --json out.json

Both workers live for the whole run, and the one not measured is stopped, so that spinning threads do not
disturb the other. Per case: the median over the rounds of (A's time / B's time), above 1 where B is faster;
then geometric means by family. Results whose signatures differ by more than --tol are marked DIFF.
"""

import argparse
import json
import math
import os
import select
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import worker as cases

WORKER = Path(__file__).with_name("worker.py")
START_SECONDS = 120


class Worker:
    """A process that times cases on one implementation, stopped while it has nothing to do."""

    def __init__(self, spec, options):
        self.impl, _, python = spec.partition("@")
        self.python, self.options = python or sys.executable, options
        self.start()

    def start(self):
        command = [self.python, str(WORKER), "--impl", self.impl, "--serve"]
        if self.options.threads:
            command += ["--threads", str(self.options.threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        line = self.read(START_SECONDS)
        if line is None:
            raise SystemExit(f"{self.impl}: the worker did not start")
        self.meta = json.loads(line)["ready"]
        os.kill(self.process.pid, signal.SIGSTOP)

    def read(self, timeout):
        """The next JSON line, or None if the process ended or took too long."""
        end = time.monotonic() + timeout
        while select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
            line = self.process.stdout.readline()
            if not line or line.startswith("{"):
                return line or None
        return None

    def run(self, case):
        os.kill(self.process.pid, signal.SIGCONT)
        request = {"case": case, "budget": self.options.budget, "slow": self.options.slow}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.read(self.options.timeout)
        except BrokenPipeError:
            line = None
        if line is None:
            code = self.process.poll()
            self.process.kill()
            self.process.wait()
            self.start()
            return {
                "error": f"over {self.options.timeout} s" if code is None else f"crashed (exit code {code})"
            }
        os.kill(self.process.pid, signal.SIGSTOP)
        return json.loads(line)["res"]

    def stop(self):
        os.kill(self.process.pid, signal.SIGCONT)
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def difference(a, b):
    """Largest relative difference of two signatures (mean, rms, ...); None if they cannot be compared."""
    if not a or not b or len(a) != len(b):
        return None
    largest = 0.0
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        if math.isnan(x) and math.isnan(y):
            continue
        # A weighted mean can be close to zero: it is judged by the rms value that follows it.
        scale = max(abs(x), abs(y)) if i % 2 else abs(a[i + 1]) if i + 1 < len(a) else abs(x)
        largest = max(largest, abs(x - y) / max(scale, 1e-9))
    return largest


def show_time(t):
    for limit, factor, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "us"), (1, 1e3, "ms")):
        if t < limit:
            return f"{t * factor:8.1f} {unit}"
    return f"{t:8.2f} s "


def failure(result):
    return result.get("error") or ("not offered" if result.get("skip") else None)


def measure(name, a, b, options):
    """One case on both workers: a row with the ratio, or with the reason why there is none."""
    of_a, of_b, ratios = [], [], []
    for number in range(options.rounds):
        order = [(a, of_a), (b, of_b)]
        for process, results in order if number % 2 == 0 else reversed(order):
            results.append(process.run(name))
        problems = failure(of_a[-1]), failure(of_b[-1])
        if any(problems):
            return {"problems": problems}
        ratios.append(of_a[-1]["med"] / of_b[-1]["med"])
        if of_a[-1]["med"] + of_b[-1]["med"] > 5:
            break
    return {
        "group": of_a[0]["group"],
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "a": statistics.median(r["med"] for r in of_a),
        "b": statistics.median(r["med"] for r in of_b),
        "difference": difference(of_a[0].get("sig"), of_b[0].get("sig")),
        "work": {k: of_b[0][k] for k in ("flops", "nbytes") if k in of_b[0]},
    }


def show_row(name, row, tolerance):
    if "problems" in row:
        shown = [p or "ok" for p in row["problems"]]
        print(f"{name:40s}  A: {shown[0]}   B: {shown[1]}", flush=True)
        return
    work, rate = row["work"], ""
    if "flops" in work:
        rate = f"{work['flops'] / row['b'] / 1e9:8.1f} GF/s"
    elif "nbytes" in work:
        rate = f"{work['nbytes'] / row['b'] / 1e9:8.1f} GB/s"
    spread = f"[{min(row['ratios']):.2f}..{max(row['ratios']):.2f}]"
    wrong = row["difference"] is not None and row["difference"] > tolerance
    mark = f"  DIFF {row['difference']:.3g}" if wrong else ""
    times = f"{show_time(row['a'])}  {show_time(row['b'])}"
    print(f"{name:40s}  {times}  x{row['ratio']:7.2f} {spread:16s} {rate}{mark}", flush=True)


def show_families(rows):
    families = {}
    for row in rows.values():
        if "ratio" in row:
            families.setdefault(row["group"], []).append(row["ratio"])
    families["all"] = [r for ratios in families.values() for r in ratios]
    print("\n# by op family: geometric mean of A's time / B's time")
    for family, ratios in families.items():
        if ratios:
            mean = math.exp(sum(math.log(r) for r in ratios) / len(ratios))
            slower = sum(r < 1 for r in ratios)
            print(
                f"{family:12s} x{mean:7.2f}   worst x{min(ratios):.2f}   B slower in {slower} of {len(ratios)}"
            )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--a", default="mlx", help="the baseline: NAME or NAME@PYTHON (default mlx)")
    parser.add_argument("--b", default="mlx_rocm", help="NAME or NAME@PYTHON (default mlx_rocm)")
    cases.add_selection(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--budget", type=float, default=0.15, help="seconds of timed calls per case and round"
    )
    parser.add_argument("--slow", type=float, default=1.0, help="a call longer than this is timed once")
    parser.add_argument("--timeout", type=float, default=180, help="seconds until a case is given up")
    parser.add_argument("--tol", type=float, default=0.03, help="difference of results that is marked")
    parser.add_argument("--json", help="write all rows to this file")
    options = parser.parse_args()
    names = cases.select(options)
    a, b = Worker(options.a, options), Worker(options.b, options)
    print(
        f"# A = {a.impl} {a.meta['version']}, B = {b.impl} {b.meta['version']}, {len(names)} cases, "
        f"{options.rounds} rounds; x > 1: B is faster",
        flush=True,
    )
    rows = {}
    for name in names:
        rows[name] = measure(name, a, b, options)
        if rows[name].get("problems") != ("not offered", "not offered"):
            show_row(name, rows[name], options.tol)
    a.stop()
    b.stop()
    show_families(rows)
    if options.json:
        Path(options.json).write_text(json.dumps({"a": a.meta, "b": b.meta, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
