"""Cases: convolutions and Fourier transforms."""

import math

import numpy as np
from backends import SKIP, Timed, add, pick, rand


def register():
    def conv(nd, N, sp, ci, co, k, stride=1, pad=None, groups=1, dt="f32"):
        pad = k // 2 if pad is None else pad

        def build(backend):
            x = rand((N,) + sp + (ci,), 1)
            w = rand((co,) + (k,) * nd + (ci // groups,), 2, 0.05)
            osp = [(s + 2 * pad - k) // stride + 1 for s in sp]
            fl = 2.0 * N * np.prod(osp) * co * ci // groups * k**nd
            if backend.kind == "mlx":
                X, W = backend.arr(x, dt), backend.arr(w, dt)
                f = backend.mx.conv1d if nd == 1 else backend.mx.conv2d
                return Timed(backend.ev(lambda: f(X, W, stride=stride, padding=pad, groups=groups)), fl)
            if backend.kind == "torch":
                p = (0, nd + 1) + tuple(range(1, nd + 1))
                X, W = backend.arr(x.transpose(p).copy(), dt), backend.arr(w.transpose(p).copy(), dt)
                f = backend.torch.nn.functional.conv1d if nd == 1 else backend.torch.nn.functional.conv2d
                back = (0,) + tuple(range(2, nd + 2)) + (1,)
                return Timed(
                    backend.ev(lambda: f(X, W, stride=stride, padding=pad, groups=groups)),
                    fl,
                    canon=lambda y: y.permute(back),
                )
            return SKIP

        return build

    add("conv1d.f32.1x3000x80.384k3", "conv", 1, conv(1, 1, (3000,), 80, 384, 3))
    add("conv1d.f32.dw.1x1024x1536.k4", "conv", 1, conv(1, 1, (1024,), 1536, 1536, 4, pad=3, groups=1536))
    add("conv2d.f32.1x56x56x64.64k3", "conv", 1, conv(2, 1, (56, 56), 64, 64, 3))
    add("conv2d.bf16.1x56x56x64.64k3", "conv", 1, conv(2, 1, (56, 56), 64, 64, 3, dt="bf16"))
    add("conv2d.f32.4x112x112x3.64k7s2", "conv", 1, conv(2, 4, (112, 112), 3, 64, 7, 2))
    add("conv2d.f32.8x28x28x128.128k3", "conv", 2, conv(2, 8, (28, 28), 128, 128, 3))
    add("conv2d.f32.1x56x56x256.64k1", "conv", 1, conv(2, 1, (56, 56), 256, 64, 1))
    add("conv2d.f32.dw.1x56x56x128.k3", "conv", 1, conv(2, 1, (56, 56), 128, 128, 3, groups=128))

    def fft(name, shape, f3, cplx=False, tier=1):
        def build(backend):
            a = rand(shape, 1)
            if cplx:
                a = (a + 1j * rand(shape, 2)).astype(np.complex64)
            x = backend.arr(a)
            f = pick(backend, *f3)
            n = int(np.prod(shape))
            return Timed(
                backend.ev(lambda: f(x)),
                flops=(5.0 if cplx else 2.5) * n * math.log2(shape[-1] if "2d" not in name else n),
            )

        add(name, "fft", tier, build)

    f1 = (lambda m, x: m.fft.fft(x), lambda t, x: t.fft.fft(x), lambda n, x: n.fft.fft(x))
    r1 = (lambda m, x: m.fft.rfft(x), lambda t, x: t.fft.rfft(x), lambda n, x: n.fft.rfft(x))
    f2 = (lambda m, x: m.fft.fft2(x), lambda t, x: t.fft.fft2(x), lambda n, x: n.fft.fft2(x))
    fft("fft.c64.2^18", (1 << 18,), f1, True)
    fft("fft.c64.256x4096", (256, 4096), f1, True)
    fft("rfft.f32.1000x400", (1000, 400), r1)
    fft("rfft.f32.256x4096", (256, 4096), r1)
    fft("fft2d.c64.512x512", (512, 512), f2, True)
    fft("fft.c64.64x1009prime", (64, 1009), f1, True)
