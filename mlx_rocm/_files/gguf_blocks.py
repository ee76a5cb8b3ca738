"""The quantised block formats of GGUF: how many bytes hold how many elements, and what they mean.

Data comes as uint8 of shape (blocks, bytes per block); a block's half-precision numbers are little-endian.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import mlx_rocm.core as mx


@dataclass(frozen=True)
class Block:
    """A format.

    ``affine``: its bits, if it fits MLX's affine quantisation; ``decode`` then gives (q, scales, biases),
    otherwise the values.
    """

    name: str
    elements: int
    size: int
    affine: int | None
    decode: Callable


def _halves(data, at, count=1):
    return np.ascontiguousarray(data[:, at : at + 2 * count]).view("<f2")


def _nibbles(data):
    """Byte j holds element j below and element j + n above."""
    return np.concatenate([data & 15, data >> 4], axis=1)


def _q4_0(data):
    d = _halves(data, 0)
    return _nibbles(data[:, 2:]), d, np.float16(-8) * d


def _q4_1(data):
    return _nibbles(data[:, 4:]), _halves(data, 0), _halves(data, 2)


def _q8_0(data):
    d = _halves(data, 0)
    return data[:, 2:] ^ 0x80, d, np.float16(-128) * d


def _fifth_bits(data, at):
    """The fifth bits of 32 elements, at their place."""
    bits = np.unpackbits(np.ascontiguousarray(data[:, at : at + 4]), axis=1, bitorder="little")
    return bits << 4


def _q5_0(data):
    q = (_nibbles(data[:, 6:]) | _fifth_bits(data, 2)).astype(np.float32) - 16
    return _halves(data, 0).astype(np.float32) * q


def _q5_1(data):
    q = (_nibbles(data[:, 8:]) | _fifth_bits(data, 4)).astype(np.float32)
    return _halves(data, 0).astype(np.float32) * q + _halves(data, 2).astype(np.float32)


def _six_bit_scales(data):
    """The 8 scales and 8 minima of a Q4_K or Q5_K block, packed in 12 bytes."""
    low, mid, high = data[:, 0:4], data[:, 4:8], data[:, 8:12]
    scales = np.concatenate([low & 63, (high & 15) | ((low >> 6) << 4)], axis=1)
    minima = np.concatenate([mid & 63, (high >> 4) | ((mid >> 6) << 4)], axis=1)
    return scales.astype(np.float32), minima.astype(np.float32)


def _k_values(data, q):
    """d * scale * q - dmin * minimum for 8 groups of 32."""
    scales, minima = _six_bit_scales(data[:, 4:16])
    d, least = _halves(data, 0).astype(np.float32), _halves(data, 2).astype(np.float32)
    values = (d * scales)[:, :, None] * q.reshape(-1, 8, 32) - (least * minima)[:, :, None]
    return values.reshape(-1, 256)


def _pairs_of_groups(data):
    """128 bytes as 8 groups of 32: of every 32 bytes first the low nibbles, then the high ones."""
    chunks = data.reshape(-1, 4, 1, 32)
    return np.concatenate([chunks & 15, chunks >> 4], axis=2).reshape(-1, 8, 32)


def _q4_k(data):
    return _k_values(data, _pairs_of_groups(data[:, 16:144]).astype(np.float32))


def _q5_k(data):
    high = np.stack([(data[:, 16:48] >> i) & 1 for i in range(8)], axis=1)
    return _k_values(data, (_pairs_of_groups(data[:, 48:176]) | (high << 4)).astype(np.float32))


def _q6_k(data):
    low = data[:, 0:128].reshape(-1, 2, 1, 64)
    low = np.concatenate([low & 15, low >> 4], axis=2).reshape(-1, 2, 4, 32)
    high = data[:, 128:192].reshape(-1, 2, 1, 32)
    high = np.concatenate([(high >> shift) & 3 for shift in (0, 2, 4, 6)], axis=2)
    q = (low | (high << 4)).astype(np.float32).reshape(-1, 16, 16) - 32
    scales = data[:, 192:208].view(np.int8).astype(np.float32)
    return (_halves(data, 208).astype(np.float32) * scales)[:, :, None].reshape(-1, 16, 1) * q


def _crumbs(data):
    """64 bytes as 16 groups of 16 two-bit numbers: each half of 32 bytes holds four groups of 32, lowest bits first."""
    halves = data.reshape(-1, 2, 1, 32)
    return np.concatenate([(halves >> shift) & 3 for shift in (0, 2, 4, 6)], axis=2).reshape(-1, 16, 16)


def _q2_k(data):
    d, least = _halves(data, 80).astype(np.float32), _halves(data, 82).astype(np.float32)
    scales, minima = (data[:, :16] & 15).astype(np.float32), (data[:, :16] >> 4).astype(np.float32)
    return (d * scales)[:, :, None] * _crumbs(data[:, 16:80]) - (least * minima)[:, :, None]


def _q3_k(data):
    high = np.stack([(data[:, :32] >> i) & 1 for i in range(8)], axis=1).reshape(-1, 16, 16)
    q = (_crumbs(data[:, 32:96]) | (high << 2)).astype(np.float32) - 4
    low = np.concatenate([data[:, 96:104] & 15, data[:, 96:104] >> 4], axis=1)
    top = np.concatenate([(data[:, 104:108] >> shift) & 3 for shift in (0, 2, 4, 6)], axis=1)
    scales = (low | (top << 4)).astype(np.float32) - 32
    return (_halves(data, 108).astype(np.float32) * scales)[:, :, None] * q


def _q8_k(data):
    return np.ascontiguousarray(data[:, :4]).view("<f4") * data[:, 4:260].view(np.int8).astype(np.float32)


# The values of 4-bit codes that are not evenly spaced.
IQ4_VALUES = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32)
FP4_VALUES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)


def _iq4_nl(data):
    return _halves(data, 0).astype(np.float32) * IQ4_VALUES[_nibbles(data[:, 2:])]


def _iq4_xs(data):
    low = np.stack([data[:, 4:8] & 15, data[:, 4:8] >> 4], axis=2).reshape(-1, 8)
    top = np.concatenate(
        [(data[:, at : at + 1] >> shift) & 3 for at in (2, 3) for shift in (0, 2, 4, 6)], axis=1
    )
    scales = (low | (top << 4)).astype(np.float32) - 32
    q = data[:, 8:].reshape(-1, 8, 16)
    values = IQ4_VALUES[np.concatenate([q & 15, q >> 4], axis=2)]
    return (_halves(data, 0).astype(np.float32) * scales)[:, :, None] * values


def _mxfp4(data):
    return np.ldexp(FP4_VALUES[_nibbles(data[:, 1:])], data[:, :1].astype(np.int32) - 127)


# by the number that GGUF gives the type
BLOCKS = {
    2: Block("Q4_0", 32, 18, 4, _q4_0),
    3: Block("Q4_1", 32, 20, 4, _q4_1),
    6: Block("Q5_0", 32, 22, None, _q5_0),
    7: Block("Q5_1", 32, 24, None, _q5_1),
    8: Block("Q8_0", 32, 34, 8, _q8_0),
    10: Block("Q2_K", 256, 84, None, _q2_k),
    11: Block("Q3_K", 256, 110, None, _q3_k),
    12: Block("Q4_K", 256, 144, None, _q4_k),
    13: Block("Q5_K", 256, 176, None, _q5_k),
    14: Block("Q6_K", 256, 210, None, _q6_k),
    15: Block("Q8_K", 256, 292, None, _q8_k),
    20: Block("IQ4_NL", 32, 18, None, _iq4_nl),
    23: Block("IQ4_XS", 256, 136, None, _iq4_xs),
    39: Block("MXFP4", 32, 17, None, _mxfp4),
}


def to_affine(block, data, shape):
    """(packed weight, scales, biases) in MLX's layout: the first element in the lowest bits."""
    q, scales, biases = block.decode(data)
    rows, groups = shape[:-1], shape[-1] // block.elements
    if block.affine == 4:
        q = q[:, 0::2] | (q[:, 1::2] << 4)
    packed = np.ascontiguousarray(q, np.uint8).view("<u4").reshape([*rows, shape[-1] * block.affine // 32])
    small = [np.ascontiguousarray(x).reshape([*rows, groups]) for x in (scales, biases)]
    return mx.array(packed), mx.array(small[0]), mx.array(small[1])


def to_float16(block, data, shape):
    with np.errstate(over="ignore", invalid="ignore"):
        return mx.array(block.decode(data).astype(np.float16).reshape(shape))
