"""The layers of mlx_rocm.nn written again in NumPy, in double precision and the obvious way.

A reference takes the layer's parameters (a dict from path to array) and the inputs.
"""

import math

import numpy as np
from scipy import special


def sigmoid(x):
    return special.expit(x)


def silu(x):
    return x * sigmoid(x)


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(x))


def gelu(x):
    return x * special.ndtr(x)


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def softplus(x):
    return np.logaddexp(x, 0)


# ---- maps of the last axis ----


def linear(p, x):
    return x @ p["weight"].T + p.get("bias", 0)


def bilinear(p, x1, x2):
    return np.einsum("...i,oji,...j->...o", x1, p["weight"], x2) + p.get("bias", 0)


def standardize(x, axes, eps):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps)


def affine(p, x):
    return x * p.get("weight", 1) + p.get("bias", 0)


def layer_norm(p, x, eps=1e-5):
    return affine(p, standardize(x, -1, eps))


def rms_norm(p, x, eps):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * p["weight"]


def instance_norm(p, x, eps):
    return affine(p, standardize(x, tuple(range(1, x.ndim - 1)), eps))


def batch_norm(p, x, eps):
    return affine(p, standardize(x, tuple(range(x.ndim - 1)), eps))


def group_norm(p, x, groups, neighbours, eps):
    out = np.empty_like(x)
    for g in range(groups):
        size = x.shape[-1] // groups
        channels = slice(g * size, (g + 1) * size) if neighbours else slice(g, None, groups)
        out[..., channels] = standardize(x[..., channels], tuple(range(1, x.ndim)), eps)
    return affine(p, out)


# ---- windows ----


def conv(p, x, stride, padding, dilation, groups=1):
    """Sum over the kernel's elements of a strided slice of the padded input times a matrix."""
    w = p["weight"]
    kernel, dims = w.shape[1:-1], x.ndim - 2
    x = np.pad(x, [(0, 0), *((q, q) for q in padding), (0, 0)])
    size = [(x.shape[i + 1] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(dims)]
    y = np.zeros((x.shape[0], *size, w.shape[0]))
    outputs, inputs = w.shape[0] // groups, w.shape[-1]
    for at in np.ndindex(*kernel):
        starts = [k * d for k, d in zip(at, dilation)]
        cut = x[(slice(None), *(slice(b, b + s * n, s) for b, s, n in zip(starts, stride, size)))]
        for g in range(groups):
            out, into = slice(g * outputs, (g + 1) * outputs), slice(g * inputs, (g + 1) * inputs)
            y[..., out] += cut[..., into] @ w[(out, *at)].T
    return y + p.get("bias", 0)


def conv_transpose(p, x, stride, padding, dilation, output_padding):
    """Every input adds the kernel, times its value, to the output."""
    w = p["weight"]
    kernel, spatial = w.shape[1:-1], x.shape[1:-1]
    full = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(spatial, stride, dilation, kernel)]
    y = np.zeros((x.shape[0], *(f + o for f, o in zip(full, output_padding)), w.shape[0]))
    for at in np.ndindex(*kernel):
        starts = [k * d for k, d in zip(at, dilation)]
        place = (slice(None), *(slice(b, b + s * n, s) for b, s, n in zip(starts, stride, spatial)))
        y[place] += x @ w[(slice(None), *at)].T
    keep = [slice(q, n - q) for q, n in zip(padding, y.shape[1:-1])]
    return y[(slice(None), *keep)] + p.get("bias", 0)


def pool(x, size, stride, padding, reduce, fill):
    x = np.pad(x, [(0, 0), *((q, q) for q in padding), (0, 0)], constant_values=fill)
    dims = x.ndim - 2
    counts = [(x.shape[i + 1] - size[i]) // stride[i] + 1 for i in range(dims)]
    y = np.empty((x.shape[0], *counts, x.shape[-1]))
    for at in np.ndindex(*counts):
        window = tuple(slice(i * s, i * s + n) for i, s, n in zip(at, stride, size))
        y[(slice(None), *at)] = reduce(x[(slice(None), *window)], axis=tuple(range(1, dims + 1)))
    return y


# ---- recurrence ----


def rnn(p, x, hidden, f=np.tanh):
    out = []
    for t in range(x.shape[-2]):
        hidden = f(x[..., t, :] @ p["Wxh"].T + hidden @ p["Whh"].T + p.get("bias", 0))
        out.append(hidden)
    return np.stack(out, -2)


def gru(p, x, hidden):
    out = []
    for t in range(x.shape[-2]):
        xr, xz, xn = np.split(x[..., t, :] @ p["Wx"].T + p.get("b", 0), 3, -1)
        hr, hz, hn = np.split(hidden @ p["Wh"].T, 3, -1)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        n = np.tanh(xn + r * (hn + p.get("bhn", 0)))
        hidden = (1 - z) * n + z * hidden
        out.append(hidden)
    return np.stack(out, -2)


def lstm(p, x, hidden, cell):
    out, cells = [], []
    for t in range(x.shape[-2]):
        i, f, g, o = np.split(x[..., t, :] @ p["Wx"].T + hidden @ p["Wh"].T + p.get("bias", 0), 4, -1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        out.append(hidden)
        cells.append(cell)
    return np.stack(out, -2), np.stack(cells, -2)


# ---- attention ----


def part(p, name):
    """The parameters below ``name``."""
    return {k[len(name) + 1 :]: v for k, v in p.items() if k.startswith(name + ".")}


def attention(p, q, k, v, heads, mask=0.0):
    q, k, v = (
        linear(part(p, "query_proj"), q),
        linear(part(p, "key_proj"), k),
        linear(part(p, "value_proj"), v),
    )
    out = []
    for qh, kh, vh in zip(*(np.split(a, heads, -1) for a in (q, k, v))):
        scores = qh @ kh.swapaxes(-1, -2) / math.sqrt(qh.shape[-1]) + mask
        out.append(special.softmax(scores, -1) @ vh)
    return linear(part(p, "out_proj"), np.concatenate(out, -1))


def residual(x, p, norm, norm_first, f):
    def normalize(y):
        return layer_norm(part(p, norm), y)

    return x + f(normalize(x)) if norm_first else normalize(x + f(x))


def feed_forward(p, x):
    return linear(part(p, "linear2"), np.maximum(linear(part(p, "linear1"), x), 0))


def encoder_layer(p, x, mask, heads, norm_first):
    x = residual(x, p, "ln1", norm_first, lambda y: attention(part(p, "attention"), y, y, y, heads, mask))
    return residual(x, p, "ln2", norm_first, lambda y: feed_forward(p, y))


def decoder_layer(p, x, memory, mask, memory_mask, heads, norm_first):
    own, cross = part(p, "self_attention"), part(p, "cross_attention")
    x = residual(x, p, "ln1", norm_first, lambda y: attention(own, y, y, y, heads, mask))
    x = residual(x, p, "ln2", norm_first, lambda y: attention(cross, y, memory, memory, heads, memory_mask))
    return residual(x, p, "ln3", norm_first, lambda y: feed_forward(p, y))


def stack(p, layer, x, *args):
    for i in range(len({k.split(".")[1] for k in p if k.startswith("layers.")})):
        x = layer(part(p, f"layers.{i}"), x, *args)
    return layer_norm(part(p, "ln"), x)


# ---- positions ----


def rope(x, dims, traditional, base, scale, offset):
    """Rotate complex numbers made of pairs of features."""
    angles = scale * (offset + np.arange(x.shape[-2]))[:, None] * base ** (-2 * np.arange(dims // 2) / dims)
    first, second = (
        (slice(0, dims, 2), slice(1, dims, 2))
        if traditional
        else (slice(0, dims // 2), slice(dims // 2, dims))
    )
    turned = (x[..., first] + 1j * x[..., second]) * np.exp(1j * angles)
    y = x.copy()
    y[..., first], y[..., second] = turned.real, turned.imag
    return y


def alibi_slopes(heads):
    """By recursion: for a power of two a geometric sequence, else more heads from the next one."""
    if heads & (heads - 1) == 0:
        return [2 ** (-8 * (i + 1) / heads) for i in range(heads)]
    below = 1 << (heads.bit_length() - 1)
    return alibi_slopes(below) + alibi_slopes(2 * below)[::2][: heads - below]


# ---- resizing ----


def keys_kernel(x, a):
    """Keys' kernel expanded in powers of the distance."""
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def resize_matrix(n, scale, mode, align_corners, antialias):
    """The matrix from the inputs to the outputs of one axis."""
    m = int(scale * n)
    matrix = np.zeros((m, n))
    for i in range(m):
        at = i * (n - 1) / max(m - 1, 1) if align_corners else (i - (m - 1) / 2) / scale + (n - 1) / 2
        if mode == "linear" and not antialias:
            matrix[i] = [np.interp(at, np.arange(n), row) for row in np.eye(n)]
        elif not antialias:
            for j in range(math.floor(at) - 2, math.floor(at) + 4):
                matrix[i, min(max(j, 0), n - 1)] += keys_kernel(at - j, -0.75)
        else:
            shrink = min(scale, 1)
            kernel = (lambda d: max(1 - abs(d), 0)) if mode == "linear" else (lambda d: keys_kernel(d, -0.5))
            weights = np.array([kernel((at - j) * shrink) for j in range(n)])
            matrix[i] = weights / weights.sum()
    return matrix


def resize(x, scales, mode, align_corners=False, antialias=False):
    for axis, scale in enumerate(scales, start=1):
        matrix = resize_matrix(x.shape[axis], scale, mode, align_corners, antialias)
        x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    return x
