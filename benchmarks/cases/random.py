"""Cases: random numbers."""

import numpy as np
from backends import SKIP, Timed, add, pick, rand


def register():
    def r(name, f3, n, tier=1):
        def build(backend):
            if backend.kind == "numpy":
                g = np.random.default_rng(0)
                f = f3[2]
                return SKIP if f is None else Timed(lambda: f(g), nbytes=4 * n, sig=False)
            f = pick(backend, *f3)
            return SKIP if f is SKIP else Timed(backend.ev(f), nbytes=4 * n, sig=False)

        add(name, "random", tier, build)

    n = 10**6
    r(
        "rand.uniform.f32.1e6",
        (
            lambda m: m.random.uniform(shape=(n,)),
            lambda t: t.rand(n),
            lambda g: g.random(n, dtype=np.float32),
        ),
        n,
    )
    r(
        "rand.normal.f32.1e6",
        (
            lambda m: m.random.normal((n,)),
            lambda t: t.randn(n),
            lambda g: g.standard_normal(n, dtype=np.float32),
        ),
        n,
    )
    r(
        "rand.normal.bf16.1e6",
        (lambda m: m.random.normal((n,), dtype=m.bfloat16), lambda t: t.randn(n, dtype=t.bfloat16), None),
        n,
    )
    r(
        "rand.randint.1e6",
        (
            lambda m: m.random.randint(0, 1000, (n,)),
            lambda t: t.randint(0, 1000, (n,), dtype=t.int32),
            lambda g: g.integers(0, 1000, n, dtype=np.int32),
        ),
        n,
    )
    r(
        "rand.bernoulli.1e6",
        (
            lambda m: m.random.bernoulli(0.3, (n,)),
            lambda t: t.rand(n) < 0.3,
            lambda g: g.random(n, dtype=np.float32) < 0.3,
        ),
        n,
    )
    r(
        "rand.permutation.1e6",
        (lambda m: m.random.permutation(n), lambda t: t.randperm(n), lambda g: g.permutation(n)),
        n,
    )

    def cat(backend):
        lg = backend.arr(rand((1, 151936), 1), "f32")
        f = pick(
            backend, lambda m: m.random.categorical(lg), lambda t: t.multinomial(t.softmax(lg, -1), 1), None
        )
        return SKIP if f is SKIP else Timed(backend.ev(f), nbytes=4 * 151936, sig=False)

    add("rand.categorical.151936", "random", 1, cat)
