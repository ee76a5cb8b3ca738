"""Ops that move elements without computing: reshapes, views, joins, copies, casts."""

import numpy as np
from case import ALL, Arg, DtypeName, case, mx_dtype, round_to

DTYPES = ("float32", "bfloat16", "int8", "int64", "bool", "complex64")
FEW = ("float32", "int32")
DIFF = {"grad": (0,)}
S = (2, 3, 4)


def move(op, shape, ref, extra=(), name="", kw=None, call=None, dtypes=DTYPES, **more):
    return case(
        op, shape, ref=ref, extra=extra, kw=kw, call=call, name=name, dtypes=dtypes, **{**DIFF, **more}
    )


def f_pad(widths, mode="constant", value=0):
    options = {"constant_values": value} if mode == "constant" else {}
    return lambda x: np.pad(x, widths, mode=mode, **options)


# (op, shape, reference, positional arguments, variant)
MOVES = [
    ("reshape", S, lambda x: x.reshape(4, 6), ((4, 6),), ""),
    ("reshape", S, lambda x: x.reshape(3, 8), ((3, -1),), "inferred"),
    ("flatten", S, np.ravel, (), ""),
    ("flatten", S, lambda x: x.reshape(2, 12), (1, 2), "part"),
    ("flatten", (), lambda x: x.reshape(1), (), "scalar"),
    ("unflatten", (2, 12), lambda x: x.reshape(2, 3, 4), (1, (3, -1)), ""),
    ("squeeze", (1, 3, 1, 2), np.squeeze, (), "all"),
    ("squeeze", (1, 3, 1, 2), lambda x: x[:, :, 0], (-2,), "axis"),
    ("squeeze", (1, 3, 1, 2), np.squeeze, ((0, 2),), "axes"),
    ("expand_dims", S, lambda x: x[:, None], (1,), ""),
    ("expand_dims", S, lambda x: x[None, ..., None], ((0, -1),), "axes"),
    ("transpose", S, np.transpose, (), "all"),
    ("transpose", S, lambda x: x.transpose(2, 0, 1), ((2, 0, 1),), "axes"),
    ("permute_dims", S, lambda x: x.transpose(1, 2, 0), ((1, 2, 0),), ""),
    ("matrix_transpose", S, lambda x: x.swapaxes(-1, -2), (), ""),
    ("swapaxes", S, lambda x: x.swapaxes(0, 2), (0, 2), ""),
    ("moveaxis", S, lambda x: np.moveaxis(x, 0, -1), (0, -1), ""),
    ("broadcast_to", (3, 1), lambda x: np.broadcast_to(x, (2, 3, 4)), ((2, 3, 4),), ""),
    ("broadcast_to", (), lambda x: np.broadcast_to(x, (2, 3)), ((2, 3),), "scalar"),
    ("tile", (2, 3), lambda x: np.tile(x, (2, 2)), ((2, 2),), ""),
    ("tile", (2, 3), lambda x: np.tile(x, (3, 1, 2)), ((3, 1, 2),), "more-dims"),
    ("tile", (2, 3), lambda x: np.tile(x, 2), (2,), "int"),
    ("repeat", S, lambda x: np.repeat(x, 2, 1), (2, 1), ""),
    ("repeat", S, lambda x: np.repeat(x, 3), (3,), "flat"),
    ("roll", S, lambda x: np.roll(x, 5), (5,), "flat"),
    ("roll", S, lambda x: np.roll(x, -1, 2), (-1, 2), "axis"),
    ("roll", S, lambda x: np.roll(x, (1, 2), (0, 2)), ((1, 2), (0, 2)), "axes"),
    ("flip", S, np.flip, (), "all"),
    ("flip", S, lambda x: np.flip(x, (0, -1)), ((0, -1),), "axes"),
    ("pad", S, f_pad(((1, 1), (1, 1), (1, 1))), (1,), "int"),
    ("pad", S, f_pad(((0, 0), (2, 1), (1, 0))), ([(0, 0), (2, 1), (1, 0)],), "pairs"),
    ("diagonal", (3, 4), np.diagonal, (), ""),
    ("diagonal", (3, 4, 2), lambda x: np.diagonal(x, 1, 0, 2), (1, 0, 2), "offset"),
    ("diagonal", (4, 3), lambda x: np.diagonal(x, -2), (-2,), "negative"),
    ("diag", (4,), np.diag, (), "make"),
    ("diag", (3,), lambda x: np.diag(x, -1), (-1,), "make-offset"),
    ("diag", (3, 4), lambda x: np.diag(x, 1), (1,), "extract"),
    ("tril", (3, 4), np.tril, (), ""),
    ("tril", S, lambda x: np.tril(x, -1), (-1,), "offset"),
    ("triu", (3, 4), np.triu, (), ""),
    ("triu", S, lambda x: np.triu(x, 1), (1,), "offset"),
    ("contiguous", S, np.positive, (), ""),
    ("split", (2, 6), lambda x: np.split(x, 3, 1), (3, 1), "sections"),
    ("split", (7, 2), lambda x: np.split(x, [2, 5], 0), ([2, 5], 0), "indices"),
    ("diff", (3, 5), lambda x: np.diff(x, 2, 0), (2, 0), "second"),
]
METHODS = ("reshape", "flatten", "squeeze", "transpose", "swapaxes", "moveaxis", "diagonal", "diag", "split")
# free results of one element type cannot be told from a bool: np.positive rejects it
BOOL_FREE = {"contiguous", "diff"}


def move_rows():
    for op, shape, ref, extra, name in MOVES:
        dtypes = tuple(d for d in DTYPES if not (op in BOOL_FREE and d == "bool"))
        more = {"tol": 4} if op == "diff" else {}
        yield move(op, shape, ref, extra, name, dtypes=dtypes, **more)
        if op in METHODS:
            yield move(f"array.{op}", shape, ref, extra, name, dtypes=FEW)
    yield move("array.reshape", S, lambda x: x.reshape(6, 4), (6, -1), "varargs", dtypes=FEW)
    yield move("array.transpose", S, lambda x: x.transpose(1, 2, 0), (1, 2, 0), "varargs", dtypes=FEW)
    yield move("array.T", S, np.transpose, call=lambda mx, x: x.T, dtypes=FEW)
    yield move("array.mT", S, lambda x: x.swapaxes(-1, -2), call=lambda mx, x: x.mT, dtypes=FEW)
    yield move("unstack", (3, 2), lambda x: list(x), dtypes=DTYPES)
    yield move("unstack", (3, 2), lambda x: [x[:, 0], x[:, 1]], kw={"axis": -1}, name="axis", dtypes=FEW)
    yield move("contiguous", S, lambda x: x, kw={"allow_col_major": True}, name="col-major", dtypes=FEW)
    yield move(
        "as_strided",
        (24,),
        lambda x: np.stack([x[1 + 5 * i : 1 + 5 * i + 9 : 2] for i in range(3)]),
        ((3, 5), (5, 2), 1),
        "overlap",
        dtypes=FEW,
        layouts=("contiguous", "transposed", "sliced", "negative"),
    )
    yield move("array.__copy__", S, lambda x: x, dtypes=FEW)
    yield case("array.__deepcopy__", S, ref=lambda x: x, extra=({},), dtypes=FEW)
    for mode in ("edge", "reflect", "symmetric"):
        yield move(
            "pad",
            (3, 4),
            f_pad(((2, 1), (0, 3)), mode),
            ([(2, 1), (0, 3)], mode),
            mode,
            dtypes=("float32", "int32"),
        )
    yield move(
        "pad",
        (3, 4),
        f_pad(((1, 2), (1, 2)), "constant", 7),
        ((1, 2),),
        "value",
        kw={"constant_values": 7},
        dtypes=FEW,
    )


def join_rows():
    three = ((2, 3), (4, 3), (1, 3))
    for op in ("concatenate", "concat"):
        yield case(
            op,
            *three,
            ref=lambda *a: np.concatenate(a),
            call=lambda mx, *a, op=op: getattr(mx, op)(list(a)),
            dtypes=DTYPES,
            grad=(0, 1, 2),
        )
        yield case(
            op,
            (2, 3),
            (2, 1),
            ref=lambda *a: np.concatenate(a, -1),
            call=lambda mx, *a, op=op: getattr(mx, op)(list(a), -1),
            name="axis",
            dtypes=FEW,
            grad=(0, 1),
        )
        yield case(
            op,
            (2, 3),
            (2, 1),
            ref=lambda *a: np.concatenate(a, None),
            call=lambda mx, *a, op=op: getattr(mx, op)(list(a), None),
            name="flat",
            dtypes=FEW,
        )
    for axis in (0, 1, -1):
        yield case(
            "stack",
            (2, 3),
            (2, 3),
            ref=lambda *a, k=axis: np.stack(a, k),
            call=lambda mx, *a, k=axis: mx.stack(list(a), k),
            name=str(axis),
            dtypes=DTYPES if axis == 0 else FEW,
            grad=(0, 1),
        )
    yield case(
        "broadcast_arrays", (3, 1), (4,), ref=lambda *a: np.broadcast_arrays(*a), dtypes=DTYPES, grad=(0, 1)
    )
    for d in (1, 2, 3):
        f = getattr(np, f"atleast_{d}d")
        for shape in ((), (3,), (2, 3), S):
            yield case(f"atleast_{d}d", shape, ref=f, name=str(len(shape)), dtypes=FEW, grad=(0,))
    yield case("meshgrid", (3,), (4,), ref=lambda *a: np.meshgrid(*a), dtypes=FEW, grad=(0, 1))
    yield case(
        "meshgrid",
        (3,),
        (4,),
        (2,),
        ref=lambda *a: np.meshgrid(*a, indexing="ij", sparse=True),
        kw={"indexing": "ij", "sparse": True},
        name="sparse",
        dtypes=FEW,
    )
    yield case(
        "broadcast_shapes",
        ref=lambda: np.broadcast_shapes((3, 1), (2, 1, 4)),
        call=lambda mx: mx.broadcast_shapes((3, 1), (2, 1, 4)),
        dtypes=("float32",),
        out=None,
        compile=False,
        vmap=False,
        export=False,
    )


def f_cast(target):
    def ref(x):
        if target == "bool":
            return x != 0
        if x.dtype.kind == "c" and target != "complex64":
            x = x.real
        return round_to(x, target)

    return ref


def cast_rows():
    for target in ALL:
        # negative floats to unsigned integers are undefined in C
        domain = "bits" if target.startswith("u") or target == "bool" else "normal"
        row = {"ref": f_cast(target), "dtypes": ALL, "out": target, "cpu_only": target == "float64"}
        yield case(
            "astype",
            Arg((3, 5), domain),
            extra=(DtypeName(target),),
            name=target,
            layouts=(),
            call=lambda mx, x, t=target: mx.astype(x, mx_dtype(mx, t)),
            **row,
        )
        yield case(
            "array.astype",
            Arg((3, 5), domain),
            name=target,
            compile=target == "float32",
            export=target == "float32",
            vmap=target == "float32",
            call=lambda mx, x, t=target: x.astype(mx_dtype(mx, t)),
            **row,
        )
    yield case(
        "array.astype",
        (3, 5),
        ref=lambda x: x,
        extra=(),
        call=lambda mx, x: x.astype(mx.float32),
        name="diff",
        dtypes=("float32",),
        grad=(0,),
        layouts=(),
    )


VIEWS = [
    ("float32", "uint32", np.float32, np.uint32),
    ("float32", "int16", np.float32, np.int16),
    ("int16", "uint8", np.int16, np.uint8),
    ("uint8", "int32", np.uint8, np.int32),
    ("float16", "int16", np.float16, np.int16),
    ("int64", "uint32", np.int64, np.uint32),
]


def view_rows():
    for src, dst, np_src, np_dst in VIEWS:

        def ref(x, a=np_src, b=np_dst):
            return np.ascontiguousarray(x.astype(a)).view(b)

        last = max(1, np.dtype(np_dst).itemsize // np.dtype(np_src).itemsize)
        row = {"ref": ref, "name": f"{src}-{dst}", "dtypes": (src,), "out": dst}
        for op in ("view", "array.view"):
            yield case(
                op,
                Arg((3, 2 * last), "bits"),
                call=lambda mx, x, d=dst, op=op: (
                    mx.view(x, getattr(mx, d)) if op == "view" else x.view(getattr(mx, d))
                ),
                **row,
            )


def creation(op, ref, *extra, name="", dtype=None, out="float32", kw=None):
    named = dict(kw or {}) | ({"dtype": DtypeName(dtype)} if dtype else {})
    return case(
        op,
        ref=ref,
        extra=extra,
        kw=named,
        name=name or dtype or "",
        dtypes=("float32",),
        out=dtype or out,
        vmap=False,
        layouts=(),
        compile=True,
        export=False,
    )


WINDOWS = {"bartlett": np.bartlett, "blackman": np.blackman, "hamming": np.hamming, "hanning": np.hanning}


def creation_rows():
    for dtype in (None, "int32", "bfloat16", "bool", "complex64"):
        for op, f in (("zeros", np.zeros), ("ones", np.ones)):
            yield creation(op, lambda f=f: f((2, 3)), (2, 3), dtype=dtype)
        # empty leaves values undefined by name; MLX fills zeros
        yield creation("empty", lambda: np.zeros((2, 3)), (2, 3), dtype=dtype)
        yield creation("eye", lambda: np.eye(3, 4, 1), 3, 4, 1, dtype=dtype)
        yield creation("identity", lambda: np.eye(3), 3, dtype=dtype)
        yield creation("tri", lambda: np.tri(3, 4, -1), 3, 4, -1, dtype=dtype)
    yield creation("zeros", lambda: np.zeros(4), 4, name="int-shape")
    for args in ((5,), (2, 9), (2, 9, 3), (9, 2, -2), (0.5, 3.0), (0, 1, 0.1), (3, 3), (-4.5, 2, 1.5)):
        floats = any(isinstance(a, float) for a in args)
        yield creation(
            "arange",
            lambda a=args: np.arange(*a),
            *args,
            name="-".join(map(str, args)),
            out="float32" if floats else "int32",
        )
    yield creation("arange", lambda: np.arange(6), 6, dtype="float16")
    yield creation("arange", lambda: np.arange(0, 10, 3), 0, 10, 3, dtype="uint8")
    for dtype, args in (
        ("int64", (-5, 70001, 3)),
        ("bfloat16", (0.5, 100)),
        ("complex64", (1, 50, 0.25)),
        ("int16", (1025,)),
    ):
        yield creation(
            "arange",
            lambda a=args: np.arange(*a),
            *args,
            dtype=dtype,
            name=f"{dtype}-{'-'.join(map(str, args))}",
        )
    for args in ((0, 1), (0, 1, 7), (-3.5, 2, 11), (5, 5, 3), (0, 1, 1)):
        yield creation("linspace", lambda a=args: np.linspace(*a), *args, name="-".join(map(str, args)))
    yield creation(
        "linspace", lambda: np.linspace(0, 1, 5, endpoint=False), 0, 1, 5, kw={"endpoint": False}, name="open"
    )
    for op, f in WINDOWS.items():
        for n in (0, 1, 2, 7, 64):
            yield case(
                op,
                ref=lambda f=f, n=n: f(n),
                extra=(n,),
                name=str(n),
                dtypes=("float32",),
                vmap=False,
                layouts=(),
                export=False,
                out="float32",
            )
    yield creation("full", lambda: np.full((2, 3), 7), (2, 3), 7, name="int", out="int32")
    yield creation("full", lambda: np.full((2, 3), 7.5), (2, 3), 7.5, name="float")
    yield creation("full", lambda: np.full((2, 3), 3), (2, 3), 3, dtype="float16")
    yield case(
        "full",
        (3,),
        ref=lambda v: np.broadcast_to(v, (2, 3)),
        call=lambda mx, v: mx.full((2, 3), v),
        name="array",
        dtypes=FEW,
        grad=(0,),
    )
    for op, f in (("zeros_like", np.zeros_like), ("ones_like", np.ones_like), ("empty_like", np.zeros_like)):
        yield case(op, S, ref=f, dtypes=DTYPES, grad=(0,))
        yield case(
            op,
            S,
            ref=lambda x, f=f: f(x),
            kw={"dtype": DtypeName("int8")},
            name="dtype",
            dtypes=("float32",),
            out="int8",
        )
    yield case("full_like", S, ref=lambda x: np.full_like(x, 3), extra=(3,), dtypes=FEW)
    yield case("array_equal", S, S, ref=np.array_equal, dtypes=DTYPES, out="bool")
    yield case(
        "array_equal",
        Arg((5,), ("value", [1, np.nan, 3, 4, 5])),
        Arg((5,), ("value", [1, np.nan, 3, 4, 5])),
        name="nan",
        ref=lambda a, b: np.array_equal(a, b, equal_nan=True),
        kw={"equal_nan": True},
        dtypes=("float32",),
        out="bool",
    )
    yield case("allclose", S, S, ref=np.allclose, dtypes=("float32", "bfloat16"), out="bool")
    yield case(
        "allclose",
        Arg(S, ("uniform", 1, 2)),
        ref=lambda x: np.allclose(x, x + 1e-6),
        call=lambda mx, x: mx.allclose(x, x + 1e-6),
        name="near",
        dtypes=("float32",),
        out="bool",
    )
    yield case("depends", S, (2,), ref=lambda x, y: x, dtypes=FEW, vmap=True, out="same", grad=(0,))


def rows():
    yield from move_rows()
    yield from join_rows()
    yield from cast_rows()
    yield from view_rows()
    yield from creation_rows()
