"""Matrix products: dense, contracted, gathered, masked."""

import numpy as np
from case import F32, FLOATS, FLOATS64, Arg, case

FC = (*FLOATS64, "complex64")
NORM = {
    "norm": True,
    "tol": 2,
    "layouts": ("contiguous", "transposed", "sliced", "broadcast", "negative", "strided"),
}
SHAPES = {
    "square": ((4, 4), (4, 4)),
    "": ((5, 7), (7, 3)),
    "vec-mat": ((7,), (7, 3)),
    "mat-vec": ((5, 7), (7,)),
    "dot": ((7,), (7,)),
    "batch": ((2, 3, 4, 5), (3, 5, 2)),
    "broadcast": ((2, 1, 4, 5), (3, 5, 2)),
    "one-row": ((3, 1, 6), (3, 6, 5)),
    "empty-inner": ((3, 0), (0, 4)),
    "empty-rows": ((0, 3), (3, 4)),
}


def matmul_rows():
    for name, (a, b) in SHAPES.items():
        small = "empty" in name
        yield case(
            "matmul",
            a,
            b,
            ref=np.matmul,
            name=name,
            dtypes=FC,
            grad=() if small else (0, 1),
            **NORM | ({"layouts": ()} if small else {}),
        )
    for m, k, n in ((1, 300, 65), (67, 130, 33), (17, 64, 128), (129, 5, 2)):
        yield case(
            "matmul", (m, k), (k, n), ref=np.matmul, name=f"{m}x{k}x{n}", dtypes=FLOATS64, norm=True, tol=4
        )
        yield case(
            "matmul",
            (m, k),
            (n, k),
            ref=lambda a, b: a @ b.T,
            call=lambda mx, a, b: mx.matmul(a, b.T),
            name=f"nt{m}x{k}x{n}",
            dtypes=FLOATS64,
            norm=True,
            tol=4,
        )
        yield case(
            "matmul",
            (k, m),
            (k, n),
            ref=lambda a, b: a.T @ b,
            call=lambda mx, a, b: a.T @ b,
            name=f"tn{m}x{k}x{n}",
            dtypes=FLOATS64,
            norm=True,
            tol=4,
        )
    yield case("array.__matmul__", (5, 7), (7, 3), ref=np.matmul, dtypes=FLOATS, **NORM)
    yield case(
        "array.__imatmul__",
        (4, 4),
        (4, 4),
        ref=np.matmul,
        call=lambda mx, a, b: mx.array(a).__imatmul__(b),
        dtypes=FLOATS,
        **NORM,
    )
    for name, c in (("", (5, 3)), ("row", (3,)), ("scalar", ())):
        yield case(
            "addmm",
            c,
            (5, 7),
            (7, 3),
            ref=lambda c, a, b: 0.5 * (a @ b) + 2.0 * c,
            kw={"alpha": 0.5, "beta": 2.0},
            name=name,
            dtypes=FLOATS64,
            grad=(0, 1, 2),
            **NORM,
        )
    yield case(
        "addmm",
        (2, 5, 3),
        (2, 5, 7),
        (7, 3),
        ref=lambda c, a, b: a @ b + c,
        name="batch",
        dtypes=FLOATS,
        grad=(0, 1, 2),
        **NORM,
    )
    yield case("inner", (3, 5), (4, 5), ref=np.inner, dtypes=FLOATS64, grad=(0, 1), **NORM)
    yield case("outer", (3,), (4,), ref=np.outer, dtypes=(*FLOATS64, "int32"), grad=(0, 1))
    yield case("kron", (2, 3), (3, 2), ref=np.kron, dtypes=(*FLOATS64, "int32"), grad=(0, 1))
    yield case(
        "tensordot",
        (3, 4, 5),
        (4, 5, 2),
        ref=lambda a, b: np.tensordot(a, b, 2),
        dtypes=FLOATS64,
        grad=(0, 1),
        **NORM,
    )
    yield case(
        "tensordot",
        (3, 4, 5),
        (5, 2, 3),
        ref=lambda a, b: np.tensordot(a, b, [[2, 0], [0, 2]]),
        extra=([[2, 0], [0, 2]],),
        name="axes",
        dtypes=FLOATS,
        grad=(0, 1),
        **NORM,
    )
    yield case(
        "vecdot", (3, 4), (3, 4), ref=lambda a, b: np.sum(np.conj(a) * b, -1), dtypes=FC, grad=(0, 1), **NORM
    )
    yield case(
        "vecdot",
        (3, 4),
        (3, 4),
        ref=lambda a, b: np.sum(a * b, 0),
        kw={"axis": 0},
        name="axis",
        dtypes=FLOATS,
        **NORM,
    )
    yield case("trace", (4, 5), ref=np.trace, dtypes=(*FLOATS64, "int32"), grad=(0,), norm=True)
    yield case(
        "trace",
        (3, 4, 5),
        ref=lambda x: np.trace(x, 1, 0, 2),
        extra=(1, 0, 2),
        name="axes",
        dtypes=FLOATS,
        grad=(0,),
        norm=True,
    )


EINSUMS = [
    "ij,jk->ik",
    "ij,jk",
    "bij,bjk->bik",
    "ii->i",
    "ii",
    "ij->ji",
    "ij->j",
    "i,j->ij",
    "ijk,ilm,njm,nlk->",
    "ij,ij,ij->i",
    "...ij,...jk->...ik",
]
SIZES = dict(zip("ijklmnb", (3, 4, 2, 2, 3, 2, 2), strict=True))


def einsum_rows():
    for spec in EINSUMS:
        shapes = [tuple(SIZES[ch] for ch in t.replace("...", "b")) for t in spec.split("->")[0].split(",")]
        yield case(
            "einsum",
            *shapes,
            ref=lambda *a, s=spec: np.einsum(s, *a),
            name=spec.replace("...", "E"),
            dtypes=FLOATS64,
            call=lambda mx, *a, s=spec: mx.einsum(s, *a),
            grad=tuple(range(len(shapes))),
            norm=True,
            tol=4,
            grad_tol=4,
        )
    yield case(
        "einsum_path",
        (3, 4),
        (4, 5),
        (5, 6),
        call=lambda mx, *a: mx.einsum_path("ij,jk,kl->il", *a)[0],
        vmap=False,
        compile=False,
        export=False,
        layouts=(),
        dtypes=F32,
        ref=lambda *a: np.einsum_path("ij,jk,kl->il", *a)[0][1:],
        out=None,
    )


def masked(a, mask, bs):
    if mask is None:
        return a
    full = np.repeat(np.repeat(mask, bs, -2), bs, -1)[..., : a.shape[-2], : a.shape[-1]]
    return a * full


def f_segmented(a, b, segments):
    return np.stack([a[:, int(s) : int(e)] @ b[int(s) : int(e)] for s, e in segments])


def special_matmul_rows():
    flat = "contiguous", "sliced", "negative"
    for bs in (32, 64):

        def ref(a, b, mo, ml, mr, bs=bs):
            return masked(masked(a, ml, bs) @ masked(b, mr, bs), mo, bs)

        yield case(
            "block_masked_mm",
            (70, 100),
            (100, 65),
            Arg((-(-70 // bs), -(-65 // bs)), "mask", "bool"),
            Arg((-(-70 // bs), -(-100 // bs)), "mask", "bool"),
            Arg((-(-100 // bs), -(-65 // bs)), "mask", "bool"),
            ref=ref,
            name=str(bs),
            call=lambda mx, a, b, mo, ml, mr, bs=bs: mx.block_masked_mm(a, b, bs, mo, ml, mr),
            dtypes=F32,
            norm=True,
            tol=4,
            vmap=False,
        )
    yield case(
        "block_masked_mm",
        (2, 32, 64),
        (2, 64, 32),
        Arg((1, 1), "positive"),
        ref=lambda a, b, m: masked(a @ b, m, 64),
        name="out-scale",
        call=lambda mx, a, b, m: mx.block_masked_mm(a, b, 64, m),
        dtypes=F32,
        norm=True,
        tol=4,
        vmap=False,
    )
    rows, cols = Arg((6,), ("index", 4), "uint32"), Arg((6,), ("index", 3), "uint32")
    yield case(
        "gather_mm",
        (4, 2, 5),
        (3, 5, 4),
        rows,
        cols,
        ref=lambda a, b, i, j: a[i.astype(int)] @ b[j.astype(int)],
        dtypes=FLOATS[:1],
        grad=(0, 1),
        norm=True,
        tol=2,
        layouts=flat,
    )
    yield case(
        "gather_mm",
        (6, 1, 5),
        (3, 5, 4),
        Arg((6,), ("sorted", ("index", 3)), "uint32"),
        ref=lambda a, b, j: a @ b[j.astype(int)],
        call=lambda mx, a, b, j: mx.gather_mm(a, b, rhs_indices=j, sorted_indices=True),
        name="sorted",
        dtypes=F32,
        grad=(0, 1),
        norm=True,
        tol=2,
        vmap=False,
        layouts=flat,
    )
    yield case(
        "segmented_mm",
        (3, 8),
        (8, 4),
        Arg((3, 2), ("value", [[0, 3], [3, 3], [2, 8]]), "uint32"),
        ref=f_segmented,
        dtypes=F32,
        grad=(),
        norm=True,
        tol=2,
        vmap=False,
    )


def rows():
    for part in (matmul_rows, einsum_rows, special_matmul_rows):
        yield from part()
