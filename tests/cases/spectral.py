"""Fourier transforms, the Hadamard transform, and linear algebra."""

import numpy as np
import scipy.linalg as sl
from case import F32, F32_64, FLOATS, Arg, case

FFT = {"norm": True, "tol": 8, "vmap": True, "grad_tol": 4}


def complex_out(dtype):
    return "complex64"


NORMS = ("backward", "ortho", "forward")


def fft_rows():
    for op in ("fft", "ifft", "rfft", "irfft"):
        f = getattr(np.fft, op)
        dtypes = (
            ("complex64",) if op == "irfft" else ("float32",) if op == "rfft" else ("complex64", "float32")
        )
        out = "float32" if op == "irfft" else "complex64"
        diff = {"grad": (0,)} if op in ("fft", "ifft", "rfft") else {}
        for n, axis in ((None, -1), (8, 0), (3, 1)):
            yield case(
                f"fft.{op}",
                (4, 6),
                ref=lambda x, f=f, n=n, a=axis: f(x, n, a),
                kw={"n": n, "axis": axis},
                name=f"{n}-{axis}",
                dtypes=dtypes,
                out=out,
                **FFT | diff,
            )
        for norm in NORMS[1:]:
            yield case(
                f"fft.{op}",
                (3, 6),
                ref=lambda x, f=f, m=norm: f(x, norm=m),
                kw={"norm": norm},
                name=norm,
                dtypes=dtypes,
                out=out,
                **FFT,
            )
        for n in (1, 2, 5, 16, 97, 120, 1024, 2050):
            yield case(
                f"fft.{op}",
                (2, n // 2 + 1 if op == "irfft" else n),
                ref=lambda x, f=f, n=n: f(x, n),
                kw={"n": n},
                name=f"size{n}",
                dtypes=dtypes,
                out=out,
                **FFT,
            )
    for op in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"):
        f = getattr(np.fft, op)
        dtypes = ("float32",) if op.startswith("rfft") else ("complex64",)
        out = "float32" if op.startswith("irfft") else "complex64"
        yield case(f"fft.{op}", (2, 4, 6), ref=f, dtypes=dtypes, out=out, **FFT)
        yield case(
            f"fft.{op}",
            (2, 4, 6),
            ref=lambda x, f=f: f(x, s=(3, 8), axes=(0, 2)),
            kw={"s": (3, 8), "axes": (0, 2)},
            name="axes",
            dtypes=dtypes,
            out=out,
            **FFT,
        )
    for op in ("fftshift", "ifftshift"):
        yield case(f"fft.{op}", (4, 5), ref=getattr(np.fft, op), dtypes=("float32", "complex64"), grad=(0,))
        yield case(
            f"fft.{op}",
            (4, 5),
            ref=lambda x, op=op: getattr(np.fft, op)(x, 1),
            kw={"axes": 1},
            name="axis",
            dtypes=F32,
        )
    for op in ("fftfreq", "rfftfreq"):
        for n, d in ((8, 1.0), (7, 0.1)):
            yield case(
                f"fft.{op}",
                ref=lambda op=op, n=n, d=d: getattr(np.fft, op)(n, d),
                extra=(n, d),
                name=str(n),
                dtypes=F32,
                vmap=False,
                layouts=(),
                export=False,
            )
    yield from stft_rows()


def f_stft(x, n_fft, hop, window=None, center=True, pad_mode="reflect"):
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], mode=pad_mode)
    window = np.ones(n_fft) if window is None else window
    frames = [x[..., i : i + n_fft] * window for i in range(0, x.shape[-1] - n_fft + 1, hop)]
    return np.stack([np.fft.rfft(f) for f in frames], -1)


def stft_rows():
    window = np.hanning(17)[:16]
    for name, kw in (("", {}), ("constant", {"pad_mode": "constant"}), ("uncentred", {"center": False})):
        yield case(
            "fft.stft",
            (2, 70),
            Arg((16,), ("value", window)),
            name=name,
            dtypes=F32,
            out="complex64",
            norm=True,
            tol=8,
            vmap=False,
            layouts=("contiguous", "sliced"),
            ref=lambda x, w, kw=kw: f_stft(x, 16, 4, w, **kw),
            call=lambda mx, x, w, kw=kw: mx.fft.stft(x, n_fft=16, hop_length=4, window=w, **kw),
        )
    yield case(
        "fft.istft",
        (2, 64),
        Arg((16,), ("value", window)),
        dtypes=F32,
        norm=True,
        tol=8,
        vmap=False,
        layouts=("contiguous",),
        ref=lambda x, w: x,
        call=lambda mx, x, w: mx.fft.istft(mx.fft.stft(x, 16, 4, window=w), 16, 4, window=w, length=64),
        name="round-trip",
    )


def hadamard(n):
    m = next(m for m in (28, 20, 12, 1) if n % m == 0 and (n // m) & (n // m - 1) == 0)
    assert m == 1
    return sl.hadamard(n)


def hadamard_rows():
    for n in (1, 2, 16, 256):
        yield case(
            "hadamard_transform",
            (3, n),
            ref=lambda x, n=n: x @ hadamard(n) / np.sqrt(n),
            name=str(n),
            dtypes=FLOATS,
            norm=True,
            tol=4,
            grad=(0,) if n == 16 else (),
        )
    yield case(
        "hadamard_transform",
        (2, 8),
        ref=lambda x: x @ hadamard(8) * 0.5,
        extra=(0.5,),
        name="scale",
        dtypes=FLOATS,
        norm=True,
        tol=4,
    )
    yield case("hadamard_transform", (2, 24), name="12x2", dtypes=FLOATS, check=check_hadamard)


def check_hadamard(mx, outputs, inputs, rtol):
    """Sizes 12, 20, 28 times a power of two: any Hadamard matrix keeps lengths, and its rows are +-1 /
    sqrt(n)."""
    n = inputs[0].shape[-1]
    h = np.array(mx.hadamard_transform(mx.eye(n)).astype(mx.float32)) * np.sqrt(n)
    np.testing.assert_allclose(np.abs(h), 1, atol=1e-5)
    np.testing.assert_allclose(h @ h.T, n * np.eye(n), atol=1e-4)
    np.testing.assert_allclose(
        np.array(outputs[0].astype(mx.float32)), inputs[0] @ h / np.sqrt(n), atol=8 * rtol
    )


# ---------------------------------------------------------------- linear algebra


def product_is_input(build):
    """A factorisation multiplied together gives the input back."""

    def check(mx, outputs, inputs, rtol):
        parts = [
            np.array(o).astype(
                np.complex128
                if o.dtype == mx.complex64
                else np.float64
                if "float" in str(o.dtype)
                else np.int64
            )
            for o in outputs
        ]
        a = inputs[0]
        error = np.abs(build(a, *parts)).max()
        assert error <= 40 * rtol * max(1.0, np.abs(a).max()), f"residual {error:.3g}"

    return check


def t(a):
    return np.swapaxes(a, -1, -2)


def r_qr(a, q, r):
    assert np.abs(np.tril(r, -1)).max() == 0
    return np.concatenate([(q @ r - a).ravel(), (t(q) @ q - np.eye(q.shape[-1])).ravel()])


def r_svd(a, u, s, vt):
    k = s.shape[-1]
    assert (np.diff(s, axis=-1) <= 0).all() and (s >= 0).all()
    ortho = np.concatenate(
        [(t(u) @ u - np.eye(u.shape[-1])).ravel(), (vt @ t(vt) - np.eye(vt.shape[-2])).ravel()]
    )
    return np.concatenate([((u[..., :k] * s[..., None, :]) @ vt[..., :k, :] - a).ravel(), ortho])


def r_eigh(a, w, v):
    assert (np.diff(w, axis=-1) >= 0).all()
    return np.concatenate(
        [(a @ v - v * w[..., None, :]).ravel(), (np.conj(t(v)) @ v - np.eye(a.shape[-1])).ravel()]
    )


def r_eig(a, w, v):
    return np.concatenate([(a @ v - v * w[..., None, :]).ravel(), (np.linalg.norm(v, axis=-2) - 1).ravel()])


def r_lu(a, p, low, up):
    return np.take_along_axis(low, p[..., None], -2) @ up - a


def f_lu_factor(a):
    lu, piv = np.zeros_like(a), np.zeros(a.shape[:-1], int)
    for i in np.ndindex(*a.shape[:-2]):
        lu[i], piv[i] = sl.lu_factor(a[i])
    return lu, piv


def solve_each(f):
    def ref(a, *rest):
        out = [f(a[i], *(r[i] for r in rest)) for i in np.ndindex(*a.shape[:-2])]
        return np.stack(out).reshape(*a.shape[:-2], *out[0].shape)

    return ref


LA = {
    "cpu_only": True,
    "dtypes": F32_64,
    "norm": True,
    "tol": 20,
    "layouts": ("contiguous", "transposed", "sliced", "negative"),
}


def linalg_rows():
    for shape in ((4, 4), (2, 3, 3)):
        n = str(len(shape))
        spd, general = Arg(shape, "spd"), Arg(shape, "well_conditioned")
        yield case("linalg.cholesky", spd, ref=np.linalg.cholesky, name=n, **LA)
        yield case(
            "linalg.cholesky",
            spd,
            ref=lambda a: t(np.linalg.cholesky(a)),
            kw={"upper": True},
            name=f"upper{n}",
            **LA,
        )
        for up in (False, True):
            yield case(
                "linalg.cholesky_inv",
                Arg(shape, "upper" if up else "lower"),
                kw={"upper": up},
                name=f"{'upper' if up else ''}{n}",
                ref=lambda m, up=up: np.linalg.inv(t(m) @ m if up else m @ t(m)),
                **LA | {"tol": 200},
            )
            yield case(
                "linalg.tri_inv",
                Arg(shape, "upper" if up else "lower"),
                kw={"upper": up},
                name=f"{'upper' if up else ''}{n}",
                ref=np.linalg.inv,
                **LA,
            )
            yield case(
                "linalg.solve_triangular",
                Arg(shape, "upper" if up else "lower"),
                (*shape[:-1], 2),
                kw={"upper": up},
                **LA,
                name=f"{'upper' if up else ''}{n}",
                ref=solve_each(lambda a, b, up=up: sl.solve_triangular(a, b, lower=not up)),
            )
        yield case("linalg.inv", general, ref=np.linalg.inv, name=n, **LA)
        yield case("linalg.solve", general, (*shape[:-1], 2), ref=np.linalg.solve, name=n, **LA)
        yield case("linalg.det", general, ref=np.linalg.det, name=n, **LA)
        yield case("linalg.slogdet", general, ref=np.linalg.slogdet, name=n, **LA)
        yield case("linalg.eigh", spd, check=product_is_input(r_eigh), name=n, **LA)
        yield case("linalg.eigvalsh", spd, ref=np.linalg.eigvalsh, name=n, **LA)
        yield case(
            "linalg.eig",
            general,
            check=product_is_input(r_eig),
            name=n,
            out="complex64",
            **LA | {"dtypes": F32},
        )
        yield case("linalg.lu", general, check=product_is_input(r_lu), name=n, out="uint32", **LA)
        yield case("linalg.lu_factor", general, ref=f_lu_factor, name=n, **LA)
    yield case(
        "linalg.eigvals",
        Arg((4, 4), "spd"),
        ref=lambda a: np.sort(np.linalg.eigvals(a)),
        out=None,
        **LA | {"dtypes": F32, "layouts": ()},
        call=lambda mx, a: mx.sort(mx.linalg.eigvals(a).real),
    )
    yield case(
        "linalg.eigh",
        Arg((3, 3), "spd"),
        check=product_is_input(r_eigh),
        name="complex",
        out=None,
        **LA | {"dtypes": ("complex64",), "layouts": ()},
    )
    yield case(
        "linalg.eigh",
        Arg((3, 3), "spd"),
        check=product_is_input(r_eigh),
        kw={"UPLO": "U"},
        name="upper",
        **LA,
    )
    for shape in ((4, 3), (3, 4), (2, 3, 3)):
        n = "x".join(map(str, shape))
        yield case("linalg.qr", shape, check=product_is_input(r_qr), name=n, **LA)
        yield case("linalg.svd", shape, check=product_is_input(r_svd), name=n, **LA)
        yield case(
            "linalg.svd",
            shape,
            ref=lambda a: np.linalg.svd(a, compute_uv=False),
            kw={"compute_uv": False},
            name=f"values{n}",
            **LA,
        )
        yield case("linalg.pinv", Arg(shape, "well_conditioned"), ref=np.linalg.pinv, name=n, **LA)


def norm_rows():
    for op in ("linalg.norm", "matrix_norm"):
        for name, order, axis, keep in (
            ("", None, None, False),
            ("fro", "fro", (0, 1), False),
            ("one", 1, 0, False),
            ("inf", np.inf, -1, True),
            ("minus-inf", -np.inf, 1, False),
            ("zero", 0, 1, False),
            ("three", 3, 0, False),
            ("two", 2, 1, True),
            ("mat-one", 1, (0, 1), False),
            ("mat-inf", np.inf, (0, 1), True),
            ("mat-minus-one", -1, (0, 1), False),
        ):
            if op == "matrix_norm" and name not in ("", "fro", "mat-one"):
                continue
            yield case(
                op,
                Arg((3, 4), "nonzero"),
                ref=lambda x, o=order, a=axis, k=keep: np.linalg.norm(x, o, a, k),
                name=name,
                norm=True,
                tol=2,
                kw={"ord": order, "axis": axis, "keepdims": keep},
                dtypes=F32_64,
                grad=() if name == "zero" else (0,),
            )
    yield case(
        "linalg.norm", (4, 4), ref=lambda x: np.linalg.norm(x, "nuc"), extra=("nuc",), name="nuclear", **LA
    )
    yield case(
        "linalg.norm",
        (4, 4),
        ref=lambda x: np.linalg.norm(x, 2),
        kw={"ord": 2, "axis": (0, 1)},
        name="spectral",
        **LA,
    )
    yield case("linalg.cross", (4, 3), (4, 3), ref=np.cross, dtypes=(*FLOATS, "int32"), grad=(0, 1))
    yield case(
        "linalg.cross",
        (3, 4),
        (3, 4),
        ref=lambda a, b: np.cross(a, b, axis=0),
        kw={"axis": 0},
        name="axis",
        dtypes=F32,
    )


def rows():
    for part in (fft_rows, hadamard_rows, linalg_rows, norm_rows):
        yield from part()
