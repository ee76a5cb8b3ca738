"""Kernel families on arrays of more than 2^31 elements: the last rows come out as they do alone."""

import gc

import numpy as np
import pytest

ROWS, N = 2**19 + 3, 4096  # 2^31 + 12288 elements
pytestmark = [pytest.mark.slow, pytest.mark.gpu_only]


@pytest.fixture(autouse=True)
def memory(mx):
    info = mx.device_info(mx.gpu)
    if info.get("memory_size", 0) < 64 << 30:
        pytest.skip("needs 64 GiB of GPU memory")
    yield
    gc.collect()
    mx.clear_cache()


def numbers(mx, dtype):
    """Every row its own, values 0 to 247."""
    x = (mx.arange(ROWS)[:, None] * 7 + mx.arange(N)[None] * 31) % 248
    return x.astype(getattr(mx, dtype))


def keys(mx, x):
    return mx.broadcast_to(mx.arange(N - 1, -1, -1, dtype=mx.uint32), x.shape)


ROWWISE = {
    "exp": lambda mx, x: mx.exp(x * 0.01),
    "strided": lambda mx, x: x[:, ::-1] + x[:, ::1],
    "where": lambda mx, x: mx.where(x > 100, x, -x),
    "softmax": lambda mx, x: mx.softmax(x * 0.1, axis=-1),
    "logsumexp": lambda mx, x: mx.logsumexp(x * 0.1, axis=-1),
    "rms_norm": lambda mx, x: mx.fast.rms_norm(x, None, 1e-5),
    "layer_norm": lambda mx, x: mx.fast.layer_norm(x, None, None, 1e-5),
    "cumsum": lambda mx, x: mx.cumsum(x * 0.01, axis=-1),
    "sum": lambda mx, x: x.sum(axis=-1),
    "argmax": lambda mx, x: mx.argmax(x, axis=-1),
    "sort": lambda mx, x: mx.sort(x, axis=-1),
    "argsort": lambda mx, x: mx.argsort(x, axis=-1),
    "topk": lambda mx, x: mx.topk(x, 5, axis=-1),
    "take_along_axis": lambda mx, x: mx.take_along_axis(x, keys(mx, x), axis=-1),
    "roll": lambda mx, x: mx.roll(x, 5, axis=-1),
    "pad": lambda mx, x: mx.pad(x, [(0, 0), (1, 1)]),
    "concatenate": lambda mx, x: mx.concatenate([x, x[:, :3]], axis=-1),
    "rope": lambda mx, x: mx.fast.rope(x[:, None], 128, traditional=False, base=1e4, scale=1.0, offset=3),
    "hadamard": lambda mx, x: mx.hadamard_transform(x),
    "matmul": lambda mx, x: x[:, :64] @ mx.ones((64, N), x.dtype),
    "conv1d": lambda mx, x: mx.conv1d(
        x.reshape(-1, 16, 256), mx.ones((256, 3, 256), x.dtype) * 0.01, padding=1
    ),
}


@pytest.mark.parametrize("name", ROWWISE)
def test_last_rows(mx, name):
    x = numbers(mx, "bfloat16")
    mx.eval(x)
    alone = ROWWISE[name](mx, x[-3:] + 0)
    got = ROWWISE[name](mx, x)
    assert got.size > 2**31 or got.size >= ROWS
    got, want = (np.array(a.astype(mx.float32)) for a in (got[-3:], alone))
    if name == "argsort":  # ties may come in any order
        values = np.array(x[-3:].astype(mx.float32))
        got, want = (np.take_along_axis(values, i.astype(np.int64), -1) for i in (got, want))
    np.testing.assert_allclose(got, want, rtol=1e-2, atol=1e-3)


def test_columns(mx):
    x = numbers(mx, "uint8")
    want = np.array(mx.sum(x.astype(mx.int32), axis=0))
    exact = ((np.arange(ROWS)[:, None] * 7 + np.arange(8)[None] * 31) % 248).sum(0)
    np.testing.assert_array_equal(want[:8], exact)
    np.testing.assert_array_equal(np.array(mx.cumsum(x.astype(mx.int32), axis=0)[-1]), want)
    assert mx.argmax(x, axis=0).shape == (N,)


def test_transposed_copy(mx):
    x = numbers(mx, "uint8")
    y = mx.contiguous(x.T)
    np.testing.assert_array_equal(np.array(y[:, -3:]), np.array(x[-3:]).T)


def test_gather_and_scatter(mx):
    x = numbers(mx, "uint8")
    last = mx.array([ROWS - 1, 0, ROWS - 2])
    rows = np.stack([np.array(x[i]) for i in (ROWS - 1, 0, ROWS - 2)])
    np.testing.assert_array_equal(np.array(x[last]), rows)
    y = x.at[last].add(1)
    np.testing.assert_array_equal(np.array(y[-1]), np.array(x[-1]) + 1)
    np.testing.assert_array_equal(np.array(y[-3]), np.array(x[-3]))
    x[ROWS - 1, N - 1] = 77
    assert x[-1, -1].item() == 77 and x[-1, -2].item() == y[-1, -2].item() - 1


def test_random(mx):
    x = mx.random.uniform(shape=(ROWS, N), dtype=mx.bfloat16)
    for part in (x[:3], x[-3:]):
        assert abs(part.astype(mx.float32).mean().item() - 0.5) < 0.02
    assert not mx.array_equal(x[:3], x[-3:]).item()
