"""The same values behind different strides: the ways an array can lie in memory."""

from __future__ import annotations

import numpy as np
from case import to_mx

JUNK = 77


def contiguous(mx, a, dtype):
    return to_mx(mx, a, dtype)


def transposed(mx, a, dtype):
    return to_mx(mx, np.ascontiguousarray(a.T), dtype).T


def sliced(mx, a, dtype):
    """A window into a larger array: an offset and gaps between rows."""
    wide = np.pad(a, [(2, 1)] * a.ndim, constant_values=JUNK if a.dtype.kind != "b" else True)
    return to_mx(mx, wide, dtype)[tuple(slice(2, -1) for _ in a.shape)]


def strided(mx, a, dtype):
    """Every second element along every axis."""
    wide = np.full([2 * n for n in a.shape], JUNK).astype(a.dtype)
    wide[tuple(slice(None, None, 2) for _ in a.shape)] = a
    return to_mx(mx, wide, dtype)[tuple(slice(None, None, 2) for _ in a.shape)]


def negative(mx, a, dtype):
    back = tuple(slice(None, None, -1) for _ in a.shape)
    return to_mx(mx, a[back], dtype)[back]


def broadcast(mx, a, dtype):
    """Stride 0 along the first axis; the values of the first row everywhere."""
    return mx.broadcast_to(to_mx(mx, a[:1] if a.ndim else a, dtype), a.shape)


LAYOUTS = {f.__name__: f for f in (contiguous, transposed, sliced, strided, negative, broadcast)}


def values_in(name: str, a: np.ndarray) -> np.ndarray:
    """What the array holds in this layout: broadcasting repeats the first row."""
    return np.broadcast_to(a[:1], a.shape) if name == "broadcast" and a.ndim else a
