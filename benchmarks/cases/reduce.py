"""Cases: reductions, scans, sorting, indexing, copies."""

import numpy as np
from backends import ITEM_BYTES, SKIP, Timed, add, pick, rand


def register():
    def red(name, shape, fm, ft, fn, dt="f32", tier=1, out_bytes=0):
        def build(backend):
            if backend.kind == "numpy" and dt == "bf16":
                return SKIP
            x = backend.arr(rand(shape, 1), dt)
            f = pick(backend, fm, ft, fn)
            if f is SKIP:
                return SKIP
            return Timed(backend.ev(lambda: f(x)), nbytes=int(np.prod(shape)) * ITEM_BYTES[dt] + out_bytes)

        add(name, "reduce", tier, build)

    s = (1000, 1000)
    for dt in ("f32", "bf16"):
        red(f"sum.all.{dt}.1e6", s, lambda m, x: m.sum(x), lambda t, x: t.sum(x), lambda n, x: n.sum(x), dt)
        red(
            f"sum.ax0.{dt}.1e6",
            s,
            lambda m, x: m.sum(x, axis=0),
            lambda t, x: t.sum(x, 0),
            lambda n, x: n.sum(x, 0),
            dt,
        )
        red(
            f"sum.ax1.{dt}.1e6",
            s,
            lambda m, x: m.sum(x, axis=1),
            lambda t, x: t.sum(x, 1),
            lambda n, x: n.sum(x, 1),
            dt,
        )
        red(
            f"max.ax1.{dt}.1e6",
            s,
            lambda m, x: m.max(x, axis=1),
            lambda t, x: t.amax(x, 1),
            lambda n, x: n.max(x, 1),
            dt,
        )
        red(
            f"argmax.ax1.{dt}.1e6",
            s,
            lambda m, x: m.argmax(x, axis=1),
            lambda t, x: t.argmax(x, 1),
            lambda n, x: n.argmax(x, 1),
            dt,
        )
        red(
            f"argmax.{dt}.151936",
            (1, 151936),
            lambda m, x: m.argmax(x, axis=1),
            lambda t, x: t.argmax(x, 1),
            lambda n, x: n.argmax(x, 1),
            dt,
        )
    red(
        "sum.all.f32.1e7",
        (10**7,),
        lambda m, x: m.sum(x),
        lambda t, x: t.sum(x),
        lambda n, x: n.sum(x),
        "f32",
        2,
    )
    red(
        "sum.all.f32.1e8",
        (10**8,),
        lambda m, x: m.sum(x),
        lambda t, x: t.sum(x),
        lambda n, x: n.sum(x),
        "f32",
        3,
    )
    red(
        "sum.mid.f32.100x100x100",
        (100, 100, 100),
        lambda m, x: m.sum(x, axis=1),
        lambda t, x: t.sum(x, 1),
        lambda n, x: n.sum(x, 1),
    )
    red(
        "var.ax1.f32.1e6",
        s,
        lambda m, x: m.var(x, axis=1),
        lambda t, x: t.var(x, 1, correction=0),
        lambda n, x: n.var(x, 1),
    )
    red(
        "mean.ax1.f32.1e6",
        s,
        lambda m, x: m.mean(x, axis=1),
        lambda t, x: t.mean(x, 1),
        lambda n, x: n.mean(x, 1),
    )
    red("logsumexp.f32.1e6", s, lambda m, x: m.logsumexp(x, axis=1), lambda t, x: t.logsumexp(x, 1), None)
    red(
        "prod.ax1.f32.1e6",
        s,
        lambda m, x: m.prod(x, axis=1),
        lambda t, x: t.prod(x, 1),
        lambda n, x: n.prod(x, 1),
    )
    red("any.f32.1e6", s, lambda m, x: m.any(x > 10), lambda t, x: t.any(x > 10), lambda n, x: n.any(x > 10))
    red(
        "cumsum.ax1.f32.1e6",
        s,
        lambda m, x: m.cumsum(x, axis=1),
        lambda t, x: t.cumsum(x, 1),
        lambda n, x: n.cumsum(x, 1),
        out_bytes=4 * 10**6,
    )
    red(
        "cumsum.ax0.f32.1e6",
        s,
        lambda m, x: m.cumsum(x, axis=0),
        lambda t, x: t.cumsum(x, 0),
        lambda n, x: n.cumsum(x, 0),
        out_bytes=4 * 10**6,
    )
    red(
        "sort.f32.1e6",
        (10**6,),
        lambda m, x: m.sort(x),
        lambda t, x: t.sort(x)[0],
        lambda n, x: n.sort(x),
        out_bytes=4 * 10**6,
    )
    red(
        "sort.ax1.f32.1e6",
        s,
        lambda m, x: m.sort(x, axis=1),
        lambda t, x: t.sort(x, 1)[0],
        lambda n, x: n.sort(x, 1),
        out_bytes=4 * 10**6,
    )
    red(
        "sort.ax0.f32.1e6",
        s,
        lambda m, x: m.sort(x, axis=0),
        lambda t, x: t.sort(x, 0)[0],
        lambda n, x: n.sort(x, 0),
        out_bytes=4 * 10**6,
    )
    red(
        "argsort.ax1.f32.1e6",
        s,
        lambda m, x: m.argsort(x, axis=1),
        lambda t, x: t.argsort(x, 1),
        lambda n, x: n.argsort(x, 1),
        out_bytes=4 * 10**6,
    )
    red(
        "argsort.f32.151936",
        (151936,),
        lambda m, x: m.argsort(x),
        lambda t, x: t.argsort(x),
        lambda n, x: n.argsort(x),
    )
    red(
        "topk.f32.151936",
        (151936,),
        lambda m, x: m.sum(m.topk(x, 50)),
        lambda t, x: t.sum(t.topk(x, 50)[0]),
        lambda n, x: n.sum(n.partition(x, -50)[-50:]),
    )
    red(
        "argpartition.f32.151936",
        (151936,),
        lambda m, x: m.sum(m.take(x, m.argpartition(x, kth=151936 - 50)[-50:])),
        None,
        lambda n, x: n.sum(x[n.argpartition(x, -50)[-50:]]),
    )

    def index(name, setup, tier=1):
        def build(backend):
            return setup(backend)

        add(name, "index", tier, build)

    def emb(dt):
        def s(backend):
            if backend.kind == "numpy" and dt == "bf16":
                return SKIP
            w = backend.arr(rand((20000, 896), 1), dt)
            i = backend.arr(
                np.random.default_rng(2)
                .integers(0, 20000, 2048)
                .astype(np.int32 if backend.kind != "torch" else np.int64)
            )
            return Timed(backend.ev(lambda: w[i]), nbytes=2 * 2048 * 896 * ITEM_BYTES[dt])

        return s

    index("take.rows.f32.2048x896", emb("f32"))
    index("take.rows.bf16.2048x896", emb("bf16"))

    def take1d(backend):
        x = backend.arr(rand((10**6,), 1), "f32")
        i = backend.arr(
            np.random.default_rng(2)
            .integers(0, 10**6, 10**6)
            .astype(np.int32 if backend.kind != "torch" else np.int64)
        )
        return Timed(backend.ev(lambda: x[i]), nbytes=12e6)

    index("take.elem.f32.1e6", take1d)

    def tal(backend):
        x = backend.arr(rand((1000, 1000), 1), "f32")
        i = backend.arr(
            np.random.default_rng(2)
            .integers(0, 1000, (1000, 1000))
            .astype(np.int32 if backend.kind != "torch" else np.int64)
        )
        f = pick(
            backend,
            lambda m: m.take_along_axis(x, i, axis=1),
            lambda t: t.gather(x, 1, i),
            lambda n: n.take_along_axis(x, i, 1),
        )
        return Timed(backend.ev(f), nbytes=12e6)

    index("take_along.f32.1e6", tal)

    def scat(backend):
        x = backend.arr(rand((20000, 256), 1), "f32")
        u = backend.arr(rand((4096, 256), 3), "f32")
        ii = np.random.default_rng(2).integers(0, 20000, 4096)
        i = backend.arr(ii.astype(np.int32 if backend.kind != "torch" else np.int64))

        def n(p):
            y = x.copy()
            p.add.at(y, i, u)
            return y

        f = pick(backend, lambda m: x.at[i].add(u), lambda t: x.index_add(0, i, u), n)
        return Timed(backend.ev(f), nbytes=2 * 20000 * 256 * 4 + 4096 * 256 * 4 * 3)

    index("scatter_add.rows.f32", scat)

    def scat1(backend):
        x = backend.arr(rand((10**6,), 1), "f32")
        u = backend.arr(rand((10**6,), 3), "f32")
        ii = np.random.default_rng(2).integers(0, 10**6, 10**6)
        i = backend.arr(ii.astype(np.int32 if backend.kind != "torch" else np.int64))

        def n(p):
            y = x.copy()
            p.add.at(y, i, u)
            return y

        f = pick(backend, lambda m: x.at[i].add(u), lambda t: x.index_add(0, i, u), n)
        return Timed(backend.ev(f), nbytes=20e6)

    index("scatter_add.elem.f32.1e6", scat1)

    def slup(backend):
        x = backend.arr(rand((1, 8, 4096, 64), 1), "f32")
        u = backend.arr(rand((1, 8, 1, 64), 3), "f32")
        if backend.kind == "mlx":

            def f():
                nonlocal x
                x[:, :, 100:101, :] = u
                return x

            return Timed(backend.ev(f), nbytes=8 * 64 * 8, div=1)

        def f():
            x[:, :, 100:101, :] = u
            return x

        return Timed(f if backend.kind == "numpy" else backend.ev(f), nbytes=8 * 64 * 8)

    index("kv_slice_update.f32.8x4096x64", slup)

    def copies(name, f3, shape, dt="f32", tier=1, factor=2):
        def build(backend):
            if backend.kind == "numpy" and dt == "bf16":
                return SKIP
            x = backend.arr(rand(shape, 1), dt)
            f = pick(backend, *f3)
            return Timed(backend.ev(lambda: f(x)), nbytes=factor * int(np.prod(shape)) * ITEM_BYTES[dt])

        add(name, "copy", tier, build)

    copies(
        "transpose.f32.1000x1000",
        (
            lambda m, x: m.contiguous(x.T),
            lambda t, x: x.t().contiguous(),
            lambda n, x: n.ascontiguousarray(x.T),
        ),
        (1000, 1000),
    )
    copies(
        "transpose.bf16.1000x1000",
        (lambda m, x: m.contiguous(x.T), lambda t, x: x.t().contiguous(), None),
        (1000, 1000),
        "bf16",
    )
    copies(
        "transpose.f32.4096x4096",
        (
            lambda m, x: m.contiguous(x.T),
            lambda t, x: x.t().contiguous(),
            lambda n, x: n.ascontiguousarray(x.T),
        ),
        (4096, 4096),
        tier=2,
    )
    copies(
        "transpose.bhld.f32.1x512x16x64",
        (
            lambda m, x: m.contiguous(x.transpose(0, 2, 1, 3)),
            lambda t, x: x.permute(0, 2, 1, 3).contiguous(),
            lambda n, x: n.ascontiguousarray(x.transpose(0, 2, 1, 3)),
        ),
        (1, 512, 16, 64),
    )
    copies(
        "concat.f32.2x1e6",
        (lambda m, x: m.concatenate([x, x]), lambda t, x: t.cat([x, x]), lambda n, x: n.concatenate([x, x])),
        (1000, 1000),
        factor=3,
    )
    copies(
        "concat.ax1.f32.2x1e6",
        (
            lambda m, x: m.concatenate([x, x], axis=1),
            lambda t, x: t.cat([x, x], 1),
            lambda n, x: n.concatenate([x, x], 1),
        ),
        (1000, 1000),
        factor=3,
    )
    copies(
        "slice.stride2.f32.1e6",
        (
            lambda m, x: m.contiguous(x[:, ::2]),
            lambda t, x: x[:, ::2].contiguous(),
            lambda n, x: n.ascontiguousarray(x[:, ::2]),
        ),
        (1000, 1000),
        factor=1.5,
    )
    copies(
        "pad.f32.1e6",
        (
            lambda m, x: m.pad(x, 1),
            lambda t, x: t.nn.functional.pad(x, (1, 1, 1, 1)),
            lambda n, x: n.pad(x, 1),
        ),
        (1000, 1000),
    )
    copies(
        "repeat.f32.1e6x4",
        (
            lambda m, x: m.repeat(x, 4, axis=0),
            lambda t, x: t.repeat_interleave(x, 4, 0),
            lambda n, x: n.repeat(x, 4, 0),
        ),
        (1000, 1000),
        factor=5,
    )
    copies(
        "flip.f32.1e6",
        (
            lambda m, x: m.contiguous(x[:, ::-1]),
            lambda t, x: t.flip(x, [1]),
            lambda n, x: n.ascontiguousarray(x[:, ::-1]),
        ),
        (1000, 1000),
    )

    def creation(name, f3, n):
        def build(backend):
            f = pick(backend, *f3)
            return Timed(backend.ev(f), nbytes=4 * n)

        add(name, "copy", 1, build)

    creation(
        "zeros.f32.1e6",
        (lambda m: m.zeros((10**6,)), lambda t: t.zeros(10**6), lambda n: n.zeros(10**6, n.float32) + 0),
        10**6,
    )
    creation(
        "arange.f32.1e6",
        (
            lambda m: m.arange(10**6, dtype=m.float32),
            lambda t: t.arange(10**6, dtype=t.float32),
            lambda n: n.arange(10**6, dtype=n.float32),
        ),
        10**6,
    )
