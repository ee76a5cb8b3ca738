"""What of the suite runs on an emulated GPU in CI: `pytest --device gpu --gpu-quick N [--shard i/n]`.

On a fresh machine nearly all time goes into compiling kernels, a quarter of a second for each op and dtype. So every
case of the op table runs in few dtypes (all of them get their turn, over the cases), in few layouts, and only every
N-th case runs at all. What is chosen depends on names alone: it is the same in every run.
"""

from __future__ import annotations

import zlib

# Tests of the op table: one in this many of the cases that N leaves.
SPARSE = {"test_layouts": 4, "test_compile": 12, "test_shapeless": 40, "test_shapes": 3}
HALVES = ("bfloat16", "float16")


def number(text: str) -> int:
    return zlib.crc32(text.encode())


def quick_dtypes(c) -> set[str]:
    """One dtype that carries the case and one that takes turns, of those that GPUs have."""
    there = [d for d in c.dtypes if d != "float64"]
    if not there:
        return set()
    first = next((d for d in ("float32", "int32", "complex64") if d in there), there[0])
    rest = [d for d in there if d != first]
    halves = [d for d in HALVES if d in rest]
    turn = number(c.id + "dtype")
    # Two cases in three with halves take one of them: that is what models run in.
    pool = halves if halves and turn % 3 else rest
    return {first, *([pool[turn // 3 % len(pool)]] if pool else [])}


def wanted(item, every: int) -> bool:
    function = item.originalname
    parameters = getattr(item, "callspec", None)
    case = parameters.params.get("c") if parameters else None
    if case is None:
        return every == 1 or number(item.name) % every == 0
    if case.cpu_only:
        return False
    if function == "test_value" and parameters.params["dtype"] not in quick_dtypes(case):
        return False
    return number(case.id + function) % (every * SPARSE.get(function, 1)) == 0


def select(items, every: int, shard: str):
    """(kept, left out); shard "i/n" keeps the i-th of n parts."""
    kept = [item for item in items if not every or wanted(item, every)]
    if shard:
        part, parts = (int(x) for x in shard.split("/"))
        # In blocks, since neighbours share kernels.
        kept = kept[len(kept) * part // parts : len(kept) * (part + 1) // parts]
    chosen = set(kept)
    return kept, [item for item in items if item not in chosen]
