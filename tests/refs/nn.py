"""mlx.core.fast by definition: rotary positions, norms, attention, gated delta rule."""

import numpy as np
from scipy import special as sp


def rope(x, dims, traditional=False, base=10000.0, scale=1.0, offset=0, freqs=None):
    t = x.shape[-2]
    half = dims // 2
    f = base ** (-np.arange(half) / half) if freqs is None else 1 / freqs
    offset = (
        np.asarray(offset, np.float64).reshape(-1, *([1] * (x.ndim - 2)))
        if np.ndim(offset)
        else float(offset)
    )
    angle = (np.arange(t) + offset)[..., None] * scale * f
    c, s = np.cos(angle), np.sin(angle)
    y = x.copy()
    a, b = (x[..., :dims:2], x[..., 1:dims:2]) if traditional else (x[..., :half], x[..., half:dims])
    lo, hi = (slice(0, dims, 2), slice(1, dims, 2)) if traditional else (slice(0, half), slice(half, dims))
    y[..., lo], y[..., hi] = a * c - b * s, a * s + b * c
    return y


def rms_norm(x, w=None, eps=1e-5):
    y = x / np.sqrt(np.mean(x * x, -1, keepdims=True) + eps)
    return y if w is None else y * w


def layer_norm(x, w=None, b=None, eps=1e-5):
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    y = y if w is None else y * w
    return y if b is None else y + b


def attention(q, k, v, scale, mask=None, sinks=None):
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, 1), np.repeat(v, group, 1)
    scores = scale * q @ np.swapaxes(k, -1, -2)
    tq, tk = scores.shape[-2:]
    if isinstance(mask, str):
        mask = np.arange(tq)[:, None] + (tk - tq) >= np.arange(tk)
    if mask is not None:
        lowest = -3.4028234663852886e38
        scores = np.where(mask, scores, lowest) if mask.dtype == bool else scores + mask
    if sinks is not None:
        extra = np.broadcast_to(sinks.reshape(1, -1, 1, 1), (*scores.shape[:-1], 1))
        return sp.softmax(np.concatenate([extra, scores], -1), -1)[..., 1:] @ v
    return sp.softmax(scores, -1) @ v


def gated_delta(q, k, v, gamma, beta, state=None):
    """S <- gamma S; S <- S + beta (v - S k) k^T; y = S q, per step and head. q, k: (B, T, Hk, Dk), v:
    (B, T, Hv, Dv)."""
    group = v.shape[2] // k.shape[2]
    q, k = np.repeat(q, group, 2), np.repeat(k, group, 2)
    b, t, h, dv = v.shape
    s = np.zeros((b, h, dv, k.shape[-1])) if state is None else state.copy()
    out = np.zeros_like(v)
    for i in range(t):
        s = s * gamma[:, i, :, None, None]
        error = (v[:, i] - (s @ k[:, i, :, :, None])[..., 0]) * beta[:, i, :, None]
        s = s + error[..., None] * k[:, i, :, None, :]
        out[:, i] = (s @ q[:, i, :, :, None])[..., 0]
    return out, s
