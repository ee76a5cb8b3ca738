"""The op table: every public op of mlx_rocm.core with its reference. One row per op and variant; the rows
live in `cases/`,
one file per op family, and are used by all `test_op_*.py` drivers."""

from __future__ import annotations

import importlib
import os
import pkgutil

import cases
from case import Case

DEVICE = os.environ.get("MLX_ROCM_TEST_DEVICE", "cpu")


def load() -> list[Case]:
    found = []
    for module in sorted(m.name for m in pkgutil.iter_modules(cases.__path__)):
        found += importlib.import_module(f"cases.{module}").rows()
    seen: set[str] = set()
    for c in found:
        assert c.id not in seen, f"two cases are called {c.id}"
        seen.add(c.id)
    return found


CASES = load()


def select(predicate=lambda c: True) -> list[Case]:
    return [c for c in CASES if predicate(c)]
