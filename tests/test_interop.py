"""Arrays in and out: NumPy, the buffer protocol, DLPack, Python scalars and lists, pickling and printing."""

import copy
import operator
import pickle

import numpy as np
import pytest

TYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "complex64",
)


def sample(t):
    a = np.arange(24).reshape(2, 3, 4)
    return (a % 2).astype(t) if t == "bool" else (a + 1j * a).astype(t) if t == "complex64" else a.astype(t)


@pytest.mark.parametrize("t", TYPES)
def test_numpy_round_trip(mx, t):
    a = sample(t)
    x = mx.array(a)
    b = np.array(x)
    assert b.dtype == a.dtype and np.array_equal(a, b)
    for view in (x.T, x[1:, ::2], x[:, ::-1], mx.broadcast_to(x[:, :1], (2, 3, 4))):
        assert np.array_equal(np.array(view), np.array(view.tolist(), dtype=a.dtype).reshape(view.shape))


def test_numpy_input_layouts(mx):
    a = np.arange(24, dtype=np.float32).reshape(4, 6)
    for b in (
        a.T,
        np.asfortranarray(a),
        a[::2, 1:],
        a[:, ::3],
        np.broadcast_to(a[0], (3, 6)),
        a[:0],
        np.float32(3),
        a.reshape(2, 2, 6),
    ):
        assert np.array_equal(np.array(mx.array(b)), b)
    assert mx.array(np.array([1.5, 2.5])).dtype == mx.float32
    assert mx.array(np.array([1.5]), dtype=mx.float16).dtype == mx.float16
    big = np.array([1, 2], dtype=">i4")
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        assert mx.array(big).tolist() == [1, 2]
        raise ValueError("byte order was handled")


def test_array_copies_its_input(mx):
    a = np.zeros(4, np.float32)
    x = mx.array(a)
    a[0] = 7
    assert x.tolist() == [0, 0, 0, 0]


def test_asarray(mx):
    x = mx.array([1.0, 2.0])
    assert mx.asarray(x).tolist() == [1, 2]
    assert mx.asarray([1, 2], dtype=mx.int8).dtype == mx.int8
    assert mx.asarray(np.arange(3)).tolist() == [0, 1, 2]
    assert mx.asarray(3).shape == ()


def test_buffer_protocol(mx):
    for t in TYPES:
        a = sample(t)
        view = memoryview(mx.array(a))
        assert view.shape == a.shape and view.itemsize == a.itemsize
        assert np.array_equal(np.asarray(view), a)
    x = mx.array(np.arange(6, dtype=np.int32).reshape(2, 3))
    assert memoryview(x.T).strides == (4, 12)
    assert bytes(memoryview(mx.array([1, 2], mx.uint8))) == b"\x01\x02"
    assert bytes(mx.array([1, 2], mx.uint8)) == b"\x01\x02"
    assert memoryview(mx.zeros(2, mx.bfloat16)).nbytes == 4


def test_views_keep_memory_alive(mx):
    a = np.array(mx.arange(1000), copy=False)
    b = memoryview(mx.arange(1000) + 1)
    for _ in range(20):
        mx.eval(mx.zeros(1000, mx.int32))
    assert a.sum() == 499500 and np.asarray(b).sum() == 500500


@pytest.mark.parametrize("t", ["float32", "int8", "uint64", "float16", "bool"])
def test_dlpack(mx, t):
    a = sample(t)
    x = mx.array(a)
    assert np.array_equal(np.from_dlpack(x), a)
    assert np.array_equal(np.array(mx.from_dlpack(a)), a)
    assert np.array_equal(np.array(mx.from_dlpack(a[:, ::2])), a[:, ::2])
    assert np.array_equal(np.from_dlpack(x.T), a.T)
    assert x.__dlpack_device__()[0] in (1, 8)
    capsule = x.__dlpack__()
    assert "dltensor" in repr(capsule)
    del x
    assert capsule is not None


def test_torch_if_present(mx):
    torch = pytest.importorskip("torch")
    x = mx.arange(6).reshape(2, 3)
    assert torch.from_dlpack(x).tolist() == x.tolist()


def test_scalars(mx):
    assert mx.array(3).item() == 3 and isinstance(mx.array(3).item(), int)
    assert (
        isinstance(mx.array(True).item(), bool)
        and isinstance(mx.array(2.5).item(), float)
        and isinstance(mx.array(1j).item(), complex)
    )
    assert (
        float(mx.array(2.5)) == 2.5
        and int(mx.array(7)) == 7
        and bool(mx.array(0)) is False
        and complex(mx.array(1 + 2j)) == 1 + 2j
    )
    assert operator.index(mx.array(5)) == 5 and list(range(10))[mx.array(2)] == 2
    assert f"{mx.array(1.5):.3f}" == "1.500" and format(mx.array(3), "04d") == "0003"
    assert mx.array(np.uint64(2**63)).item() == 2**63 and mx.array(-(2**63), mx.int64).item() == -(2**63)
    assert mx.array([[1], [2]]).tolist() == [[1], [2]] and mx.array(1.5).tolist() == 1.5
    assert mx.array(1.5, mx.bfloat16).item() == 1.5 and mx.array([1.5], mx.float16).tolist() == [1.5]


def test_lists(mx):
    assert mx.array([]).shape == (0,)
    assert mx.array([[], []]).shape == (2, 0)
    assert mx.array(((1, 2), (3, 4))).tolist() == [[1, 2], [3, 4]]
    assert mx.array([mx.array([1, 2]), mx.array([3, 4])]).tolist() == [[1, 2], [3, 4]]
    assert mx.array([mx.array(1), 2]).tolist() == [1, 2]
    assert mx.array([True, 2, 3.5]).tolist() == [1, 2, 3.5]
    assert mx.array((1, 2)).dtype == mx.int32


def test_iteration_and_length(mx):
    x = mx.arange(6).reshape(3, 2)
    assert len(x) == 3 and [r.tolist() for r in iter(x)] == [[0, 1], [2, 3], [4, 5]]
    _a, _b, c = x
    assert c.tolist() == [4, 5]


def test_attributes(mx):
    x = mx.zeros((2, 3, 4), mx.int16)
    assert (
        x.shape == (2, 3, 4)
        and x.ndim == 3
        and x.size == 24
        and x.itemsize == 2
        and x.nbytes == 48
        and x.dtype == mx.int16
    )
    assert x.T.shape == (4, 3, 2) and x.mT.shape == (2, 4, 3)
    assert x.at[0].add(1)[0].tolist() == mx.ones((3, 4)).tolist()
    namespace = x.__array_namespace__()
    assert namespace.add is mx.add
    assert mx.__array_namespace_info__() is not None


def test_pickle_and_copy(mx):
    for t in TYPES:
        x = mx.array(sample(t))
        y = pickle.loads(pickle.dumps(x))
        assert y.dtype == x.dtype and mx.array_equal(x, y).item()
    z = mx.array([1.5, -2.0], mx.bfloat16)
    assert pickle.loads(pickle.dumps(z)).tolist() == [1.5, -2.0]
    assert copy.deepcopy(z).tolist() == z.tolist() and copy.copy(z).dtype == mx.bfloat16
    y = copy.copy(z)
    y[0] = 9
    assert z.tolist() == [1.5, -2.0]


def test_printing(mx):
    assert repr(mx.array([1.5, 2.0])) == "array([1.5, 2], dtype=float32)"
    assert repr(mx.array(True)) == "array(True, dtype=bool)"
    assert str(mx.array([[1, 2], [3, 4]])) == "array([[1, 2],\n       [3, 4]], dtype=int32)"
    assert repr(mx.arange(7)) == "array([0, 1, 2, ..., 4, 5, 6], dtype=int32)"
    assert repr(mx.array([1 + 2j, -1j])) == "array([1+2j, -0-1j], dtype=complex64)"
    assert "inf" in repr(mx.array(float("inf"))) and "nan" in repr(mx.array(float("nan")))
    assert repr(mx.zeros((0, 3))) == "array([], shape=(0, 3), dtype=float32)" or "[]" in repr(
        mx.zeros((0, 3))
    )
    with mx.printoptions(precision=3):
        assert repr(mx.array(1.23456)) == "array(1.235, dtype=float32)"
    assert mx.get_printoptions().precision == -1
    mx.set_printoptions(precision=2)
    try:
        assert mx.get_printoptions().precision == 2
    finally:
        mx.set_printoptions(precision=-1)


def test_numpy_operands(mx):
    x = mx.array([1, 2], mx.int32)
    y = x + np.array([1.5, 2.5])
    assert y.dtype == mx.int32 and y.tolist() == [2, 4]
    assert isinstance(x + np.float32(2), mx.array)
    assert np.allclose(np.sin(np.array(mx.array([0.5]))), np.sin(np.float32(0.5)))


def test_hash_and_truth(mx):
    x, y = mx.array([1]), mx.array([1])
    assert hash(x) != hash(y) and x in {x: 1}
    with pytest.raises(ValueError):
        bool(mx.array([1, 2]))


def test_seed_makes_a_sequence(mx):
    mx.random.seed(11)
    a = [mx.random.uniform(shape=(3,)) for _ in range(2)]
    mx.random.seed(11)
    b = [mx.random.uniform(shape=(3,)) for _ in range(2)]
    assert all(mx.array_equal(x, y).item() for x, y in zip(a, b, strict=True))
    assert not mx.array_equal(a[0], a[1]).item()
