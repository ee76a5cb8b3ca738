"""Writes tests/data/*.json: facts about MLX's type rules and public names, read off a real MLX installation.

python tests/gen_data.py SURFACE_JSON

Needs `pip install 'mlx[cpu]==0.32.4'`; run once, the results are committed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

DATA = Path(__file__).parent / "data"
DTYPES = (
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
)
CODE = dict(zip(DTYPES, "bBHILchilefgdz", strict=True)) | {"float16": "e", "bfloat16": "f", "float32": "g"}
BINARY = (
    "add",
    "subtract",
    "multiply",
    "divide",
    "floor_divide",
    "remainder",
    "power",
    "maximum",
    "minimum",
    "logaddexp",
    "arctan2",
    "equal",
    "less",
    "logical_and",
    "logical_or",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "left_shift",
    "right_shift",
    "matmul",
    "outer",
    "inner",
    "where",
    "concatenate",
    "stack",
    "isclose",
)
UNARY = (
    "abs",
    "negative",
    "square",
    "sign",
    "ceil",
    "floor",
    "trunc",
    "round",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "exp",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arcsin",
    "arccos",
    "arctan",
    "arcsinh",
    "arccosh",
    "arctanh",
    "sigmoid",
    "erf",
    "erfinv",
    "degrees",
    "radians",
    "isfinite",
    "isinf",
    "isnan",
    "isposinf",
    "isneginf",
    "logical_not",
    "bitwise_invert",
    "conjugate",
    "real",
    "imag",
    "stop_gradient",
    "sum",
    "prod",
    "mean",
    "var",
    "std",
    "max",
    "min",
    "argmax",
    "argmin",
    "all",
    "any",
    "logsumexp",
    "softmax",
    "cumsum",
    "cumprod",
    "cummax",
    "cummin",
    "logcumsumexp",
    "sort",
    "argsort",
    "zeros_like",
    "median",
    "nan_to_num",
    "count_nonzero",
    "trace",
    "linalg.norm",
    "fft.fft",
)
SCALARS = {"True": True, "2": 2, "-3": -3, "300": 300, "2.5": 2.5, "1j": 1j}
MODULES = ("", "random", "linalg", "fft", "fast")


def dtype_of(mx, name):
    return getattr(mx, "bool_" if name == "bool" else name)


def result(mx, f):
    """Code of the result's dtype, or "!" where the op refuses."""
    try:
        out = f()
        out = out[0] if isinstance(out, tuple | list) else out
        mx.eval(out)
    except (ValueError, TypeError, RuntimeError, IndexError, AttributeError):
        return "!"
    return CODE[str(out.dtype).rsplit(".", 1)[-1].replace("bool_", "bool")]


def op(mx, name):
    f = mx
    for part in name.split("."):
        f = getattr(f, part)
    return f


def apply_binary(mx, name, a, b):
    if name in ("concatenate", "stack"):
        return op(mx, name)([a, b])
    if name == "where":
        return mx.where(mx.array([[True]]), a, b)
    return op(mx, name)(a, b)


def promotion(mx):
    ones = {d: mx.ones((1, 1), dtype_of(mx, d)) for d in DTYPES}
    return {
        name: [
            "".join(
                result(mx, lambda a=a, b=b, n=name: apply_binary(mx, n, ones[a], ones[b])) for b in DTYPES
            )
            for a in DTYPES
        ]
        for name in BINARY
    }


def unary_types(mx):
    return {
        name: "".join(
            result(mx, lambda d=d, n=name: op(mx, n)(mx.ones((2, 2), dtype_of(mx, d)))) for d in DTYPES
        )
        for name in UNARY
    }


def weak_scalars(mx):
    out = {}
    for name in (
        "add",
        "multiply",
        "maximum",
        "divide",
        "power",
        "equal",
        "bitwise_and",
        "where",
        "array.__add__",
        "array.__radd__",
        "array.__iadd__",
        "array.__setitem__",
    ):
        out[name] = {
            text: "".join(
                result(mx, lambda d=d, v=v, n=name: with_scalar(mx, n, mx.ones((2,), dtype_of(mx, d)), v))
                for d in DTYPES
            )
            for text, v in SCALARS.items()
        }
    return out


def with_scalar(mx, name, x, v):
    if name == "where":
        return mx.where(mx.array([True, False]), x, v)
    if name == "array.__setitem__":
        x[0] = v
        return x
    if name.startswith("array."):
        return getattr(x, name.split(".")[1])(v)
    return getattr(mx, name)(x, v)


def casts(mx):
    kinds = ("bool_", "uint8", "int32", "float16", "float32", "complex64")
    cats = (
        "generic",
        "number",
        "integer",
        "signedinteger",
        "unsignedinteger",
        "inexact",
        "floating",
        "complexfloating",
    )
    return {
        "can_cast": [
            "".join("01"[mx.can_cast(dtype_of(mx, a), dtype_of(mx, b))] for b in DTYPES) for a in DTYPES
        ],
        "issubdtype": [
            "".join("01"[mx.issubdtype(dtype_of(mx, a), getattr(mx, c))] for c in cats) for a in DTYPES
        ],
        "isdtype": {
            k: "".join("01"[mx.isdtype(dtype_of(mx, a), k)] for a in DTYPES)
            for k in (
                "bool",
                "signed integer",
                "unsigned integer",
                "integral",
                "real floating",
                "complex floating",
                "numeric",
            )
        },
        "size": [dtype_of(mx, a).size for a in DTYPES],
        "categories": cats,
        "kinds": kinds,
    }


def constructors(mx):
    import numpy as np

    made = {
        "int": lambda: mx.array(1),
        "big int": lambda: mx.array(2**40),
        "float": lambda: mx.array(1.0),
        "complex": lambda: mx.array(1j),
        "bool": lambda: mx.array(True),
        "empty list": lambda: mx.array([]),
        "mixed list": lambda: mx.array([1, 2.0]),
        "bool and int": lambda: mx.array([True, 2]),
        "list of big": lambda: mx.array([1, 2**40]),
        "full int": lambda: mx.full((2,), 7),
        "full float as int": lambda: mx.full((2,), 7.5, mx.int32),
        "arange int": lambda: mx.arange(3),
        "arange float": lambda: mx.arange(3.0),
        "linspace": lambda: mx.linspace(0, 1, 3),
        "eye": lambda: mx.eye(2),
        "zeros": lambda: mx.zeros(2),
        **{
            f"numpy {t}": (lambda t=t: mx.array(np.ones(2, t)))
            for t in (
                "bool",
                "int8",
                "int16",
                "int32",
                "int64",
                "uint8",
                "uint64",
                "float16",
                "float32",
                "float64",
                "complex64",
                "complex128",
            )
        },
        **{
            f"numpy scalar {t}": (lambda t=t: mx.array(np.dtype(t).type(1)))
            for t in ("int64", "float32", "float64")
        },
    }
    return {k: result(mx, f) for k, f in made.items()}


def public_names(surface):
    """Functions and array attributes a user can call, by module."""
    out = {}
    for m in MODULES:
        module = surface["modules"]["mlx.core" + (f".{m}" if m else "")]
        out[m or "core"] = sorted(n for n, v in module.items() if v["kind"] == "function")
    array = surface["modules"]["mlx.core"]["array"]
    out["array"] = sorted(
        set(array["methods"])
        | set(array["properties"] if isinstance(array["properties"], list | dict) else ())
    )
    out["ArrayAt"] = sorted(surface["modules"]["mlx.core"]["ArrayAt"]["methods"])
    return out


def main():
    import mlx.core as mx

    facts = {
        "mlx": mx.__version__,
        "dtypes": DTYPES,
        "codes": CODE,
        "binary": promotion(mx),
        "unary": unary_types(mx),
        "scalars": weak_scalars(mx),
        "casts": casts(mx),
        "constructors": constructors(mx),
    }
    DATA.mkdir(exist_ok=True)
    (DATA / "dtype_rules.json").write_text(json.dumps(facts, indent=1) + "\n")
    surface = json.loads(Path(sys.argv[1]).read_text())
    (DATA / "public_names.json").write_text(
        json.dumps({"mlx": surface["version"], "names": public_names(surface)}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
