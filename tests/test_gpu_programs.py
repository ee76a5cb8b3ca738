"""Random programs over streams of both devices, from several threads, with evaluations, reads and cleared caches in between: exactly
what one stream of the CPU computes. Longer by hand: MLX_ROCM_TEST_EXAMPLES=2000.
"""

import threading

import numpy as np
import pytest

from tests.running import EXAMPLES

pytestmark = pytest.mark.gpu_only

R, C = SHAPE = (24, 18)
PRIME = 97  # values stay below it
STEPS, LAST = 40, 12


def put_rows(mx, x, y, p, q):
    z = x + 0
    z[p % R, ::2] = y[q % R, ::2]
    return z


def put_masked(mx, x, y, p, q):
    z = mx.contiguous(x)
    z[z > 60] = p % 60
    return z


# In int32, float32 where the sums are small: exact.
OPS = [
    lambda mx, x, y, p, q: (x + y) % PRIME,
    lambda mx, x, y, p, q: (x * y) % PRIME,
    lambda mx, x, y, p, q: mx.maximum(x, 50 - y) % PRIME,
    lambda mx, x, y, p, q: x[::-1],
    lambda mx, x, y, p, q: mx.transpose(mx.reshape(x, (C, R))),
    put_rows,
    lambda mx, x, y, p, q: mx.broadcast_to(mx.sum(x, axis=0, keepdims=True) % PRIME, SHAPE),
    lambda mx, x, y, p, q: mx.sort(x, axis=p % 2),
    lambda mx, x, y, p, q: mx.cumsum(x, axis=p % 2) % PRIME,
    lambda mx, x, y, p, q: mx.take(x, y[:, p % C] % R, axis=0),
    lambda mx, x, y, p, q: mx.where(x > y, x, y + 1) % PRIME,
    lambda mx, x, y, p, q: mx.concatenate([x[p % R :], y[: p % R]], axis=0),
    put_masked,
    lambda mx, x, y, p, q: (x @ mx.reshape(y, (C, R)).astype(mx.float32))[:, :C].astype(mx.int32) % PRIME,
    lambda mx, x, y, p, q: (x + 0).at[y[:, 0] % R].add(x % 5) % PRIME,
]


def draw(rng):
    """Each step: an op, its operands, its parameters, a stream, what happens afterwards."""
    steps = []
    for n in range(4, 4 + STEPS):
        a, b = (int(i) for i in rng.integers(0, n, 2))
        p, q, stream = (int(i) for i in rng.integers(0, 1000, 3))
        steps.append((int(rng.integers(len(OPS))), a, b, p, q, stream, int(rng.integers(10))))
    return steps


def run(mx, steps, inputs, streams, interrupted):
    values, seen = [mx.array(x) for x in inputs], []
    for op, a, b, p, q, stream, event in steps:
        with mx.stream(streams[stream % len(streams)]):
            values.append(OPS[op](mx, values[a], values[b], p, q))
        if not interrupted:
            continue
        if event == 0:
            mx.eval(values[-1])
        elif event == 1:
            mx.async_eval(values[-3:])
        elif event == 2:
            seen.append((len(values) - 1, np.array(values[-1])))
        elif event == 3:
            mx.clear_cache()
    results = [np.array(x) for x in values[-LAST:]]
    for i, then in seen:
        assert np.array_equal(np.array(values[i]), then), f"value {i} changed after it was read"
    return results


def compare(mx, seed, failed):
    try:
        rng = np.random.default_rng(seed)
        steps, inputs = draw(rng), [rng.integers(0, PRIME, SHAPE).astype(np.int32) for _ in range(4)]
        want = run(mx, steps, inputs, [mx.cpu], False)
        gpus = [mx.Device(mx.gpu, i) for i in range(mx.device_count(mx.gpu))]
        streams = [mx.cpu, mx.new_stream(mx.cpu), *(mx.new_stream(d) for d in gpus + gpus)]
        for interrupted in (True, False):
            got = run(mx, steps, inputs, streams, interrupted)
            wrong = [i for i in range(LAST) if not np.array_equal(want[i], got[i])]
            assert not wrong, f"results {wrong}, interrupted: {interrupted}"
    except Exception as e:  # noqa: BLE001  of another thread: pytest would not see it
        failed.append(f"program {seed}: {e!r}")


def test_random_programs(mx):
    failed = []
    for first in range(0, max(6, EXAMPLES // 4), 3):
        threads = [threading.Thread(target=compare, args=(mx, first + i, failed)) for i in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failed, "\n".join(failed)
