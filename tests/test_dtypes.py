"""Type rules: promotion of every pair for every binary op, result types of unary ops, weak Python scalars,
casts, constructors.

The expected results in data/dtype_rules.json were read off MLX 0.32.4 (gen_data.py). One letter per dtype;
"!" means refused.
"""

import json
from pathlib import Path

import gen_data as G
import numpy as np
import pytest

RULES = json.loads((Path(__file__).parent / "data" / "dtype_rules.json").read_text())
NAME = {v: k for k, v in RULES["codes"].items()}
MUST_REFUSE = ("negative", "bitwise_invert")  # of the unary ops; others may accept more types than MLX
# MLX returns integers from the softmax of integers (all but useless zeros); float32 is what was meant
DEVIATIONS = {"softmax": "g" * 9 + "efgdz"}


def describe(got: str, want: str) -> str:
    return "; ".join(
        f"{G.DTYPES[i]}: {NAME.get(g, 'refused')}, expected {NAME.get(w, 'refused')}"
        for i, (g, w) in enumerate(zip(got, want, strict=True))
        if g != w
    )


@pytest.fixture(autouse=True)
def cpu(mx):
    """The rules do not depend on the device; float64 exists on the CPU only."""
    with mx.stream(mx.cpu):
        yield


@pytest.mark.parametrize("name", G.BINARY)
def test_binary(mx, name):
    ones = [mx.ones((1, 1), G.dtype_of(mx, d)) for d in G.DTYPES]
    wrong = []
    for i, want in enumerate(RULES["binary"][name]):
        got = "".join(G.result(mx, lambda b=b, i=i: G.apply_binary(mx, name, ones[i], b)) for b in ones)
        if got != want:
            wrong.append(f"{name}({G.DTYPES[i]}, x) for x = {describe(got, want)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", G.UNARY)
def test_unary(mx, name):
    want = RULES["unary"][name]
    got = "".join(
        G.result(mx, lambda d=d: G.op(mx, name)(mx.ones((2, 2), G.dtype_of(mx, d)))) for d in G.DTYPES
    )
    if name in DEVIATIONS and got == DEVIATIONS[name]:
        return
    if name not in MUST_REFUSE:
        want = "".join(g if w == "!" else w for g, w in zip(got, want, strict=True))
    assert got == want, describe(got, want)


@pytest.mark.parametrize("name", RULES["scalars"])
@pytest.mark.parametrize("text", G.SCALARS)
def test_weak_scalar(mx, name, text):
    want = RULES["scalars"][name][text]
    got = "".join(
        G.result(mx, lambda d=d: G.with_scalar(mx, name, mx.ones((2,), G.dtype_of(mx, d)), G.SCALARS[text]))
        for d in G.DTYPES
    )
    assert got == want, describe(got, want)


def test_scalar_out_of_range_names_the_type(mx):
    with pytest.raises(ValueError, match="uint8"):
        mx.array([1], mx.uint8) + 300


def test_casts(mx):
    want = RULES["casts"]
    got = G.casts(mx)
    for key in ("can_cast", "issubdtype", "isdtype", "size"):
        assert got[key] == want[key], key


@pytest.mark.parametrize("kind", RULES["constructors"])
def test_constructor(mx, kind):
    assert G.constructors(mx)[kind] == RULES["constructors"][kind]


def test_result_type(mx):
    assert mx.result_type(mx.array(1, mx.int8), mx.array(1, mx.uint8)) == mx.int16
    assert mx.result_type(mx.float16, mx.bfloat16) == mx.float32
    assert mx.result_type(mx.int32, mx.array(1.0, mx.float16), mx.uint64) == mx.float16


def test_finfo_and_iinfo(mx):
    for name, ref in (("float32", np.float32), ("float16", np.float16), ("float64", np.float64)):
        info, want = mx.finfo(getattr(mx, name)), np.finfo(ref)
        assert (
            info.min == want.min
            and info.max == want.max
            and info.eps == want.eps
            and info.dtype == getattr(mx, name)
        )
    assert mx.finfo(mx.bfloat16).max == pytest.approx(3.3895314e38) and mx.finfo(mx.bfloat16).eps == 2**-7
    assert mx.finfo(mx.complex64).max == np.finfo(np.float32).max
    for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"):
        info, want = mx.iinfo(getattr(mx, name)), np.iinfo(name)
        assert (info.min, info.max) == (want.min, want.max)
    with pytest.raises(ValueError):
        mx.finfo(mx.int32)
    with pytest.raises(ValueError):
        mx.iinfo(mx.float32)


def test_dtype_objects(mx):
    assert str(mx.float32) == "mlx.core.float32" and repr(mx.int8) == "mlx.core.int8"
    assert mx.float32 == mx.float32 and mx.float32 != mx.float16 and hash(mx.float32) == hash(mx.float32)
    assert {mx.float32: 1}[mx.array(1.0).dtype] == 1
    assert [mx.bool_.size, mx.bfloat16.size, mx.complex64.size] == [1, 2, 8]


def test_bfloat16_rounds_to_nearest_even(mx):
    bits = np.random.default_rng(0).integers(0, 2**32, 4000, dtype=np.uint64).astype(np.uint32)
    special = np.array(
        [0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001, 0x7F7FFFFF, 0x00000001, 0x80000000, 0x7F800000],
        np.uint32,
    )
    x = np.concatenate([bits, special]).view(np.float32)
    x = x[~np.isnan(x)]
    u = x.view(np.uint32).astype(np.uint64)
    want = ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype(np.uint16)
    got = np.array(mx.array(x).astype(mx.bfloat16).view(mx.uint16))
    assert (got == want).all()


def test_bfloat16_nan_stays_nan(mx):
    x = np.array([0x7F800001, 0xFFFFFFFF, 0x7FC00000, 0x7FFFFFFF], np.uint32).view(np.float32)
    assert np.array(mx.isnan(mx.array(x).astype(mx.bfloat16))).all()


def test_float16_conversion_of_every_value(mx):
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    up = np.array(mx.array(x).astype(mx.float32))
    assert np.array_equal(up, x.astype(np.float32), equal_nan=True)
    assert np.array_equal(np.array(mx.array(up).astype(mx.float16)), x, equal_nan=True)
