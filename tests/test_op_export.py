"""Export round trip: every row is written to a file, read back and must compute the same."""

import numpy as np
import pytest
from case import FLOATS, INTS, assert_close, draw_inputs, leaves, mx_inputs, to_np
from op_table import CASES
from running import pick_device

EXPORTED = [pytest.param(c, id=c.id) for c in CASES if c.export and c.compile and c.args]


@pytest.mark.parametrize("c", EXPORTED)
def test_round_trip(mx, c, tmp_path):
    dtype = next((d for d in FLOATS + INTS + ("complex64", "bool") if d in c.dtypes), c.dtypes[0])
    path = str(tmp_path / "f.mlxfn")
    with pick_device(mx, c):
        inputs = mx_inputs(mx, c, dtype, draw_inputs(c, dtype))

        def f(*a):
            return tuple(x for x in leaves(c.call(mx, *a)) if isinstance(x, mx.array))

        want = f(*inputs)
        mx.export_function(path, f, *inputs)
        got = mx.import_function(path)(*inputs)
        mx.eval(want, got)
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            assert g.dtype == w.dtype
            assert_close(to_np(mx, g), to_np(mx, w), 0.0, False, f"imported {c.id}")


def test_shapeless(mx, tmp_path):
    path = str(tmp_path / "f.mlxfn")
    mx.export_function(path, lambda x: mx.softmax(x * 2, -1).sum(0), mx.ones((2, 3)), shapeless=True)
    f = mx.import_function(path)
    for shape in ((2, 3), (5, 4)):
        x = mx.random.normal(shape)
        np.testing.assert_allclose(np.array(f(x)[0]), np.array(mx.softmax(x * 2, -1).sum(0)), rtol=1e-6)


def test_wrong_input_is_an_error(mx, tmp_path):
    path = str(tmp_path / "f.mlxfn")
    mx.export_function(path, lambda x: x + 1, mx.ones((2, 3)))
    f = mx.import_function(path)
    with pytest.raises(ValueError):
        f(mx.ones((2, 4)))
    with pytest.raises(ValueError):
        f(mx.ones((2, 3), mx.int32))


def test_several_traces_and_keywords(mx, tmp_path):
    path = str(tmp_path / "f.mlxfn")

    def f(x, y=None):
        return x + 1 if y is None else x * y

    with mx.exporter(path, f) as export:
        export(mx.ones(3))
        export(mx.ones((2, 2)))
        export(mx.ones(3), y=mx.ones(3))
    g = mx.import_function(path)
    assert g(mx.zeros(3))[0].tolist() == [1, 1, 1]
    assert g(mx.zeros((2, 2)))[0].shape == (2, 2)
    assert g(mx.full((3,), 3.0), y=mx.full((3,), 2.0))[0].tolist() == [6, 6, 6]


def test_metadata(mx, tmp_path):
    path = str(tmp_path / "f.mlxfn")
    mx.export_function(path, lambda x: x, mx.ones(1), metadata="made by a test")
    _, text = mx.import_function(path, return_metadata=True)
    assert text == "made by a test"


def test_truncated_file_is_an_error(mx, tmp_path):
    path = tmp_path / "f.mlxfn"
    mx.export_function(str(path), lambda x: mx.exp(x) + mx.arange(4), mx.ones(4))
    whole = path.read_bytes()
    for n in range(0, len(whole) - 1, max(1, len(whole) // 60)):
        path.write_bytes(whole[:n])
        with pytest.raises((RuntimeError, ValueError)):
            mx.import_function(str(path))


def test_export_to_dot(mx, tmp_path):
    x = mx.array(1.0)
    path = tmp_path / "graph.dot"
    mx.export_to_dot(str(path), mx.exp(x) + x)
    text = path.read_text()
    assert text.startswith("digraph") and "Exp" in text
