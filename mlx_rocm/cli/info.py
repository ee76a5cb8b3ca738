"""``mlx-rocm info``: what this machine and installation look like, for the user and for bug reports."""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path

from .._alias_hook import API_VERSION
from . import checkpoint

PACKAGES = ("mlx-rocm", "mlx-lm", "transformers", "tokenizers", "huggingface_hub", "numpy")
CPU_FEATURES = ("avx2", "fma", "f16c", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "asimd", "sve")


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cpu_features():
    """The SIMD extensions of the CPU that matter here, as /proc/cpuinfo names them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    flags = next((set(x.split(":")[1].split()) for x in lines if x.startswith(("flags", "Features"))), set())
    return [f for f in CPU_FEATURES if f in flags]


def _folder_bytes(path):
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if path.is_dir() else 0


def _caches():
    home = Path.home()
    base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    hub = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or base / "huggingface") / "hub"
    return {"kernels": base / "mlx_rocm", "models": Path(hub)}


def _devices(mx):
    found = {}
    for kind in (mx.cpu, mx.gpu):
        if mx.is_available(kind):
            found[kind.name] = [
                dict(mx.device_info(mx.Device(kind, i))) for i in range(mx.device_count(kind))
            ]
    return found


def _gpu(mx):
    """The compiler of each architecture, or why there is no GPU."""
    if reason := mx._gpu_missing_reason():
        return {"none": reason}
    archs = {mx.device_info(mx.Device(mx.gpu, i))["architecture"] for i in range(mx.device_count(mx.gpu))}
    return {arch: f"compiled for by {_compiler(mx, arch)}" for arch in sorted(archs)}


def _compiler(mx, arch):
    try:
        return mx._gpu_compiler(arch)
    except RuntimeError as error:
        return str(error)


def _environment():
    """The settings that change what we do. No secrets: this lands in bug reports."""
    shown = [
        k for k in sorted(os.environ) if k.startswith(("MLX_", "HF_")) and "TOKEN" not in k and "KEY" not in k
    ]
    return {k: os.environ[k] for k in shown}


def collect():
    """Everything ``info`` shows, as a dictionary of plain values."""
    import mlx_rocm
    import mlx_rocm.core as mx

    memory = checkpoint.available_memory()
    return {
        "mlx_rocm": {
            "folder": mlx_rocm.__path__[0],
            "MLX version followed": API_VERSION,
            "instruction set": mx.device_info(mx.cpu).get("architecture", "unknown"),
            "default device": mx.default_device().type.name,
        },
        "devices": _devices(mx),
        "GPU": _gpu(mx),
        "machine": {
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "CPU cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "CPU features": " ".join(_cpu_features()),
            "free memory": f"{memory / 1e9:.1f} GB" if memory is not None else "unknown",
        },
        "versions": {"Python": sys.version.split()[0], **{p: _version(p) for p in PACKAGES}},
        "caches": {k: f"{v} ({_folder_bytes(v) / 1e6:.1f} MB)" for k, v in _caches().items()},
        "environment": _environment(),
    }


def _show(value, indent):
    for key, item in value.items():
        if isinstance(item, dict):
            print(f"{indent}{key}")
            _show(item, indent + "  ")
        elif isinstance(item, list):
            for number, entry in enumerate(item):
                print(f"{indent}{key} {number}")
                _show(entry, indent + "  ")
        else:
            size = isinstance(item, int) and item > 1_000_000  # the large numbers here are all bytes
            print(f"{indent}{key:34s}{f'{item / 1e9:.1f} GB' if size else item}")


def main(argv):
    parser = argparse.ArgumentParser(prog="mlx-rocm info", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    facts = collect()
    if options.json:
        print(json.dumps(facts, indent=2, default=str))
    else:
        _show(facts, "")
    return 0
