"""Products with quantised matrices on the GPU: tails, layouts and routes of every kernel, against the CPU.

The op table covers formats x dtypes; here are the shapes and index patterns that GPU back ends got wrong.
"""

import numpy as np
import pytest

pytestmark = pytest.mark.gpu_only

TOLERANCE = {"float32": 2e-5, "float16": 4e-3, "bfloat16": 2e-2}
FORMATS = [
    {"bits": 4, "group_size": 64},
    {"bits": 8, "group_size": 32},
    {"bits": 3, "group_size": 128},
    {"mode": "mxfp4"},
    {"mode": "mxfp8"},
    {"mode": "nvfp4"},
]


def name_of(form):
    return form.get("mode") or f"{form['bits']}bit-g{form['group_size']}"


def random(mx, seed, *shape, dtype="float32"):
    return mx.array(np.random.default_rng(seed).standard_normal(shape).astype(np.float32)).astype(
        getattr(mx, dtype)
    )


def packed(mx, form, *shape, dtype="float32"):
    """Codes, scales and, where there are any, biases, made by the CPU device."""
    parts = mx.quantize(random(mx, 7, *shape, dtype=dtype), **form, stream=mx.cpu)
    mx.eval(parts)
    return list(parts) + [None] * (3 - len(parts))


def check(mx, call, dtype):
    """The same on both devices, up to the rounding of `dtype`."""
    got, want = call(mx.gpu), call(mx.cpu)
    mx.eval(got, want)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    a, b = np.array(got.astype(mx.float32, stream=mx.cpu)), np.array(want.astype(mx.float32, stream=mx.cpu))
    assert np.isfinite(a).all()
    scale = max(np.abs(b).max(), 1e-3)
    worst = np.abs(a - b).max() / scale
    assert worst <= TOLERANCE[dtype], f"off by {worst:.2g} of the largest value"


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("form", FORMATS, ids=name_of)
def test_rows(mx, form, dtype):
    """1 to 70 rows of x: every kernel and its last, incomplete block. n is no multiple of any block."""
    n, k = 37, 384
    w, s, b = packed(mx, form, n, k, dtype=dtype)
    for m in (1, 3, 9, 21, 70):
        x = random(mx, m, m, k, dtype=dtype)
        check(mx, lambda d, x=x: mx.quantized_matmul(x, w, s, b, **form, stream=d), dtype)


@pytest.mark.parametrize("form", FORMATS, ids=name_of)
def test_not_transposed(mx, form):
    w, s, b = packed(mx, form, 77, 128, dtype="bfloat16")
    for m in (1, 5, 19):
        x = random(mx, m, m, 77, dtype="bfloat16")
        check(
            mx, lambda d, x=x: mx.quantized_matmul(x, w, s, b, transpose=False, **form, stream=d), "bfloat16"
        )


@pytest.mark.parametrize("k", [16, 48, 144, 4128])
def test_nvfp4_rows_of_odd_groups(mx, k):
    """Rows that are not whole units of 32 codes, and one longer than what qmv holds of x."""
    w, s, _ = packed(mx, {"mode": "nvfp4"}, 5, k, dtype="float16")
    for m in (1, 6, 40):
        x = random(mx, m, m, k, dtype="float16")
        check(mx, lambda d, x=x: mx.quantized_matmul(x, w, s, mode="nvfp4", stream=d), "float16")


def test_layouts(mx):
    """Batches folded into rows, strided x, codes at odd offsets, batched weights that broadcast."""
    form = {"bits": 4, "group_size": 32}
    w, s, b = packed(mx, form, 24, 96, dtype="bfloat16")

    def product(x, w=w, s=s, b=b):
        check(mx, lambda d: mx.quantized_matmul(x, w, s, b, **form, stream=d), "bfloat16")

    product(random(mx, 1, 4, 1, 96, dtype="bfloat16"))
    product(random(mx, 2, 96, 3, dtype="bfloat16").T)
    product(random(mx, 3, 2, 5, 200, dtype="bfloat16")[:, ::2, 7:103])
    flat = mx.concatenate([mx.zeros((1,), mx.uint32, stream=mx.cpu), w.flatten(stream=mx.cpu)], stream=mx.cpu)
    mx.eval(flat)
    product(random(mx, 4, 2, 96, dtype="bfloat16"), flat[1:].reshape(w.shape))
    parts = packed(mx, form, 3, 24, 96, dtype="bfloat16")
    for m in (1, 7, 33):
        product(random(mx, 5, 2, 1, m, 96, dtype="bfloat16"), *parts)


def gathered(mx, form, dtype, indices, m=1, experts=6, n=21, k=64, transpose=True, **options):
    w, s, b = packed(mx, form, experts, *((n, k) if transpose else (k, n + 11)), dtype=dtype)
    x = random(mx, 3, 5, m, k, dtype=dtype)
    lhs, rhs = (mx.array(np.array(i, np.uint32)) for i in indices)

    def call(d):
        return mx.gather_qmm(
            x, w, s, b, lhs_indices=lhs, rhs_indices=rhs, transpose=transpose, **form, **options, stream=d
        )

    check(mx, call, dtype)


PATTERNS = {
    "few": ([0, 4, 1], [5, 0, 5]),
    "sorted": (np.arange(40) % 5, np.sort(np.arange(40) * 7 % 6)),
    "unsorted": (np.arange(40) % 5, np.arange(40) * 7 % 6),
    "one-expert": (np.arange(70) % 5, np.full(70, 3)),
    "empty-experts": (np.arange(36) % 5, np.repeat([1, 4], 18)),
    "broadcast": (np.arange(5)[:, None], np.arange(8)[None, :] % 6),
}


@pytest.mark.parametrize("form", [FORMATS[0], FORMATS[3]], ids=name_of)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_gather(mx, pattern, form):
    gathered(mx, form, "bfloat16", PATTERNS[pattern])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_gather_dtypes(mx, dtype):
    for m in (1, 3):
        gathered(mx, FORMATS[1], dtype, PATTERNS["sorted"], m=m, sorted_indices=True)
    gathered(mx, FORMATS[0], dtype, PATTERNS["few"], m=19)
    gathered(mx, {"bits": 6, "group_size": 32}, dtype, PATTERNS["few"], transpose=False)


def test_gather_indices_out_of_range(mx):
    """They are kept inside, as memory has to be; results of the others do not change."""
    w, s, b = packed(mx, FORMATS[0], 3, 8, 64)
    x = random(mx, 1, 4, 1, 64)

    def product(rhs):
        lhs = mx.array(np.arange(4, dtype=np.uint32))
        y = mx.gather_qmm(x, w, s, b, lhs_indices=lhs, rhs_indices=mx.array(np.uint32(rhs)), **FORMATS[0])
        return np.array(y)

    assert np.array_equal(product([0, 9, 2, 2**31]), product([0, 2, 2, 2]))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("form", [*FORMATS, {"bits": 5, "group_size": 32}], ids=name_of)
def test_quantize_is_exact(mx, form, dtype):
    x = np.random.default_rng(0).standard_normal((5, 384)).astype(np.float32)
    x[1], x[2] = 0, np.abs(x[2])
    x = mx.array(x).astype(getattr(mx, dtype))
    here, there = (mx.quantize(x, **form, stream=d) for d in (mx.gpu, mx.cpu))
    for a, b in zip(here, there, strict=True):
        assert np.array_equal(np.array(a.astype(mx.float32)), np.array(b.astype(mx.float32)))
    kw = {} if "bits" in form else {"dtype": getattr(mx, dtype)}
    here, there = (mx.dequantize(*there, **form, **kw, stream=d) for d in (mx.gpu, mx.cpu))
    assert np.array_equal(np.array(here.astype(mx.float32)), np.array(there.astype(mx.float32)))


def test_global_scales(mx):
    x, w = random(mx, 1, 5, 64, dtype="bfloat16"), random(mx, 2, 9, 64, dtype="bfloat16")
    gx, gw = mx.array(3.0), mx.array(2.5)
    check(
        mx,
        lambda d: mx.qqmm(x, w, mode="nvfp4", global_scale_x=gx, global_scale_w=gw, stream=d),
        "bfloat16",
    )


def test_routes_are_total(mx):
    """Every problem has a kernel on every target, in a shape that it can have; hot ones the right one."""
    route = mx._qmm_route
    for arch in ("gfx90a", "gfx942", "gfx1030", "gfx1151", "gfx1201", "sm_90"):
        wave = 64 if arch.startswith("gfx9") else 32
        for units in (8, 40, 304):
            for form in FORMATS:
                for dtype in TOLERANCE:
                    for m in (1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 64, 512):
                        for n, k in ((32, 32), (768, 2048), (14336, 4096), (37, 48)):
                            group = form.get("group_size", 16)
                            form_k = -(-k // group) * group
                            r = route(arch, units, m=m, n=n, k=form_k, dtype=getattr(mx, dtype), **form)
                            check_route(r, wave, m, dtype)
                            if r["kernel"] == "codes":
                                check_codes(r, wave, m, form_k, group)
    assert route("sm_90", 132, m=1, n=14336)["kernel"] == "codes"
    assert route("sm_90", 132, m=1, n=14336, bits=3, group_size=64)["kernel"] == "qmv"
    assert route("gfx1151", 40, m=1, n=14336, pairs=8, matrices=128, gathered=True)["kernel"] == "qmv"
    assert route("gfx942", 304, m=16)["kernel"] == "codes"
    assert route("gfx942", 304, m=16, mode="mxfp4")["kernel"] == "codes"
    assert route("gfx942", 304, m=16, mode="nvfp4")["kernel"] == "few"
    assert [route("gfx1030", 40, m=m)["kernel"] for m in (1, 8, 9)] == ["qmv", "qmv", "few"]
    many = {"m": 1, "n": 768, "k": 2048, "pairs": 4096, "matrices": 128, "gathered": True}
    assert route("gfx1201", 64, **many)["kernel"] == "grouped"
    assert route("gfx1201", 64, dtype=mx.float16, **many)["kernel"] == "grouped"


def check_codes(r, wave, m, k, group):
    assert r["rows"] >= min(m, 32)
    assert k // group % r["turn"] == 0
    assert r["threads"] % (wave * r["split"]) == 0
    assert r["chunk"] % (r["split"] * r["turn"] * group) == 0
    assert r["rows"] * (r["chunk"] + 8) * 2 <= 48 * 1024


def check_route(r, wave, m, dtype):
    if r["kernel"] in ("qmv", "qvm"):
        assert 1 <= r["rows"] <= min(m, 4)
        assert r["split"] * wave * r["unit"] <= r["chunk"]
        assert r["split"] <= 256 // wave
    if r["kernel"] in ("codes", "few", "tiles", "grouped"):
        assert dtype != "float32"
    if r["kernel"] in ("tiles", "grouped"):
        bm, bn, waves_m, waves_n = r["block"]
        assert bm % (16 * waves_m) == 0
        assert bn % (16 * waves_n) == 0
        assert waves_m * waves_n * wave <= 1024
