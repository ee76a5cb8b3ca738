"""Arrays of more than 2^31 elements (slow, memory-guarded): sizes and offsets must be 64-bit everywhere."""

import gc

import pytest

N = 2**31 + 64
pytestmark = pytest.mark.slow


def available_gb() -> float:
    with open("/proc/meminfo") as f:
        info = dict(line.split(":") for line in f)
    return int(info["MemAvailable"].split()[0]) / 2**20


@pytest.fixture(autouse=True)
def memory(mx):
    """Each test may need three arrays of 2 GB."""
    if available_gb() < 8:
        pytest.skip("needs 8 GB of free memory")
    yield
    gc.collect()
    mx.clear_cache()


def big(mx):
    """Two rows of 2^30 + 32, since one dimension is limited to int32."""
    return mx.zeros((2, N // 2), mx.uint8)


def test_fill_and_reduce(mx):
    x = big(mx) + 1
    assert x.size == N and x.nbytes == N
    assert x.max().item() == 1
    assert x.sum(axis=1).tolist() == [N // 2, N // 2]
    assert x.astype(mx.bool_).all().item()


def test_write_at_the_end(mx):
    x = big(mx)
    x[1, -1] = 7
    assert x[1, -1].item() == 7 and x[1, -2].item() == 0
    assert mx.argmax(x, axis=1).tolist() == [0, N // 2 - 1]
    assert x[:, -3:].tolist() == [[0, 0, 0], [0, 0, 7]]


def test_gather_and_flip(mx):
    x = big(mx)
    x[0, 0] = 5
    assert x[::-1, ::-1][1, -1].item() == 5
    assert mx.take(x, mx.array([N // 2 - 1, 0]), axis=1)[0].tolist() == [0, 5]
    assert x.T[0].tolist() == [5, 0]


def test_concatenate_and_compare(mx):
    half = mx.zeros((N // 2,), mx.uint8)
    x = mx.stack([half, half + 1])
    assert x.size == N
    assert (x == 1).sum(axis=1).tolist() == [0, N // 2]


def test_reshape_and_elementwise_float16(mx):
    x = mx.ones((4, N // 4), mx.uint8).reshape(N // 64, 64)
    y = mx.minimum(x, 2)
    assert y[-1].tolist() == [1] * 64 and y.shape == (N // 64, 64)
