"""Threefry-2x32 with 20 rounds, and MLX's rules for drawing distributions from its bits."""

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
U32 = np.uint32
BELOW_ONE = {
    "float32": np.nextafter(np.float32(1), np.float32(0)),
    "float16": np.float32(1 - 2.0**-11),
    "bfloat16": np.float32(1 - 2.0**-8),
}


def hash_pair(key, a, b):
    k0, k1 = U32(key[0]), U32(key[1])
    ks = (k0, k1, k0 ^ k1 ^ U32(0x1BD11BDA))
    with np.errstate(over="ignore"):
        a, b = a.astype(U32) + ks[0], b.astype(U32) + ks[1]
        for i in range(5):
            for r in ROTATIONS[i % 2]:
                a = a + b
                b = (b << U32(r)) | (b >> U32(32 - r))
                b = b ^ a
            a = a + ks[(i + 1) % 3]
            b = b + ks[(i + 2) % 3] + U32(i + 1)
    return a, b


def bits(key, shape):
    """32 random bits per element: the first half of the words pairs with the second; the middle word of
    an odd count is special."""
    n = int(np.prod(shape))
    half, odd = divmod(n, 2)
    i = np.arange(half, dtype=U32)
    out = np.zeros(n, U32)
    out[:half], out[half + odd :] = hash_pair(key, i, i + U32(half + odd))
    if odd:
        out[half] = hash_pair(key, np.array([half], U32), np.zeros(1, U32))[0][0]
    return out.reshape(shape)


def key(seed):
    return np.array([seed >> 32, seed & 0xFFFFFFFF], U32)


def split(k, n=2):
    return bits(k, (n, 2))


def unit(k, shape, dtype="float32"):
    """Uniform in [0, 1) as the dtype's values, still held in float32."""
    x = bits(k, shape).astype(np.float32) / np.float32(2**32)
    x = np.minimum(x, BELOW_ONE[dtype])
    return x if dtype != "float16" else x.astype(np.float16).astype(np.float32)


def uniform(k, shape, low=0.0, high=1.0):
    low, high = np.float32(low), np.float32(high)
    return (high - low) * unit(k, shape) + low


def symmetric(k, shape):
    """Uniform in (-1, 1), the argument of the inverse error function."""
    return uniform(k, shape, np.nextafter(np.float32(-1), np.float32(0)), 1.0)


def gumbel(k, shape):
    return -np.log(-np.log(unit(k, shape).astype(np.float64)))


def randint(k, shape, low, high):
    u = np.floor(uniform(k, shape, low, high)).astype(np.int64)
    return np.maximum(np.minimum(u, high - 1), low)


def bernoulli(k, shape, p):
    upper = np.nextafter(np.float32(2**32 - 1), np.float32(np.inf))
    return bits(k, shape).astype(np.float32) < np.float32(p) * upper


def permutation(k, n):
    return np.argsort(bits(k, (n,)), kind="stable")
