"""Cases: unary, binary, broadcast, cast."""

import numpy as np
from backends import ITEM_BYTES, SKIP, Timed, add, pick, rand


def register():
    def tt(name):
        return lambda t, x: getattr(t, name)(x)

    un = {
        "exp": (tt("exp"), tt("exp"), tt("exp")),
        "log": (lambda m, x: m.log(x), tt("log"), tt("log")),
        "tanh": (tt("tanh"),) * 3,
        "sin": (tt("sin"),) * 3,
        "sqrt": (tt("sqrt"),) * 3,
        "rsqrt": (tt("rsqrt"), tt("rsqrt"), lambda n, x: 1 / n.sqrt(x)),
        "erf": (tt("erf"), tt("erf"), None),
        "sigmoid": (tt("sigmoid"), tt("sigmoid"), lambda n, x: 1 / (1 + n.exp(-x))),
        "abs": (tt("abs"),) * 3,
        "square": (tt("square"),) * 3,
    }
    posonly = {"log", "sqrt", "rsqrt"}

    def unary(op, dt, n):
        def build(backend):
            if backend.kind == "numpy" and dt == "bf16":
                return SKIP
            f = pick(backend, *un[op])
            if f is SKIP:
                return SKIP
            a = rand((n,), 1)
            x = backend.arr(np.abs(a) + 0.1 if op in posonly else a, dt)
            return Timed(backend.ev(lambda: f(x)), nbytes=2 * n * ITEM_BYTES[dt])

        return build

    for op in un:
        add(f"un.{op}.f32.1e6", "elem", 1, unary(op, "f32", 10**6))
        if op in ("exp", "tanh", "sqrt", "erf", "abs"):
            add(f"un.{op}.bf16.1e6", "elem", 1, unary(op, "bf16", 10**6))
            add(f"un.{op}.f32.1e7", "elem", 2, unary(op, "f32", 10**7))
    add("un.exp.f16.1e6", "elem", 1, unary("exp", "f16", 10**6))
    add("un.exp.f32.1e8", "elem", 3, unary("exp", "f32", 10**8))

    bi = {
        "add": (lambda m, x, y: x + y,) * 3,
        "mul": (lambda m, x, y: x * y,) * 3,
        "div": (lambda m, x, y: x / y,) * 3,
        "max": (lambda m, x, y: m.maximum(x, y),) * 3,
        "less": (lambda m, x, y: x < y,) * 3,
        "pow": (lambda m, x, y: m.power(x, y), lambda t, x, y: t.pow(x, y), lambda n, x, y: n.power(x, y)),
    }

    def binary(op, dt, n):
        def build(backend):
            if backend.kind == "numpy" and dt == "bf16":
                return SKIP
            f = pick(backend, *bi[op])
            x = backend.arr(np.abs(rand((n,), 1)) + 0.1, dt)
            y = backend.arr(np.abs(rand((n,), 2)) + 0.1, dt)
            return Timed(
                backend.ev(lambda: f(x, y)),
                nbytes=(2 * ITEM_BYTES[dt] + (1 if op == "less" else ITEM_BYTES[dt])) * n,
            )

        return build

    for op in bi:
        add(f"bi.{op}.f32.1e6", "elem", 1, binary(op, "f32", 10**6))
    for op in ("add", "mul"):
        add(f"bi.{op}.bf16.1e6", "elem", 1, binary(op, "bf16", 10**6))
        add(f"bi.{op}.f16.1e6", "elem", 1, binary(op, "f16", 10**6))
    add("bi.add.f32.1e7", "elem", 2, binary("add", "f32", 10**7))
    add("bi.add.bf16.1e7", "elem", 2, binary("add", "bf16", 10**7))
    add("bi.add.f32.1e8", "elem", 3, binary("add", "f32", 10**8))

    def bcast(axis, dt):
        def build(backend):
            if backend.kind == "numpy" and dt == "bf16":
                return SKIP
            x = backend.arr(rand((2000, 1000), 1), dt)
            y = backend.arr(rand((2000, 1) if axis == 1 else (1000,), 2), dt)
            return Timed(backend.ev(lambda: x + y), nbytes=2 * ITEM_BYTES[dt] * 2000 * 1000)

        return build

    add("bcast.row.f32.2000x1000", "elem", 1, bcast(0, "f32"))
    add("bcast.col.f32.2000x1000", "elem", 1, bcast(1, "f32"))
    add("bcast.row.bf16.2000x1000", "elem", 1, bcast(0, "bf16"))

    def scalar(backend):
        x = backend.arr(rand((10**6,), 1), "f32")
        return Timed(backend.ev(lambda: x * 2.5 + 1.0), nbytes=8e6)

    add("scalar.fma.f32.1e6", "elem", 1, scalar)

    def where(backend):
        x, y = backend.arr(rand((10**6,), 1), "f32"), backend.arr(rand((10**6,), 2), "f32")
        c = backend.arr(rand((10**6,), 3) > 0)
        f = pick(backend, lambda m: m.where(c, x, y), lambda t: t.where(c, x, y), lambda n: n.where(c, x, y))
        return Timed(backend.ev(f), nbytes=13e6)

    add("where.f32.1e6", "elem", 1, where)

    def cast(a, b, n):
        def build(backend):
            if backend.kind == "numpy" and "bf16" in (a, b):
                return SKIP
            x = backend.arr(rand((n,), 1), a)
            d = backend.dt[b]
            f = (lambda: x.to(d)) if backend.kind == "torch" else (lambda: x.astype(d))
            return Timed(backend.ev(f), nbytes=(ITEM_BYTES[a] + ITEM_BYTES[b]) * n)

        return build

    for a, b in (
        ("f32", "bf16"),
        ("bf16", "f32"),
        ("f32", "f16"),
        ("f16", "f32"),
        ("f32", "i32"),
        ("i32", "f32"),
    ):
        add(f"cast.{a}-{b}.1e6", "elem", 1, cast(a, b, 10**6))
