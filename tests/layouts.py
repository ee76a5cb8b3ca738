"""The same values behind different strides: the ways an array can lie in memory."""

from __future__ import annotations

import numpy as np
from case import to_mx

JUNK = 77


def contiguous(mx, a, dtype):
    return to_mx(mx, a, dtype)


def transposed(mx, a, dtype):
    return to_mx(mx, np.array(a.T, order="C"), dtype).T


def sliced(mx, a, dtype):
    """A window into a larger array: an offset and gaps between rows. Of a scalar, an element of a vector."""
    if a.ndim == 0:
        return to_mx(mx, np.stack([a, a, a]), dtype)[1]
    wide = np.full([n + 3 for n in a.shape], JUNK).astype(a.dtype)
    window = tuple(slice(2, -1) for _ in a.shape)
    wide[window] = a
    return to_mx(mx, wide, dtype)[window]


def strided(mx, a, dtype):
    """Every second element along every axis."""
    wide = np.full([2 * n for n in a.shape], JUNK).astype(a.dtype)
    every_second = tuple(slice(None, None, 2) for _ in a.shape)
    wide[every_second] = a
    return to_mx(mx, wide, dtype)[every_second]


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
