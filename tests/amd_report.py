"""What every kernel asks of every AMD target, without a GPU: python -m tests.amd_report [--arch A] [--kernel K].

docs/amd-report.md explains the columns. The exit status is 1 when a kernel breaks its budget.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.amd_registry import KERNELS, Use, measure
from tests.amd_targets import RELATED, TARGETS, target
from tests.amdtools import CompileError, ToolchainMissing

_MATRIX = r"^v_(wmma|swmmac|mfma|smfmac)"
_MEMORY = r"^(global|flat|buffer)_(load|store|atomic)"
_LDS = r"^ds_"

# Heading, width, value.
_COLUMNS = (
    ("vgpr", 5, lambda use: use.kernel.vgprs),
    ("sgpr", 5, lambda use: use.kernel.sgprs),
    ("lds", 7, lambda use: use.kernel.lds),
    ("scratch", 8, lambda use: use.kernel.scratch),
    ("spills", 7, lambda use: use.kernel.vgpr_spills + use.kernel.sgpr_spills),
    ("waves", 6, lambda use: f"{use.waves}/{target(use.arch).max_waves}"),
    ("code", 7, lambda use: use.kernel.code),
    ("instr", 6, lambda use: len(use.instructions)),
    ("matrix", 7, lambda use: use.count(_MATRIX)),
    ("memory", 7, lambda use: use.count(_MEMORY)),
    ("ds", 4, lambda use: use.count(_LDS)),
)


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    rows = [row for row in KERNELS if options.kernel in row.name or options.kernel in row.file]
    if not rows:
        print(f"no kernel has {options.kernel!r} in its name", file=sys.stderr)
        return 2
    broken = 0
    width = max(len(row.name) for row in rows)
    print(" ".join([f"{'kernel':{width}} {'target':8}", *(f"{head:>{size}}" for head, size, _ in _COLUMNS)]))
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = [(row, arch, pool.submit(measure, row, arch)) for row in rows for arch in options.arch]
        for row, arch, job in jobs:
            try:
                use = job.result()
            except ToolchainMissing as error:
                print(error, file=sys.stderr)
                return 2
            except CompileError as error:
                print(f"{row.name:{width}} {arch:8} does not compile\n{error}")
                broken += 1
                continue
            broken += _print(use, width, options.asm)
    return 1 if broken else 0


def _print(use: Use, width: int, asm: bool) -> int:
    cells = (f"{value(use)!s:>{size}}" for _, size, value in _COLUMNS)
    print(" ".join([f"{use.row.name:{width}} {use.arch:8}", *cells]), flush=True)
    faults = use.faults()
    for fault in faults:
        print(f"    FAULT {fault}")
    if asm:
        print("\n".join(f"    {line}" for line in use.instructions))
    return int(bool(faults))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.amd_report", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--arch",
        type=_archs,
        default=list(TARGETS),
        help="gfx1151,gfx942 ... (default: the eight of TARGETS)",
    )
    parser.add_argument("--kernel", default="", help="part of a kernel's name, defines or file")
    parser.add_argument("--asm", action="store_true", help="print the machine code as well")
    parser.add_argument("--jobs", type=int, default=2, help="compilers at a time")
    return parser.parse_args(arguments)


def _archs(text: str) -> list[str]:
    names = text.split(",")
    known = [*TARGETS, *RELATED]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is not one of {', '.join(known)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
