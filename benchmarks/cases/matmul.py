"""Cases: matrix products of the shapes that language models have."""

import numpy as np
from backends import ITEM_BYTES, SKIP, Timed, add, rand


def register():
    def mm(dt, M, N, K, tb=False, ta=False, batch=()):
        def build(backend):
            if backend.kind == "numpy" and dt != "f32":
                return SKIP
            a = backend.arr(rand(batch + ((K, M) if ta else (M, K)), 1), dt)
            b = backend.arr(rand(batch + ((N, K) if tb else (K, N)), 2, 0.05), dt)
            T = (lambda x: x.swapaxes(-1, -2)) if backend.kind != "torch" else (lambda x: x.transpose(-1, -2))
            fa = T if ta else (lambda x: x)
            fb = T if tb else (lambda x: x)
            nb = int(np.prod(batch)) if batch else 1
            return Timed(
                backend.ev(lambda: fa(a) @ fb(b)),
                2.0 * M * N * K * nb,
                nb * ITEM_BYTES[dt] * (M * K + N * K + M * N),
            )

        return build

    for dt in ("f32", "f16", "bf16"):
        for n in (512, 1024, 2048):
            add(
                f"mm.{dt}.{n}",
                "matmul",
                1 if n == 512 else 2 if (n == 1024 or dt == "f32") else 3,
                mm(dt, n, n, n),
            )
    for dt in ("f32", "bf16", "f16"):
        for M in (1, 16, 512):
            for K, N in ((896, 4864), (4864, 896), (4096, 4096)):
                tier = 1 if M == 1 else 2 if (M == 16 or K != 4096) else 3
                if dt == "f16" and (K, N) != (896, 4864):
                    continue
                add(f"lin.{dt}.m{M}.{K}x{N}", "matmul", tier, mm(dt, M, N, K, tb=True))
    for dt in ("f32", "bf16"):
        add(f"lin.{dt}.m1.896x151936", "matmul", 2, mm(dt, 1, 151936, 896, tb=True))
        add(f"bmm.{dt}.64x128x64x128", "matmul", 1, mm(dt, 128, 128, 64, batch=(64,)))
        add(f"mmtn.{dt}.512", "matmul", 1, mm(dt, 512, 512, 512, ta=True))
    add("mm.f32.64", "matmul", 1, mm("f32", 64, 64, 64))
