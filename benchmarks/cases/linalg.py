"""Cases: factorisations."""

import numpy as np
from backends import Timed, add, pick, rand


def register():
    def la(name, f3, shape, spd=False, tier=1):
        def build(backend):
            a = rand(shape, 1)
            if spd:
                a = (a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])).astype(np.float32)
            x = backend.arr(a)
            f = pick(backend, *f3)
            return Timed(backend.ev(lambda: f(x)), sig=False)

        add(name, "linalg", tier, build)

    la(
        "linalg.svd.f32.256",
        (lambda m, x: m.linalg.svd(x), lambda t, x: t.linalg.svd(x), lambda n, x: n.linalg.svd(x)),
        (256, 256),
    )
    la(
        "linalg.qr.f32.512",
        (lambda m, x: m.linalg.qr(x), lambda t, x: t.linalg.qr(x), lambda n, x: n.linalg.qr(x)),
        (512, 512),
    )
    la(
        "linalg.inv.f32.512",
        (lambda m, x: m.linalg.inv(x), lambda t, x: t.linalg.inv(x), lambda n, x: n.linalg.inv(x)),
        (512, 512),
        True,
    )
    la(
        "linalg.cholesky.f32.1024",
        (
            lambda m, x: m.linalg.cholesky(x),
            lambda t, x: t.linalg.cholesky(x),
            lambda n, x: n.linalg.cholesky(x),
        ),
        (1024, 1024),
        True,
    )
    la(
        "linalg.eigh.f32.256",
        (lambda m, x: m.linalg.eigh(x), lambda t, x: t.linalg.eigh(x), lambda n, x: n.linalg.eigh(x)),
        (256, 256),
        True,
    )
    la(
        "linalg.norm.f32.1e6",
        (lambda m, x: m.linalg.norm(x), lambda t, x: t.linalg.norm(x), lambda n, x: n.linalg.norm(x)),
        (1000, 1000),
    )
