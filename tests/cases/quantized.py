"""Quantisation: packing, unpacking, products with quantised weights."""

import numpy as np
from case import F32, FLOATS, Arg, DtypeName, case, mx_dtype
from refs import quant as Q

LAYOUTS_Q = ("contiguous", "sliced", "transposed")


def quantize_rows():
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128) if bits == 4 else (64,):
            name, kw = f"affine{bits}g{group}", {"group_size": group, "bits": bits}
            yield case(
                "quantize",
                (3, 256),
                check=check_affine(group, bits),
                kw=kw,
                name=name,
                dtypes=FLOATS,
                out="uint32",
                vmap=False,
            )
            words = Arg((3, 256 * bits // 32), "any_u32", "uint32")
            sb = Arg((3, 256 // group), "normal"), Arg((3, 256 // group), "normal")
            yield case(
                "dequantize",
                words,
                *sb,
                kw=kw,
                name=name,
                dtypes=FLOATS,
                norm=True,
                vmap=False,
                tol=2,
                layouts=LAYOUTS_Q,
                ref=lambda w, s, b, g=group, n=bits: Q.affine_dequantize(w, s, b, g, n),
            )
            for m in (1, 5, 33):
                yield case(
                    "quantized_matmul",
                    (m, 256),
                    words,
                    *sb,
                    kw=kw,
                    name=f"{name}-m{m}",
                    dtypes=FLOATS,
                    norm=True,
                    tol=4,
                    layouts=LAYOUTS_Q,
                    ref=lambda x, w, s, b, g=group, n=bits: x @ Q.affine_dequantize(w, s, b, g, n).T,
                    grad=(0,) if m == 5 and group == 64 else (),
                    vmap=False,
                    grad_tol=4,
                )
            yield case(
                "quantized_matmul",
                (2, 3),
                words,
                *sb,
                kw=kw | {"transpose": False},
                name=f"{name}-nn",
                dtypes=FLOATS,
                norm=True,
                tol=4,
                layouts=LAYOUTS_Q,
                ref=lambda x, w, s, b, g=group, n=bits: x @ Q.affine_dequantize(w, s, b, g, n),
                vmap=False,
                grad=(0,),
                grad_tol=4,
            )
    for mode, (group, bits) in Q.FP_MODES.items():
        yield case(
            "quantize",
            (3, 64),
            kw={"mode": mode},
            ref=lambda w, m=mode: Q.fp_quantize(w, m),
            name=mode,
            dtypes=FLOATS,
            out="uint32",
            vmap=False,
        )
        words = Arg((3, 64 * bits // 32), "bits" if bits == 8 else "any_u32", "uint32")
        scales = Arg(
            (3, 64 // group),
            ("value", [[40, 56, 60, 64][: 64 // group]] if mode == "nvfp4" else [[125, 128]]),
            "uint8",
        )
        yield case(
            "dequantize",
            words,
            scales,
            kw={"mode": mode, "dtype": DtypeName("float32")},
            name=mode,
            dtypes=F32,
            out="float32",
            ref=lambda w, s, m=mode: Q.fp_dequantize(w, s, m),
            vmap=False,
            layouts=LAYOUTS_Q,
        )
        for t in (True, False):
            yield case(
                "quantized_matmul",
                (2, 64 if t else 3),
                words,
                scales,
                kw={"mode": mode, "transpose": t},
                dtypes=FLOATS,
                norm=True,
                tol=4,
                ref=lambda x, w, s, m=mode, t=t: (
                    x @ (Q.fp_dequantize(w, s, m).T if t else Q.fp_dequantize(w, s, m))
                ),
                vmap=False,
                name=f"{mode}-{'t' if t else 'n'}",
                grad=(0,),
                layouts=LAYOUTS_Q,
                grad_tol=4,
            )
    yield case("to_fp8", Arg((40,), "wide"), ref=Q.to_e4m3, dtypes=FLOATS, out="uint8")
    yield case(
        "from_fp8",
        Arg((256,), ("value", np.arange(256)), "uint8"),
        ref=lambda x: Q.E4M3[x.astype(int)],
        dtypes=F32,
        kw={"dtype": DtypeName("float32")},
        out="float32",
    )


def check_affine(group, bits):
    """Words, scales and biases are those of the definition, bit by bit (scales in the input's dtype)."""

    def check(mx, outputs, inputs, rtol):
        words, scales, biases = Q.affine_quantize(inputs[0], group, bits)
        dtype = str(outputs[1].dtype).rsplit(".", 1)[-1]
        for got, want in zip(outputs[1:], (scales, biases), strict=True):
            exact = mx.array(want).astype(mx_dtype(mx, dtype))
            assert mx.array_equal(got, exact).item(), "scales or biases differ"
        same = np.array(outputs[0]) == words
        assert same.all(), f"{int((~same).sum())} of {same.size} packed words differ"

    return check


def gather_quantized_rows():
    kw = {"group_size": 32, "bits": 4}
    words, sb = Arg((3, 6, 8), "any_u32", "uint32"), (Arg((3, 6, 2), "normal"), Arg((3, 6, 2), "normal"))
    index = Arg((5,), ("index", 3), "uint32")

    def ref(x, w, s, b, i, j):
        return x[i.astype(int)] @ Q.affine_dequantize(w, s, b, 32, 4)[j.astype(int)].swapaxes(-1, -2)

    yield case(
        "gather_qmm",
        (4, 2, 64),
        words,
        *sb,
        Arg((5,), ("index", 4), "uint32"),
        index,
        ref=ref,
        kw=kw,
        dtypes=FLOATS,
        norm=True,
        tol=4,
        vmap=False,
        grad=(0,),
        grad_tol=4,
        layouts=LAYOUTS_Q,
    )
    yield case(
        "gather_qmm",
        (5, 1, 64),
        words,
        *sb,
        Arg((5,), ("sorted", ("index", 3)), "uint32"),
        name="sorted",
        dtypes=FLOATS,
        norm=True,
        call=lambda mx, x, w, s, b, j: mx.gather_qmm(x, w, s, b, rhs_indices=j, sorted_indices=True, **kw),
        tol=4,
        vmap=False,
        ref=lambda x, w, s, b, j: x @ Q.affine_dequantize(w, s, b, 32, 4)[j.astype(int)].swapaxes(-1, -2),
        layouts=LAYOUTS_Q,
    )
    for mode in ("nvfp4", "mxfp8"):

        def product(x, w, m=mode):
            xq = Q.fp_dequantize(*Q.fp_quantize(x, m), m)
            wq = Q.fp_dequantize(*Q.fp_quantize(w, m), m)
            return xq @ wq.swapaxes(-1, -2)

        for m in (1, 5):
            yield case(
                "qqmm",
                (m, 64),
                (8, 64),
                name=f"{mode}-m{m}",
                dtypes=F32,
                norm=True,
                tol=4,
                vmap=False,
                ref=product,
                layouts=(),
                call=lambda mx, x, w, m=mode: mx.qqmm(x, *mx.quantize(w, mode=m), mode=m),
            )
        yield case(
            "gather_qqmm",
            (2, 1, 64),
            (3, 8, 64),
            Arg((2,), ("index", 3), "uint32"),
            name=mode,
            dtypes=F32,
            norm=True,
            tol=4,
            vmap=False,
            call=lambda mx, x, w, j, m=mode: mx.gather_qqmm(
                x, *mx.quantize(w, mode=m), rhs_indices=j, mode=m
            ),
            layouts=(),
            ref=lambda x, w, j, f=product: f(x, w[j.astype(int)]),
        )


def rows():
    yield from quantize_rows()
    yield from gather_quantized_rows()
