"""Peak memory of the same programs on mlx_rocm and on a peer, each in a process of its own.

    python benchmarks/memory.py --peer mlx@/path/to/python                 # the default devices
    python benchmarks/memory.py --peer mlx@/path/to/python --device cpu

A line is a program: the peak of both in MiB, above what was held before it ran, and their ratio (below 1: mlx_rocm needs
less).
"""

import argparse
import importlib
import json
import subprocess
import sys

MIB = 1 << 20


def training_step(mx, nn, optim):
    """Two transformer blocks of width 512, 4 x 256 tokens, AdamW."""
    model = nn.TransformerEncoder(2, 512, 8, mlp_dims=2048)
    mx.eval(model.parameters())
    optimizer = optim.AdamW(1e-3)
    x = mx.random.normal((4, 256, 512))
    loss = lambda m, x: (m(x, None) ** 2).mean()
    step = nn.value_and_grad(model, loss)

    def run():
        value, grads = step(model, x)
        optimizer.update(model, grads)
        mx.eval(value, model.parameters(), optimizer.state)

    return run


def attention_block(mx, nn, optim):
    """Attention and a gated MLP, 2048 tokens of width 1024."""
    small = lambda *shape: mx.random.normal(shape) * 0.03
    x, qkv, out = small(1, 2048, 1024), small(3072, 1024), small(1024, 1024)
    gate, up, down = small(4096, 1024), small(4096, 1024), small(1024, 4096)
    mx.eval(x, qkv, out, gate, up, down)

    def run():
        heads = (x @ qkv.T).reshape(1, 2048, 3, 16, 64).transpose(2, 0, 3, 1, 4)
        y = mx.fast.scaled_dot_product_attention(heads[0], heads[1], heads[2], scale=0.125, mask="causal")
        y = x + y.transpose(0, 2, 1, 3).reshape(1, 2048, 1024) @ out.T
        g = y @ gate.T
        mx.eval(y + (g * mx.sigmoid(g) * (y @ up.T)) @ down.T)

    return run


def quantized_layers(mx, nn, optim):
    """Eight 4-bit layers of width 2048, 256 tokens."""
    layers = [
        mx.quantize(mx.random.normal((2048, 2048)).astype(mx.bfloat16), group_size=64, bits=4)
        for _ in range(8)
    ]
    x = mx.random.normal((256, 2048)).astype(mx.bfloat16)
    mx.eval(layers, x)

    def run():
        y = x
        for w, scales, biases in layers:
            y = mx.quantized_matmul(y, w, scales, biases, group_size=64, bits=4)
            y = y / (1 + mx.abs(y).max())
        mx.eval(y)

    return run


def reductions(mx, nn, optim):
    """Elementwise chains, softmax, sort and a sum over 32 MiB."""
    x = mx.random.normal((2048, 4096))
    mx.eval(x)

    def run():
        y = mx.softmax(mx.exp(x * 0.5) - x, axis=-1)
        mx.eval(mx.sort(y, axis=0).sum(axis=1), y.T + 1)

    return run


PROGRAMS = (training_step, attention_block, quantized_layers, reductions)


def measure(package: str, device: str) -> None:
    mx = importlib.import_module(f"{package}.core")
    if device:
        mx.set_default_device(getattr(mx, device))
    nn, optim = (importlib.import_module(f"{package}.{name}") for name in ("nn", "optimizers"))
    for program in PROGRAMS:
        mx.random.seed(0)
        run = program(mx, nn, optim)
        run()  # buffers of a first run may be kept
        mx.synchronize()
        held = mx.get_active_memory()
        mx.reset_peak_memory()
        run()
        mx.synchronize()
        print(json.dumps([program.__name__, mx.get_peak_memory() - held]), flush=True)


def of(implementation: str, device: str) -> dict[str, int]:
    package, _, python = implementation.partition("@")
    command = [python or sys.executable, __file__, "--measure", package, "--device", device]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(line) for line in done.stdout.splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default="mlx")
    parser.add_argument("--device", default="", help="cpu or gpu (default: the package's own)")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        return measure(arguments.measure, arguments.device)
    ours, theirs = of("mlx_rocm", arguments.device), of(arguments.peer, arguments.device)
    print(f"{'program':20} {'mlx_rocm':>10} {arguments.peer.partition('@')[0]:>10}   ratio")
    for name, peak in ours.items():
        print(f"{name:20} {peak / MIB:10.1f} {theirs[name] / MIB:10.1f}   x {peak / theirs[name]:.2f}")


if __name__ == "__main__":
    main()
