"""Cases: cost per operation outside the arithmetic: graph building, evaluation, import, threads."""

import os
import subprocess
import sys

import numpy as np
from backends import SKIP, Timed, add, pick, rand


def register():
    def chain(backend):
        x = backend.arr(np.ones((1,), np.float32))

        def f():
            y = x
            for _ in range(1000):
                y = y + x
            return y

        return Timed(backend.ev(f), div=1000)

    add("ov.chain1000", "overhead", 1, chain)

    def chain_build(backend):
        if backend.kind != "mlx":
            return SKIP
        x = backend.arr(np.ones((1,), np.float32))

        def f():
            y = x
            for _ in range(1000):
                y = y + x
            return y

        return Timed(f, div=1000, sig=False)

    add("ov.chain1000.build_only", "overhead", 1, chain_build)

    def wide(backend):
        x = backend.arr(np.ones((1,), np.float32))
        return Timed(backend.ev(lambda: [x + x for _ in range(1000)]), div=1000, sig=False)

    add("ov.wide1000", "overhead", 1, wide)

    def mixed(backend):
        x = backend.arr(rand((16, 16), 1), "f32")
        sm = pick(
            backend,
            lambda m, y: m.softmax(y, axis=-1),
            lambda t, y: t.softmax(y, -1),
            lambda n, y: n.exp(y) / n.exp(y).sum(-1, keepdims=True),
        )
        T = (lambda y: y.t()) if backend.kind == "torch" else (lambda y: y.T)

        def f():
            y = x
            for _ in range(100):
                y = (y @ T(x)) * 0.1
                y = sm(y)
                y = y.reshape(4, 64).reshape(16, 16) + x[0]
            return y

        return Timed(backend.ev(f), div=100)

    add("ov.mixed100", "overhead", 1, mixed)

    def one(backend):
        x = backend.arr(np.ones((1,), np.float32))
        return Timed(backend.ev(lambda: x + x))

    add("ov.eval1", "overhead", 1, one)

    def item(backend):
        x = backend.arr(np.ones((1,), np.float32))
        return Timed((lambda: (x + x).item()), sig=False)

    add("ov.item", "overhead", 1, item)

    def asyncc(backend):
        if backend.kind != "mlx":
            return SKIP
        mx = backend.mx
        x = backend.arr(np.ones((1,), np.float32))
        st = {"p": x}

        def f():  # pipelined decode pattern: start the next step, then read the previous one
            y = st["p"] + x
            mx.async_eval(y)
            st["p"].item()
            st["p"] = y

        return Timed(f, sig=False)

    add("ov.async_pipelined_step", "overhead", 1, asyncc)

    def async_ret(backend):
        if backend.kind != "mlx":
            return SKIP
        mx = backend.mx
        x = backend.arr(rand((256, 256), 1), "f32")

        def f():
            y = x
            for _ in range(10):
                y = y * x
            mx.async_eval(y)
            mx.eval(y)
            return y

        return Timed(f, sig=False)

    add("ov.async_eval10_then_eval", "overhead", 1, async_ret)

    def ccall(backend):
        if backend.kind != "mlx":
            return SKIP
        mx = backend.mx
        x = backend.arr(np.ones((4,), np.float32))

        @mx.compile
        def g(a):
            y = a
            for i in range(20):
                y = y * a + 0.5
            return y

        return Timed(backend.ev(lambda: g(x)))

    add("ov.compiled_call20", "overhead", 1, ccall)
    cnt = [0]

    def ctime(backend):
        if backend.kind != "mlx":
            return SKIP
        mx = backend.mx
        x = backend.arr(np.ones((4,), np.float32))

        def f():
            cnt[0] += 1
            # a new structure each call, so that nothing cached in the process or on disk is used
            k = cnt[0] + (os.getpid() * 131) % 89
            bits = [(k >> i) & 1 for i in range(12)]

            @mx.compile
            def g(a):
                y = a
                for b in bits:
                    y = mx.exp(y) * a if b else mx.sin(y) + a
                return y

            y = g(x)
            mx.eval(y)
            return y

        return Timed(f, sig=False, once=True)

    add("ov.compile_first_call", "overhead", 2, ctime)

    def gradb(backend):
        if backend.kind == "numpy":
            return SKIP
        if backend.kind == "mlx":
            mx = backend.mx
            x = backend.arr(np.ones((4,), np.float32))

            def loss(a):
                y = a
                for _ in range(100):
                    y = mx.tanh(y * a)
                return y.sum()

            g = mx.grad(loss)
            return Timed(backend.ev(lambda: g(x)), div=200)
        t = backend.torch
        x = t.ones(4, requires_grad=True)

        def f():
            y = x
            for _ in range(100):
                y = t.tanh(y * x)
            return t.autograd.grad(y.sum(), x)[0]

        return Timed(f, div=200)

    add("ov.grad200", "overhead", 1, gradb)

    def fromlist(backend):
        l = [float(i) for i in range(1000)]
        f = pick(backend, lambda m: m.array(l), lambda t: t.tensor(l), lambda n: n.array(l, dtype=n.float32))
        return Timed(backend.ev(f))

    add("ov.array_from_list1000", "overhead", 1, fromlist)

    def fromnp(backend):
        a = rand((10**6,), 1)
        f = pick(backend, lambda m: m.array(a), lambda t: t.tensor(a), lambda n: n.array(a))
        return Timed(backend.ev(f), nbytes=8e6)

    add("ov.array_from_numpy1e6", "overhead", 1, fromnp)

    def tonp(backend):
        x = backend.arr(rand((10**6,), 1), "f32")
        f = pick(backend, lambda m: np.array(x, copy=False), lambda t: x.numpy(), lambda n: n.asarray(x))
        return Timed(f, sig=False)

    add("ov.to_numpy_view", "overhead", 1, tonp)

    def idx(backend):
        x = backend.arr(rand((64, 64), 1), "f32")

        def f():
            for i in range(100):
                y = x[i % 64, 1:7]
            return y

        return Timed(f if backend.kind != "torch" else backend.ev(f), div=100, sig=False)

    add("ov.index_build", "overhead", 1, idx)

    def imp(backend):
        stmt = {"torch": "import torch", "numpy": "import numpy"}.get(backend.kind)
        if stmt is None:
            mod = backend.mx.__name__
            stmt = f"import {mod}"
        code = (
            "import sys,time;t=time.perf_counter();" + stmt + ";sys.stdout.write(str(time.perf_counter()-t))"
        )

        def f():
            return float(
                subprocess.run(
                    [sys.executable, "-c", code], capture_output=True, text=True, check=True
                ).stdout
            )

        return Timed(f, sig=False, once="value")

    add("ov.import", "overhead", 1, imp)
