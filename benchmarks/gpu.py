"""Large cases on a GPU, each as a share of a limit measured in the same run, and beside a peer.

    python benchmarks/gpu.py                                   # mlx_rocm alone: shares of copy bandwidth
    python benchmarks/gpu.py --peer mlx@/path/to/python        # and MLX's own CUDA build, in its own interpreter
    python benchmarks/gpu.py --only 'softmax|norm' --rounds 5 --json out.json

Bandwidth-bound cases state the bytes they must move and are compared with the copy of an array of about the same
size; products state operations and are compared with the largest matrix product of the run. Implementations take
turns case by case; a figure is the median over the rounds. Inputs rotate where they would fit the L2 cache.
"""

import argparse
import importlib
import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

GB, TERA = 1e9, 1e12


@dataclass
class Work:
    """What a case's build returns: run(i) builds the i-th output; `bytes` or `flops` of one of them."""

    run: object
    calls: int  # that are evaluated together
    bytes: float = 0
    flops: float = 0


CASES = {}


def case(name):
    def keep(build):
        CASES[name] = build
        return build

    return keep


def normal(mx, *shape, dtype=None):
    x = mx.random.normal(shape).astype(dtype or mx.bfloat16)
    mx.eval(x)
    return x


def copies(mx, size, calls):
    """Two long rows without the gap between them: the limit of everything that moves as many bytes."""
    x = normal(mx, 2, size // 2 + 64)[:, : size // 2]
    return Work(lambda i: mx.contiguous(x), calls, bytes=4 * size)


@case("copy of 512 MiB")
def _(mx):
    return copies(mx, 1 << 28, 8)


@case("copy of 128 MiB")
def _(mx):
    return copies(mx, 1 << 26, 16)


@case("add f32 256Mi")
def _(mx):
    a, b = (normal(mx, 1 << 28, dtype=mx.float32) for _ in range(2))
    return Work(lambda i: a + b, 4, bytes=12 * a.size)


@case("compiled swiglu bf16 64Mi")
def _(mx):
    a, b = normal(mx, 1 << 26), normal(mx, 1 << 26)
    f = mx.compile(lambda x, y: x * mx.sigmoid(x) * y)
    return Work(lambda i: f(a, b), 8, bytes=6 * a.size)


@case("transposed copy bf16 8192 x 8192")
def _(mx):
    a = normal(mx, 8192, 8192)
    return Work(lambda i: mx.contiguous(a.T), 8, bytes=4 * a.size)


@case("softmax bf16 16384 x 4096")
def _(mx):
    a = normal(mx, 16384, 4096)
    return Work(lambda i: mx.softmax(a, axis=-1), 16, bytes=4 * a.size)


@case("rms_norm bf16 16384 x 4096")
def _(mx):
    a, w = normal(mx, 16384, 4096), normal(mx, 4096)
    return Work(lambda i: mx.fast.rms_norm(a, w, 1e-5), 16, bytes=4 * a.size)


@case("layer_norm bf16 16384 x 4096")
def _(mx):
    a, w, b = normal(mx, 16384, 4096), normal(mx, 4096), normal(mx, 4096)
    return Work(lambda i: mx.fast.layer_norm(a, w, b, 1e-5), 16, bytes=4 * a.size)


@case("rope bf16 4 x 32 x 4096 x 128")
def _(mx):
    a = normal(mx, 4, 32, 4096, 128)
    rope = {"traditional": False, "base": 10000.0, "scale": 1.0, "offset": 7}
    return Work(lambda i: mx.fast.rope(a, 128, **rope), 8, bytes=4 * a.size)


@case("sum of rows bf16 16384 x 16384")
def _(mx):
    a = normal(mx, 16384, 16384)
    return Work(lambda i: a.sum(axis=-1), 8, bytes=2 * a.size)


@case("sum of columns bf16 16384 x 16384")
def _(mx):
    a = normal(mx, 16384, 16384)
    return Work(lambda i: a.sum(axis=0), 8, bytes=2 * a.size)


@case("sort f32 4096 x 4096")
def _(mx):
    a = normal(mx, 4096, 4096, dtype=mx.float32)
    return Work(lambda i: mx.sort(a, axis=-1), 4, bytes=8 * a.size)


@case("cumsum f32 4096 x 16384")
def _(mx):
    a = normal(mx, 4096, 16384, dtype=mx.float32)
    return Work(lambda i: mx.cumsum(a, axis=-1), 4, bytes=8 * a.size)


@case("embedding rows bf16, 65536 of 4096")
def _(mx):
    table = normal(mx, 32000, 4096)
    index = mx.random.randint(0, 32000, (65536,))
    mx.eval(index)
    return Work(lambda i: table[index], 4, bytes=4 * 65536 * 4096)


@case("matmul bf16 8192^3")
def _(mx):
    a, b = normal(mx, 8192, 8192), normal(mx, 8192, 8192)
    return Work(lambda i: a @ b, 8, flops=2 * 8192**3)


@case("matmul bf16 4096^3")
def _(mx):
    a, b = normal(mx, 4096, 4096), normal(mx, 4096, 4096)
    return Work(lambda i: a @ b, 8, flops=2 * 4096**3)


@case("gemv bf16 4096 -> 14336")
def _(mx):
    x, w = normal(mx, 1, 4096), [normal(mx, 14336, 4096) for _ in range(4)]
    return Work(lambda i: x @ w[i % 4].T, 64, bytes=2 * 4096 * 14336)


def quantised(mx, rows, bits):
    weights = [mx.quantize(normal(mx, 14336, 4096), group_size=64, bits=bits) for _ in range(8)]
    x = normal(mx, rows, 4096)
    mx.eval(weights)

    def run(i):
        return mx.quantized_matmul(x, *weights[i % 8], transpose=True, group_size=64, bits=bits)

    moved = 4096 * 14336 * (bits / 8 + 4 / 64)
    if rows <= 16:
        return Work(run, 64, bytes=moved)
    return Work(run, 8, flops=2 * rows * 4096 * 14336)


for _bits, _rows in ((4, 1), (8, 1), (4, 4), (4, 16), (4, 512), (4, 2048)):
    CASES[f"quantized_matmul {_bits} bits, {_rows} rows, 4096 -> 14336"] = lambda mx, rows=_rows, bits=_bits: (
        quantised(mx, rows, bits)
    )


def experts(mx, tokens):
    weights = mx.quantize(normal(mx, 128, 768, 2048), group_size=64, bits=4)
    x = normal(mx, tokens * 8, 1, 2048)
    index = [mx.sort(mx.random.randint(0, 128, (tokens * 8,))).astype(mx.uint32) for _ in range(4)]
    mx.eval(weights, index)
    options = {"transpose": True, "group_size": 64, "bits": 4, "sorted_indices": True}
    calls = 64 if tokens <= 8 else 8
    return Work(
        lambda i: mx.gather_qmm(x, *weights, rhs_indices=index[i % 4], **options),
        calls,
        flops=2 * tokens * 8 * 2048 * 768,
    )


for _tokens in (1, 8, 512):
    CASES[f"gather_qmm 4 bits, 8 of 128 experts, {_tokens} tokens"] = lambda mx, t=_tokens: experts(mx, t)


def decode(mx, length):
    q = normal(mx, 1, 32, 1, 128)
    kv = [(normal(mx, 1, 8, length, 128), normal(mx, 1, 8, length, 128)) for _ in range(4)]
    attend = mx.fast.scaled_dot_product_attention
    return Work(lambda i: attend(q, *kv[i % 4], scale=0.088), 64, bytes=4 * 8 * length * 128)


for _length in (1024, 16384):
    CASES[f"attention, 1 query, {_length} keys, 32 heads on 8"] = lambda mx, n=_length: decode(mx, n)


@case("attention, 4096 causal, 32 heads of 128")
def _(mx):
    q, k, v = (normal(mx, 1, 32, 4096, 128) for _ in range(3))
    attend = mx.fast.scaled_dot_product_attention
    return Work(lambda i: attend(q, k, v, scale=0.088, mask="causal"), 4, flops=2 * 32 * 4096**2 * 128)


@case("1000 tiny adds, an op")
def _(mx):
    a = normal(mx, 16, dtype=mx.float32)

    def chain(i):
        y = a
        for _ in range(1000):
            y = y + a
        return y

    return Work(chain, 1)


def measure(mx, build, rounds):
    """Median seconds of one call."""
    work = build(mx)
    samples = []
    for round_ in range(rounds + 2):  # the first two warm up
        mx.synchronize()
        start = time.perf_counter()
        mx.eval([work.run(i) for i in range(work.calls)])
        mx.synchronize()
        if round_ > 1:
            samples.append((time.perf_counter() - start) / work.calls)
    return statistics.median(samples), work


def serve(impl):
    """The worker: a line names a case, a line answers."""
    mx = importlib.import_module(f"{impl}.core")
    mx.set_default_device(mx.gpu)
    print("ready", flush=True)
    for line in sys.stdin:
        name, rounds = json.loads(line)
        try:
            seconds, work = measure(mx, CASES[name], rounds)
            reply = {"seconds": seconds, "bytes": work.bytes, "flops": work.flops}
        except Exception as error:  # noqa: BLE001 - a case may fail, the others go on
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        mx.clear_cache()
        print(json.dumps(reply), flush=True)


class Worker:
    def __init__(self, spec):
        impl, _, python = spec.partition("@")
        command = [python or sys.executable, __file__, "--serve", impl]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{spec}: the worker did not start")

    def ask(self, name, rounds):
        self.process.stdin.write(json.dumps([name, rounds]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline() or '{"error": "the worker ended"}')


def figure(reply):
    if reply["bytes"]:
        return f"{reply['bytes'] / reply['seconds'] / GB:8.0f} GB/s"
    if reply["flops"]:
        return f"{reply['flops'] / reply['seconds'] / TERA:8.1f} TF/s"
    return f"{reply['seconds'] * 1e9:8.0f} ns  "


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--impl", default="mlx_rocm", help="package[@python]")
    parser.add_argument("--peer", help="package[@python] to measure beside it")
    parser.add_argument("--only", default="", help="regular expression on case names")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", help="write all figures here")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve)
    ours, peer = Worker(options.impl), Worker(options.peer) if options.peer else None
    names = [n for n in CASES if n.startswith("copy") or re.search(options.only, n)]
    if re.search(options.only, "matmul bf16 8192^3"):
        names.sort(key=lambda n: not n.startswith(("copy", "matmul bf16 8192")))  # the limits first
    copy = product = 0.0
    rows = []
    for name in names:
        mine = ours.ask(name, options.rounds)
        other = peer.ask(name, options.rounds) if peer else None
        rows.append({"case": name, "ours": mine, "peer": other})
        if "error" in mine:
            print(f"{name:48s} {mine['error']}", flush=True)
            continue
        rate = (mine["bytes"] or mine["flops"]) / mine["seconds"]
        if name.startswith("copy"):
            copy = max(copy, rate)
        if mine["flops"]:
            product = max(product, rate)
        limit = copy if mine["bytes"] else product
        share = f"{100 * rate / limit:4.0f} % of {'copy' if mine['bytes'] else 'product'}" if rate else ""
        against = ""
        if other:
            against = (
                other.get("error") or f"x {other['seconds'] / mine['seconds']:.2f} of peer's {figure(other)}"
            )
        print(f"{name:48s} {figure(mine)} {share:18s} {against}", flush=True)
    if options.json:
        with open(options.json, "w") as out:
            json.dump(rows, out, indent=1)
    return None


if __name__ == "__main__":
    main()
