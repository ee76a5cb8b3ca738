"""Reductions, softmax and norms."""

from tests.amd_row import VECTORS, Row

_VALUES = {"ARG": "0", "PARTS": "0", "AT": "u32", "INDEX": "u32"}
_PLACES = {**_VALUES, "ARG": "1", "OUT": "u32"}
_SUM = {**_VALUES, "T": "bf16", "ACC": "float", "OP": "Add", "OUT": "bf16"}
_MAX = {**_VALUES, "T": "i8", "ACC": "i32", "OP": "Maximum", "OUT": "i8"}
_ARGMAX = {**_PLACES, "T": "bf16", "ACC": "float", "OP": "FirstMaximum"}
_ROW = {"T": "bf16", "INDEX": "u32", "VEC": "8"}
_WIDE_ROW = {**_ROW, "TEAM": "256", "THREADS": "256", "VECS": "2", "WHOLE": "1"}
_NARROW_ROW = {**_ROW, "T": "float", "VEC": "4", "TEAM": "32", "THREADS": "256", "VECS": "2", "WHOLE": "0"}
_LONGEST_ROW = {**_ROW, "TEAM": "1024", "THREADS": "1024", "VECS": "4", "WHOLE": "0"}
_AFFINE = {"WEIGHT": "1", "BIAS": "1"}

ROWS = (
    *(
        Row("kernels/reduce_rows.hip", "reduce_rows", {**_SUM, "TEAM": team, "STRIDED": "0"}, needs=needs)
        for team, needs in (
            ("1", ("16-byte load",)),
            ("32", ("16-byte load", "DPP")),
            ("256", ("16-byte load", "DPP")),
        )
    ),
    Row("kernels/reduce_rows.hip", "reduce_rows", {**_SUM, "TEAM": "32", "STRIDED": "1"}, needs=("DPP",)),
    Row(
        "kernels/reduce_rows.hip",
        "reduce_rows",
        {**_ARGMAX, "TEAM": "256", "STRIDED": "0"},
        needs=("16-byte load", "DPP"),
        waves={"gfx9": 4, "gfx1": 8},
    ),
    Row("kernels/reduce_columns.hip", "reduce_columns", {**_SUM, "VEC": "8"}, needs=("16-byte load",)),
    Row(
        "kernels/reduce_columns.hip",
        "reduce_columns",
        {**_MAX, "VEC": "16"},
        needs=("16-byte load",),
        waves={"gfx9": 4, "gfx1": 8},
    ),
    Row("kernels/softmax.hip", "softmax", {**_NARROW_ROW, "LSE": "0"}, needs=(*VECTORS, "DPP")),
    Row("kernels/softmax.hip", "softmax", {**_WIDE_ROW, "LSE": "0"}, needs=(*VECTORS, "DPP")),
    Row(
        "kernels/softmax.hip",
        "softmax",
        {**_LONGEST_ROW, "LSE": "0"},
        needs=(*VECTORS, "DPP"),
        waves={"gfx9": 4, "gfx1": 8},
    ),
    Row(
        "kernels/softmax_long.hip",
        "softmax_parts",
        _ROW,
        needs=("16-byte load", "DPP"),
        waves={"gfx9": 4, "gfx1": 8},
    ),
    Row("kernels/softmax_long.hip", "softmax_apply", _ROW, needs=(*VECTORS, "DPP")),
    Row(
        "kernels/norm.hip",
        "norm_rows",
        {**_WIDE_ROW, "LAYER": "0", "WEIGHT": "1", "BIAS": "0"},
        needs=(*VECTORS, "DPP"),
        waves={"gfx": 8, "gfx9": 7},
    ),
    Row(
        "kernels/norm.hip",
        "norm_rows",
        {**_WIDE_ROW, "LAYER": "1", **_AFFINE},
        needs=(*VECTORS, "DPP"),
        waves={"gfx9": 5, "gfx1": 8},
    ),
    Row("kernels/norm_long.hip", "norm_long", {**_ROW, "LAYER": "1", **_AFFINE}, needs=(*VECTORS, "DPP")),
)
