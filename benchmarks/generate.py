"""Prompt and generation speed of mlx-lm on random models, for each implementation of MLX's API.

    python benchmarks/generate.py                                # MLX's CPU build, then mlx_rocm: 0.5b in 4 bits
    python benchmarks/generate.py --impl mlx_rocm --size 1b --bits 16 --device gpu --prompt 2048 --tokens 256

Each implementation runs in a process of its own, round by round in turn. Only the shape of the model is real.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

LLAMA = {
    "model_type": "llama",
    "rms_norm_eps": 1e-5,
    "rope_theta": 5e5,
    "tie_word_embeddings": False,
    "head_dim": 64,
}
SHAPES = {
    "tiny": (64, 2, 128, 2, 1, 1000),
    "0.5b": (896, 24, 4864, 14, 2, 32000),
    "1b": (2048, 16, 8192, 32, 8, 128256),
}
NAMES = (
    "hidden_size",
    "num_hidden_layers",
    "intermediate_size",
    "num_attention_heads",
    "num_key_value_heads",
    "vocab_size",
)


def build_model(options, mx, nn):
    from mlx_lm.models import llama

    config = {**LLAMA, **dict(zip(NAMES, SHAPES[options.size], strict=True))}
    model = llama.Model(llama.ModelArgs.from_dict(config))
    model.set_dtype(getattr(mx, options.dtype))
    if options.bits < 16:
        nn.quantize(model, group_size=64, bits=options.bits)
    mx.eval(model.parameters())
    return model, config["vocab_size"]


def work(options):
    """The process of one implementation: a line of results for every line on standard input."""
    if options.worker == "mlx_rocm":
        import mlx_rocm.alias  # noqa: F401 - from here on `mlx` is mlx_rocm
    import mlx.core as mx
    from mlx import nn
    from mlx_lm.generate import generate_step

    mx.set_default_device(getattr(mx, options.device))
    mx.random.seed(0)
    model, vocab_size = build_model(options, mx, nn)
    prompt = mx.random.randint(0, vocab_size, (options.prompt,))
    for _ in sys.stdin:
        mx.reset_peak_memory()
        start, first, count = time.perf_counter(), None, 0
        for _ in generate_step(prompt, model, max_tokens=options.tokens):
            count += 1
            first = first or time.perf_counter()
        end = time.perf_counter()
        row = {
            "prompt_tps": options.prompt / (first - start),
            "generation_tps": (count - 1) / (end - first),
            "peak_GB": mx.get_peak_memory() / 1e9,
        }
        print(json.dumps(row), flush=True)


def start(name, arguments):
    implementation, _, python = name.partition("@")
    command = [python or sys.executable, __file__, *arguments, "--worker", implementation]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(process):
    process.stdin.write("\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise SystemExit("a worker ended early")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--impl", nargs="+", default=["mlx", "mlx_rocm"], help="NAME or NAME@PYTHON")
    parser.add_argument("--size", choices=SHAPES, default="0.5b")
    parser.add_argument("--bits", type=int, default=4, help="16: not quantised")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--prompt", type=int, default=64, help="tokens of the prompt")
    parser.add_argument("--tokens", type=int, default=16, help="tokens to generate")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options)
        return
    processes = {name: start(name, sys.argv[1:]) for name in options.impl}
    rows = {name: [] for name in options.impl}
    for number in range(options.rounds):
        for name, process in processes.items():
            rows[name].append(ask(process))
            print(f"round {number + 1}  {name:10s} {json.dumps(rows[name][-1])}", flush=True)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    medians = {n: {k: statistics.median(r[k] for r in found) for k in found[0]} for n, found in rows.items()}
    base = medians[options.impl[0]]
    for name, found in medians.items():
        cells = [f"{key} {value:.2f} (x{value / base[key]:.2f})" for key, value in found.items()]
        print(f"{name:10s} {'   '.join(cells)}")


if __name__ == "__main__":
    main()
