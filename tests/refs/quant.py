"""The quantised formats by definition: packed bit streams, affine groups, and the microscaling float
formats."""

import numpy as np

FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
FP_MODES = {"mxfp4": (32, 4), "mxfp8": (32, 8), "nvfp4": (16, 4)}


def _e4m3_table():
    """Value of each of the 256 codes of float8 e4m3fn (no infinities; 0x7f and 0xff are NaN)."""
    out = np.zeros(256)
    for code in range(256):
        e, m = (code >> 3) & 15, code & 7
        v = m / 8 * 2.0**-6 if e == 0 else (1 + m / 8) * 2.0 ** (e - 7)
        out[code] = -v if code & 128 else v
    out[[0x7F, 0xFF]] = np.nan
    return out


E4M3 = _e4m3_table()


def to_e4m3(x):
    """Nearest code, ties to even, saturating at 448."""
    grid = E4M3[:127]
    a = np.minimum(np.abs(x), 448.0)
    hi = np.clip(np.searchsorted(grid, a), 0, 126)
    lo = np.maximum(hi - 1, 0)
    below, above = a - grid[lo], grid[hi] - a
    code = np.where(below < above, lo, np.where(below > above, hi, np.where(lo % 2 == 0, lo, hi)))
    code = np.where(a == grid[hi], hi, code)
    return np.where(np.signbit(x), code | 128, code).astype(np.uint8)


def pack(codes, bits):
    """Codes along the last axis as a little-endian bit stream in 32-bit words."""
    stream = (codes[..., None].astype(np.uint64) >> np.arange(bits, dtype=np.uint64)) & 1
    stream = stream.reshape(*codes.shape[:-1], -1, 32)
    return (stream << np.arange(32, dtype=np.uint64)).sum(-1).astype(np.uint32)


def unpack(words, bits):
    stream = (words[..., None].astype(np.uint64) >> np.arange(32, dtype=np.uint64)) & 1
    stream = stream.reshape(*words.shape[:-1], -1, bits)
    return (stream << np.arange(bits, dtype=np.uint64)).sum(-1).astype(np.int64)


def affine_quantize(w, group, bits):
    """Codes, scales, biases in float32 arithmetic. The group edge that is larger in magnitude is met
    exactly."""
    w = np.asarray(w, np.float32)
    g = w.reshape(*w.shape[:-1], -1, group)
    top, low = g.max(-1), g.min(-1)
    n = np.float32(2**bits - 1)
    low_wins = np.abs(low) > np.abs(top)
    scale = np.maximum((top - low) / n, np.float32(1e-7))
    scale = np.where(low_wins, scale, -scale)
    edge = np.where(low_wins, low, top)
    q0 = np.rint(edge / scale)
    scale = np.where(q0 != 0, edge / np.where(q0 != 0, q0, 1), scale).astype(np.float32)
    bias = np.where(q0 != 0, edge, 0).astype(np.float32)
    codes = np.clip(np.rint((g - bias[..., None]) / scale[..., None]), 0, n).astype(np.int64)
    return pack(codes.reshape(w.shape), bits), scale, bias


def affine_dequantize(words, scales, biases, group, bits):
    codes = unpack(words, bits)
    g = codes.reshape(*codes.shape[:-1], -1, group)
    return (g * scales[..., None] + biases[..., None]).reshape(codes.shape)


def fp_scale(code, mode):
    return E4M3[code] if mode == "nvfp4" else 2.0 ** (code.astype(np.float64) - 127)


def fp4_codes(x):
    """Nearest of the 16 values; the first code wins a tie, so there is no negative zero."""
    middle = (FP4[1:] + FP4[:-1]) / 2
    codes = np.searchsorted(middle, np.abs(x), "left")
    return np.where((x < 0) & (codes > 0), codes | 8, codes)


def fp_quantize(w, mode):
    """Packed codes and scale codes. Power-of-two scales are rounded up."""
    group, bits = FP_MODES[mode]
    g = np.asarray(w, np.float32).reshape(*w.shape[:-1], -1, group)
    top = np.abs(g).max(-1)
    if mode == "nvfp4":
        code = to_e4m3(top / np.float32(6))
    else:
        with np.errstate(divide="ignore"):
            exponent = np.ceil(np.log2(top / np.float32(6 if bits == 4 else 448)))
        code = np.where(top == 0, 127, np.clip(exponent, -127, 127) + 127).astype(np.uint8)
    scale = fp_scale(code, mode)[..., None].astype(np.float32)
    x = np.where(scale == 0, 0, g / np.where(scale == 0, 1, scale))
    codes = to_e4m3(x) if bits == 8 else fp4_codes(x)
    return pack(codes.reshape(w.shape), bits), code


def fp_dequantize(words, scales, mode):
    group, bits = FP_MODES[mode]
    codes = unpack(words, bits)
    values = E4M3[codes] if bits == 8 else FP4[codes & 7] * np.where(codes & 8, -1, 1)
    g = values.reshape(*codes.shape[:-1], -1, group)
    return (g * fp_scale(scales.astype(np.int64), mode)[..., None]).reshape(codes.shape)
