"""Convolutions and transposed convolutions of one to three spatial dimensions."""

import numpy as np
from case import FLOATS, case
from refs import conv as C

# (op, input shape, weight shape, options)
CONVS = [
    ("conv1d", (2, 9, 4), (6, 3, 4), {}),
    ("conv1d", (2, 9, 4), (6, 3, 2), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
    ("conv1d", (1, 12, 6), (6, 4, 1), {"groups": 6, "padding": 3}),
    ("conv2d", (2, 7, 6, 3), (5, 3, 3, 3), {"padding": 1}),
    (
        "conv2d",
        (2, 7, 8, 4),
        (6, 3, 2, 2),
        {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2},
    ),
    ("conv2d", (1, 5, 5, 8), (4, 1, 1, 8), {}),
    ("conv2d", (1, 16, 16, 16), (32, 3, 3, 16), {"padding": 1}),
    ("conv3d", (1, 4, 5, 6, 2), (3, 2, 3, 2, 2), {"stride": (1, 2, 1), "padding": 1}),
    ("conv_transpose1d", (2, 5, 4), (6, 3, 4), {"stride": 2, "padding": 1, "output_padding": 1}),
    ("conv_transpose1d", (2, 5, 4), (6, 3, 2), {"stride": 3, "dilation": 2, "groups": 2}),
    (
        "conv_transpose2d",
        (1, 4, 5, 3),
        (4, 3, 2, 3),
        {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "output_padding": (1, 0)},
    ),
    ("conv_transpose3d", (1, 3, 2, 3, 2), (3, 2, 2, 2, 2), {"stride": 2}),
    (
        "conv_general",
        (1, 6, 7, 4),
        (6, 2, 3, 2),
        {
            "stride": (1, 2),
            "padding": ((1, 0), (2, 1)),
            "kernel_dilation": (2, 1),
            "input_dilation": (1, 2),
            "groups": 2,
            "flip": True,
        },
    ),
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
        yield case(
            op,
            x,
            w,
            ref=lambda a, b, f=f, k=named: f(a, b, **k),
            kw=kw,
            name=str(numbers[op]),
            dtypes=FLOATS,
            norm=True,
            tol=4,
            grad=() if big else (0, 1),
            grad_tol=4,
            layouts=("contiguous", "transposed", "sliced", "broadcast", "negative"),
        )
    for mode in ("full", "valid", "same"):
        yield case(
            "convolve",
            (9,),
            (4,),
            ref=lambda a, v, m=mode: np.convolve(a, v, m),
            extra=(mode,),
            name=mode,
            dtypes=FLOATS,
            norm=True,
            tol=2,
            grad=(0, 1),
            vmap=False,
        )


def rows():
    yield from conv_rows()
