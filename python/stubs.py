"""Writes the type stubs mlx_rocm/core/*.pyi from the built extension: ``python python/stubs.py``.

Run it after a binding has changed; ``tests/test_stubs.py`` says when that was forgotten.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def generate(folder):
    """Writes core/__init__.pyi and a file for each submodule into the folder."""
    from nanobind.stubgen import main

    patterns = str(ROOT / "python" / "stub_patterns.txt")
    main(["-m", "mlx_rocm.core", "-r", "-q", "-p", patterns, "-O", str(folder)])
    for path in Path(folder).glob("core/*.pyi"):
        lines = path.read_text().split("\n")
        path.write_text("\n".join(line.rstrip() for line in lines).rstrip() + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    generate(ROOT / "mlx_rocm")
