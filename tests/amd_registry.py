"""Every kernel variant that is compiled for every AMD target, with what its machine code must and must not have.

A new kernel is a new `Row` in its family's module in amd_rows/. test_amd_compile.py asserts the rows, amd_report.py
prints them.
"""

from tests.amd_row import PROHIBITIONS, REQUIREMENTS, Row, Use, by_arch, measure
from tests.amd_rows import (
    attention,
    conv,
    elementwise,
    examples,
    fft,
    indexing,
    matmul,
    quantized,
    reduce,
    sort,
)
from tests.amdtools import ROOT

__all__ = ["KERNELS", "PROHIBITIONS", "REQUIREMENTS", "Row", "Use", "by_arch", "measure", "unregistered"]

KERNELS: tuple[Row, ...] = (
    *attention.ROWS,
    *conv.ROWS,
    *elementwise.ROWS,
    *examples.ROWS,
    *fft.ROWS,
    *indexing.ROWS,
    *matmul.ROWS,
    *quantized.ROWS,
    *reduce.ROWS,
    *sort.ROWS,
)


def unregistered() -> list[str]:
    """Kernel files that no row compiles."""
    files = [*ROOT.glob("kernels/**/*.hip"), *ROOT.glob("tests/amd_kernels/*.hip")]
    known = {row.file for row in KERNELS}
    return sorted(name for name in (str(file.relative_to(ROOT)) for file in files) if name not in known)
