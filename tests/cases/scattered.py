"""Gathers and scatters that devices get wrong: every index type, negative and far indices, indices that are views,
many updates of one place, odd and long rows, windows, several index arrays, nothing to do."""

import numpy as np
from case import ALL, INTS, NUMBERS, Arg, case

PLAIN = {"vmap": False, "layouts": ("contiguous", "sliced")}
ONCE = {"vmap": False, "layouts": (), "compile": False, "export": False}
SIZES = ("bool", "uint8", "bfloat16", "float32", "complex64")  # 1 to 8 bytes


def nearest(i, n):
    """An index as this library reads it: negative ones wrap once, what is still outside goes to the nearest end."""
    i = np.asarray(i).astype(np.int64)
    return np.clip(np.where(i < 0, i + n, i), 0, n - 1)


def value(v, shape=None):
    return ("value", np.array(v) if shape is None else np.array(v).reshape(shape))


def gather_rows():
    for dt in INTS:
        signed = not dt.startswith("u")
        yield case(
            "take",
            (9, 20),
            Arg((6,), ("signed_index" if signed else "index", 9), dt),
            ref=lambda x, i: x[nearest(i, 9)],
            kw={"axis": 0},
            name=f"rows-{dt}",
            dtypes=("float32",),
            **PLAIN,
        )
        far = [0, 100, 8, 120] + ([-9, -100, -10, -1] if signed else [9, 8, 7, 127])
        yield case(
            "take",
            (9, 4),
            Arg((8,), value(far), dt),
            ref=lambda x, i: x[nearest(i, 9)],
            kw={"axis": 0},
            name=f"far-{dt}",
            dtypes=("int32",),
            **ONCE,
        )
        yield case(
            "take_along_axis",
            (3, 9),
            Arg((3, 8), value([far] * 3), dt),
            ref=lambda x, i: np.take_along_axis(x, nearest(i, 9), 1),
            kw={"axis": 1},
            name=f"far-{dt}",
            dtypes=("float32",),
            **ONCE,
        )
    # Rows of every width that decides how they are moved, and a view of the index.
    for n in (1, 3, 16, 33, 64, 1000, 5000):
        yield case(
            "take",
            (7, n),
            Arg((5,), ("index", 7), "int32"),
            ref=lambda x, i: x[i],
            kw={"axis": 0},
            name=f"row{n}",
            dtypes=SIZES if n < 1000 else ("bfloat16",),
            **PLAIN,
        )
    for n, axis in ((70, 1), (300, 2)):
        yield case(
            "take",
            (3, 40, 50),
            Arg((n,), ("signed_index", 40), "int32"),
            ref=lambda x, i, a=axis: np.take(x, nearest(i, x.shape[a]), a),
            kw={"axis": axis},
            name=f"inner{axis}",
            dtypes=("float16", "uint8", "complex64"),
            **PLAIN,
        )
    yield case(
        "take",
        (7, 6),
        Arg((4,), ("index", 7), "int16"),
        ref=lambda x, i: x[np.broadcast_to(i[:, None], (4, 5))],
        call=lambda mx, x, i: mx.take(x, mx.broadcast_to(i[:, None], (4, 5)), 0),
        name="broadcast-index",
        dtypes=("float32",),
        **PLAIN,
    )
    yield case(
        "take",
        (7, 6),
        Arg((4, 5), ("index", 7), "int32"),
        ref=lambda x, i: x.T[:, i.T[::-1, 1:]],
        call=lambda mx, x, i: mx.take(x.T, i.T[::-1, 1:], 1),
        name="strided-index",
        dtypes=("float32", "uint8"),
        **PLAIN,
    )
    yield case(
        "take",
        (50000,),
        Arg((9001,), ("signed_index", 50000), "int32"),
        ref=lambda x, i: x[i],
        kw={"axis": 0},
        name="elements",
        dtypes=("float32",),
        **ONCE,
    )
    yield case(
        "array.__getitem__",
        (5, 6, 8),
        Arg((3, 1), ("signed_index", 5), "int8"),
        Arg((4,), ("index", 6), "uint64"),
        ref=lambda x, i, j: x[i, j.astype(np.int64)],
        call=lambda mx, x, i, j: x[i, j],
        name="mixed-index-types",
        dtypes=("float32", "uint8"),
        **PLAIN,
    )
    four = tuple(Arg((6,), ("signed_index", n), "int32") for n in (2, 3, 4, 5))
    yield case(
        "array.__getitem__",
        (2, 3, 4, 5),
        *four,
        ref=lambda x, *i: x[i],
        call=lambda mx, x, *i: x[tuple(i)],
        name="four-indices",
        dtypes=("float32",),
        **PLAIN,
    )
    yield case(
        "array.__getitem__",
        (4, 5, 6),
        Arg((3,), ("signed_index", 4), "int32"),
        Arg((3,), ("signed_index", 6), "int32"),
        ref=lambda x, i, j: x[i, 1:4, j],
        call=lambda mx, x, i, j: x[i, 1:4, j],
        name="around-a-slice",
        dtypes=("float32", "uint8"),
        **PLAIN,
    )
    for name, f in (
        ("take", lambda mx, x, i: mx.take(x, i, 0)),
        ("getitem", lambda mx, x, i: x[:, i]),
        ("along", lambda mx, x, i: mx.take_along_axis(x, mx.zeros((4, 0), mx.int32), 1)),
    ):
        shape = {"take": (0, 3), "getitem": (4, 0), "along": (4, 0)}[name]
        yield case(
            "take",
            (4, 3),
            Arg((0,), ("index", 3), "int32"),
            ref=lambda x, i, s=shape: np.zeros(s),
            call=f,
            name=f"nothing-{name}",
            dtypes=("float32",),
            **ONCE,
        )


def along_rows():
    for shape, index, axis in (
        ((6, 16), (6, 16), 1),
        ((6, 16), (6, 7), 1),
        ((5, 3, 8), (9, 3, 8), 0),
        ((2, 300), (2, 2000), 1),
        ((4, 6, 5), (4, 3, 5), 1),
    ):
        n = shape[axis]
        kind = "x".join(map(str, index))
        yield case(
            "take_along_axis",
            shape,
            Arg(index, ("signed_index", n), "int32"),
            ref=lambda x, i, a=axis: np.take_along_axis(x, i, a),
            kw={"axis": axis},
            name=f"{kind}-{axis}",
            dtypes=SIZES,
            **PLAIN,
        )
    yield case(
        "take_along_axis",
        (5, 6),
        Arg((6, 5), ("index", 6), "uint8"),
        ref=lambda x, i: np.take_along_axis(x[:, ::-1], i.T.astype(np.int64), 1),
        call=lambda mx, x, i: mx.take_along_axis(x[:, ::-1], i.T, 1),
        name="strided",
        dtypes=("float32", "uint8"),
        **PLAIN,
    )
    far = [[-9, 0, 99, 4], [-4, 100, 2, -1]]  # writes what is in range

    def put(x, i, v):
        y = x.copy()
        for r, c in np.ndindex(*i.shape):
            k = i[r, c] + (4 if i[r, c] < 0 else 0)
            if 0 <= k < 4:
                y[r, k] = v[r, c]
        return y

    for dt in ("int8", "int64"):
        yield case(
            "put_along_axis",
            (2, 4),
            Arg((2, 4), value(far), dt),
            Arg((2, 4), "distinct"),
            ref=put,
            kw={"axis": 1},
            name=f"far-{dt}",
            dtypes=SIZES,
            **ONCE,
        )


def at_rows():
    """Many threads at one place, in every type."""
    ops = {"add": np.add, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum}
    n = 300
    for op, f in ops.items():

        def ref(x, i, v, f=f):
            y = x.copy()
            f.at(y, i.astype(np.int64), v)
            return y

        # Products stay in range: ones, and a few twos.
        domain = value([2] * 4 + [1] * (n - 4)) if op == "multiply" else "ties" if op == "add" else "normal"
        yield case(
            f"ArrayAt.{op}",
            Arg((5,), "ties"),
            Arg((n,), value(np.arange(n) * 7 % 2 + 1), "uint8"),
            Arg((n,), domain),
            ref=ref,
            call=lambda mx, x, i, v, op=op: getattr(x.at[i], op)(v),
            name="crowd",
            norm=True,
            tol=4,
            dtypes=NUMBERS if op in ("add", "multiply") else tuple(d for d in ALL if d != "complex64"),
            **ONCE,
        )
        # Rows: whole windows of a matrix, an odd number of columns and an even one.
        for cols in {"add": (3, 8), "maximum": (3,)}.get(op, ()):
            yield case(
                f"ArrayAt.{op}",
                (4, 2, cols),
                Arg((9,), ("signed_index", 4), "int32"),
                Arg((9, 2, cols), value(np.arange(9 * 2 * cols) % 3 % 2 + 1, (9, 2, cols))),
                ref=ref,
                call=lambda mx, x, i, v, op=op: getattr(x.at[i], op)(v),
                name=f"windows{cols}",
                norm=True,
                tol=4,
                dtypes=("bfloat16", "float16", "float32", "uint8"),
                **PLAIN,
            )
    yield case(
        "ArrayAt.add",
        (3, 40),
        Arg((70,), ("signed_index", 40), "int32"),
        Arg((3, 70), "ties"),
        ref=lambda x, i, v: _add_columns(x, i, v),
        call=lambda mx, x, i, v: x.at[:, i].add(v),
        name="columns",
        norm=True,
        tol=4,
        dtypes=("float32", "bfloat16", "int16", "complex64"),
        **PLAIN,
    )
    yield case(
        "ArrayAt.add",
        (5, 3),
        Arg((6,), value([4, 5, -6, 99, -5, 0]), "int32"),
        Arg((6, 3), "nonzero"),
        ref=lambda x, i, v: _add_inside(x, i, v),
        call=lambda mx, x, i, v: x.at[i].add(v),
        name="far",
        dtypes=("float32", "int32"),
        **ONCE,
    )
    yield case(
        "ArrayAt.add",
        (5, 3),
        Arg((0,), ("index", 5), "int32"),
        Arg((0, 3), "nonzero"),
        ref=lambda x, i, v: x,
        call=lambda mx, x, i, v: x.at[i].add(v),
        name="nothing",
        dtypes=("float32",),
        **ONCE,
    )


def _add_columns(x, i, v):
    y = x.copy()
    np.add.at(y, (slice(None), i), v)
    return y


def _add_inside(x, i, v):
    y = x.copy()
    for k, row in zip(i, v, strict=True):
        k = k + 5 if k < 0 else k
        if 0 <= k < 5:
            y[k] += row
    return y


def _set(x, i, v):
    y = x.copy()
    y[i] = v
    return y


def set_rows():
    def call(mx, x, i, v):
        y = mx.array(x)
        y[i] = v
        return y

    for n in (1, 5, 32, 200):
        yield case(
            "array.__setitem__",
            (9, n),
            Arg((6,), ("rows", 9), "int16"),
            Arg((6, n), "distinct"),
            ref=lambda x, i, v: _set(x, i.astype(np.int64), v),
            call=call,
            name=f"row{n}",
            dtypes=SIZES if n < 32 else ("float16", "float32"),
            **PLAIN,
        )
    yield case(
        "array.__setitem__",
        (6, 4),
        Arg((3,), ("rows", 6), "int32"),
        Arg((), "nonzero"),
        ref=_set,
        call=call,
        name="rows-of-a-scalar",
        dtypes=SIZES,
        **ONCE,
    )
    # Masks longer than a workgroup's share, with entries of one element and of several.
    for shape, name in (((5000,), "elements"), ((2100, 3), "chunks"), ((70, 40), "wide-chunks")):
        yield case(
            "array.__setitem__",
            shape,
            Arg(shape[:1], "mask", "bool"),
            Arg(shape, "wide"),
            ref=lambda x, m, v: _set(x, m, v[: int(m.sum())]),
            call=call,
            name=f"mask-{name}",
            dtypes=SIZES if name == "elements" else ("float32", "float16"),
            **ONCE,
        )


def dynamic_rows():
    for start, name in (([1, 2], "inside"), ([-2, -1], "negative"), ([9, 100], "far"), ([-99, 3], "before")):
        for dt in ("int32", "int64") if name == "inside" else ("int8",):
            corner = [nearest_corner(s, n, w) for s, n, w in zip(start, (6, 16), (3, 8), strict=True)]
            window = tuple(slice(c, c + w) for c, w in zip(corner, (3, 8), strict=True))
            yield case(
                "slice",
                (6, 16, 2),
                Arg((2,), value(start), dt),
                ref=lambda x, s, w=window: x[w],
                call=lambda mx, x, s: mx.slice(x, s, (0, 1), (3, 8, 2)),
                name=f"{name}-{dt}",
                dtypes=("float32", "uint8"),
                vmap=False,
                layouts=("contiguous",),
            )
            yield case(
                "slice_update",
                (6, 16, 2),
                Arg((3, 8, 2), "distinct"),
                Arg((2,), value(start), dt),
                ref=lambda x, u, s, w=window: _set(x, w, u),
                call=lambda mx, x, u, s: mx.slice_update(x, u, s, (0, 1)),
                name=f"{name}-{dt}",
                dtypes=("float32", "uint8"),
                vmap=False,
                layouts=("contiguous",),
            )


def nearest_corner(s, extent, window):
    s = s + extent if s < 0 else s
    return max(0, min(s, extent - window))


def join_rows():
    def joined(name, axis, *shapes, **kw):
        return case(
            "concatenate",
            *shapes,
            ref=lambda *a: np.concatenate(a, axis),
            call=lambda mx, *a: mx.concatenate(list(a), axis),
            name=name,
            dtypes=SIZES,
            **{**PLAIN, **kw},
        )

    yield joined("eleven", 0, *(((k + 1) % 4, 5) for k in range(11)))
    yield joined("wide", 1, (3, 16), (3, 64), (3, 8))
    yield joined("odd", 1, (5, 3), (5, 17), (5, 1))
    yield joined("inner", 1, (2, 3, 8), (2, 1, 8), (2, 0, 8), (2, 5, 8))
    yield joined("long", 0, (5000,), (3,), (20000,))
    yield joined("layouts", 2, (2, 3, 4), (2, 3, 2), layouts=None)
    yield case(
        "concatenate",
        (3, 8),
        (6, 3),
        ref=lambda a, b: np.concatenate([-a[:, 4:], a[:, :4], b.T], 1),
        call=lambda mx, a, b: mx.concatenate([-a[:, 4:], a[:, :4], b.T], 1),
        name="views",
        dtypes=("float32", "bfloat16"),
        **PLAIN,
    )


def rows():
    for part in (gather_rows, along_rows, at_rows, set_rows, dynamic_rows, join_rows):
        yield from part()
