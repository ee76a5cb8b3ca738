"""Gather, scatter, dynamic slices, sorting and searching."""

import numpy as np
from case import ALL, REAL, Arg, case

FEW = ("float32", "bfloat16", "int32", "uint8")
S = (4, 5, 3)
ROW_LAYOUTS = ("contiguous", "transposed", "sliced", "strided", "negative")


def idx(shape, n, dtype="int32"):
    return Arg(shape, ("index", n), dtype)


def put(x, i, v, axis):
    y = x.copy()
    np.put_along_axis(y, i, v, axis)
    return y


def set_item(index):
    """x[index] = v on a fresh array, and its NumPy counterpart."""

    def call(mx, x, v):
        y = mx.array(x)
        y[index] = v
        return y

    def ref(x, v):
        y = x.copy()
        y[index] = v
        return y

    return call, ref


def at_op(op, np_ufunc):
    def call(mx, x, i, v):
        return getattr(x.at[i], op)(v)

    def ref(x, i, v):
        y = x.copy()
        np_ufunc.at(y, i, v)
        return y

    return call, ref


BASIC = {
    "int": 1,
    "negative": -1,
    "slice": slice(1, 4),
    "step": (slice(None), slice(None, None, 2)),
    "reverse": slice(None, None, -1),
    "mixed": (2, slice(1, -1)),
    "newaxis": (slice(None), None, 1),
    "ellipsis": (Ellipsis, 0),
    "reverse-step": (0, slice(4, 0, -2)),
}


def getitem_rows():
    for name, index in BASIC.items():
        yield case(
            "array.__getitem__",
            S,
            ref=lambda x, i=index: x[i],
            extra=(index,),
            name=name,
            dtypes=("float32", "bool", "int64"),
            grad=(0,),
        )
        call, ref = set_item(index)
        shape = np.zeros(S)[index].shape
        yield case(
            "array.__setitem__",
            S,
            Arg(shape, "distinct"),
            ref=ref,
            call=call,
            name=name,
            dtypes=("float32", "int16"),
            grad=(0, 1),
        )
    yield case(
        "array.__getitem__",
        S,
        Arg((6,), ("signed_index", 4), "int32"),
        ref=lambda x, i: x[i],
        call=lambda mx, x, i: x[i],
        name="gather",
        dtypes=FEW,
        grad=(0,),
    )
    yield case(
        "array.__getitem__",
        S,
        idx((2, 1), 4),
        idx((3,), 5),
        ref=lambda x, i, j: x[i, j],
        call=lambda mx, x, i, j: x[i, j],
        name="gather-two",
        dtypes=FEW,
        grad=(0,),
    )
    yield case(
        "array.__getitem__",
        S,
        idx((2,), 3),
        ref=lambda x, j: x[1:3, :, j],
        call=lambda mx, x, j: x[1:3, :, j],
        name="gather-slice",
        dtypes=FEW,
        grad=(0,),
    )
    yield case(
        "array.__setitem__",
        S,
        Arg((2,), ("rows", 4), "int32"),
        Arg((2, 5, 3), "distinct"),
        name="scatter",
        dtypes=FEW,
        grad=(0, 2),
        call=lambda mx, x, i, v: assign(mx.array(x), i, v),
        ref=lambda x, i, v: assign(x.copy(), i, v),
        layouts=ROW_LAYOUTS,
    )
    yield case(
        "array.__setitem__",
        S,
        Arg((4,), "mask", "bool"),
        Arg((), "normal"),
        name="mask",
        dtypes=("float32", "int32"),
        grad=(2,),
        call=lambda mx, x, m, v: assign(mx.array(x), m, v),
        ref=lambda x, m, v: assign(x.copy(), m, v),
        vmap=False,
    )
    yield case(
        "array.__setitem__",
        S,
        Arg((4,), ("value", [True, False, False, True]), "bool"),
        Arg((2, 5, 3), "distinct"),
        name="mask-values",
        dtypes=("float32", "int32"),
        grad=(0, 2),
        call=lambda mx, x, m, v: assign(mx.array(x), m, v),
        ref=lambda x, m, v: assign(x.copy(), m, v),
        layouts=ROW_LAYOUTS,
        vmap=False,
    )


def assign(x, i, v):
    x[i] = v
    return x


# (op, ufunc, differentiable arguments)
AT = [
    ("add", np.add, (0, 2)),
    ("subtract", np.subtract, (0, 2)),
    ("multiply", np.multiply, ()),
    ("divide", np.divide, ()),
    ("maximum", np.maximum, ()),
    ("minimum", np.minimum, ()),
]


def at_rows():
    for op, f, grad in AT:
        call, ref = at_op(op, f)
        yield case(
            f"ArrayAt.{op}",
            Arg((5, 3), "distinct"),
            idx((7,), 5),
            Arg((7, 3), "nonzero"),
            ref=ref,
            call=call,
            norm=True,
            tol=4,
            dtypes=FEW[:2] if op == "divide" else FEW[:3],
            grad=grad,
        )
    yield case(
        "ArrayAt.add",
        (5, 4),
        Arg((2, 4), "normal"),
        ref=lambda x, v: add_at(x, slice(1, 5, 2), v),
        call=lambda mx, x, v: x.at[1:5:2].add(v),
        name="slice",
        dtypes=FEW[:3],
        grad=(0, 1),
    )


def add_at(x, i, v):
    y = x.copy()
    y[i] += v
    return y


def take_rows():
    for name, axis, shape in (
        ("flat", None, (2, 3)),
        ("axis0", 0, (2,)),
        ("axis1", 1, (2, 2)),
        ("scalar", -1, ()),
    ):
        n = 60 if axis is None else S[axis]
        yield case(
            "take",
            S,
            idx(shape, n),
            ref=lambda x, i, a=axis: np.take(x, i, a),
            kw={"axis": axis},
            name=name,
            dtypes=FEW,
            grad=(0,),
        )
    yield case("take", S, ref=lambda x: x[:, 2], extra=(2, 1), name="int", dtypes=FEW, grad=(0,))
    for dt in ("uint32", "int8", "int64"):
        yield case(
            "take",
            S,
            idx((3,), 4, dt),
            ref=lambda x, i: np.take(x, i.astype(np.int64), 0),
            kw={"axis": 0},
            name=f"index-{dt}",
            dtypes=("float32",),
        )
    for axis, shape in ((0, (2, 5, 3)), (1, (4, 2, 3)), (-1, (4, 5, 6))):
        n = S[axis]
        yield case(
            "take_along_axis",
            S,
            idx(shape, n),
            ref=lambda x, i, a=axis: np.take_along_axis(x, i, a),
            kw={"axis": axis},
            name=f"axis{axis}",
            dtypes=FEW,
            grad=(0,),
        )
    yield case(
        "take_along_axis",
        S,
        idx((7,), 60),
        ref=lambda x, i: x.ravel()[i],
        kw={"axis": None},
        name="flat",
        dtypes=FEW,
    )
    for axis in (1, -1):
        k = 2
        shape = tuple(k if d == axis % 3 else n for d, n in enumerate(S))
        keys = (
            Arg(shape, ("rows", S[2]), "int32")
            if axis == -1
            else Arg(shape, ("value", np.array([1, 3]).reshape(1, 2, 1)), "int32")
        )
        yield case(
            "put_along_axis",
            S,
            keys,
            Arg(shape, "distinct"),
            ref=lambda x, i, v, a=axis: put(x, i, v, a),
            kw={"axis": axis},
            name=f"axis{axis}",
            dtypes=FEW,
            grad=(0, 2),
            layouts=ROW_LAYOUTS,
        )


def slice_rows():
    start = Arg((2,), ("value", [1, 2]), "int32")
    yield case(
        "slice",
        S,
        start,
        ref=lambda x, s: x[1:3, 2:4],
        call=lambda mx, x, s: mx.slice(x, s, (0, 1), (2, 2, 3)),
        dtypes=FEW,
        grad=(0,),
        layouts=ROW_LAYOUTS,
        vmap=False,
    )

    def update(x, u, s):
        y = x.copy()
        y[1:3, 2:4] = u
        return y

    yield case(
        "slice_update",
        S,
        (2, 2, 3),
        start,
        ref=update,
        call=lambda mx, x, u, s: mx.slice_update(x, u, s, (0, 1)),
        dtypes=FEW,
        grad=(0, 1),
        layouts=ROW_LAYOUTS,
        vmap=False,
    )


def check_partition(kth, axis, gather):
    """The kth element is where sorting puts it, smaller ones before it, larger ones after; nothing lost."""

    def check(mx, outputs, inputs, rtol):
        x = inputs[0]
        y = np.array(outputs[0].astype(mx.float32) if outputs[0].dtype == mx.bfloat16 else outputs[0])
        if gather:
            y = np.take_along_axis(
                x.reshape(-1) if axis is None else x, y.astype(np.int64), 0 if axis is None else axis
            )
        flat = x.reshape(-1) if axis is None else x
        ax = 0 if axis is None else axis
        want = np.sort(flat, ax)
        y = np.moveaxis(y, ax, -1)
        want = np.moveaxis(want, ax, -1)
        assert (np.sort(y, -1) == want).all()
        assert (y[..., kth] == want[..., kth]).all()
        assert (y[..., :kth] <= y[..., kth : kth + 1]).all()
        assert (y[..., kth:] >= y[..., kth : kth + 1]).all()

    return check


def check_topk(k, axis):
    def check(mx, outputs, inputs, rtol):
        y = np.array(outputs[0].astype(mx.float32) if outputs[0].dtype == mx.bfloat16 else outputs[0])
        want = np.sort(inputs[0].reshape(-1) if axis is None else inputs[0], 0 if axis is None else axis)
        n = want.shape[0 if axis is None else axis]
        want = np.take(want, range(n - k, n), 0 if axis is None else axis)
        assert (np.sort(y, 0 if axis is None else axis) == want).all()

    return check


def sort_rows():
    for name, axis in (("last", -1), ("first", 0), ("flat", None)):
        yield case(
            "sort",
            Arg(S, "distinct"),
            ref=lambda x, a=axis: np.sort(x, a),
            kw={"axis": axis},
            name=name,
            dtypes=ALL if axis == -1 else FEW,
            grad=(0,),
        )
        yield case(
            "argsort",
            Arg(S, "distinct"),
            ref=lambda x, a=axis: np.argsort(x, a, kind="stable"),
            kw={"axis": axis},
            name=name,
            out="uint32",
            dtypes=REAL if axis == -1 else FEW,
        )
        kth = 2
        yield case(
            "partition",
            Arg(S, "distinct"),
            check=check_partition(kth, axis, False),
            extra=(kth,),
            kw={"axis": axis},
            name=name,
            dtypes=REAL if axis == -1 else FEW,
        )
        yield case(
            "argpartition",
            Arg(S, "distinct"),
            check=check_partition(kth, axis, True),
            extra=(kth,),
            kw={"axis": axis},
            name=name,
            out="uint32",
            dtypes=REAL if axis == -1 else FEW,
        )
        yield case(
            "topk",
            Arg(S, "distinct"),
            check=check_topk(2, axis),
            extra=(2,),
            kw={"axis": axis},
            name=name,
            dtypes=REAL if axis == -1 else FEW,
        )
    yield case(
        "sort",
        Arg((2, 2500), "normal"),
        ref=lambda x: np.sort(x, -1),
        name="long",
        dtypes=("float32", "int32"),
    )
    yield case(
        "argsort",
        Arg((2, 40), "ties"),
        ref=lambda x: np.argsort(x, -1, kind="stable"),
        name="stable",
        out="uint32",
        dtypes=FEW,
    )
    yield case(
        "sort",
        Arg((2, 12), "special"),
        ref=lambda x: np.sort(x, -1),
        name="nan-last",
        dtypes=("float32", "float16", "bfloat16", "float64"),
    )
    # np.sort keeps -0.0 and 0.0 in any order: they compare equal
    yield from sort_shape_rows()


# Shapes at the edges of what one lane, one wave, one workgroup sorts, beyond all of them, and other axes than the last.
SORT_SHAPES = [
    ((1,), -1, ("float32", "bool")),
    ((2,), -1, ("float32", "int8")),
    ((700, 5), -1, ("float32", "uint8")),
    ((3, 33), -1, ("bfloat16", "complex64")),
    ((1023,), -1, ("float32", "int64")),
    ((2, 1025), -1, ("float16", "int16")),
    ((2, 4097), -1, ("float32", "uint64")),
    ((20001,), -1, ("float32",)),
    ((70001,), -1, ("bfloat16",)),
    ((3, 1100, 2), 1, ("float32", "uint16")),
    ((40, 7), 0, ("complex64", "int32")),
]


def sort_shape_rows():
    for shape, axis, dtypes in SORT_SHAPES:
        alone = {"kw": {"axis": axis}, "layouts": (), "vmap": False, "compile": False, "export": False}
        name = "x".join(map(str, shape)) + (f"-axis{axis}" if axis >= 0 else "")
        yield case(
            "sort",
            Arg(shape, "special" if max(shape) > 2 else "ties"),
            ref=lambda x, a=axis: np.sort(x, a),
            name=name,
            dtypes=tuple(d for d in dtypes if d != "complex64"),
            **alone,
        )
        yield case(
            "argsort",
            Arg(shape, "ties"),
            ref=lambda x, a=axis: np.argsort(x, a, kind="stable"),
            name=name,
            out="uint32",
            dtypes=dtypes,
            **alone,
        )


def f_unique(x, size, fill=None):
    v, i, inv, n = np.unique(x.reshape(-1), return_index=True, return_inverse=True, return_counts=True)
    pad = max(0, size - len(v))
    rest = [v[0] if fill is None else fill] * pad
    return [
        np.concatenate([v, rest])[:size].astype(v.dtype),
        i,
        inv.reshape(x.shape),
        np.concatenate([n, [0] * pad])[:size],
    ]


def search_rows():
    for size, fill in ((3, None), (5, 9)):
        yield case(
            "unique",
            Arg((4, 6), ("value", np.arange(24).reshape(4, 6) * 7 % 3)),
            ref=lambda x, s=size, f=fill: f_unique(x, s, f)[0],
            extra=(size,),
            kw={"fill_value": fill},
            name=f"size{size}",
            dtypes=FEW,
        )
    yield case(
        "unique",
        Arg((4, 6), ("value", np.arange(24).reshape(4, 6) * 7 % 3)),
        ref=lambda x: f_unique(x, 3),
        extra=(3, True, True, True),
        name="all",
        dtypes=FEW,
    )
    for side in ("left", "right"):
        yield case(
            "searchsorted",
            Arg((9,), ("sorted", "ties")),
            Arg((3, 4), "halves"),
            kw={"side": side},
            name=side,
            out=None,
            ref=lambda s, v, side=side: np.searchsorted(s, v, side),
            dtypes=("float32", "int32"),
            vmap=False,
            layouts=ROW_LAYOUTS,
        )
    yield case(
        "searchsorted",
        Arg((4097,), ("sorted", "normal")),
        Arg((300,), "normal"),
        kw={"side": "right"},
        name="long",
        out=None,
        ref=lambda s, v: np.searchsorted(s, v, "right"),
        dtypes=("float32", "bfloat16"),
        vmap=False,
        layouts=(),
    )


def rows():
    for part in (getitem_rows, at_rows, take_rows, slice_rows, sort_rows, search_rows):
        yield from part()
