"""Every row of the op table, in every dtype it supports, against its reference in double precision."""

import pytest
from case import (
    FLOATS,
    INTS,
    RTOL,
    Case,
    assert_matches,
    draw_inputs,
    dtype_name,
    expected_dtype,
    leaves,
    mx_inputs,
    reference,
)
from op_table import CASES
from running import pick_device, skip_dtype

PAIRS = [pytest.param(c, d, id=f"{c.id}-{d}") for c in CASES for d in c.dtypes]
SHAPES = [(), (1,), (7,), (0,), (3, 0, 2), (1, 1, 1), (5, 1), (33, 17)]
FREE = [pytest.param(c, id=c.id) for c in CASES if c.free_shape]


def check_values(mx, c: Case, dtype: str, shape=None, salt: int = 0) -> None:
    inputs = draw_inputs(c, dtype, salt, shape)
    out = c.call(mx, *mx_inputs(mx, c, dtype, inputs))
    got = leaves(out)
    want_dtype = expected_dtype(c, dtype)
    if want_dtype and isinstance(got[0], mx.array):
        assert dtype_name(mx, got[0]) == want_dtype
    if c.check:
        mx.eval(got)
        c.check(mx, got, inputs, RTOL.get(dtype, 0.0) * c.tol)
        return
    assert_matches(mx, c, dtype, out, reference(c, inputs), f"{c.id} {dtype} {shape or ''}")


@pytest.mark.parametrize("c, dtype", PAIRS)
def test_value(mx, device_name, c, dtype):
    skip_dtype(dtype, device_name)
    with pick_device(mx, c):
        check_values(mx, c, dtype)


@pytest.mark.parametrize("c", FREE)
def test_shapes(mx, device_name, c):
    """Elementwise ops: scalars, empty arrays, single elements, sizes that are no multiple of a vector."""
    dtype = next((d for d in FLOATS + INTS + ("bool",) if d in c.dtypes), c.dtypes[0])
    for shape in SHAPES:
        check_values(mx, c, dtype, shape)
