"""Which kernel serves an attention: a pure function of the problem and the device, asked here with no GPU."""

import itertools

import pytest
from amd_targets import TARGETS

ARCHS = [*TARGETS, "sm_90"]
WAVE = {arch: 64 if arch.startswith("gfx9") else 32 for arch in ARCHS}
LDS = {**dict.fromkeys(ARCHS, 65536), "gfx950": 163840, "sm_90": 232448}


def route(mx, q=(1, 32, 1, 128), kv=(8, 4096), v_dim=None, dtype="bfloat16", vec=8, arch="gfx1151", units=40):
    return mx._sdpa_route(dtype, q, kv, v_dim or q[3], vec, arch, units)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize(("dtype", "most"), [("float32", 4), ("bfloat16", 8)])
def test_every_attention_has_a_kernel_that_fits(mx, arch, dtype, most):
    lengths, contexts, dims = (
        (1, 2, 5, 33, 100, 5000),
        (1, 17, 300, 1024, 100000),
        (8, 33, 64, 128, 192, 256, 576),
    )
    for length, context, dim, group in itertools.product(lengths, contexts, dims, (1, 4, 128)):
        vec = next(v for v in (8, 4, 2, 1) if v <= most and dim % v == 0)
        r = route(mx, (2, 2 * group, length, dim), (2, context), None, dtype, vec, arch)
        rows, wave = group * length, WAVE[arch]
        assert r["threads"] % wave == 0
        assert r["blocks"] * r["block_rows"] >= rows > (r["blocks"] - 1) * r["block_rows"]
        assert 1 <= r["splits"] <= 256
        assert r["splits"] * r["split_keys"] >= context > (r["splits"] - 1) * r["split_keys"]
        if r["kernel"] == "matrix":
            assert dtype != "float32"
            assert rows > 8
            assert 0 < r["lds_bytes"] <= LDS[arch]
            assert 2 * 2 * r["splits"] % r["together"] == 0
        else:
            assert r["vec"] <= vec
            assert 1 <= r["lanes"] <= wave
            turns = 2 * -(-dim // (r["lanes"] * r["vec"]))
            assert r["block_rows"] * turns * r["vec"] <= 128 or r["block_rows"] == 1


def test_few_rows_are_not_padded_to_matrix_tiles(mx):
    assert route(mx)["kernel"] == "vector"
    assert route(mx)["block_rows"] == 4
    assert route(mx, (1, 32, 2, 128))["kernel"] == "vector"
    assert route(mx, (1, 32, 3, 128))["kernel"] == "matrix"
    assert route(mx, (1, 8, 8, 128))["kernel"] == "vector"


def test_long_contexts_fill_the_device(mx):
    """One sequence with eight key heads: workgroups share the keys of a head. Many sequences need no second pass."""
    for arch, units, threads in (("sm_90", 132, 256), ("gfx942", 304, 512), ("gfx1151", 20, 512)):
        few = route(mx, kv=(8, 16384), arch=arch, units=units)
        assert few["threads"] == threads
        assert 2 * units * 0.8 <= 8 * few["splits"] <= max(2 * units, 8 * 16)
    assert route(mx, kv=(8, 256))["splits"] == 1
    assert route(mx, (256, 32, 1, 128), (8, 4096))["splits"] == 1
    assert route(mx, (1, 32, 4096, 128), (8, 4096))["splits"] == 1
    for length in (2048, 4096, 16384):
        assert route(mx, (1, 32, length, 128), (32, length), arch="sm_90", units=132)["splits"] == 1


def test_heads_take_turns_where_that_pays(mx):
    for arch, heads, together in (
        ("sm_90", 32, 32),
        ("sm_90", 34, 17),
        ("gfx942", 32, 8),
        ("gfx942", 12, 4),
        ("gfx1151", 32, 1),
    ):
        assert route(mx, (1, heads, 4096, 128), (heads, 4096), arch=arch)["together"] == together


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("dim", [64, 80, 128, 192, 256])
def test_many_rows_take_the_matrix_kernel(mx, arch, dim):
    for length in (16, 40, 1000):
        assert route(mx, (1, 8, length, dim), arch=arch)["kernel"] == "matrix"


def test_what_the_matrix_kernel_does_not_take(mx):
    assert route(mx, (1, 8, 100, 128), dtype="float32", vec=4)["kernel"] == "vector"
    assert route(mx, (1, 8, 100, 33), vec=1)["kernel"] == "vector"
    assert route(mx, (1, 8, 100, 576), v_dim=512)["kernel"] == "vector"
