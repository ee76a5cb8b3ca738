"""What the cases are written against: an MLX-like package, PyTorch or NumPy behind one interface."""

import importlib

import numpy as np

CASES = {}
SKIP = object()


class Case:
    def __init__(self, name, group, tier, build):
        self.name, self.group, self.tier, self.build = name, group, tier, build


def add(name, group, tier, build):
    assert name not in CASES, name
    CASES[name] = Case(name, group, tier, build)


class Timed:
    """What a case's build returns: run() -> evaluated output(s), and its work."""

    def __init__(self, run, flops=None, nbytes=None, canon=None, div=1, sig=True, once=False):
        self.run, self.flops, self.nbytes = run, flops, nbytes
        self.canon, self.div, self.sig, self.once = canon, div, sig, once


def rand(shape, seed=0, scale=1.0):
    n = int(np.prod(shape)) if len(shape) else 1
    base = np.random.default_rng(seed).standard_normal(min(n, 1 << 20), dtype=np.float32) * scale
    if n > base.size:
        base = np.resize(base, n)
    return base.reshape(shape)


class MLX:
    kind = "mlx"

    def __init__(self, name):
        try:
            self.mx = importlib.import_module(name + ".core")
        except ModuleNotFoundError:
            self.mx = importlib.import_module(name)
        mx = self.mx
        if hasattr(mx, "cpu") and hasattr(mx, "set_default_device"):
            mx.set_default_device(mx.cpu)
        self.dt = {"f32": mx.float32, "f16": mx.float16, "bf16": mx.bfloat16, "i32": mx.int32}
        self.version = getattr(mx, "__version__", "?")

    def arr(self, a, dt=None):
        x = self.mx.array(a)
        if dt:
            x = x.astype(self.dt[dt])
        self.mx.eval(x)
        return x

    def tonp(self, x):
        mx = self.mx
        if x.dtype == mx.bfloat16 or x.dtype == mx.float16:
            x = x.astype(mx.float32)
        return np.array(x)

    def ev(self, f):
        ev = self.mx.eval

        def g():
            y = f()
            ev(y)
            return y

        return g


class Torch:
    kind = "torch"

    def __init__(self, name):
        import torch

        self.torch = torch
        self.dt = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i32": torch.int32}
        self.version = torch.__version__

    def arr(self, a, dt=None):
        x = self.torch.from_numpy(np.ascontiguousarray(a))
        return x.to(self.dt[dt]) if dt else x

    def tonp(self, x):
        x = x.detach()
        if x.dtype in (self.torch.bfloat16, self.torch.float16):
            x = x.float()
        return x.numpy()

    def ev(self, f):
        t = self.torch

        def g():
            with t.inference_mode():
                return f()

        return g


class Numpy:
    kind = "numpy"

    def __init__(self, name):
        self.dt = {"f32": np.float32, "f16": np.float16, "i32": np.int32}
        self.version = np.__version__

    def arr(self, a, dt=None):
        if dt == "bf16":
            raise NotImplementedError
        return np.ascontiguousarray(a, dtype=self.dt[dt] if dt else None)

    def tonp(self, x):
        return np.asarray(x)

    def ev(self, f):
        return f


def pick(backend, mlx=None, torch=None, numpy=None):
    f = {"mlx": mlx, "torch": torch, "numpy": numpy}[backend.kind]
    if f is None:
        return SKIP
    ns = {"mlx": lambda: backend.mx, "torch": lambda: backend.torch, "numpy": lambda: np}[backend.kind]()
    return lambda *a: f(ns, *a)


ITEM_BYTES = {"f32": 4, "f16": 2, "bf16": 2, "i32": 4}
