"""mlx.core.fast: the fused ops, against their definition in double precision."""

import numpy as np
from case import F32, FLOATS, Arg, case
from refs import nn as N

D = ("contiguous", "transposed", "sliced", "negative", "broadcast", "strided")


def rope_rows():
    for name, shape, dims, kw in (
        ("", (2, 3, 4, 8), 8, {}),
        ("traditional", (2, 3, 4, 8), 8, {"traditional": True}),
        ("partial", (2, 3, 4, 8), 4, {}),
        ("partial-traditional", (1, 2, 5, 10), 6, {"traditional": True}),
        ("3d", (2, 4, 8), 8, {"offset": 3}),
        ("offset-scale", (1, 2, 5, 8), 8, {"offset": 1000, "scale": 0.25, "base": 5000.0}),
        ("one-token", (2, 4, 1, 16), 16, {"offset": 77}),
        ("5d", (2, 1, 2, 3, 4), 4, {"offset": 1}),
    ):
        full = {"traditional": False, "base": 10000.0, "scale": 1.0, "offset": 0} | kw
        yield case(
            "fast.rope",
            shape,
            ref=lambda x, d=dims, k=full: N.rope(x, d, **k),
            extra=(dims,),
            kw=full,
            name=name,
            dtypes=FLOATS,
            tol=2,
            norm=True,
            grad=(0,),
            layouts=D,
        )
    base = {"traditional": False, "base": 10000.0, "scale": 1.0}
    yield case(
        "fast.rope",
        (3, 2, 4, 8),
        Arg((3,), ("value", [0, 5, 100]), "int32"),
        name="batch-offset",
        dtypes=FLOATS,
        tol=2,
        norm=True,
        grad=(0,),
        ref=lambda x, o: N.rope(x, 8, offset=o),
        call=lambda mx, x, o: mx.fast.rope(x, 8, **base, offset=o),
        layouts=D,
    )
    yield case(
        "fast.rope",
        (1, 2, 4, 8),
        Arg((), ("value", 9), "int32"),
        name="array-offset",
        dtypes=FLOATS,
        tol=2,
        norm=True,
        vmap=False,
        ref=lambda x, o: N.rope(x, 8, offset=float(o)),
        call=lambda mx, x, o: mx.fast.rope(x, 8, **base, offset=o),
        layouts=D,
    )
    yield case(
        "fast.rope",
        (1, 2, 4, 8),
        Arg((4,), ("uniform", 1, 50), "float32"),
        name="freqs",
        dtypes=FLOATS,
        tol=2,
        norm=True,
        grad=(0,),
        ref=lambda x, f: N.rope(x, 8, freqs=f, offset=2),
        layouts=D,
        call=lambda mx, x, f: mx.fast.rope(x, 8, traditional=False, base=None, scale=1.0, offset=2, freqs=f),
    )


def norm_rows():
    for shape in ((3, 8), (2, 3, 33), (4, 4096), (1, 1)):
        n = "x".join(map(str, shape))
        diff = 1 < shape[-1] < 100
        yield case(
            "fast.rms_norm",
            shape,
            Arg(shape[-1:], "nonzero"),
            ref=N.rms_norm,
            extra=(1e-5,),
            name=n,
            dtypes=FLOATS,
            tol=2,
            norm=True,
            grad=(0, 1) if diff else (),
            layouts=D,
            grad_tol=4,
        )
        yield case(
            "fast.layer_norm",
            shape,
            Arg(shape[-1:], "nonzero"),
            Arg(shape[-1:], "normal"),
            ref=N.layer_norm,
            extra=(1e-5,),
            name=n,
            dtypes=FLOATS,
            tol=2,
            norm=True,
            grad=(0, 1, 2) if diff else (),
            layouts=D,
            grad_tol=4,
        )
    # rows at every width of a team of a GPU, odd lengths, rows too long for registers
    for shape in ((300, 5), (3, 250), (2, 1000), (3, 1025), (5, 5120), (2, 20001), (2, 3, 40000)):
        row = {
            "name": "gpu-" + "x".join(map(str, shape)),
            "dtypes": FLOATS,
            "tol": 2,
            "norm": True,
            "layouts": ("sliced", "broadcast") if shape[-1] < 2000 else (),
            "vmap": False,
            "compile": False,
            "export": False,
            "shapeless": False,
        }
        vector = shape[-1:]
        yield case("fast.rms_norm", shape, Arg(vector, "nonzero"), ref=N.rms_norm, extra=(1e-5,), **row)
        yield case(
            "fast.layer_norm",
            shape,
            Arg(vector, "nonzero"),
            Arg(vector, "normal"),
            ref=N.layer_norm,
            extra=(1e-5,),
            **row,
        )
    yield case(
        "fast.rms_norm",
        (3, 8),
        ref=N.rms_norm,
        extra=(None, 1e-5),
        name="no-weight",
        dtypes=FLOATS,
        tol=2,
        norm=True,
        grad=(0,),
        layouts=D,
    )
    yield case(
        "fast.layer_norm",
        (3, 8),
        ref=N.layer_norm,
        extra=(None, None, 1e-5),
        name="plain",
        dtypes=FLOATS,
        tol=2,
        norm=True,
        grad=(0,),
        layouts=D,
    )
    yield case(
        "fast.layer_norm",
        (3, 8),
        (8,),
        ref=lambda x, b: N.layer_norm(x, None, b),
        name="bias-only",
        dtypes=FLOATS,
        tol=2,
        norm=True,
        call=lambda mx, x, b: mx.fast.layer_norm(x, None, b, 1e-5),
        grad=(0, 1),
        layouts=D,
    )
    yield case(
        "fast.rms_norm",
        Arg((2, 64), ("uniform", 200, 300)),
        Arg((64,), "positive"),
        ref=N.rms_norm,
        extra=(1e-5,),
        name="large-values",
        dtypes=FLOATS,
        tol=2,
        norm=True,
        layouts=D,
    )


# (variant, q shape, kv shape, mask, with sinks)
ATTENTION = [
    ("", (2, 4, 5, 8), (2, 4, 7, 8), None, False),
    ("grouped", (1, 6, 5, 8), (1, 2, 7, 8), None, False),
    ("causal", (1, 4, 5, 8), (1, 2, 9, 8), "causal", False),
    ("causal-square", (1, 2, 6, 16), (1, 2, 6, 16), "causal", False),
    ("decode", (2, 8, 1, 64), (2, 2, 33, 64), None, False),
    ("bool-mask", (2, 4, 5, 8), (2, 2, 7, 8), ("mask", "bool", (5, 7)), False),
    ("bool-mask-4d", (2, 4, 5, 8), (2, 2, 7, 8), ("mask", "bool", (2, 1, 5, 7)), False),
    ("additive", (2, 4, 5, 8), (2, 2, 7, 8), ("normal", None, (5, 7)), False),
    ("sinks", (1, 4, 5, 8), (1, 2, 7, 8), None, True),
    ("causal-sinks", (1, 4, 5, 8), (1, 2, 7, 8), "causal", True),
    ("prefill", (1, 2, 70, 64), (1, 1, 130, 64), "causal", False),
    ("wide-head", (1, 2, 3, 256), (1, 1, 40, 256), None, False),
]


def attention_rows():
    for name, q, kv, mask, sinks in ATTENTION:
        scale = q[-1] ** -0.5
        args = [Arg(q), Arg(kv), Arg(kv)]
        array_mask = isinstance(mask, tuple)
        args += [Arg(mask[2], mask[0], mask[1])] if array_mask else []
        args += [Arg((q[1],))] if sinks else []

        def call(mx, q, k, v, *rest, s=scale, m=mask, array_mask=array_mask, sinks=sinks):
            rest = list(rest)
            m = rest.pop(0) if array_mask else m
            return mx.fast.scaled_dot_product_attention(
                q, k, v, scale=s, mask=m, **({"sinks": rest.pop(0)} if sinks else {})
            )

        def ref(q, k, v, *rest, s=scale, m=mask, array_mask=array_mask, sinks=sinks):
            rest = list(rest)
            m = rest.pop(0) if array_mask else m
            return N.attention(q, k, v, s, m, rest.pop(0) if sinks else None)

        small = q[2] * q[3] <= 96
        diff = ((0, 1, 2, 3) if "additive" in name or name == "sinks" else (0, 1, 2)) if small else ()
        yield case(
            "fast.scaled_dot_product_attention",
            *args,
            ref=ref,
            call=call,
            name=name,
            dtypes=FLOATS,
            tol=2,
            norm=True,
            grad=diff,
            layouts=D,
            vmap=small,
            grad_tol=4,
        )
    yield case(
        "fast.scaled_dot_product_attention",
        *[Arg((1, 2, 3, 4))] * 3,
        Arg((3, 3), ("value", [[0, 0, 0], [1, 0, 1], [1, 1, 1]]), "bool"),
        name="masked-row",
        dtypes=FLOATS,
        tol=2,
        norm=True,
        layouts=D,
        ref=lambda q, k, v, m: N.attention(q, k, v, 1.0, m),
        call=lambda mx, q, k, v, m: mx.fast.scaled_dot_product_attention(q, k, v, scale=1.0, mask=m),
    )


def loss_rows():
    yield case(
        "fast.cross_entropy",
        (4, 9),
        Arg((4,), ("index", 9), "int32"),
        dtypes=FLOATS,
        out="float32",
        grad=(0,),
        tol=2,
        ref=lambda x, i: np.log(np.exp(x).sum(-1)) - np.take_along_axis(x, i[..., None], -1)[..., 0],
    )
    yield case(
        "fast.cross_entropy",
        Arg((2, 3, 500), "wide"),
        Arg((2, 3), ("index", 500), "uint32"),
        name="large",
        dtypes=FLOATS,
        out="float32",
        tol=2,
        ref=lambda x, i: (
            np.logaddexp.reduce(x, -1) - np.take_along_axis(x, i[..., None].astype(int), -1)[..., 0]
        ),
    )


def masked_delta(q, k, v, gamma, beta, mask):
    """Excluded steps change nothing: the same as leaving them out, with zeros as their output."""
    y, states = np.zeros_like(v), []
    for b, used in enumerate(mask):
        one = [a[b : b + 1, used] for a in (q, k, v, gamma, beta)]
        y[b, used], state = N.gated_delta(*one)
        states.append(state[0])
    return y, np.stack(states)


def gated_delta_rows():
    small = ("uniform", -0.4, 0.4)
    args = [
        Arg((2, 5, 2, 8), small),
        Arg((2, 5, 2, 8), small),
        Arg((2, 5, 4, 6)),
        Arg((2, 5, 4), ("uniform", 0.7, 0.99)),
        Arg((2, 5, 4), ("uniform", 0.1, 0.9)),
    ]
    op, more = "fast.gated_delta_update", {"norm": True, "tol": 8, "grad_tol": 4}
    yield case(op, *args, ref=N.gated_delta, dtypes=F32, grad=(0, 1, 2, 3, 4), out="float32", **more)
    yield case(
        op,
        *args,
        Arg((2, 4, 6, 8)),
        ref=N.gated_delta,
        name="state",
        dtypes=F32,
        grad=(5,),
        out="float32",
        **more,
    )
    yield case(
        op,
        *args,
        Arg((2, 5), ("value", [[1, 0, 1, 1, 0], [0, 1, 0, 1, 1]]), "bool"),
        ref=masked_delta,
        call=lambda mx, *a: mx.fast.gated_delta_update(*a[:5], mask=a[5]),
        name="mask",
        dtypes=F32,
        grad=(2,),
        layouts=("contiguous", "transposed", "sliced", "negative"),
        **more,
    )


def rows():
    for part in (rope_rows, norm_rows, attention_rows, loss_rows, gated_delta_rows):
        yield from part()
