"""Cases: training steps and whole decoder layers."""

import itertools

import numpy as np
from backends import SKIP, Timed, add, rand


def register():
    def mlp(compiled):
        def build(backend):
            dims = (784, 512, 512, 10)
            ws = [rand((a, b), 10 + i, a**-0.5) for i, (a, b) in enumerate(itertools.pairwise(dims))]
            x = rand((128, 784), 1)
            yl = np.random.default_rng(3).integers(0, 10, 128)
            fl = 6.0 * 128 * sum(a * b for a, b in itertools.pairwise(dims))
            if backend.kind == "mlx":
                mx = backend.mx
                P = [backend.arr(w) for w in ws] + [backend.arr(np.zeros(b, np.float32)) for b in dims[1:]]
                X, Y = backend.arr(x), backend.arr(yl.astype(np.int32))

                def loss(P, X, Y):
                    h = X
                    for i in range(3):
                        h = h @ P[i] + P[3 + i]
                        if i < 2:
                            h = mx.maximum(h, 0)
                    lse = mx.logsumexp(h, axis=-1)
                    return mx.mean(lse - mx.take_along_axis(h, Y[:, None], axis=-1)[:, 0])

                vg = mx.value_and_grad(loss)

                def step(P, X, Y):
                    l, g = vg(P, X, Y)
                    return l, [p - 0.01 * d for p, d in zip(P, g)]

                if compiled:
                    step = mx.compile(step)
                return Timed(backend.ev(lambda: step(P, X, Y)), fl)
            if backend.kind == "torch" and not compiled:
                t = backend.torch
                P = [t.from_numpy(w.copy()).requires_grad_() for w in ws] + [
                    t.zeros(b, requires_grad=True) for b in dims[1:]
                ]
                X, Y = t.from_numpy(x), t.from_numpy(yl)

                def step():
                    h = X
                    for i in range(3):
                        h = h @ P[i] + P[3 + i]
                        if i < 2:
                            h = t.relu(h)
                    l = t.nn.functional.cross_entropy(h, Y)
                    g = t.autograd.grad(l, P)
                    with t.no_grad():
                        return l.detach(), [p - 0.01 * d for p, d in zip(P, g)]

                return Timed(step, fl)
            return SKIP

        return build

    add("train.mlp.f32.eager", "train", 1, mlp(False))
    add("train.mlp.f32.compile", "train", 1, mlp(True))

    def block(compiled):
        Bn, L, D, H = 4, 64, 256, 4

        def build(backend):
            sh = [(D, 3 * D), (D, D), (D, 4 * D), (4 * D, D)]
            ws = [rand(s, 20 + i, s[0] ** -0.5) for i, s in enumerate(sh)]
            x = rand((Bn, L, D), 1)
            fl = 6.0 * Bn * L * sum(a * b for a, b in sh)
            if backend.kind == "mlx":
                mx = backend.mx
                P = [backend.arr(w) for w in ws]
                X = backend.arr(x)
                one, zero = backend.arr(np.ones(D, np.float32)), backend.arr(np.zeros(D, np.float32))

                def loss(P, X):
                    h = mx.fast.layer_norm(X, one, zero, 1e-5)
                    q, k, v = mx.split(h @ P[0], 3, axis=-1)
                    q, k, v = (a.reshape(Bn, L, H, D // H).transpose(0, 2, 1, 3) for a in (q, k, v))
                    o = mx.fast.scaled_dot_product_attention(q, k, v, scale=(D // H) ** -0.5, mask="causal")
                    X = X + o.transpose(0, 2, 1, 3).reshape(Bn, L, D) @ P[1]
                    h = mx.fast.layer_norm(X, one, zero, 1e-5) @ P[2]
                    h = h * mx.sigmoid(h)
                    return mx.mean(mx.square(X + h @ P[3]))

                vg = mx.value_and_grad(loss)

                def step(P, X):
                    l, g = vg(P, X)
                    return l, [p - 0.01 * d for p, d in zip(P, g)]

                if compiled:
                    step = mx.compile(step)
                return Timed(backend.ev(lambda: step(P, X)), fl)
            if backend.kind == "torch" and not compiled:
                t = backend.torch
                F = t.nn.functional
                P = [t.from_numpy(w.copy()).requires_grad_() for w in ws]
                X0 = t.from_numpy(x)

                def step():
                    h = F.layer_norm(X0, (D,))
                    q, k, v = (h @ P[0]).split(D, -1)
                    q, k, v = (a.reshape(Bn, L, H, D // H).transpose(1, 2) for a in (q, k, v))
                    o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
                    X = X0 + o.transpose(1, 2).reshape(Bn, L, D) @ P[1]
                    h = F.silu(F.layer_norm(X, (D,)) @ P[2])
                    l = (X + h @ P[3]).square().mean()
                    g = t.autograd.grad(l, P)
                    with t.no_grad():
                        return l.detach(), [p - 0.01 * d for p, d in zip(P, g)]

                return Timed(step, fl)
            return SKIP

        return build

    add("train.block.f32.eager", "train", 1, block(False))
    add("train.block.f32.compile", "train", 1, block(True))

    def lm(L, mode):
        """4 layers of a Qwen2-0.5B-like decoder (d 896, ff 4864, 14/2 heads), KV length 128 for decode."""
        D, FF, H, KV, HD, NL, V = 896, 4864, 14, 2, 64, 4, 32000

        def build(backend):
            if backend.kind not in ("mlx", "torch") or (backend.kind == "torch" and mode == "q4"):
                return SKIP
            dt = "bf16" if mode in ("q4", "bf16") else "f32"
            shp = {
                "q": (H * HD, D),
                "k": (KV * HD, D),
                "v": (KV * HD, D),
                "o": (D, H * HD),
                "g": (FF, D),
                "u": (FF, D),
                "d": (D, FF),
            }
            W = [
                {n: rand(s, 100 + 7 * l + i, 0.02) for i, (n, s) in enumerate(shp.items())} for l in range(NL)
            ]
            head = rand((V, D), 99, 0.02)
            x = backend.arr(rand((1, L, D), 1), dt)
            S = 128 if L == 1 else 0
            kc = [backend.arr(rand((1, KV, S, HD), 50 + l), dt) for l in range(NL)] if S else None
            nparam = NL * sum(a * b for a, b in shp.values()) + V * D
            fl = 2.0 * L * NL * sum(a * b for a, b in shp.values()) + 2.0 * V * D
            nb = nparam * {"q4": 0.5625, "bf16": 2, "f32": 4}[mode]
            if backend.kind == "mlx":
                mx = backend.mx
                one = backend.arr(np.ones(D, np.float32), dt)

                def mk(w):
                    w = backend.arr(w, dt)
                    if mode == "q4":
                        q = mx.quantize(w, group_size=64, bits=4)
                        mx.eval(q)
                        return lambda y: mx.quantized_matmul(y, *q, transpose=True, group_size=64, bits=4)
                    return lambda y: y @ w.T

                W = [{n: mk(w) for n, w in d.items()} for d in W]
                hd = mk(head)
                f_ = mx.fast

                def step():
                    h = x
                    for l in range(NL):
                        w = W[l]
                        n = f_.rms_norm(h, one, 1e-6)
                        q = w["q"](n).reshape(1, L, H, HD).transpose(0, 2, 1, 3)
                        k = w["k"](n).reshape(1, L, KV, HD).transpose(0, 2, 1, 3)
                        v = w["v"](n).reshape(1, L, KV, HD).transpose(0, 2, 1, 3)
                        q = f_.rope(q, HD, traditional=False, base=1e6, scale=1.0, offset=S)
                        k = f_.rope(k, HD, traditional=False, base=1e6, scale=1.0, offset=S)
                        if S:
                            k, v = mx.concatenate([kc[l], k], axis=2), mx.concatenate([kc[l], v], axis=2)
                        o = f_.scaled_dot_product_attention(
                            q, k, v, scale=HD**-0.5, mask="causal" if L > 1 else None
                        )
                        h = h + w["o"](o.transpose(0, 2, 1, 3).reshape(1, L, H * HD))
                        n = f_.rms_norm(h, one, 1e-6)
                        g = w["g"](n)
                        h = h + w["d"](g * mx.sigmoid(g) * w["u"](n))
                    return mx.argmax(hd(f_.rms_norm(h[:, -1:], one, 1e-6)), axis=-1)

                return Timed(backend.ev(step), fl, nb, sig=False)
            t = backend.torch
            F = t.nn.functional
            W = [{n: backend.arr(w, dt) for n, w in d.items()} for d in W]
            hd = backend.arr(head, dt)
            inv = 1e6 ** (-np.arange(0, HD, 2, dtype=np.float32) / HD)
            ang = (np.arange(S, S + L, dtype=np.float32)[:, None] * inv[None]).astype(np.float32)
            c, s = backend.arr(np.cos(ang), dt), backend.arr(np.sin(ang), dt)
            one = backend.arr(np.ones(D, np.float32), dt)

            def rope(y):
                a, b = y[..., : HD // 2], y[..., HD // 2 :]
                return t.cat((a * c - b * s, a * s + b * c), -1)

            def step():
                h = x
                for l in range(NL):
                    w = W[l]
                    n = F.rms_norm(h, (D,), one, 1e-6)
                    q = rope(F.linear(n, w["q"]).view(1, L, H, HD).transpose(1, 2))
                    k = rope(F.linear(n, w["k"]).view(1, L, KV, HD).transpose(1, 2))
                    v = F.linear(n, w["v"]).view(1, L, KV, HD).transpose(1, 2)
                    if S:
                        k, v = t.cat([kc[l], k], 2), t.cat([kc[l], v], 2)
                    o = F.scaled_dot_product_attention(q, k, v, is_causal=L > 1, enable_gqa=True)
                    h = h + F.linear(o.transpose(1, 2).reshape(1, L, H * HD), w["o"])
                    n = F.rms_norm(h, (D,), one, 1e-6)
                    h = h + F.linear(F.silu(F.linear(n, w["g"])) * F.linear(n, w["u"]), w["d"])
                return t.argmax(F.linear(F.rms_norm(h[:, -1:], (D,), one, 1e-6), hd), -1)

            return Timed(backend.ev(step), fl, nb, sig=False)

        return build

    for mode in ("q4", "bf16", "f32"):
        add(f"lm4.decode.{mode}", "macro", 1 if mode == "f32" else 2, lm(1, mode))
        add(f"lm4.prefill64.{mode}", "macro", 2 if mode == "f32" else 3, lm(64, mode))
