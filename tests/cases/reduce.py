"""Reductions, scans, softmax and the statistics built from them."""

import numpy as np
from case import ALL, FLOATS, FLOATS64, INTS, REAL, Arg, case
from scipy import special as sp

SHAPE = (3, 4, 5)
# constant rows have no spread: what remains is rounding noise
SPREAD_LAYOUTS = ("contiguous", "transposed", "sliced", "strided", "negative")


def widened(dtype):
    """sum and prod of narrow integers are computed and returned in 32 bits."""
    narrow = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}
    return narrow.get(dtype, dtype)


def bool_to_int(dtype):
    return "int32" if dtype == "bool" else dtype


def float_of(dtype):
    return dtype if dtype in (*FLOATS64, "complex64") else "float32"


def f_prod(x, **kw):
    return np.prod(x, **kw)


def f_logsumexp(x, axis=None, keepdims=False):
    return sp.logsumexp(x, axis=axis, keepdims=keepdims)


def f_count_nonzero(x, axis=None, keepdims=False):
    return np.count_nonzero(x, axis=axis, keepdims=keepdims)


def f_minmax(x, **kw):
    return np.min(x, **kw), np.max(x, **kw)


# (op, reference, domain, dtypes, differentiable, result dtype, options)
REDUCTIONS = [
    ("sum", np.sum, "normal", ALL, True, widened, {"norm": True}),
    ("prod", f_prod, "nonzero", (*FLOATS64, "int32", "complex64"), True, widened, {"norm": True, "tol": 4}),
    (
        "mean",
        np.mean,
        "normal",
        (*FLOATS64, "int32", "uint8", "bool", "complex64"),
        True,
        float_of,
        {"norm": True},
    ),
    (
        "var",
        np.var,
        "normal",
        (*FLOATS64, "int32"),
        True,
        float_of,
        {"norm": True, "tol": 2, "layouts": SPREAD_LAYOUTS},
    ),
    (
        "std",
        np.std,
        "normal",
        (*FLOATS64, "int32"),
        True,
        float_of,
        {"norm": True, "tol": 2, "layouts": SPREAD_LAYOUTS},
    ),
    ("max", np.max, "distinct", ALL, True, "same", {}),
    ("min", np.min, "distinct", ALL, True, "same", {}),
    ("minmax", f_minmax, "distinct", REAL, True, "same", {}),
    ("all", np.all, "ties", ALL, False, "bool", {}),
    ("any", np.any, "ties", ALL, False, "bool", {}),
    ("logsumexp", f_logsumexp, "normal", FLOATS64, True, "same", {}),
    ("median", np.median, "distinct", (*FLOATS64, "int32"), False, float_of, {}),
    ("count_nonzero", f_count_nonzero, "ties", (*REAL, "bool"), False, None, {}),
]
METHODS = ("sum", "prod", "mean", "var", "std", "max", "min", "all", "any", "logsumexp")
AXES = {"all": None, "first": 0, "last": -1, "pair": (0, 2), "middle-keep": 1}
FEW = ("float32", "bfloat16", "int32", "bool", "uint8")

# (op, reference(x, axis), domain, dtypes, result dtype)
ARG_REDUCTIONS = [("argmax", np.argmax), ("argmin", np.argmin)]


def reduction_rows():
    for op, ref, domain, dtypes, diff, out, options in REDUCTIONS:
        for name, axis in AXES.items():
            keep = name.endswith("keep")
            kw = {"axis": axis} | ({"keepdims": True} if keep else {})
            yield case(
                op,
                Arg(SHAPE, domain),
                ref=lambda x, f=ref, k=kw: f(x, **k),
                kw=kw,
                name=name,
                out=out,
                dtypes=dtypes if name in ("all", "last") else tuple(d for d in dtypes if d in FEW),
                grad=(0,) if diff else (),
                **options,
            )
            if op in METHODS and name in ("all", "middle-keep"):
                yield case(
                    f"array.{op}",
                    Arg(SHAPE, domain),
                    ref=lambda x, f=ref, k=kw: f(x, **k),
                    kw=kw,
                    name=name,
                    out=out,
                    dtypes=tuple(d for d in dtypes if d in FEW),
                    **options,
                )
    for op, ref in ARG_REDUCTIONS:
        for owner in ("", "array."):
            for name, axis in (("all", None), ("first", 0), ("last", -1)):
                yield case(
                    owner + op,
                    Arg(SHAPE, "distinct"),
                    ref=lambda x, f=ref, a=axis: f(x, axis=a),
                    kw={"axis": axis},
                    name=name,
                    out="uint32",
                    dtypes=(*REAL, "bool") if not owner else FEW,
                )
        yield case(
            op,
            Arg((4, 9), "ties"),
            ref=lambda x, f=ref: f(x, axis=-1),
            kw={"axis": -1},
            name="first-of-ties",
            out="uint32",
            dtypes=FEW,
        )
        yield case(
            op,
            Arg(SHAPE, "distinct"),
            ref=lambda x, f=ref: f(x, axis=1, keepdims=True),
            kw={"axis": 1, "keepdims": True},
            name="keep",
            out="uint32",
            dtypes=FEW,
        )


def statistics_rows():
    for op, ref in (("var", np.var), ("std", np.std)):
        yield case(
            op,
            SHAPE,
            ref=lambda x, f=ref: f(x, axis=1, ddof=1),
            kw={"axis": 1, "ddof": 1},
            name="ddof",
            tol=2,
            norm=True,
            grad=(0,),
            layouts=SPREAD_LAYOUTS,
        )
        yield case(
            f"array.{op}",
            SHAPE,
            ref=lambda x, f=ref: f(x, axis=1, ddof=1),
            kw={"axis": 1, "ddof": 1},
            name="ddof",
            tol=2,
            norm=True,
            dtypes=FLOATS,
            layouts=SPREAD_LAYOUTS,
        )
    # long rows: the running sum of a half type must not be kept in that type
    for op, ref in (("sum", np.sum), ("mean", np.mean), ("logsumexp", f_logsumexp), ("var", np.var)):
        yield case(
            op,
            Arg((2, 5000), "positive"),
            ref=lambda x, f=ref: f(x, axis=-1),
            kw={"axis": -1},
            name="long",
            norm=True,
            tol=2,
            dtypes=FLOATS64,
        )
        yield case(
            op,
            Arg((5000, 2), "positive"),
            ref=lambda x, f=ref: f(x, axis=0),
            kw={"axis": 0},
            name="long-columns",
            norm=True,
            tol=2,
            dtypes=FLOATS64,
            layouts=SPREAD_LAYOUTS,
        )
    for op, ref in (("max", np.max), ("min", np.min), ("sum", np.sum)):
        yield case(
            op,
            Arg((3, 12), "special"),
            ref=lambda x, f=ref: f(x, axis=-1),
            kw={"axis": -1},
            name="nan",
            dtypes=FLOATS64,
        )
    for shape, axes in (
        ((2, 3, 4, 5), (1, 3)),
        ((2, 3, 4, 5), (0, 2)),
        ((33, 65), 0),
        ((65, 33), 1),
        ((2, 1, 7, 1), (1, 3)),
    ):
        name = f"{'x'.join(map(str, shape))}-{axes}".replace(" ", "")
        yield case(
            "sum",
            shape,
            ref=lambda x, a=axes: np.sum(x, axis=a),
            kw={"axis": axes},
            name=name,
            norm=True,
            dtypes=("float32", "int32"),
            out=widened,
        )
        yield case(
            "max",
            shape,
            ref=lambda x, a=axes: np.max(x, axis=a),
            kw={"axis": axes},
            name=name,
            dtypes=("float32", "int32"),
        )
    yield case(
        "sum",
        Arg((3, 0, 4)),
        ref=lambda x: np.sum(x, axis=1),
        kw={"axis": 1},
        name="empty",
        dtypes=FEW,
        out=widened,
        layouts=(),
    )
    yield case(
        "prod",
        Arg((3, 0)),
        ref=lambda x: np.prod(x, axis=1),
        kw={"axis": 1},
        name="empty",
        dtypes=FLOATS,
        layouts=(),
    )
    yield case(
        "prod",
        Arg((2, 5), ("value", [[1.5, 0, 2, 3, 4], [0, 2, 0, 1, 1]])),
        ref=lambda x: np.prod(x, axis=1),
        kw={"axis": 1},
        name="zeros",
        dtypes=FLOATS,
        grad=(0,),
        layouts=(),
    )


# Shapes that take other routes on a GPU than small ones: one long row (cut into parts), many short rows, long and wide
# columns, reduced axes in the middle and apart, sizes that no vector divides.
HOSTILE = (
    ((1, 100003), -1),
    ((3, 40, 901), None),
    ((100003, 3), 0),
    ((100003, 3), 1),
    ((5, 65537), 0),
    ((2, 20001), 1),
    ((1500, 136), 0),
    ((3, 5, 7, 300), (1, 2)),
    ((50, 6, 70), (0, 2)),
    ((2, 300, 1, 9), (1, 3)),
    ((2, 3, 2, 3, 2, 3, 2, 3, 2, 3), (0, 2, 4, 6, 8)),
)
ONCE = {"vmap": False, "compile": False, "export": False, "shapeless": False}


def hostile_rows():
    for shape, axes in HOSTILE:
        name = f"gpu-{'x'.join(map(str, shape))}-{axes}".replace(" ", "")
        small = np.prod(shape) < 50000
        layouts = ("transposed", "sliced", "negative") if small else ("sliced",)
        for op, ref, domain, dtypes in (
            ("sum", np.sum, "positive", ("float32", "bfloat16", "int32", "complex64")),
            ("max", np.max, "wide", ("float32", "float16", "int8", "int64", "bool")),
            ("any", np.any, "unit", ("bool",)),
        ):
            yield case(
                op,
                Arg(shape, domain),
                ref=lambda x, f=ref, a=axes: f(x, axis=a),
                kw={"axis": axes},
                name=name,
                norm=op == "sum",
                tol=2 if op == "sum" else 1,
                dtypes=dtypes,
                out=widened if op == "sum" else "same",
                layouts=layouts if op == "sum" else (),
                **ONCE,
            )
        if isinstance(axes, tuple):
            continue
        for op, ref in ARG_REDUCTIONS:
            yield case(
                op,
                Arg(shape, "wide"),
                ref=lambda x, f=ref, a=axes: f(x, axis=a),
                kw={"axis": axes},
                name=name,
                dtypes=("float32", "bfloat16", "int8", "int64"),
                out="uint32",
                layouts=layouts if small else (),
                **ONCE,
            )
    for axis in (0, 1):
        for op, ref in ARG_REDUCTIONS:
            yield case(
                op,
                Arg((40, 24), "special"),
                ref=lambda x, f=ref, a=axis: f(x, axis=a),
                kw={"axis": axis},
                name=f"nan-{axis}",
                dtypes=FLOATS,
                out="uint32",
                **ONCE,
            )
    for shape, axes in (((3, 0, 4), (1, 2)), ((0, 4), 0), ((0, 4), 1), ((2, 0, 3, 5), (1, 3))):
        for op, ref in (("sum", np.sum), ("prod", f_prod), ("all", np.all)):
            yield case(
                op,
                Arg(shape),
                ref=lambda x, f=ref, a=axes: f(x, axis=a),
                kw={"axis": axes},
                name=f"gpu-empty-{'x'.join(map(str, shape))}-{axes}".replace(" ", ""),
                dtypes=("float32", "int32"),
                out="bool" if op == "all" else "same",
                layouts=(),
                **ONCE,
            )


def f_softmax(x, axis=-1):
    return sp.softmax(x, axis=axis)


def softmax_rows():
    for name, axis in (("last", -1), ("first", 0), ("pair", (0, 2)), ("all", None)):
        yield case(
            "softmax",
            SHAPE,
            ref=lambda x, a=axis: f_softmax(x, a),
            kw={"axis": axis},
            name=name,
            grad=(0,),
            dtypes=FLOATS64,
        )
    yield case(
        "softmax",
        (3, 7),
        ref=f_softmax,
        kw={"axis": -1, "precise": True},
        name="precise",
        grad=(0,),
        dtypes=FLOATS,
    )
    yield case(
        "softmax",
        Arg((2, 3000), "wide"),
        ref=f_softmax,
        kw={"axis": -1},
        name="long",
        dtypes=FLOATS,
        norm=True,
        tol=2,
    )
    yield case(
        "softmax",
        Arg((2, 3), ("value", [[1.0, -np.inf, 2.0], [-np.inf, 0.0, -np.inf]])),
        ref=f_softmax,
        kw={"axis": -1},
        name="minus-inf",
        dtypes=FLOATS,
        layouts=(),
    )


def hostile_softmax_rows():
    inf, nan = np.inf, np.nan
    # a row in registers at every width of a team, odd lengths, rows too long for registers and in parts
    shapes = ((3, 33), (2, 130), (5, 250), (2, 1000), (3, 1025), (2, 5120), (2, 20001), (1, 100003), (700, 5))
    for op, ref in (("softmax", f_softmax), ("logsumexp", f_logsumexp)):
        for shape in shapes:
            yield case(
                op,
                Arg(shape, "wide"),
                ref=lambda x, f=ref: f(x, axis=-1),
                kw={"axis": -1},
                name=f"gpu-{'x'.join(map(str, shape))}",
                dtypes=FLOATS,
                norm=True,
                tol=2,
                layouts=("sliced", "strided", "broadcast") if shape[1] < 2000 else (),
                **ONCE,
            )
    for n in (4, 50000):  # the infinite and the undefined, in registers and in parts
        rows = np.zeros((7, n))
        rows[0, 1], rows[1, 2], rows[2] = inf, -inf, -inf
        rows[3, n - 1], rows[4, :2], rows[5, :2] = nan, (inf, nan), (inf, -inf)
        rows[6, : n - 1] = -inf
        yield case(
            "logsumexp",
            Arg(rows.shape, ("value", rows)),
            ref=lambda x: np.where(
                np.isnan(x).any(-1), nan, np.where((x == inf).any(-1), inf, f_logsumexp(x, axis=-1))
            ),
            kw={"axis": -1},
            name=f"gpu-infinite-{n}",
            dtypes=FLOATS,
            layouts=(),
            **ONCE,
        )
        yield case(
            "softmax",
            Arg(rows.shape, ("value", rows)),
            ref=f_softmax,
            kw={"axis": -1},
            name=f"gpu-infinite-{n}",
            dtypes=FLOATS,
            layouts=(),
            **ONCE,
        )


def scan_ref(f, reverse, inclusive, identity):
    def ref(x, axis):
        if axis is None:
            x, axis = x.reshape(-1), 0
        if reverse:
            x = np.flip(x, axis)
        y = f(x, axis=axis)
        if not inclusive:
            start = np.full_like(np.take(y, [0], axis), identity(y.dtype))
            y = np.concatenate([start, np.take(y, range(y.shape[axis] - 1), axis)], axis=axis)
        return np.flip(y, axis) if reverse else y

    return ref


def lowest(dt):
    return -np.inf if dt.kind == "f" else None


def highest(dt):
    return np.inf if dt.kind == "f" else None


# (op, reference, identity, domain, dtypes, result dtype, differentiable)
SCANS = [
    ("cumsum", np.cumsum, lambda dt: 0, "normal", ("complex64", *REAL, "bool"), bool_to_int, True),
    ("cumprod", np.cumprod, lambda dt: 1, "nonzero", (*FLOATS64, "int32"), bool_to_int, True),
    ("cummax", np.maximum.accumulate, lowest, "distinct", (*FLOATS64, *INTS), "same", True),
    ("cummin", np.minimum.accumulate, highest, "distinct", (*FLOATS64, *INTS), "same", True),
    ("logcumsumexp", np.logaddexp.accumulate, lowest, "normal", FLOATS64, "same", True),
]
SCAN_ALIASES = {"cumsum": "cumulative_sum", "cumprod": "cumulative_prod"}


def scan_rows():
    for op, f, identity, domain, dtypes, out, diff in SCANS:
        for name, axis, reverse, inclusive in (
            ("last", -1, False, True),
            ("first-reverse", 0, True, True),
            ("flat", None, False, True),
            ("exclusive", 1, False, False),
            ("exclusive-reverse", -1, True, False),
        ):
            if not inclusive:
                dts = FLOATS
            else:
                dts = dtypes if name == "last" else tuple(d for d in dtypes if d in FEW)
            ref = scan_ref(f, reverse, inclusive, identity)
            kw = (
                {"axis": axis}
                | ({"reverse": True} if reverse else {})
                | ({} if inclusive else {"inclusive": False})
            )
            row = {
                "ref": lambda x, r=ref, a=axis: r(x, a),
                "kw": kw,
                "name": name,
                "norm": True,
                "out": out,
                "tol": 2,
            }
            smooth = diff and op != "logcumsumexp" or name in ("last", "first-reverse", "flat")
            yield case(
                op, Arg((3, 4, 2), domain), dtypes=dts, grad=(0,) if smooth and inclusive else (), **row
            )
            if name in ("last", "exclusive-reverse"):
                few = tuple(d for d in dts if d in FEW)
                yield case(f"array.{op}", Arg((3, 4, 2), domain), dtypes=few, **row)
                if op in SCAN_ALIASES:
                    yield case(SCAN_ALIASES[op], Arg((3, 4, 2), domain), dtypes=few, **row)
    for n, axis in ((1000, -1), (1000, 0)):
        shape = (3, n) if axis else (n, 3)
        yield case(
            "cumsum",
            Arg(shape, "normal"),
            ref=lambda x, a=axis: np.cumsum(x, a),
            kw={"axis": axis},
            name=f"long{axis}",
            norm=True,
            tol=4,
            dtypes=("float32", "int32"),
        )
    yield from scan_shape_rows()


# Rows within a wave, a workgroup and beyond; few and many lines of other axes, long enough to be cut.
SCAN_SHAPES = [
    ((1,), 0, "cumsum", ("float32",)),
    ((2,), 0, "cumsum", ("int64",)),
    ((700, 5), -1, "cumsum", ("float32", "uint8")),
    ((3, 1023), -1, "cummax", ("float16", "int8")),
    ((2, 1025), -1, "cummin", ("bfloat16", "uint16")),
    ((3, 4097), -1, "cumsum", ("float32", "complex64", "bfloat16")),
    ((70001,), -1, "cumsum", ("float32", "int32")),
    ((3, 30000), -1, "cummax", ("float32",)),
    ((3000, 3), -1, "logcumsumexp", ("float32",)),
    ((2, 2000, 5), 1, "cumsum", ("float32", "int16")),
    ((2, 300, 70), 1, "cummin", ("float32", "uint64")),
    ((1500, 64), 0, "cumsum", ("bfloat16", "complex64")),
]


def scan_shape_rows():
    functions = {op: (f, identity) for op, f, identity, *_ in SCANS}
    for shape, axis, op, dtypes in SCAN_SHAPES:
        f, identity = functions[op]
        for reverse, inclusive in ((False, True), (True, False)):
            halves = ("float16", "bfloat16", "float32")
            ref = scan_ref(f, reverse, inclusive, identity)
            yield case(
                op,
                Arg(shape, "normal"),
                ref=lambda x, r=ref, a=axis: r(x, a),
                kw={"axis": axis} | ({} if inclusive else {"reverse": True, "inclusive": False}),
                name="x".join(map(str, shape)) + ("" if inclusive else "-exclusive-reverse"),
                norm=True,
                tol=8,
                dtypes=dtypes if inclusive else tuple(d for d in dtypes if d in halves),
                layouts=(),
                vmap=False,
                compile=False,
                export=False,
            )


def rows():
    yield from reduction_rows()
    yield from statistics_rows()
    yield from hostile_rows()
    yield from softmax_rows()
    yield from hostile_softmax_rows()
    yield from scan_rows()
