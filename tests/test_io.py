"""What a file format means: GGUF's block formats against their published layouts, the kinds of .npy, saving over a file
that is being read, lazy reading."""

import os
import struct

import numpy as np
import pytest

RNG = np.random.default_rng(5)
IQ4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
FP4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6]


def half(block, at):
    return float(np.frombuffer(bytes(block[at : at + 2]), "<f2")[0])


def signed(byte):
    return byte - 256 if byte > 127 else byte


def k_scales(block, group):
    """Scale and minimum of a group of Q4_K and Q5_K: 6 bits each, in the 12 bytes from byte 4 on."""
    s = block[4:16]
    if group < 4:
        return s[group] & 63, s[group + 4] & 63
    return (s[group + 4] & 15) | (s[group - 4] >> 6) << 4, (s[group + 4] >> 4) | (s[group] >> 6) << 4


# Element i of a block, written one element at a time (the code under test works on whole arrays).
def q5_0(b, i):
    nibble = b[6 + i % 16] >> (4 * (i // 16)) & 15
    return half(b, 0) * ((nibble | (b[2 + i // 8] >> i % 8 & 1) << 4) - 16)


def q5_1(b, i):
    nibble = b[8 + i % 16] >> (4 * (i // 16)) & 15
    return half(b, 0) * (nibble | (b[4 + i // 8] >> i % 8 & 1) << 4) + half(b, 2)


def q2_k(b, i):
    scale = b[i // 16]
    q = b[16 + i // 128 * 32 + i % 32] >> (2 * (i % 128 // 32)) & 3
    return half(b, 80) * (scale & 15) * q - half(b, 82) * (scale >> 4)


def q3_k(b, i):
    group = i // 16
    low = b[96 + group % 8] >> (4 * (group // 8)) & 15
    scale = (low | (b[104 + group % 4] >> (2 * (group // 4)) & 3) << 4) - 32
    q = b[32 + i // 128 * 32 + i % 32] >> (2 * (i % 128 // 32)) & 3
    return half(b, 108) * scale * (q - (0 if b[i % 32] >> (i // 32) & 1 else 4))


def q4_k(b, i):
    scale, minimum = k_scales(b, i // 32)
    q = b[16 + i // 64 * 32 + i % 32] >> (4 * (i // 32 % 2)) & 15
    return half(b, 0) * scale * q - half(b, 2) * minimum


def q5_k(b, i):
    scale, minimum = k_scales(b, i // 32)
    q = b[48 + i // 64 * 32 + i % 32] >> (4 * (i // 32 % 2)) & 15 | (b[16 + i % 32] >> (i // 32) & 1) << 4
    return half(b, 0) * scale * q - half(b, 2) * minimum


def q6_k(b, i):
    part, quarter, at = i // 128, i % 128 // 32, i % 32
    low = b[part * 64 + quarter % 2 * 32 + at] >> (4 * (quarter // 2)) & 15
    high = b[128 + part * 32 + at] >> (2 * quarter) & 3
    return half(b, 208) * signed(b[192 + i // 16]) * ((low | high << 4) - 32)


def q8_k(b, i):
    return struct.unpack("<f", bytes(b[:4]))[0] * signed(b[4 + i])


def iq4_nl(b, i):
    return half(b, 0) * IQ4[b[2 + i % 16] >> (4 * (i // 16)) & 15]


def iq4_xs(b, i):
    group = i // 32
    low = b[4 + group // 2] >> (4 * (group % 2)) & 15
    scale = (low | ((b[2] | b[3] << 8) >> (2 * group) & 3) << 4) - 32
    return half(b, 0) * scale * IQ4[b[8 + group * 16 + i % 16] >> (4 * (i % 32 // 16)) & 15]


def mxfp4(b, i):
    return 2.0 ** (b[0] - 127) * FP4[b[1 + i % 16] >> (4 * (i // 16)) & 15]


# type number, elements, bytes, where its half-precision numbers are, meaning
BLOCKS = {
    "Q5_0": (6, 32, 22, (0,), q5_0),
    "Q5_1": (7, 32, 24, (0, 2), q5_1),
    "Q2_K": (10, 256, 84, (80, 82), q2_k),
    "Q3_K": (11, 256, 110, (108,), q3_k),
    "Q4_K": (12, 256, 144, (0, 2), q4_k),
    "Q5_K": (13, 256, 176, (0, 2), q5_k),
    "Q6_K": (14, 256, 210, (208,), q6_k),
    "Q8_K": (15, 256, 292, (), q8_k),
    "IQ4_NL": (20, 32, 18, (0,), iq4_nl),
    "IQ4_XS": (23, 256, 136, (0,), iq4_xs),
    "MXFP4": (39, 32, 17, (), mxfp4),
}


def write_gguf(path, kind, shape, data):
    name = b"t.weight"
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", len(name)) + name
    head += struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, 0)
    path.write_bytes(head + bytes(-len(head) % 32) + data)


@pytest.mark.parametrize("name", BLOCKS)
def test_gguf_blocks(mx, tmp_path, name):
    kind, elements, size, halves, value = BLOCKS[name]
    blocks = RNG.integers(0, 256, (6, size), dtype=np.uint8)
    for at in halves:
        blocks[:, at : at + 2] = RNG.uniform(-0.01, 0.01, (6, 1)).astype("<f2").view(np.uint8)
    if name == "Q8_K":
        blocks[:, :4] = RNG.uniform(-0.01, 0.01, (6, 1)).astype("<f4").view(np.uint8)
    if name == "MXFP4":
        blocks[:, 0] = RNG.integers(120, 134, 6)
    write_gguf(tmp_path / "t.gguf", kind, [3, 2 * elements], blocks.tobytes())
    got = mx.load(str(tmp_path / "t.gguf"))["t.weight"]
    assert got.dtype == mx.float16 and got.shape == (3, 2 * elements)
    want = np.array([[value([int(x) for x in b], i) for i in range(elements)] for b in blocks])
    np.testing.assert_allclose(np.array(got).astype(np.float64).reshape(6, -1), want, rtol=2e-3, atol=1e-6)


def test_gguf_unknown_type_is_an_error(mx, tmp_path):
    write_gguf(tmp_path / "t.gguf", 16, [256], bytes(66))
    with pytest.raises(RuntimeError, match="type 16"):
        mx.load(str(tmp_path / "t.gguf"))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int8", "int16", "int32"])
def test_gguf_dtypes(mx, tmp_path, dtype):
    a = mx.arange(24).reshape(2, 3, 4).astype(getattr(mx, dtype))
    mx.save_gguf(str(tmp_path / "a"), {"a": a, "t": a.T})
    got = mx.load(str(tmp_path / "a.gguf"))
    assert got["a"].dtype == a.dtype and mx.array_equal(got["a"], a) and mx.array_equal(got["t"], a.T)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [">i4", "<i4", ">f8", ">c8", "|b1"])
def test_npy_kinds(mx, tmp_path, version, order, dtype):
    a = np.asarray(np.arange(24).reshape(2, 3, 4) % 5, dtype=dtype, order=order)
    with open(tmp_path / "a.npy", "wb") as f:
        np.lib.format.write_array(f, a, version=version)
    got = mx.load(str(tmp_path / "a.npy"), stream=mx.cpu)
    assert got.shape == a.shape and np.array_equal(np.array(got), a)


def test_save_over_the_file_that_is_read(mx, tmp_path):
    """Large arrays are views of the mapped file; saving to the same path must not pull it away from under them."""
    path = str(tmp_path / "w.safetensors")
    mx.save_safetensors(path, {"a": mx.arange(1 << 20), "b": mx.ones((1 << 19,))})
    for step in range(3):
        w = mx.load(path)
        mx.save_safetensors(path, {k: v + 1 for k, v in w.items()} if step else w)
    w = mx.load(path)
    assert w["a"][:3].tolist() == [2, 3, 4] and w["b"][-1].item() == 3


def test_mapped_arrays_do_not_write_to_the_file(mx, tmp_path):
    path = str(tmp_path / "w.npy")
    mx.save(path, mx.zeros((1 << 20,)))
    a = mx.load(path)
    mx.eval(a)
    np.array(a, copy=False)[:] = 7
    b = a + 1
    del a
    assert b[0].item() == 8 and mx.load(path)[:2].tolist() == [0, 0]


def test_failed_save_leaves_no_trace(mx, tmp_path):
    mx.save(str(tmp_path / "a.npy"), mx.zeros(3))
    with pytest.raises(TypeError):
        mx.savez(str(tmp_path / "a.npz"), mx.zeros(2), b="no array")
    assert os.listdir(tmp_path) == ["a.npy"]


def test_save_keeps_permissions_and_links(mx, tmp_path):
    target, link = tmp_path / "real.npy", tmp_path / "link.npy"
    mx.save(str(target), mx.zeros(3))
    target.chmod(0o640)
    link.symlink_to(target)
    mx.save(str(link), mx.ones(3))
    assert link.is_symlink() and mx.load(str(target)).tolist() == [1, 1, 1]
    assert target.stat().st_mode & 0o777 == 0o640


def test_booleans_are_0_or_1(mx, tmp_path):
    """Whatever the bytes of a file say."""
    header = b'{"a":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}}'
    (tmp_path / "b.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes([0, 1, 2, 255]))
    with open(tmp_path / "b.safetensors", "rb") as f:
        both = [mx.load(str(tmp_path / "b.safetensors"))["a"], mx.load(f)["a"]]
    for a in both:
        assert a.astype(mx.int32).tolist() == [0, 1, 1, 1] and a.sum().item() == 3


def test_unknown_formats_and_metadata(mx, tmp_path):
    mx.save(str(tmp_path / "a.npy"), mx.zeros(3))
    with pytest.raises(ValueError, match="metadata"):
        mx.load(str(tmp_path / "a.npy"), return_metadata=True)
    for name, format in (("a.foo", None), ("a", None), ("a.npy", "foo")):
        with pytest.raises(ValueError, match="format"):
            mx.load(str(tmp_path / name), format=format)
    with pytest.raises(RuntimeError, match=r"missing\.npy"):
        mx.load(str(tmp_path / "missing.npy"))
