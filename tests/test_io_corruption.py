"""Files: round trips of every format, then the same files damaged byte by byte and cut at every length.

A damaged file must give a clear error or valid arrays of sane size, never a crash or a huge allocation.
"""

import io
import json
import struct
import zipfile
import zlib

import numpy as np
import pytest

ERRORS = (
    RuntimeError,
    ValueError,
    OSError,
    KeyError,
    IndexError,
    MemoryError,
    TypeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)
DTYPES = (
    "bool_",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "complex64",
)


def arrays(mx):
    return {
        d: (mx.arange(6).reshape(2, 3) - (0 if d.startswith(("u", "b")) else 2)).astype(getattr(mx, d))
        for d in DTYPES
    }


def small(mx):
    return {"w": mx.arange(12).reshape(3, 4).astype(mx.float32), "s.bias": mx.array([1, -2], mx.int8)}


def write(mx, kind, path, tensors):
    if kind == "safetensors":
        mx.save_safetensors(str(path), tensors, metadata={"format": "test"})
    elif kind == "npz":
        mx.savez(str(path), **tensors)
    elif kind == "npz-compressed":
        mx.savez_compressed(str(path), **tensors)
    elif kind == "gguf":
        mx.save_gguf(str(path), tensors, {"name": "x", "list": ["a", "b"], "n": mx.array(3, mx.int32)})
    else:
        mx.save(str(path), tensors["w"])


SUFFIX = {"npz-compressed": "npz"}
KINDS = ("safetensors", "npy", "npz", "npz-compressed", "gguf")


def path_of(tmp_path, kind):
    return tmp_path / f"f.{SUFFIX.get(kind, kind)}"


def read_all(mx, path):
    out = mx.load(str(path))
    out = out if isinstance(out, dict) else {"w": out}
    for v in out.values():
        assert v.nbytes < 1 << 28, "a damaged header asks for a huge array"
    mx.eval(out)
    return {
        k: np.array(v.astype(mx.float32)) if v.dtype == mx.bfloat16 else np.array(v) for k, v in out.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(mx, tmp_path, kind):
    path, tensors = path_of(tmp_path, kind), small(mx)
    write(mx, kind, path, tensors)
    got = read_all(mx, path)
    for k, v in got.items():
        assert np.array_equal(v, np.array(tensors[k])), k
    assert len(got) == (1 if kind == "npy" else 2)


def test_safetensors_dtypes_and_metadata(mx, tmp_path):
    path, tensors = tmp_path / "a.safetensors", arrays(mx)
    mx.save_safetensors(str(tmp_path / "a"), tensors, metadata={"k": "v"})
    got, meta = mx.load(str(path), return_metadata=True)
    assert meta == {"k": "v"}
    for k, v in tensors.items():
        assert got[k].dtype == v.dtype and mx.array_equal(got[k], v).item()
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])
    assert (
        header["float32"]["dtype"] == "F32"
        and header["bfloat16"]["dtype"] == "BF16"
        and header["bool_"]["shape"] == [2, 3]
    )


def test_safetensors_float8_loads_as_bytes(mx, tmp_path):
    header = json.dumps({"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "f8.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes([0, 1, 2, 127]))
    a = mx.load(str(path))["a"]
    assert a.dtype == mx.uint8 and a.tolist() == [0, 1, 2, 127]


def test_numpy_reads_ours_and_we_read_numpys(mx, tmp_path):
    for d in ("float32", "int8", "uint64", "float16", "bool", "complex64", "int64"):
        a = np.arange(6).reshape(2, 3).astype(d)
        np.save(tmp_path / "theirs.npy", a)
        assert np.array_equal(np.array(mx.load(str(tmp_path / "theirs.npy"))), a)
        mx.save(str(tmp_path / "ours.npy"), mx.array(a))
        assert np.array_equal(np.load(tmp_path / "ours.npy"), a)
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.save(tmp_path / "f.npy", np.asfortranarray(a))
    assert np.array_equal(np.array(mx.load(str(tmp_path / "f.npy"))), a)
    mx.savez(str(tmp_path / "o.npz"), mx.array(a), x=mx.array(a).T)
    with np.load(tmp_path / "o.npz") as z:
        assert np.array_equal(z["arr_0"], a) and np.array_equal(z["x"], a.T)
    np.savez_compressed(tmp_path / "t.npz", a=a)
    assert np.array_equal(np.array(mx.load(str(tmp_path / "t.npz"))["a"]), a)


def test_file_objects_and_extensions(mx, tmp_path):
    x = mx.arange(5)
    with open(tmp_path / "o.npy", "wb") as f:
        mx.save(f, x)
    with open(tmp_path / "o.npy", "rb") as f:
        assert mx.load(f, format="npy").tolist() == x.tolist()
    mx.save(str(tmp_path / "bare"), x)
    assert mx.load(tmp_path / "bare.npy").tolist() == x.tolist()
    with open(tmp_path / "o.safetensors", "wb") as f:
        mx.save_safetensors(f, {"x": x})
    with open(tmp_path / "o.safetensors", "rb") as f:
        assert mx.load(f, format="safetensors")["x"].tolist() == x.tolist()
    buffer = io.BytesIO()
    mx.save_safetensors(buffer, {"x": x})
    buffer.seek(0)
    assert mx.load(buffer, format="safetensors")["x"].tolist() == x.tolist()


def test_gguf_metadata(mx, tmp_path):
    path = tmp_path / "m.gguf"
    mx.save_gguf(str(path), small(mx), {"name": "x", "list": ["a", "b"], "n": mx.array(3, mx.int32)})
    _, meta = mx.load(str(path), return_metadata=True)
    assert meta["name"] == "x" and meta["list"] == ["a", "b"] and meta["n"].item() == 3


def test_views_are_saved_as_seen(mx, tmp_path):
    x = mx.arange(24).reshape(4, 6)
    for i, v in enumerate((x.T, x[1:, ::2], x[::-1], mx.broadcast_to(x[:1], (3, 6)))):
        mx.save_safetensors(str(tmp_path / f"v{i}.safetensors"), {"v": v})
        assert mx.load(str(tmp_path / f"v{i}.safetensors"))["v"].tolist() == v.tolist()


def test_loading_is_lazy(mx, tmp_path):
    """A slice of a loaded array can be used and the file replaced afterwards without touching evaluated
    arrays."""
    path = tmp_path / "l.safetensors"
    mx.save_safetensors(str(path), small(mx))
    w = mx.load(str(path))["w"]
    assert w[1].tolist() == [4, 5, 6, 7]
    mx.eval(w)
    mx.save_safetensors(str(path), {"w": mx.zeros((3, 4))})
    assert w[2].tolist() == [8, 9, 10, 11]


@pytest.mark.parametrize("kind", KINDS)
def test_truncated(mx, tmp_path, kind):
    path = path_of(tmp_path, kind)
    write(mx, kind, path, small(mx))
    whole = path.read_bytes()
    want = read_all(mx, path)
    silent = []
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        try:
            got = read_all(mx, path)
        except ERRORS as e:
            assert str(e), "an error without a message"
            continue
        if not all(k in want and np.array_equal(v, want[k]) for k, v in got.items()):
            silent.append(n)
    assert not silent, f"files of {len(whole)} bytes cut to these lengths loaded wrong values: {silent[:20]}"


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes(mx, tmp_path, kind):
    """Each byte in turn is inverted, zeroed and set: an error or some arrays, never a crash."""
    path = path_of(tmp_path, kind)
    write(mx, kind, path, small(mx))
    whole = bytearray(path.read_bytes())
    for i in range(len(whole)):
        for value in {whole[i] ^ 0xFF, 0, 0x7F} - {whole[i]}:
            bad = bytearray(whole)
            bad[i] = value
            path.write_bytes(bad)
            try:
                read_all(mx, path)
            except ERRORS as e:
                assert str(e)


BAD_HEADERS = {
    "not json": b"{",
    "no offsets": json.dumps({"a": {"dtype": "F32", "shape": [1]}}).encode(),
    "backwards": json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}).encode(),
    "beyond": json.dumps({"a": {"dtype": "F32", "shape": [1000], "data_offsets": [0, 4000]}}).encode(),
    "size mismatch": json.dumps({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}).encode(),
    "negative shape": json.dumps({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}).encode(),
    "overflow": json.dumps({"a": {"dtype": "F32", "shape": [2**62, 16], "data_offsets": [0, 8]}}).encode(),
    "dtype": json.dumps({"a": {"dtype": "F33", "shape": [2], "data_offsets": [0, 8]}}).encode(),
    "a list": b"[1, 2]",
    "deep": b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_bad_safetensors_header(mx, tmp_path, name):
    path = tmp_path / "h.safetensors"
    path.write_bytes(struct.pack("<Q", len(BAD_HEADERS[name])) + BAD_HEADERS[name] + b"\0" * 8)
    with pytest.raises(ERRORS):
        mx.eval(mx.load(str(path)))


@pytest.mark.parametrize("size", [2**63, 2**64 - 1, 100, 2**40])
def test_bad_safetensors_header_size(mx, tmp_path, size):
    path = tmp_path / "h.safetensors"
    path.write_bytes(struct.pack("<Q", size) + b"{}")
    with pytest.raises(ERRORS):
        mx.load(str(path))


def test_interrupted_save_leaves_the_old_file(mx, tmp_path):
    """Saving writes beside the target and renames: an error while saving keeps what was there."""
    path = tmp_path / "k.safetensors"
    mx.save_safetensors(str(path), {"a": mx.ones(3)})
    with pytest.raises(Exception):  # noqa: B017
        mx.save_safetensors(str(path), {"a": "not an array"})
    assert mx.load(str(path))["a"].tolist() == [1, 1, 1]
