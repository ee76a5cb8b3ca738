"""Devices, streams and evaluation order."""

import threading

import numpy as np
import pytest


def test_default_device(mx, device_name):
    assert mx.default_device() == (mx.Device(mx.gpu) if device_name == "gpu" else mx.Device(mx.cpu))
    assert repr(mx.Device(mx.cpu, 0)) == "Device(cpu, 0)" and mx.Device(mx.cpu) == mx.cpu
    assert mx.is_available(mx.cpu) and mx.device_count(mx.cpu) == 1
    assert mx.device_count(mx.gpu) >= 0
    info = mx.device_info(mx.cpu)
    assert isinstance(info, dict) and info


def test_device_is_global_stream_is_local(mx):
    other = []
    stream = mx.new_stream(mx.default_device())
    old = mx.default_stream(mx.default_device())
    mx.set_default_stream(stream)
    try:
        t = threading.Thread(target=lambda: other.append(mx.default_stream(mx.default_device())))
        t.start()
        t.join()
        assert mx.default_stream(mx.default_device()) == stream and other[0] != stream
    finally:
        mx.set_default_stream(old)


def test_stream_context(mx):
    s = mx.new_stream(mx.cpu)
    with mx.stream(s):
        assert mx.default_stream(mx.cpu) == s and mx.default_device() == mx.Device(mx.cpu)
        x = mx.arange(10) * 2
    assert mx.default_stream(mx.cpu) != s
    assert x.tolist() == list(range(0, 20, 2))
    with mx.stream(mx.cpu):
        assert mx.default_device() == mx.cpu
    assert s != mx.new_stream(mx.cpu) and "cpu" in repr(s) and s.device == mx.cpu


def test_set_default_device(mx):
    old = mx.default_device()
    mx.set_default_device(mx.cpu)
    assert mx.default_device() == mx.Device(mx.cpu)
    mx.set_default_device(old)


def test_work_across_streams(mx):
    """A value made on one stream and read on another is complete when it is read."""
    streams = [mx.new_stream(mx.default_device()) for _ in range(3)]
    x = mx.ones((64, 64)) * 0.5
    want = np.full((64, 64), 0.5, np.float32)
    for i in range(30):
        x = mx.add(mx.multiply(x, 1.5, stream=streams[i % 3]), -0.25, stream=streams[(i + 1) % 3])
        want = np.float32(1.5) * want - np.float32(0.25)
    assert np.array_equal(np.array(x), want)
    for s in streams:
        mx.synchronize(s)


def test_wide_graph_across_streams(mx):
    streams = [mx.new_stream(mx.default_device()) for _ in range(4)]
    parts = [mx.exp(mx.full((1000,), i / 10), stream=streams[i % 4]) for i in range(16)]
    total = parts[0]
    for p in parts[1:]:
        total = total + p
    np.testing.assert_allclose(np.array(total), sum(np.exp(np.float32(i / 10)) for i in range(16)), rtol=1e-6)


def test_async_eval(mx):
    x = mx.arange(1000).astype(mx.float32)
    for _ in range(20):
        x = mx.sin(x) + 0.5
        mx.async_eval(x)
    want = np.arange(1000, dtype=np.float32)
    for _ in range(20):
        want = np.sin(want) + np.float32(0.5)
    np.testing.assert_allclose(np.array(x), want, rtol=1e-4, atol=1e-5)
    mx.async_eval({"a": x + 1, "b": [x, (x * 2, 3, None)]})
    mx.synchronize()


def test_eval_takes_trees(mx):
    d = {"a": mx.ones(2) + 1, "b": [mx.zeros(1), "text", 3, None, (mx.arange(3),)]}
    mx.eval(d, mx.array(1))
    assert d["a"].tolist() == [2, 2]
    mx.eval()


def test_async_eval_inside_transforms_is_an_error(mx):
    def f(x):
        mx.async_eval(x * 2)
        return x.sum()

    with pytest.raises(ValueError):
        mx.vmap(f)(mx.ones((2, 2)))


def test_new_stream_belongs_to_its_thread(mx):
    s = mx.new_stream(mx.cpu)
    caught = []

    def work():
        try:
            mx.eval(mx.add(mx.array(1), 1, stream=s))
        except RuntimeError as e:
            caught.append(str(e))

    t = threading.Thread(target=work)
    t.start()
    t.join()
    assert caught and caught[0]


@pytest.mark.parametrize("make", ["new_thread_local_stream", "new_thread_unsafe_stream"])
def test_streams_for_several_threads(mx, make):
    s = getattr(mx, make)(mx.cpu)
    out = []

    def work():
        with mx.stream(s):
            out.append((mx.arange(5) + 1).tolist())

    for _ in range(2):
        t = threading.Thread(target=work)
        t.start()
        t.join()
    with mx.stream(s):
        out.append((mx.arange(5) + 1).tolist())
    assert out == [[1, 2, 3, 4, 5]] * 3


def test_clear_streams(mx):
    def work():
        with mx.stream(mx.new_stream(mx.cpu)):
            mx.eval(mx.arange(5) + 1)
            done.append((mx.arange(3) + 1).tolist())
        mx.clear_streams()

    done = []
    t = threading.Thread(target=work)
    t.start()
    t.join()
    assert done == [[1, 2, 3]]


def test_deep_graph(mx):
    """Graphs of a hundred thousand ops need no deep recursion, neither to run nor to be freed."""
    x = mx.array(0)
    for _ in range(100_000):
        x = x + 1
    y = x * 1
    del y
    assert x.item() == 100_000
    z = mx.array(0.0)
    for _ in range(50_000):
        z = z + 1
    del z


def test_wrong_stream_argument(mx):
    with pytest.raises(TypeError):
        mx.add(mx.array(1), 1, stream="cpu")
