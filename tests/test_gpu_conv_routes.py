"""How convolutions, Fourier and Hadamard transforms run: pure functions of the problem, asked here with no GPU."""

import itertools
import math

import pytest
from amd_targets import TARGETS

ARCHS = [*TARGETS, "sm_90"]


def route(
    mx, x, w, dtype="bfloat16", stride=1, padding=0, groups=1, gradient=False, arch="gfx1151", units=40
):
    return mx._conv_route(dtype, x, w, stride, padding, groups, gradient, arch, units)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_convolution_has_a_kernel_that_fits(mx, arch, dtype):
    wave = 64 if arch.startswith("gfx9") else 32
    run = 4 if dtype == "float32" else 8
    shapes = itertools.product(
        (1, 7, 300), (1, 3, 16, 64, 500), (1, 4, 33, 512), (1, 3, 7), (1, 2), (False, True)
    )
    for size, channels, outs, taps, groups, gradient in shapes:
        x, w = (2, size + taps - 1, size, channels * groups), (outs * groups, taps, 1, channels)
        r = route(mx, x, w, dtype, groups=groups, gradient=gradient, arch=arch)
        assert r["parts"] >= 1
        if r["kernel"] != "tiles":
            continue
        m, n, step = r["tile"]
        assert r["threads"] % wave == 0 and r["threads"] <= 256
        # Every thread loads as many runs of each operand as the others.
        assert m * step % (run * r["threads"]) == 0
        assert n * step % (run * r["threads"]) == 0
        rows, columns, depth = (2 * size * size, outs, taps * channels)
        if gradient:
            rows, columns, depth = columns, depth, rows
        tiles_m, tiles_n = r["tiles"]
        assert tiles_m * m >= rows > (tiles_m - 1) * m
        assert tiles_n * n >= columns > (tiles_n - 1) * n
        assert r["parts"] * r["steps"] * step >= depth > (r["parts"] - 1) * r["steps"] * step


def test_kernels_of_common_layers(mx):
    mamba = route(mx, (1, 4096 + 3, 5120), (5120, 4, 1), groups=5120)
    assert (mamba["kernel"], mamba["pixels"]) == ("depthwise", 4)
    decoding = route(mx, (1, 4, 5120), (5120, 4, 1), groups=5120)
    assert (decoding["kernel"], decoding["pixels"]) == ("depthwise", 1)
    assert route(mx, (8, 56, 56, 64), (256, 1, 1, 64))["kernel"] == "product"
    assert route(mx, (8, 56, 56, 64), (256, 1, 1, 64), stride=2)["kernel"] == "tiles"
    assert route(mx, (8, 56, 56, 64), (64, 3, 3, 64), padding=1)["tile"][:2] == (128, 64)
    assert route(mx, (1, 7, 7, 512), (512, 3, 3, 512), padding=1)["parts"] > 1
    assert route(mx, (8, 56, 56, 64), (64, 3, 3, 64), padding=1, gradient=True)["parts"] > 1


def test_factors_of_transforms(mx):
    for n in (1, 2, 4096, 5000, 8192, 2**18, 2**20, 2**24, 2**26, 13**4, 3**15, 6**11):
        factors = mx._fft_factors(n)
        assert math.prod(factors) == n
        assert len(factors) <= 3 and max(factors) <= 4096
        for factor in factors:
            assert factor == 1 or math.prod(mx._fft_radices(factor)) == factor
    assert mx._fft_factors(2**20) == [1024, 1024]
    assert mx._fft_factors(2**24) == [256, 256, 256]
    assert mx._fft_radices(2 * 17) == []
    assert len(mx._fft_factors(2**38)) == 0


def test_passes_of_hadamard(mx):
    for m, k in itertools.product((1, 12, 20, 28), range(24)):
        at = 1
        passes = mx._hadamard_passes(m, 2**k)
        for low, high, order in passes:
            assert low == at and high >= low
            assert order == (m if high == 2**k and (low, high, order) == passes[-1] else 1)
            tile = high // low * order * (1 if low == 1 else 16)
            assert tile <= 10240  # floats of LDS, with padding 45 KiB
            assert low == 1 or low % 16 == 0
            at = high
        assert at == 2**k and passes[-1][2] == m
