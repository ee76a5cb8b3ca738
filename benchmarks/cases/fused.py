"""Cases: chains of elementwise operations (fu: eager, fuc: mx.compile), softmax, norms, rope."""

import math

import numpy as np
from backends import ITEM_BYTES, SKIP, Timed, add, pick, rand


def register():
    def mlx_gelu(m, x):
        return x * (1 + m.erf(x / math.sqrt(2))) / 2

    def mlx_gelu_tanh(m, x):
        return 0.5 * x * (1 + m.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))

    def t_gelu(t, x):
        return t.nn.functional.gelu(x)

    def t_gelu_tanh(t, x):
        return t.nn.functional.gelu(x, approximate="tanh")

    def n_gelu_tanh(n, x):
        return 0.5 * x * (1 + n.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))

    ops = {
        "gelu": (mlx_gelu, t_gelu, None, 1),
        "gelu_tanh": (mlx_gelu_tanh, t_gelu_tanh, n_gelu_tanh, 1),
        "silu": (
            lambda m, x: x * m.sigmoid(x),
            lambda t, x: t.nn.functional.silu(x),
            lambda n, x: x / (1 + n.exp(-x)),
            1,
        ),
        "swiglu": (
            lambda m, x, y: x * m.sigmoid(x) * y,
            lambda t, x, y: t.nn.functional.silu(x) * y,
            lambda n, x, y: x / (1 + n.exp(-x)) * y,
            2,
        ),
        "chain8": (lambda m, x, y: m.abs(x * y + x) * 2 - (y * y + 1) / (m.abs(x) + 1.5),) * 3 + (2,),
        "adam": (
            lambda m, x, y: x - 0.01 * (0.9 * y + 0.1 * x) / (m.sqrt(0.99 * y * y + 0.01 * x * x) + 1e-8),
        )
        * 3
        + (2,),
    }

    def fused(op, dt, n, mode):
        def build(backend):
            if backend.kind == "numpy" and (dt == "bf16" or mode == "c"):
                return SKIP
            fm, ft, fn, nin = ops[op]
            f = pick(backend, fm, ft, fn)
            if f is SKIP:
                return SKIP
            xs = [backend.arr(rand((n,), 1 + i), dt) for i in range(nin)]
            g = f
            if mode == "c":
                if backend.kind == "mlx":
                    g = backend.mx.compile(f)
                else:
                    return SKIP
            return Timed(backend.ev(lambda: g(*xs)), nbytes=(nin + 1) * n * ITEM_BYTES[dt])

        return build

    for op in ops:
        for dt in ("f32", "bf16"):
            for n, lab, tier in ((10**6, "1e6", 1), (10**7, "1e7", 2), (10**8, "1e8", 3)):
                if lab == "1e8" and (op != "swiglu" or dt != "f32"):
                    continue
                if lab == "1e7" and op in ("silu", "adam"):
                    continue
                add(f"fu.{op}.{dt}.{lab}", "fused", tier, fused(op, dt, n, "e"))
                add(f"fuc.{op}.{dt}.{lab}", "fused", tier, fused(op, dt, n, "c"))

    def softmax(dt, r, c):
        def build(backend):
            if backend.kind == "numpy" and dt == "bf16":
                return SKIP
            x = backend.arr(rand((r, c), 1), dt)

            def n(np_, x):
                e = np_.exp(x - x.max(-1, keepdims=True))
                return e / e.sum(-1, keepdims=True)

            f = pick(backend, lambda m: m.softmax(x, axis=-1), lambda t: t.softmax(x, -1), lambda p: n(p, x))
            return Timed(backend.ev(f), nbytes=2 * r * c * ITEM_BYTES[dt])

        return build

    def rms(dt, r, c):
        def build(backend):
            if backend.kind == "numpy" and dt == "bf16":
                return SKIP
            x, w = backend.arr(rand((r, c), 1), dt), backend.arr(1 + 0.1 * rand((c,), 2), dt)
            f = pick(
                backend,
                lambda m: m.fast.rms_norm(x, w, 1e-5),
                lambda t: t.nn.functional.rms_norm(x, (c,), w, 1e-5),
                lambda p: x / p.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-5)) * w,
            )
            return Timed(backend.ev(f), nbytes=2 * r * c * ITEM_BYTES[dt])

        return build

    def ln(dt, r, c):
        def build(backend):
            if backend.kind == "numpy" and dt == "bf16":
                return SKIP
            x, w, b = (
                backend.arr(rand((r, c), 1), dt),
                backend.arr(1 + 0.1 * rand((c,), 2), dt),
                backend.arr(rand((c,), 3), dt),
            )

            def n(p):
                mu = x.mean(-1, keepdims=True)
                v = ((x - mu) ** 2).mean(-1, keepdims=True)
                return (x - mu) / p.sqrt(v + np.float32(1e-5)) * w + b

            f = pick(
                backend,
                lambda m: m.fast.layer_norm(x, w, b, 1e-5),
                lambda t: t.nn.functional.layer_norm(x, (c,), w, b, 1e-5),
                n,
            )
            return Timed(backend.ev(f), nbytes=2 * r * c * ITEM_BYTES[dt])

        return build

    def rope(dt, H, L, D):
        def build(backend):
            if backend.kind == "numpy" and dt == "bf16":
                return SKIP
            x = backend.arr(rand((1, H, L, D), 1), dt)
            inv = (10000.0 ** (-np.arange(0, D, 2, dtype=np.float32) / D)).astype(np.float32)
            ang = np.arange(L, dtype=np.float32)[:, None] * inv[None]
            if backend.kind == "mlx":
                f = lambda: backend.mx.fast.rope(x, D, traditional=False, base=10000.0, scale=1.0, offset=0)
            else:
                cat = backend.torch.cat if backend.kind == "torch" else np.concatenate
                c, s = backend.arr(np.cos(ang), dt), backend.arr(np.sin(ang), dt)
                h = D // 2

                def f():
                    a, b = x[..., :h], x[..., h:]
                    return cat((a * c - b * s, a * s + b * c), -1)

            return Timed(backend.ev(f), nbytes=2 * H * L * D * ITEM_BYTES[dt])

        return build

    for dt in ("f32", "bf16"):
        add(f"softmax.{dt}.1000x1000", "fused", 1, softmax(dt, 1000, 1000))
        add(f"softmax.{dt}.1x151936", "fused", 1, softmax(dt, 1, 151936))
        add(f"softmax.{dt}.10000x1000", "fused", 2, softmax(dt, 10000, 1000))
        add(f"rms_norm.{dt}.1x896", "fused", 1, rms(dt, 1, 896))
        add(f"rms_norm.{dt}.1024x1024", "fused", 1, rms(dt, 1024, 1024))
        add(f"rms_norm.{dt}.8192x1024", "fused", 2, rms(dt, 8192, 1024))
        add(f"layer_norm.{dt}.1024x1024", "fused", 1, ln(dt, 1024, 1024))
        add(f"layer_norm.{dt}.8192x1024", "fused", 2, ln(dt, 8192, 1024))
        add(f"rope.{dt}.14x1x64", "fused", 1, rope(dt, 14, 1, 64))
        add(f"rope.{dt}.14x1024x64", "fused", 1, rope(dt, 14, 1024, 64))
