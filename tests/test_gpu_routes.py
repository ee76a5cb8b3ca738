"""Which kernel serves a matrix product: a pure function of the problem and the device, asked here with no GPU."""

import itertools

import pytest
from amd_targets import RELATED, TARGETS, target

ARCHS = [*TARGETS, "gfx906", "gfx1010", "sm_90"]
SIZES = (1, 3, 8, 9, 16, 33, 64, 200, 1024, 4096, 14336)
WAVE = {arch: 64 if arch.startswith("gfx9") else 32 for arch in ARCHS}
LDS = {**{arch: 65536 for arch in ARCHS}, "gfx950": 163840, "sm_90": 232448}


def route(
    mx,
    dtype="bfloat16",
    m=512,
    n=4096,
    k=4096,
    batch=1,
    a=(True, 8),
    b=(True, 8),
    arch="gfx1151",
    units=40,
    blas=False,
):
    return mx._gemm_route(dtype, m, n, k, batch, a, b, arch, units, blas)


def lds_bytes(r, dtype):
    """Of gemm.hip: two panels of each operand."""
    if r["fma"]:
        return 2 * sum(r["tile"]) * 16 * (8 if dtype == "complex64" else 4)
    return 2 * sum(r["tile"]) * 32 * 2


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "complex64"])
def test_every_product_has_a_kernel_that_fits(mx, arch, dtype):
    wide = {"float32": 4, "bfloat16": 8, "complex64": 2}[dtype]
    for m, n, k in itertools.product(SIZES, SIZES, (0, 1, 17, 128, 4096, 100000)):
        for a, b in (((True, wide), (True, wide)), ((False, 1), (False, wide))):
            r = route(mx, dtype, m, n, k, 3, a, b, arch, 60)
            assert r["kernel"] in ("gemm", "gemv_rows", "gemv_columns")
            assert r["splits"] >= 1
            assert r["splits"] == 1 or k // r["splits"] >= 32
            if r["kernel"] == "gemm":
                assert not r["swapped"]
                check_tile(r, dtype, arch)
            else:
                rows = n if r["swapped"] else m
                assert rows <= 8
                assert r["vector"] <= wide
                assert rows * r["columns"] <= 32
                assert 256 // WAVE[arch] % r["split_waves"] == 0
                assert r["kernel"] == "gemv_columns" or (a if r["swapped"] else b)[0]


def check_tile(r, dtype, arch):
    waves, (bm, bn) = r["waves"][0] * r["waves"][1], r["tile"]
    assert 1 <= waves * WAVE[arch] <= 1024
    assert lds_bytes(r, dtype) <= LDS[arch]
    if r["fma"]:
        threads, vector = waves * WAVE[arch], 16 // (8 if dtype == "complex64" else 4)
        assert bm % (threads // 16 * vector) == 0
        assert bn % (16 * vector) == 0
    else:
        assert bm % (16 * r["waves"][0]) == 0
        assert bn % (16 * r["waves"][1]) == 0


def test_few_rows_read_the_matrix_once(mx):
    for rows in (1, 4, 8):
        assert route(mx, m=rows)["kernel"] == "gemv_rows"
        assert route(mx, m=rows, b=(False, 8))["kernel"] == "gemv_columns"
    assert route(mx, m=4096, n=1)["swapped"]
    assert route(mx, m=9)["kernel"] == "gemm"


def test_products_fill_the_device(mx):
    """Long sums with few outputs are split; large ones take the large tile."""
    assert route(mx, m=4096)["tile"] == (128, 128)
    assert route(mx, m=64, n=64, k=100000)["splits"] > 8
    assert route(mx, m=1, n=64, k=100000)["splits"] * route(mx, m=1, n=64, k=100000)["split_waves"] >= 8
    assert route(mx, m=16)["tile"][0] == 16


def test_rdna2_and_full_precision_multiply_with_fmas(mx):
    assert route(mx, arch="gfx1030")["fma"]
    assert route(mx, "float32", arch="gfx942")["fma"]
    assert not route(mx, arch="gfx942")["fma"]


def test_blas_takes_large_products_of_real_types(mx):
    assert route(mx, blas=True)["kernel"] == "blas"
    assert route(mx, "complex64", blas=True)["kernel"] == "gemm"
    assert route(mx, m=16, n=16, k=16, blas=True)["kernel"] == "gemm"
    assert route(mx, m=1, blas=True)["kernel"] == "gemv_rows"


@pytest.mark.parametrize("arch", [*TARGETS, *RELATED])
def test_facts_of_architectures(mx, arch):
    """What kernels are told of an architecture is what the tests compile them with, and clang confirms there."""
    lines = mx._gpu_source("device.h\tx\t", f"{arch}:xnack-").splitlines()
    told = dict(
        line.split(" ")[1:3] for line in lines if line.startswith("#define ") and line.count(" ") == 2
    )
    facts = target(arch).defines()
    assert {name: told[name] for name in facts} == facts


@pytest.mark.parametrize("arch", ["gfx803", "gfx700", "gfx1300", "gfx9", "nonsense"])
def test_unknown_architectures_are_refused_by_name(mx, arch):
    with pytest.raises(RuntimeError, match=rf"(?s)Architecture {arch} is of a generation.*gfx1151"):
        mx._gpu_source("device.h\tx\t", arch)
