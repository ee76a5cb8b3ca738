"""Every row with its inputs in every memory layout, and with mixed layouts for several inputs."""

import pytest
from case import FLOATS, INTS, RTOL, Case, arg_dtypes, assert_matches, draw_inputs, leaves, reference
from layouts import LAYOUTS, values_in
from op_table import CASES
from running import pick_device

NAMES = tuple(LAYOUTS)


def allowed(c: Case) -> tuple[str, ...]:
    return NAMES if c.layouts is None else tuple(n for n in c.layouts if n in LAYOUTS)


LAID_OUT = [pytest.param(c, id=c.id) for c in CASES if c.args and allowed(c)]


def check(mx, c: Case, dtype: str, names: list[str]) -> None:
    # an index or mask array keeps its values in a broadcast only if rows may repeat: rows that may not
    # leave "broadcast" out
    inputs = [values_in(n, a) for n, a in zip(names, draw_inputs(c, dtype), strict=True)]
    arrays = [LAYOUTS[n](mx, a, d) for n, a, d in zip(names, inputs, arg_dtypes(c, dtype), strict=True)]
    out = c.call(mx, *arrays)
    if c.check:
        got = leaves(out)
        mx.eval(got)
        c.check(mx, got, inputs, RTOL.get(dtype, 0.0) * c.tol)
    else:
        assert_matches(mx, c, dtype, out, reference(c, inputs), f"{c.id} {dtype} {names}")


@pytest.mark.parametrize("c", LAID_OUT)
def test_layouts(mx, c):
    ok = allowed(c)
    wanted = [d for d in FLOATS[:2] + INTS[:1] + ("int32", "complex64", "bool") if d in c.dtypes][:2] or [
        c.dtypes[0]
    ]
    with pick_device(mx, c):
        for dtype in wanted:
            for i, name in enumerate(ok):
                check(mx, c, dtype, [name] * len(c.args))
                if len(c.args) > 1:
                    check(mx, c, dtype, [ok[(i + k) % len(ok)] for k in range(len(c.args))])
