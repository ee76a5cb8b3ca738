"""Elementwise ops: one row of data each. Columns: op, reference, domain of the inputs, dtypes, has a
derivative, options."""

import numpy as np
from case import ALL, FLOATS, FLOATS64, INTS, NUMBERS, REAL, SIGNED, Arg, case
from scipy import special as sp

FLOATY = (*FLOATS64, "complex64")
FLOAT_OR_INT = (*FLOATS64, "int32", "uint8")
SHAPE = (3, 4, 5)


def float_of(dtype):
    """Result type of ops that make floats of integers."""
    return dtype if dtype in FLOATY else "float32"


def real_of(dtype):
    return "float32" if dtype == "complex64" else dtype


def f_sign(x):
    if x.dtype.kind == "c":
        return np.where(x == 0, 0, x / np.where(x == 0, 1, np.abs(x)))
    return np.where(np.isnan(x), 0.0, np.sign(x)) if x.dtype.kind == "f" else np.sign(x)


def f_rsqrt(x):
    return 1 / np.sqrt(x)


# (op, reference, domain, dtypes, differentiable, options)
UNARY = [
    ("abs", np.abs, "nonzero", NUMBERS, True, {"out": real_of}),
    ("negative", np.negative, "normal", (*FLOATY, *SIGNED), True, {}),
    ("positive", np.positive, "normal", NUMBERS, True, {}),
    ("square", np.square, "normal", NUMBERS, True, {}),
    ("sign", f_sign, "off_half", NUMBERS, True, {}),
    ("ceil", np.ceil, "off_half", REAL, True, {}),
    ("floor", np.floor, "off_half", REAL, True, {}),
    ("trunc", np.trunc, "off_half", REAL, True, {}),
    ("round", np.round, "off_half", FLOATS64, True, {}),
    ("sqrt", np.sqrt, "positive", (*FLOATY, "int32", "uint8"), True, {"out": float_of}),
    ("rsqrt", f_rsqrt, "positive", (*FLOATY, "int32", "uint8"), True, {"out": float_of}),
    ("reciprocal", np.reciprocal, "nonzero", FLOATY, True, {"out": float_of}),
    ("exp", np.exp, "normal", (*FLOATY, "int32"), True, {"out": float_of}),
    ("expm1", np.expm1, "normal", (*FLOATS64, "int32"), True, {"out": float_of}),
    ("log", np.log, "positive", (*FLOATY, "int32"), True, {"out": float_of}),
    ("log2", np.log2, "positive", (*FLOATY, "int32"), True, {"out": float_of}),
    ("log10", np.log10, "positive", (*FLOATY, "int32"), True, {"out": float_of}),
    ("log1p", np.log1p, "positive", (*FLOATY, "int32"), True, {"out": float_of}),
    ("sin", np.sin, "normal", (*FLOATY, "int32"), True, {"out": float_of}),
    ("cos", np.cos, "normal", (*FLOATY, "int32"), True, {"out": float_of}),
    ("tan", np.tan, "unit", FLOATY, True, {"out": float_of}),
    ("sinh", np.sinh, "normal", (*FLOATY, "int32"), True, {"out": float_of}),
    ("cosh", np.cosh, "normal", (*FLOATY, "int32"), True, {"out": float_of}),
    ("tanh", np.tanh, "normal", (*FLOATY, "int32"), True, {"out": float_of}),
    ("arcsin", np.arcsin, "unit", FLOATY, True, {"out": float_of}),
    ("arccos", np.arccos, "unit", FLOATY, True, {"out": float_of}),
    ("arctan", np.arctan, "normal", (*FLOATY, "int32"), True, {"out": float_of}),
    ("arcsinh", np.arcsinh, "normal", (*FLOATS64, "int32"), True, {"out": float_of}),
    ("arccosh", np.arccosh, "above1", (*FLOATS64, "int32"), True, {"out": float_of}),
    ("arctanh", np.arctanh, "unit", FLOATS64, True, {"out": float_of}),
    ("sigmoid", sp.expit, "normal", (*FLOATS64, "int32"), True, {"out": float_of}),
    ("erf", sp.erf, "normal", FLOATS64, True, {}),
    ("erfinv", sp.erfinv, "unit", FLOATS, True, {"tol": 4}),
    ("degrees", np.degrees, "normal", (*FLOATS64, "int32"), True, {"out": float_of}),
    ("radians", np.radians, "normal", (*FLOATS64, "int32"), True, {"out": float_of}),
    ("isfinite", np.isfinite, "special", ALL, False, {"out": "bool"}),
    ("isinf", np.isinf, "special", ALL, False, {"out": "bool"}),
    ("isnan", np.isnan, "special", ALL, False, {"out": "bool"}),
    ("isposinf", np.isposinf, "special", REAL, False, {"out": "bool"}),
    ("isneginf", np.isneginf, "special", REAL, False, {"out": "bool"}),
    ("logical_not", np.logical_not, "ties", ALL, False, {"out": "bool"}),
    ("bitwise_invert", np.invert, "bits", (*SIGNED, "bool"), False, {}),
    ("conjugate", np.conj, "normal", ("complex64", "float32"), True, {}),
    ("real", np.real, "normal", ("complex64", "float32"), True, {"out": real_of}),
    ("imag", np.imag, "normal", ("complex64",), False, {"out": real_of}),
    ("stop_gradient", lambda x: x, "normal", ALL, False, {}),
]
ALIASES = {
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctanh": "atanh",
    "conjugate": "conj",
}
UNARY_METHODS = (
    "abs",
    "cos",
    "exp",
    "log",
    "log10",
    "log1p",
    "log2",
    "reciprocal",
    "round",
    "rsqrt",
    "sin",
    "sqrt",
    "square",
)
OPERATORS_1 = {"negative": "__neg__", "abs": "__abs__", "bitwise_invert": "__invert__", "positive": "__pos__"}
EXACT_UNARY = {"abs", "negative", "positive", "ceil", "floor", "trunc", "round", "sign"}


def floor_div(a, b):
    if a.dtype.kind == "f":
        return np.floor(a / b)
    return np.floor_divide(a, b)


BITS = (*INTS, "bool")
SHIFTABLE = INTS
# (op, reference, domains of the two inputs, dtypes, differentiable arguments, options)
BINARY = [
    ("add", np.add, ("normal", "normal"), ALL, (0, 1), {}),
    ("subtract", np.subtract, ("distinct", "normal"), (*FLOATY, *SIGNED), (0, 1), {}),
    ("multiply", np.multiply, ("normal", "normal"), ALL, (0, 1), {}),
    ("divide", np.divide, ("normal", "nonzero"), (*FLOATY, "int32", "uint8"), (0, 1), {"out": float_of}),
    ("floor_divide", floor_div, ("normal", "nonzero"), REAL, (), {"out": "same"}),
    ("remainder", np.remainder, ("normal", "nonzero"), REAL, (0,), {"tol": 4}),
    ("power", np.power, ("positive", "exponent"), (*FLOATY, *INTS), (0, 1), {"tol": 2}),
    ("maximum", np.maximum, ("distinct", "normal"), NUMBERS, (0, 1), {}),
    ("minimum", np.minimum, ("distinct", "normal"), NUMBERS, (0, 1), {}),
    ("logaddexp", np.logaddexp, ("normal", "normal"), FLOATS64, (0, 1), {}),
    ("arctan2", np.arctan2, ("nonzero", "nonzero"), FLOATS64, (0, 1), {}),
    ("equal", np.equal, ("ties", "ties"), ALL, (), {"out": "bool"}),
    ("not_equal", np.not_equal, ("ties", "ties"), ALL, (), {"out": "bool"}),
    ("less", np.less, ("ties", "ties"), (*REAL, "bool"), (), {"out": "bool"}),
    ("less_equal", np.less_equal, ("ties", "ties"), (*REAL, "bool"), (), {"out": "bool"}),
    ("greater", np.greater, ("ties", "ties"), (*REAL, "bool"), (), {"out": "bool"}),
    ("greater_equal", np.greater_equal, ("ties", "ties"), (*REAL, "bool"), (), {"out": "bool"}),
    ("logical_and", np.logical_and, ("ties", "ties"), ALL, (), {"out": "bool"}),
    ("logical_or", np.logical_or, ("ties", "ties"), ALL, (), {"out": "bool"}),
    ("logical_xor", np.logical_xor, ("ties", "ties"), ALL, (), {"out": "bool"}),
    ("bitwise_and", np.bitwise_and, ("bits", "bits"), BITS, (), {}),
    ("bitwise_or", np.bitwise_or, ("bits", "bits"), BITS, (), {}),
    ("bitwise_xor", np.bitwise_xor, ("bits", "bits"), BITS, (), {}),
    ("left_shift", np.left_shift, ("shift", "shift"), SHIFTABLE, (), {}),
    ("right_shift", np.right_shift, ("bits", "shift"), SHIFTABLE, (), {}),
    (
        "divmod",
        lambda a, b: (floor_div(a, b), np.remainder(a, b)),
        ("normal", "nonzero"),
        REAL,
        (),
        {"tol": 4},
    ),
    ("isclose", lambda a, b: np.isclose(a, b), ("ties", "ties"), FLOATS, (), {"out": "bool"}),
]
BINARY_ALIASES = {
    "arctan2": "atan2",
    "power": "pow",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
}
OPERATORS_2 = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "truediv",
    "floor_divide": "floordiv",
    "remainder": "mod",
    "power": "pow",
    "bitwise_and": "and",
    "bitwise_or": "or",
    "bitwise_xor": "xor",
    "left_shift": "lshift",
    "right_shift": "rshift",
}
REFLECTED = ("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power")
COMPARISONS = {
    "equal": "__eq__",
    "not_equal": "__ne__",
    "less": "__lt__",
    "less_equal": "__le__",
    "greater": "__gt__",
    "greater_equal": "__ge__",
}
UNARY_ROW = {row[0]: row for row in UNARY}
BINARY_ROW = {row[0]: row for row in BINARY}
FEW = ("float32", "bfloat16", "int32", "uint8", "bool")


def unary(op, row, dtypes=None, **more):
    _, ref, domain, all_dtypes, diff, options = row
    chosen = tuple(d for d in all_dtypes if dtypes is None or d in dtypes)
    return case(
        op,
        Arg(SHAPE, domain),
        ref=ref,
        dtypes=chosen,
        grad=(0,) if diff else (),
        free_shape=True,
        **{**options, **more},
    )


def binary(op, row, dtypes=None, call=None, swap=False, **more):
    _, ref, domains, all_dtypes, diff, options = row
    chosen = tuple(d for d in all_dtypes if dtypes is None or d in dtypes)
    args = [Arg(SHAPE, d) for d in domains]
    if swap:
        args = args[::-1]
        diff, ref = (), lambda a, b, f=ref: f(b, a)
    return case(
        op, *args, ref=ref, dtypes=chosen, grad=diff, free_shape=True, call=call, **{**options, **more}
    )


def in_place(name):
    """x op= y on a copy: the descriptor of the same Python object is replaced, the argument itself stays."""

    def call(mx, x, y):
        z = mx.array(x) if x.dtype != mx.bool_ else x
        z = getattr(z, f"__i{name}__")(y)
        return z

    return call


def scalar_rows():
    """Weak Python scalars on either side, and broadcasting between shapes."""
    for op, ref in [("add", np.add), ("multiply", np.multiply), ("maximum", np.maximum)]:
        yield case(
            op,
            SHAPE,
            extra=(2,),
            ref=lambda x, f=ref: f(x, np.int64(2)),
            name="int-scalar",
            dtypes=(*FLOATS, "int8", "uint32"),
            free_shape=True,
            grad=(0,) if op != "maximum" else (),
        )
        yield case(
            op,
            SHAPE,
            extra=(2.5,),
            ref=lambda x, f=ref: f(x, 2.5),
            name="float-scalar",
            dtypes=(*FLOATS, "int8"),
            out=float_of,
            free_shape=True,
        )
        yield case(
            op,
            (3, 1, 5),
            (4, 1),
            ref=ref,
            name="broadcast",
            dtypes=(*FLOATS, "int32"),
            grad=(0, 1) if op != "maximum" else (),
        )
        yield case(
            op,
            (),
            (2, 3),
            ref=ref,
            name="scalar-array",
            dtypes=(*FLOATS, "int32"),
            grad=(0, 1) if op != "maximum" else (),
        )


def other_rows():
    yield case(
        "clip",
        SHAPE,
        extra=(-0.7, 0.9),
        ref=lambda x: np.clip(x, -0.7, 0.9),
        dtypes=FLOATS64,
        grad=(0,),
        free_shape=True,
    )
    yield case(
        "clip",
        SHAPE,
        extra=(None, 2),
        ref=lambda x: np.minimum(x, 2),
        name="max-only",
        dtypes=(*FLOATS, "int32"),
        free_shape=True,
    )
    yield case(
        "clip",
        SHAPE,
        (4, 1),
        extra=(None,),
        ref=lambda x, lo: np.maximum(x, lo),
        name="array-bound",
        dtypes=(*FLOATS, "int32"),
    )
    for dts, grad in ((FLOATS64, (1, 2)), (("complex64", *INTS, "bool"), ())):
        yield case(
            "where",
            Arg(SHAPE, "mask", "bool"),
            SHAPE,
            SHAPE,
            ref=np.where,
            name="exact" if not grad else "",
            dtypes=dts,
            grad=grad,
            free_shape=True,
        )
    yield case(
        "where",
        Arg((4, 1), "mask", "bool"),
        (3, 1, 5),
        (),
        ref=np.where,
        name="broadcast",
        dtypes=FLOATS,
        grad=(1, 2),
    )
    yield case(
        "nan_to_num",
        Arg(SHAPE, "special"),
        ref=lambda x: np.nan_to_num(x, posinf=7.0, neginf=-7.0),
        free_shape=True,
        kw={"posinf": 7.0, "neginf": -7.0},
        dtypes=FLOATS64,
    )
    yield case(
        "nan_to_num",
        Arg((12,), "special"),
        ref=lambda x: np.nan_to_num(x, nan=3.0, posinf=3.4028234663852886e38, neginf=-3.4028234663852886e38),
        kw={"nan": 3.0},
        name="default-inf",
        dtypes=("float32",),
    )
    yield case(
        "round", Arg(SHAPE, "halves"), ref=np.round, name="half-even", dtypes=FLOATS64, free_shape=True
    )
    yield case(
        "round",
        SHAPE,
        extra=(2,),
        ref=lambda x: np.round(x, 2),
        name="decimals",
        dtypes=("float32", "float64"),
        tol=4,
    )
    yield case(
        "array.round",
        SHAPE,
        extra=(1,),
        ref=lambda x: np.round(x, 1),
        name="decimals",
        dtypes=("float32",),
        tol=4,
    )
    yield case(
        "power",
        SHAPE,
        extra=(2,),
        ref=lambda x: x**2,
        name="square",
        dtypes=(*FLOATS64, "int32"),
        grad=(0,),
        free_shape=True,
    )
    yield case(
        "power",
        SHAPE,
        extra=(3,),
        ref=lambda x: x**3,
        name="cube-of-negative",
        dtypes=(*FLOATS, "int32"),
        tol=2,
        free_shape=True,
    )
    yield case(
        "floor_divide",
        Arg(SHAPE, "halves"),
        extra=(-2,),
        ref=lambda x: np.floor_divide(x, -2),
        name="negative-divisor",
        dtypes=(*FLOATS, "int32"),
    )
    yield case(
        "remainder",
        Arg(SHAPE, "halves"),
        extra=(-2,),
        ref=lambda x: np.remainder(x, -2),
        name="negative-divisor",
        dtypes=(*FLOATS, "int32"),
    )
    for op, f in [("maximum", np.maximum), ("minimum", np.minimum), ("logaddexp", np.logaddexp)]:
        yield case(
            op, Arg((12, 1), "special"), Arg((1, 12), "special"), ref=f, name="special", dtypes=FLOATS64
        )
    for op in (
        "exp",
        "tanh",
        "sigmoid",
        "erf",
        "sign",
        "abs",
        "sqrt",
        "log1p",
        "floor",
        "arctan",
        "rsqrt",
        "log",
        "square",
        "round",
        "expm1",
    ):
        yield case(op, Arg((12,), "special"), ref=UNARY_ROW[op][1], name="special", dtypes=FLOATS64)
    for op in ("sin", "cos", "exp", "tanh", "sigmoid", "erf"):
        yield case(
            op,
            Arg((64,), "wide"),
            ref=UNARY_ROW[op][1],
            name="wide",
            dtypes=FLOATS64,
            norm=op in ("sin", "cos"),
        )
    # the tails must stay accurate relative to the tiny results themselves
    yield case(
        "expm1",
        Arg((64,), ("uniform", -1e-4, 1e-4)),
        ref=np.expm1,
        name="small",
        dtypes=("float32", "float64"),
    )
    yield case(
        "log1p",
        Arg((64,), ("uniform", -1e-4, 1e-4)),
        ref=np.log1p,
        name="small",
        dtypes=("float32", "float64"),
    )
    yield case(
        "logaddexp", Arg((64,), "wide"), Arg((64,), "wide"), ref=np.logaddexp, name="wide", dtypes=FLOATS64
    )


def rows():
    for row in UNARY:
        op = row[0]
        yield unary(op, row)
        if op in ALIASES:
            yield unary(ALIASES[op], row, FEW + ("complex64",))
        if op in UNARY_METHODS:
            yield unary(f"array.{op}", row, FEW)
        if op in OPERATORS_1:
            yield unary(f"array.{OPERATORS_1[op]}", row, FEW)
    yield unary("array.conj", UNARY_ROW["conjugate"])
    for name, attr in (("real", "real"), ("imag", "imag")):
        yield unary(f"array.{attr}", UNARY_ROW[name], call=lambda mx, x, a=attr: getattr(x, a))
    for row in BINARY:
        op = row[0]
        yield binary(op, row)
        if op in BINARY_ALIASES:
            yield binary(BINARY_ALIASES[op], row, FEW)
        if op in OPERATORS_2:
            yield binary(f"array.__{OPERATORS_2[op]}__", row, FEW)
            dts = tuple(d for d in FEW if op != "divide" or d in FLOATS)
            yield binary(f"array.__i{OPERATORS_2[op]}__", row, dts, call=in_place(OPERATORS_2[op]))
        if op in REFLECTED:
            yield binary(f"array.__r{OPERATORS_2[op]}__", row, FEW, swap=True)
        if op in COMPARISONS:
            yield binary(f"array.{COMPARISONS[op]}", row, FEW)
    for dunder in ("__div__", "__rdiv__"):
        yield binary(f"array.{dunder}", BINARY_ROW["divide"], FEW, swap=dunder == "__rdiv__")
    yield from scalar_rows()
    yield from other_rows()
