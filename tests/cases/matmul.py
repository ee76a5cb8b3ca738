"""Matrix products, dense, gathered, masked and quantised, and convolutions."""

import numpy as np
from case import F32, FLOATS, FLOATS64, Arg, DtypeName, case, mx_dtype
from refs import conv as C
from refs import quant as Q

FC = (*FLOATS64, "complex64")
NORM = {"norm": True, "tol": 2, "layouts": ("contiguous", "transposed", "sliced", "broadcast", "negative", "strided")}
SHAPES = {"square": ((4, 4), (4, 4)), "": ((5, 7), (7, 3)), "vec-mat": ((7,), (7, 3)), "mat-vec": ((5, 7), (7,)), "dot": ((7,), (7,)),
          "batch": ((2, 3, 4, 5), (3, 5, 2)), "broadcast": ((2, 1, 4, 5), (3, 5, 2)), "one-row": ((3, 1, 6), (3, 6, 5)),
          "empty-inner": ((3, 0), (0, 4)), "empty-rows": ((0, 3), (3, 4))}


def matmul_rows():
    for name, (a, b) in SHAPES.items():
        small = "empty" in name
        yield case("matmul", a, b, ref=np.matmul, name=name, dtypes=FC, grad=() if small else (0, 1), **NORM | ({"layouts": ()} if small else {}))
    for m, k, n in ((1, 300, 65), (67, 130, 33), (17, 64, 128), (129, 5, 2)):
        yield case("matmul", (m, k), (k, n), ref=np.matmul, name=f"{m}x{k}x{n}", dtypes=FLOATS64, norm=True, tol=4)
        yield case("matmul", (m, k), (n, k), ref=lambda a, b: a @ b.T, call=lambda mx, a, b: mx.matmul(a, b.T), name=f"nt{m}x{k}x{n}",
                   dtypes=FLOATS64, norm=True, tol=4)
        yield case("matmul", (k, m), (k, n), ref=lambda a, b: a.T @ b, call=lambda mx, a, b: a.T @ b, name=f"tn{m}x{k}x{n}",
                   dtypes=FLOATS64, norm=True, tol=4)
    yield case("array.__matmul__", (5, 7), (7, 3), ref=np.matmul, dtypes=FLOATS, **NORM)
    yield case("array.__imatmul__", (4, 4), (4, 4), ref=np.matmul, call=lambda mx, a, b: mx.array(a).__imatmul__(b), dtypes=FLOATS, **NORM)
    for name, c in (("", (5, 3)), ("row", (3,)), ("scalar", ())):
        yield case("addmm", c, (5, 7), (7, 3), ref=lambda c, a, b: 0.5 * (a @ b) + 2.0 * c, kw={"alpha": 0.5, "beta": 2.0}, name=name,
                   dtypes=FLOATS64, grad=(0, 1, 2), **NORM)
    yield case("addmm", (2, 5, 3), (2, 5, 7), (7, 3), ref=lambda c, a, b: a @ b + c, name="batch", dtypes=FLOATS, grad=(0, 1, 2), **NORM)
    yield case("inner", (3, 5), (4, 5), ref=np.inner, dtypes=FLOATS64, grad=(0, 1), **NORM)
    yield case("outer", (3,), (4,), ref=np.outer, dtypes=(*FLOATS64, "int32"), grad=(0, 1))
    yield case("kron", (2, 3), (3, 2), ref=np.kron, dtypes=(*FLOATS64, "int32"), grad=(0, 1))
    yield case("tensordot", (3, 4, 5), (4, 5, 2), ref=lambda a, b: np.tensordot(a, b, 2), dtypes=FLOATS64, grad=(0, 1), **NORM)
    yield case("tensordot", (3, 4, 5), (5, 2, 3), ref=lambda a, b: np.tensordot(a, b, [[2, 0], [0, 2]]), extra=([[2, 0], [0, 2]],), name="axes",
               dtypes=FLOATS, grad=(0, 1), **NORM)
    yield case("vecdot", (3, 4), (3, 4), ref=lambda a, b: np.sum(np.conj(a) * b, -1), dtypes=FC, grad=(0, 1), **NORM)
    yield case("vecdot", (3, 4), (3, 4), ref=lambda a, b: np.sum(a * b, 0), kw={"axis": 0}, name="axis", dtypes=FLOATS, **NORM)
    yield case("trace", (4, 5), ref=np.trace, dtypes=(*FLOATS64, "int32"), grad=(0,), norm=True)
    yield case("trace", (3, 4, 5), ref=lambda x: np.trace(x, 1, 0, 2), extra=(1, 0, 2), name="axes", dtypes=FLOATS, grad=(0,), norm=True)


EINSUMS = ["ij,jk->ik", "ij,jk", "bij,bjk->bik", "ii->i", "ii", "ij->ji", "ij->j", "i,j->ij", "ijk,ilm,njm,nlk->", "ij,ij,ij->i", "...ij,...jk->...ik"]
SIZES = dict(zip("ijklmnb", (3, 4, 2, 2, 3, 2, 2), strict=True))


def einsum_rows():
    for spec in EINSUMS:
        shapes = [tuple(SIZES[ch] for ch in t.replace("...", "b")) for t in spec.split("->")[0].split(",")]
        yield case("einsum", *shapes, ref=lambda *a, s=spec: np.einsum(s, *a), name=spec.replace("...", "E"), dtypes=FLOATS64,
                   call=lambda mx, *a, s=spec: mx.einsum(s, *a), grad=tuple(range(len(shapes))), norm=True, tol=4, grad_tol=4)
    yield case("einsum_path", (3, 4), (4, 5), (5, 6), call=lambda mx, *a: mx.einsum_path("ij,jk,kl->il", *a)[0], vmap=False, compile=False,
               export=False, layouts=(), dtypes=F32, ref=lambda *a: np.einsum_path("ij,jk,kl->il", *a)[0][1:], out=None)


def masked(a, mask, bs):
    if mask is None:
        return a
    full = np.repeat(np.repeat(mask, bs, -2), bs, -1)[..., :a.shape[-2], :a.shape[-1]]
    return a * full


def f_segmented(a, b, segments):
    return np.stack([a[:, int(s):int(e)] @ b[int(s):int(e)] for s, e in segments])


def special_matmul_rows():
    flat = "contiguous", "sliced", "negative"
    for bs in (32, 64):
        def ref(a, b, mo, ml, mr, bs=bs):
            return masked(masked(a, ml, bs) @ masked(b, mr, bs), mo, bs)
        yield case("block_masked_mm", (70, 100), (100, 65), Arg((-(-70 // bs), -(-65 // bs)), "mask", "bool"),
                   Arg((-(-70 // bs), -(-100 // bs)), "mask", "bool"), Arg((-(-100 // bs), -(-65 // bs)), "mask", "bool"), ref=ref, name=str(bs),
                   call=lambda mx, a, b, mo, ml, mr, bs=bs: mx.block_masked_mm(a, b, bs, mo, ml, mr), dtypes=F32, norm=True, tol=4, vmap=False)
    yield case("block_masked_mm", (2, 32, 64), (2, 64, 32), Arg((1, 1), "positive"), ref=lambda a, b, m: masked(a @ b, m, 64), name="out-scale",
               call=lambda mx, a, b, m: mx.block_masked_mm(a, b, 64, m), dtypes=F32, norm=True, tol=4, vmap=False)
    rows, cols = Arg((6,), ("index", 4), "uint32"), Arg((6,), ("index", 3), "uint32")
    yield case("gather_mm", (4, 2, 5), (3, 5, 4), rows, cols, ref=lambda a, b, i, j: a[i.astype(int)] @ b[j.astype(int)], dtypes=FLOATS[:1],
               grad=(0, 1), norm=True, tol=2, layouts=flat)
    yield case("gather_mm", (6, 1, 5), (3, 5, 4), Arg((6,), ("sorted", ("index", 3)), "uint32"), ref=lambda a, b, j: a @ b[j.astype(int)],
               call=lambda mx, a, b, j: mx.gather_mm(a, b, rhs_indices=j, sorted_indices=True), name="sorted", dtypes=F32, grad=(0, 1), norm=True,
               tol=2, vmap=False, layouts=flat)
    yield case("segmented_mm", (3, 8), (8, 4), Arg((3, 2), ("value", [[0, 3], [3, 3], [2, 8]]), "uint32"), ref=f_segmented, dtypes=F32,
               grad=(), norm=True, tol=2, vmap=False)


LAYOUTS_Q = ("contiguous", "sliced", "transposed")


def quantize_rows():
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128) if bits == 4 else (64,):
            name, kw = f"affine{bits}g{group}", {"group_size": group, "bits": bits}
            yield case("quantize", (3, 256), check=check_affine(group, bits), kw=kw, name=name, dtypes=FLOATS, out="uint32", vmap=False)
            words = Arg((3, 256 * bits // 32), "any_u32", "uint32")
            sb = Arg((3, 256 // group), "normal"), Arg((3, 256 // group), "normal")
            yield case("dequantize", words, *sb, kw=kw, name=name, dtypes=FLOATS, norm=True, vmap=False, tol=2, layouts=LAYOUTS_Q,
                       ref=lambda w, s, b, g=group, n=bits: Q.affine_dequantize(w, s, b, g, n))
            for m in (1, 5, 33):
                yield case("quantized_matmul", (m, 256), words, *sb, kw=kw, name=f"{name}-m{m}", dtypes=FLOATS, norm=True, tol=4,
                           layouts=LAYOUTS_Q, ref=lambda x, w, s, b, g=group, n=bits: x @ Q.affine_dequantize(w, s, b, g, n).T,
                           grad=(0,) if m == 5 and group == 64 else (), vmap=False, grad_tol=4)
            yield case("quantized_matmul", (2, 3), words, *sb, kw=kw | {"transpose": False}, name=f"{name}-nn", dtypes=FLOATS, norm=True, tol=4,
                       layouts=LAYOUTS_Q, ref=lambda x, w, s, b, g=group, n=bits: x @ Q.affine_dequantize(w, s, b, g, n), vmap=False,
                       grad=(0,), grad_tol=4)
    for mode, (group, bits) in Q.FP_MODES.items():
        yield case("quantize", (3, 64), kw={"mode": mode}, ref=lambda w, m=mode: Q.fp_quantize(w, m), name=mode, dtypes=FLOATS, out="uint32",
                   vmap=False)
        words = Arg((3, 64 * bits // 32), "bits" if bits == 8 else "any_u32", "uint32")
        scales = Arg((3, 64 // group), ("value", [[40, 56, 60, 64][: 64 // group]] if mode == "nvfp4" else [[125, 128]]), "uint8")
        yield case("dequantize", words, scales, kw={"mode": mode, "dtype": DtypeName("float32")}, name=mode, dtypes=F32, out="float32",
                   ref=lambda w, s, m=mode: Q.fp_dequantize(w, s, m), vmap=False, layouts=LAYOUTS_Q)
        for t in (True, False):
            yield case("quantized_matmul", (2, 64 if t else 3), words, scales, kw={"mode": mode, "transpose": t}, dtypes=FLOATS, norm=True, tol=4,
                       ref=lambda x, w, s, m=mode, t=t: x @ (Q.fp_dequantize(w, s, m).T if t else Q.fp_dequantize(w, s, m)), vmap=False,
                       name=f"{mode}-{'t' if t else 'n'}", grad=(0,), layouts=LAYOUTS_Q, grad_tol=4)
    yield case("to_fp8", Arg((40,), "wide"), ref=Q.to_e4m3, dtypes=FLOATS, out="uint8")
    yield case("from_fp8", Arg((256,), ("value", np.arange(256)), "uint8"), ref=lambda x: Q.E4M3[x.astype(int)], dtypes=F32,
               kw={"dtype": DtypeName("float32")}, out="float32")


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
    yield case("gather_qmm", (4, 2, 64), words, *sb, Arg((5,), ("index", 4), "uint32"), index, ref=ref, kw=kw, dtypes=FLOATS, norm=True, tol=4,
               vmap=False, grad=(0,), grad_tol=4, layouts=LAYOUTS_Q)
    yield case("gather_qmm", (5, 1, 64), words, *sb, Arg((5,), ("sorted", ("index", 3)), "uint32"), name="sorted", dtypes=FLOATS, norm=True,
               call=lambda mx, x, w, s, b, j: mx.gather_qmm(x, w, s, b, rhs_indices=j, sorted_indices=True, **kw), tol=4, vmap=False,
               ref=lambda x, w, s, b, j: x @ Q.affine_dequantize(w, s, b, 32, 4)[j.astype(int)].swapaxes(-1, -2), layouts=LAYOUTS_Q)
    for mode in ("nvfp4", "mxfp8"):
        def product(x, w, m=mode):
            xq = Q.fp_dequantize(*Q.fp_quantize(x, m), m)
            wq = Q.fp_dequantize(*Q.fp_quantize(w, m), m)
            return xq @ wq.swapaxes(-1, -2)
        for m in (1, 5):
            yield case("qqmm", (m, 64), (8, 64), name=f"{mode}-m{m}", dtypes=F32, norm=True, tol=4, vmap=False, ref=product, layouts=(),
                       call=lambda mx, x, w, m=mode: mx.qqmm(x, *mx.quantize(w, mode=m), mode=m))
        yield case("gather_qqmm", (2, 1, 64), (3, 8, 64), Arg((2,), ("index", 3), "uint32"), name=mode, dtypes=F32, norm=True, tol=4, vmap=False,
                   call=lambda mx, x, w, j, m=mode: mx.gather_qqmm(x, *mx.quantize(w, mode=m), rhs_indices=j, mode=m), layouts=(),
                   ref=lambda x, w, j, f=product: f(x, w[j.astype(int)]))


# (op, input shape, weight shape, options)
CONVS = [
    ("conv1d", (2, 9, 4), (6, 3, 4), {}),
    ("conv1d", (2, 9, 4), (6, 3, 2), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
    ("conv1d", (1, 12, 6), (6, 4, 1), {"groups": 6, "padding": 3}),
    ("conv2d", (2, 7, 6, 3), (5, 3, 3, 3), {"padding": 1}),
    ("conv2d", (2, 7, 8, 4), (6, 3, 2, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}),
    ("conv2d", (1, 5, 5, 8), (4, 1, 1, 8), {}),
    ("conv2d", (1, 16, 16, 16), (32, 3, 3, 16), {"padding": 1}),
    ("conv3d", (1, 4, 5, 6, 2), (3, 2, 3, 2, 2), {"stride": (1, 2, 1), "padding": 1}),
    ("conv_transpose1d", (2, 5, 4), (6, 3, 4), {"stride": 2, "padding": 1, "output_padding": 1}),
    ("conv_transpose1d", (2, 5, 4), (6, 3, 2), {"stride": 3, "dilation": 2, "groups": 2}),
    ("conv_transpose2d", (1, 4, 5, 3), (4, 3, 2, 3), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "output_padding": (1, 0)}),
    ("conv_transpose3d", (1, 3, 2, 3, 2), (3, 2, 2, 2, 2), {"stride": 2}),
    ("conv_general", (1, 6, 7, 4), (6, 2, 3, 2), {"stride": (1, 2), "padding": ((1, 0), (2, 1)), "kernel_dilation": (2, 1),
                                                  "input_dilation": (1, 2), "groups": 2, "flip": True}),
    ("conv_general", (2, 8, 3), (4, 3, 3), {"padding": ([2], [0])}),
    ("conv_general", (1, 6, 6, 2), (3, 3, 3, 2), {"input_dilation": (2, 3), "padding": ([1, 2], [1, 2])}),
]


def conv_rows():
    numbers = {}
    for op, x, w, kw in CONVS:
        numbers[op] = numbers.get(op, 0) + 1
        f = C.conv_transpose if "transpose" in op else C.conv
        named = {"kernel_dilation" if k == "dilation" and f is C.conv else k: v for k, v in kw.items()}
        big = x[-1] == 16
        yield case(op, x, w, ref=lambda a, b, f=f, k=named: f(a, b, **k), kw=kw, name=str(numbers[op]), dtypes=FLOATS, norm=True, tol=4,
                   grad=() if big else (0, 1), grad_tol=4, layouts=("contiguous", "transposed", "sliced", "broadcast", "negative"))
    for mode in ("full", "valid", "same"):
        yield case("convolve", (9,), (4,), ref=lambda a, v, m=mode: np.convolve(a, v, m), extra=(mode,), name=mode, dtypes=FLOATS, norm=True,
                   tol=2, grad=(0, 1), vmap=False)


def rows():
    for part in (matmul_rows, einsum_rows, special_matmul_rows, quantize_rows, gather_quantized_rows, conv_rows):
        yield from part()
