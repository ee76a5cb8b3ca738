"""Random numbers: the very bits that MLX draws for a key, and the distributions made of them. The key is
the array argument, so
that vmap over keys is tested too."""

import numpy as np
from case import F32, FLOATS, Arg, DtypeName, case, mx_dtype, round_to
from refs import rng as R
from scipy import special as sp

KEY = Arg((2,), "any_u32", "uint32")
SHAPES = ((), (1,), (3,), (4, 5), (2, 3, 7), (2001,))


def k32(k):
    return np.asarray(k).astype(np.uint32)


def drawn(op, ref, name="", dtypes=F32, out="same", call=None, kw=None, **more):
    """A row whose op takes the key as keyword and the dtype under test as `dtype`."""

    def default(mx, k):
        return getattr(mx.random, op)(
            key=k,
            **{n: mx_dtype(mx, v.name) if isinstance(v, DtypeName) else v for n, v in (kw or {}).items()},
        )

    return case(
        f"random.{op}",
        KEY,
        ref=lambda k: ref(k32(k)),
        call=call or default,
        name=name,
        dtypes=dtypes,
        out=out,
        layouts=("contiguous", "strided", "negative"),
        **more,
    )


def uniform_rows():
    for shape in SHAPES:
        yield drawn(
            "uniform",
            lambda k, s=shape: R.unit(k, s),
            kw={"shape": shape},
            name="x".join(map(str, shape)) or "scalar",
        )
    yield drawn(
        "uniform",
        lambda k: R.unit(k, (4, 5), "float16"),
        kw={"shape": (4, 5), "dtype": DtypeName("float16")},
        name="float16",
        out="float16",
    )
    yield drawn(
        "uniform",
        lambda k: round_to(R.unit(k, (4, 5), "bfloat16"), "bfloat16"),
        kw={"shape": (4, 5), "dtype": DtypeName("bfloat16")},
        name="bfloat16",
        out="bfloat16",
    )
    yield drawn(
        "uniform",
        lambda k: R.uniform(k, (30,), -2.0, 3.5),
        kw={"low": -2.0, "high": 3.5, "shape": (30,)},
        name="range",
    )
    yield case(
        "random.uniform",
        Arg((3, 1), ("uniform", -2, -1)),
        Arg((4,), ("uniform", 1, 2)),
        KEY,
        name="bounds",
        dtypes=F32,
        grad=(0, 1),
        ref=lambda lo, hi, k: (hi - lo) * R.unit(k32(k), (3, 4)) + lo,
        call=lambda mx, lo, hi, k: mx.random.uniform(lo, hi, (3, 4), key=k),
        vmap=False,
    )


def normal_of(k, shape):
    return np.sqrt(2) * sp.erfinv(R.symmetric(k, shape).astype(np.float64))


def truncated(k, lo, hi, shape):
    a, b = sp.erf(lo / np.sqrt(2)), sp.erf(hi / np.sqrt(2))
    return np.clip(np.sqrt(2) * sp.erfinv(R.uniform(k, shape, a, b).astype(np.float64)), lo, hi)


def laplace(k, shape):
    u = R.symmetric(k, shape).astype(np.float64)
    return np.sign(u) * np.log1p(-np.abs(u))


def complex_normal(k, shape):
    u = sp.erfinv(R.symmetric(k, (*shape, 2)).astype(np.float64))
    return u[..., 0] + 1j * u[..., 1]


def distribution_rows():
    loose = {"norm": True, "tol": 8}
    for dtype in FLOATS:
        kw = {"shape": (5, 7), "dtype": DtypeName(dtype)}
        yield drawn("normal", lambda k: normal_of(k, (5, 7)), kw=kw, name=dtype, out=dtype, **loose)
        yield drawn("laplace", lambda k: laplace(k, (5, 7)), kw=kw, name=dtype, out=dtype, **loose)
    yield drawn(
        "normal",
        lambda k: 3 + 2 * normal_of(k, (11,)),
        kw={"shape": (11,), "loc": 3.0, "scale": 2.0},
        name="loc-scale",
        **loose,
    )
    yield drawn(
        "normal",
        lambda k: complex_normal(k, (6,)),
        kw={"shape": (6,), "dtype": DtypeName("complex64")},
        name="complex",
        out="complex64",
        **loose,
    )
    yield case(
        "random.normal",
        Arg((4,), "normal"),
        Arg((3, 1), "positive"),
        KEY,
        name="arrays",
        dtypes=F32,
        grad=(0, 1),
        vmap=False,
        ref=lambda m, s, k: m + s * normal_of(k32(k), (3, 4)),
        call=lambda mx, m, s, k: mx.random.normal((3, 4), loc=m, scale=s, key=k),
        **loose,
    )
    yield drawn(
        "laplace",
        lambda k: 1 + 0.5 * laplace(k, (9,)),
        kw={"shape": (9,), "loc": 1.0, "scale": 0.5},
        name="loc-scale",
        **loose,
    )
    yield drawn("gumbel", lambda k: R.gumbel(k, (5, 7)), kw={"shape": (5, 7)}, **loose)
    yield drawn(
        "truncated_normal",
        lambda k: truncated(k, -1.0, 2.0, (40,)),
        **loose,
        call=lambda mx, k: mx.random.truncated_normal(-1.0, 2.0, (40,), key=k),
    )
    yield case(
        "random.multivariate_normal",
        Arg((3,), "normal"),
        Arg((3, 3), "spd"),
        KEY,
        dtypes=F32,
        cpu_only=True,
        vmap=False,
        norm=True,
        tol=40,
        call=lambda mx, m, c, k: mx.random.multivariate_normal(m, c, (500,), key=k),
        ref=f_multivariate,
        layouts=("contiguous",),
    )


def f_multivariate(mean, cov, k):
    u, s, vt = np.linalg.svd(cov)
    return mean + normal_of(k32(k), (500, 3)) @ (u * np.sqrt(s)) @ vt


def discrete_rows():
    for low, high in ((0, 10), (-5, 3), (0, 2**20)):
        yield drawn(
            "randint",
            lambda k, a=low, b=high: R.randint(k, (4, 5), a, b),
            name=f"{low}-{high}",
            out="int32",
            call=lambda mx, k, a=low, b=high: mx.random.randint(a, b, (4, 5), key=k),
        )
    for dtype in ("uint8", "int64"):
        yield drawn(
            "randint",
            lambda k: R.randint(k, (30,), 0, 100),
            name=dtype,
            out=dtype,
            call=lambda mx, k, d=dtype: mx.random.randint(0, 100, (30,), dtype=getattr(mx, d), key=k),
        )
    for p in (0.3, 0.0, 1.0):
        yield drawn(
            "bernoulli",
            lambda k, p=p: R.bernoulli(k, (50,), p),
            name=str(p),
            out="bool",
            call=lambda mx, k, p=p: mx.random.bernoulli(p, (50,), key=k),
        )
    yield case(
        "random.bernoulli",
        Arg((4, 6), "probability"),
        KEY,
        name="array",
        dtypes=F32,
        out="bool",
        vmap=False,
        ref=lambda p, k: R.bernoulli(k32(k), (4, 6), p),
        call=lambda mx, p, k: mx.random.bernoulli(p, key=k),
    )
    yield case(
        "random.categorical",
        (4, 9),
        KEY,
        dtypes=F32,
        out="uint32",
        vmap=False,
        call=lambda mx, x, k: mx.random.categorical(x, key=k),
        ref=lambda x, k: np.argmax(x + R.gumbel(k32(k), (4, 9)), -1),
    )
    yield case(
        "random.categorical",
        (9, 4),
        KEY,
        name="axis",
        dtypes=F32,
        out="uint32",
        vmap=False,
        ref=lambda x, k: np.argmax(x + R.gumbel(k32(k), (9, 4)), 0),
        call=lambda mx, x, k: mx.random.categorical(x, axis=0, key=k),
    )
    yield case(
        "random.categorical",
        (4, 9),
        KEY,
        name="samples",
        dtypes=F32,
        out="uint32",
        vmap=False,
        ref=lambda x, k: np.argmax(x[..., None] + R.gumbel(k32(k), (4, 9, 6)), 1),
        call=lambda mx, x, k: mx.random.categorical(x, num_samples=6, key=k),
    )
    yield case(
        "random.categorical",
        (9,),
        KEY,
        name="inverse-cdf",
        dtypes=F32,
        out="uint32",
        vmap=False,
        ref=inverse_cdf,
        call=lambda mx, x, k: mx.random.categorical(x, shape=(33,), key=k),
    )
    for n in (1, 7, 64):
        yield drawn(
            "permutation",
            lambda k, n=n: R.permutation(k, n),
            name=str(n),
            out=None,
            call=lambda mx, k, n=n: mx.random.permutation(n, key=k),
        )
    yield case(
        "random.permutation",
        (5, 4),
        KEY,
        name="array",
        dtypes=("float32", "int8"),
        vmap=False,
        ref=lambda x, k: x[:, R.permutation(k32(k), 4)],
        call=lambda mx, x, k: mx.random.permutation(x, axis=1, key=k),
    )


def inverse_cdf(logits, k):
    w = np.exp(logits - logits.max())
    cdf = np.cumsum(w) - w
    return np.searchsorted(cdf, R.unit(k32(k), (33,)) * w.sum(), "right") - 1


def key_rows():
    for n in (2, 3, 7, 1001):
        yield drawn(
            "split",
            lambda k, n=n: R.split(k, n),
            name=str(n),
            out="uint32",
            call=lambda mx, k, n=n: mx.random.split(k, n),
        )
    for seed in (0, 7, 2**32 + 5, 2**63):
        yield case(
            "random.key",
            ref=lambda s=seed: R.key(s),
            extra=(seed,),
            name=str(seed),
            dtypes=F32,
            out="uint32",
            vmap=False,
            layouts=(),
            export=False,
        )


def rows():
    for part in (uniform_rows, distribution_rows, discrete_rows, key_rows):
        yield from part()
