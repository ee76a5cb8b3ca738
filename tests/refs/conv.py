"""Convolutions by definition, in double precision: channels last, weights (out, *kernel, in / groups)."""

import itertools

import numpy as np


def _spread(x, dilation):
    """Zeros between the elements of the spatial axes (input dilation)."""
    shape = (
        x.shape[0],
        *[(n - 1) * d + 1 if n else 0 for n, d in zip(x.shape[1:-1], dilation, strict=True)],
        x.shape[-1],
    )
    out = np.zeros(shape, x.dtype)
    out[(slice(None), *[slice(None, None, d) for d in dilation])] = x
    return out


def conv(x, w, stride=1, padding=0, kernel_dilation=1, input_dilation=1, groups=1, flip=False):
    nd = x.ndim - 2

    def each(v):
        return (v,) * nd if isinstance(v, int) else tuple(v)

    lo, hi = (
        padding
        if isinstance(padding, tuple) and isinstance(padding[0], tuple | list)
        else (each(padding), each(padding))
    )
    stride, kd, idil = each(stride), each(kernel_dilation), each(input_dilation)
    x = np.pad(_spread(x, idil), ((0, 0), *zip(lo, hi, strict=True), (0, 0)))
    kernel = w.shape[1:-1]
    if flip:
        w = np.flip(w, tuple(range(1, nd + 1)))
    sizes = [(x.shape[1 + i] - kd[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(nd)]
    out = np.zeros((x.shape[0], *sizes, w.shape[0]), np.result_type(x, w))
    cin, cout = w.shape[-1], w.shape[0] // groups
    for k in itertools.product(*map(range, kernel)):
        window = x[
            (
                slice(None),
                *[
                    slice(k[i] * kd[i], k[i] * kd[i] + (sizes[i] - 1) * stride[i] + 1, stride[i])
                    for i in range(nd)
                ],
            )
        ]
        for g in range(groups):
            out[..., g * cout : (g + 1) * cout] += (
                window[..., g * cin : (g + 1) * cin] @ w[(slice(g * cout, (g + 1) * cout), *k)].T
            )
    return out


def conv_transpose(x, w, stride=1, padding=0, dilation=1, output_padding=0, groups=1):
    """Every input element adds its multiple of the kernel to the output, `stride` apart."""
    nd = x.ndim - 2

    def each(v):
        return (v,) * nd if isinstance(v, int) else tuple(v)

    stride, pad, dil, extra = each(stride), each(padding), each(dilation), each(output_padding)
    kernel = w.shape[1:-1]
    full = [(x.shape[1 + i] - 1) * stride[i] + dil[i] * (kernel[i] - 1) + 1 for i in range(nd)]
    sizes = [full[i] - 2 * pad[i] + extra[i] for i in range(nd)]
    out = np.zeros(
        (x.shape[0], *[f + e for f, e in zip(full, extra, strict=True)], w.shape[0]), np.result_type(x, w)
    )
    cin, cout = w.shape[-1], w.shape[0] // groups
    for k in itertools.product(*map(range, kernel)):
        at = [
            slice(k[i] * dil[i], k[i] * dil[i] + (x.shape[1 + i] - 1) * stride[i] + 1, stride[i])
            for i in range(nd)
        ]
        for g in range(groups):
            part = x[..., g * cin : (g + 1) * cin] @ w[(slice(g * cout, (g + 1) * cout), *k)].T
            out[(slice(None), *at, slice(g * cout, (g + 1) * cout))] += part
    return out[(slice(None), *[slice(pad[i], pad[i] + sizes[i]) for i in range(nd)])]
