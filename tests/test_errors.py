"""User errors: the right exception type, and a message that names the op and what was wrong."""

import pytest

# (name, call, exception types, words the message must contain)
A = "mx.ones((2, 3, 4))"
KERNEL = "(name='k', input_names=['a'], output_names=['o'], source='')"
LAUNCH = "output_shapes=[(1,)], output_dtypes=[mx.float32], grid=(1, 1, 1), threadgroup=(1, 1, 1))"
ROPE = "traditional=False, base=1e4, scale=1.0, offset=0"
SDPA = "mx.fast.scaled_dot_product_attention"
CASES = [
    ("softmax axis", f"mx.softmax({A}, axis=3)", (ValueError, IndexError), ["axis", "3"]),
    ("sum axis", f"mx.sum({A}, axis=-4)", (ValueError, IndexError), ["-4"]),
    ("sum axis twice", f"mx.sum({A}, axis=(0, 0))", ValueError, []),
    ("max of empty", "mx.max(mx.zeros((0,)))", ValueError, ["max"]),
    ("argmax of empty", "mx.argmax(mx.zeros((0,)))", ValueError, []),
    ("add shapes", "mx.ones((2, 3)) + mx.ones((4,))", ValueError, ["(2,3)|(2, 3)", "(4)|(4,)"]),
    ("matmul inner", "mx.ones((2, 3)) @ mx.ones((2, 3))", ValueError, ["matmul"]),
    ("matmul integers", "mx.ones((2, 2), mx.int32) @ mx.ones((2, 2), mx.int32)", ValueError, ["matmul"]),
    ("matmul scalar", "mx.matmul(mx.array(1.0), mx.ones((2, 2)))", ValueError, ["matmul"]),
    ("addmm", "mx.addmm(mx.ones((3, 3)), mx.ones((2, 3)), mx.ones((3, 4)))", ValueError, []),
    ("reshape size", f"mx.reshape({A}, (5, 5))", ValueError, ["reshape"]),
    ("reshape two unknown", f"mx.reshape({A}, (-1, -1))", ValueError, ["reshape"]),
    ("squeeze", f"mx.squeeze({A}, 0)", ValueError, ["squeeze"]),
    ("transpose axes", f"mx.transpose({A}, (0, 1))", ValueError, ["transpose"]),
    ("transpose twice", f"mx.transpose({A}, (0, 0, 1))", ValueError, ["transpose"]),
    ("moveaxis", f"mx.moveaxis({A}, 5, 0)", (ValueError, IndexError), ["5"]),
    ("swapaxes", f"mx.swapaxes({A}, 0, 7)", (ValueError, IndexError), ["7"]),
    ("expand_dims twice", f"mx.expand_dims({A}, (0, 0))", ValueError, []),
    ("flatten", f"mx.flatten({A}, 2, 1)", ValueError, ["flatten"]),
    ("unflatten", f"mx.unflatten({A}, 0, (3, 3))", ValueError, ["unflatten"]),
    ("broadcast_to", "mx.broadcast_to(mx.ones((2, 3)), (2, 4))", ValueError, ["broadcast"]),
    ("concatenate shapes", "mx.concatenate([mx.ones((2, 3)), mx.ones((2, 4))])", ValueError, ["concatenate"]),
    ("concatenate nothing", "mx.concatenate([])", ValueError, ["concatenate"]),
    ("stack shapes", "mx.stack([mx.ones((2, 3)), mx.ones((2, 4))])", ValueError, ["stack"]),
    ("stack nothing", "mx.stack([])", ValueError, ["stack"]),
    ("split", "mx.split(mx.ones((7,)), 2)", ValueError, ["split"]),
    ("split axis", "mx.split(mx.ones((4,)), 2, 1)", (ValueError, IndexError), []),
    ("pad", f"mx.pad({A}, [(1, 1), (1, 1)])", ValueError, ["pad"]),
    ("pad negative", "mx.pad(mx.ones(3), (-1, 0))", ValueError, ["pad"]),
    ("pad mode", "mx.pad(mx.ones(3), 1, mode='wrong')", (ValueError, TypeError), []),
    ("repeat negative", "mx.repeat(mx.ones(3), -1)", ValueError, ["repeat"]),
    ("roll", "mx.roll(mx.ones((2, 2)), 1, 5)", (ValueError, IndexError), []),
    ("tile", "mx.tile(mx.ones(2), (-1,))", ValueError, []),
    ("diag of 3-D", f"mx.diag({A})", ValueError, ["diag"]),
    ("diagonal axes", "mx.diagonal(mx.ones((2, 2)), 0, 1, 1)", ValueError, ["diagonal"]),
    ("tril of 1-D", "mx.tril(mx.ones(3))", ValueError, ["tril"]),
    ("eye", "mx.eye(-1)", ValueError, []),
    ("arange step", "mx.arange(0, 1, 0)", ValueError, ["arange"]),
    ("arange nan", "mx.arange(0, float('nan'))", ValueError, ["arange"]),
    ("linspace", "mx.linspace(0, 1, -1)", ValueError, ["linspace"]),
    ("zeros negative", "mx.zeros((2, -1))", ValueError, []),
    ("topk", "mx.topk(mx.ones(3), 4)", ValueError, ["topk"]),
    ("partition", "mx.partition(mx.ones(3), 3)", ValueError, ["partition"]),
    ("sort axis", "mx.sort(mx.ones(3), 1)", (ValueError, IndexError), []),
    ("take axis", "mx.take(mx.ones((2, 2)), mx.array([0]), 2)", (ValueError, IndexError), ["take"]),
    ("take float index", "mx.take(mx.ones((2, 2)), mx.array([0.5]), 0)", (ValueError, TypeError), []),
    (
        "take_along_axis",
        "mx.take_along_axis(mx.ones((2, 2)), mx.array([0]), 0)",
        ValueError,
        ["take_along_axis"],
    ),
    (
        "put_along_axis",
        "mx.put_along_axis(mx.ones((2, 2)), mx.array([0]), mx.array([1.0]), 0)",
        ValueError,
        ["put_along_axis"],
    ),
    ("int index", "mx.ones((2, 2))[0, 0, 0]", (ValueError, IndexError), []),
    ("bool get", "mx.ones(3)[mx.array([True, False, True])]", ValueError, ["bool"]),
    ("two ellipses", "mx.ones((2, 2))[..., ...]", (ValueError, IndexError), []),
    ("set shape", "mx.zeros((2, 2)).__setitem__(0, mx.ones(3))", ValueError, []),
    ("set by float", "mx.zeros(3).__setitem__(0.5, 1)", (ValueError, TypeError, IndexError), []),
    ("mask shape", "mx.zeros(3).__setitem__(mx.array([True, False]), 1)", ValueError, []),
    ("iterate scalar", "list(mx.array(1))", (TypeError, IndexError, ValueError), []),
    ("len of scalar", "len(mx.array(1))", TypeError, []),
    ("item of many", "mx.ones(3).item()", ValueError, []),
    ("float of many", "float(mx.ones(3))", ValueError, []),
    ("add text", "mx.ones(3) + 'a'", (ValueError, TypeError), []),
    ("add None", "mx.ones(3) + None", TypeError, []),
    ("bitwise float", "mx.ones(3) & mx.ones(3)", ValueError, []),
    ("shift float", "mx.ones(3) << 1", ValueError, []),
    ("invert float", "~mx.ones(3)", ValueError, []),
    ("in-place integer divide", "mx.array([1, 2]).__itruediv__(2)", (ValueError, TypeError), []),
    ("negate bool", "-mx.array(True)", ValueError, []),
    ("conv channels", "mx.conv1d(mx.ones((1, 5, 3)), mx.ones((4, 3, 2)))", ValueError, ["conv"]),
    ("conv dims", "mx.conv2d(mx.ones((1, 5, 3)), mx.ones((4, 3, 3)))", ValueError, ["conv"]),
    ("conv too small", "mx.conv1d(mx.ones((1, 2, 3)), mx.ones((4, 5, 3)))", ValueError, ["conv"]),
    ("einsum labels", "mx.einsum('ij,jk->ik', mx.ones((2, 3)))", ValueError, ["einsum"]),
    ("einsum sizes", "mx.einsum('ij,jk->ik', mx.ones((2, 3)), mx.ones((4, 5)))", ValueError, ["einsum"]),
    ("tensordot", "mx.tensordot(mx.ones((2, 3)), mx.ones((4, 5)), 1)", ValueError, ["tensordot"]),
    ("quantize width", "mx.quantize(mx.ones((2, 33)))", ValueError, ["quantize"]),
    ("quantize bits", "mx.quantize(mx.ones((2, 64)), bits=7)", ValueError, ["bits"]),
    ("quantize group", "mx.quantize(mx.ones((2, 64)), group_size=48)", ValueError, ["group"]),
    ("quantize mode", "mx.quantize(mx.ones((2, 64)), mode='fp2')", ValueError, ["fp2"]),
    (
        "quantized_matmul",
        "mx.quantized_matmul(mx.ones((2, 100)), *mx.quantize(mx.ones((8, 64))))",
        ValueError,
        ["quantized_matmul"],
    ),
    ("rms_norm weight", "mx.fast.rms_norm(mx.ones((2, 8)), mx.ones(7), 1e-5)", ValueError, ["rms_norm"]),
    ("layer_norm scalar", "mx.fast.layer_norm(mx.array(1.0), None, None, 1e-5)", ValueError, ["layer_norm"]),
    ("rope 2-D", f"mx.fast.rope(mx.ones((2, 8)), 8, {ROPE})", ValueError, ["rope"]),
    (
        "rope base and freqs",
        f"mx.fast.rope(mx.ones((1, 2, 8)), 8, {ROPE}, freqs=mx.ones(4))",
        ValueError,
        ["rope"],
    ),
    (
        "attention rank",
        f"{SDPA}(mx.ones((2, 3, 4)), mx.ones((2, 3, 4)), mx.ones((2, 3, 4)), scale=1.0)",
        ValueError,
        ["scaled_dot_product_attention"],
    ),
    (
        "attention heads",
        f"{SDPA}(mx.ones((1, 3, 2, 4)), mx.ones((1, 2, 2, 4)), mx.ones((1, 2, 2, 4)), scale=1.0)",
        ValueError,
        ["scaled_dot_product_attention"],
    ),
    (
        "attention mask text",
        f"{SDPA}(*[mx.ones((1, 2, 2, 4))] * 3, scale=1.0, mask='diagonal')",
        ValueError,
        ["diagonal"],
    ),
    (
        "metal kernel",
        f"mx.fast.metal_kernel{KERNEL}(inputs=[mx.ones(1)], {LAUNCH}",
        (RuntimeError, ValueError),
        [],
    ),
    (
        "cuda kernel",
        f"mx.fast.cuda_kernel{KERNEL}(inputs=[mx.ones(1)], {LAUNCH}",
        (RuntimeError, ValueError),
        [],
    ),
    (
        "precompiled kernel",
        f"mx.fast.precompiled_cuda_kernel(name='k', compiled_source=b'', inputs=[mx.ones(1)], scalars=[], {LAUNCH}",
        (RuntimeError, ValueError),
        [],
    ),
    ("uniform integer", "mx.random.uniform(dtype=mx.int32)", ValueError, ["uniform"]),
    ("uniform shape", "mx.random.uniform(mx.zeros(3), mx.ones(3), (2,))", ValueError, ["uniform|broadcast"]),
    ("randint float", "mx.random.randint(0, 1, dtype=mx.float32)", ValueError, ["randint"]),
    ("bernoulli integer", "mx.random.bernoulli(mx.array([1, 0]))", ValueError, ["bernoulli"]),
    (
        "categorical axis",
        "mx.random.categorical(mx.ones(3), axis=2)",
        (ValueError, IndexError),
        ["categorical"],
    ),
    (
        "categorical shape",
        "mx.random.categorical(mx.ones((2, 3)), shape=(3,))",
        ValueError,
        ["categorical|broadcast"],
    ),
    ("bad key", "mx.random.uniform(key=mx.array([1]))", (ValueError, TypeError), []),
    ("fft n", "mx.fft.fft(mx.ones(4), n=0)", ValueError, ["fft"]),
    ("fft axis", "mx.fft.fft(mx.ones(4), axis=1)", (ValueError, IndexError), ["fft"]),
    ("fft axes twice", "mx.fft.fft2(mx.ones((4, 4)), axes=(0, 0))", ValueError, ["fft"]),
    ("hadamard size", "mx.hadamard_transform(mx.ones((1, 7)))", ValueError, ["hadamard"]),
    ("inv shape", "mx.linalg.inv(mx.ones((2, 3)))", ValueError, ["inv"]),
    ("cholesky type", "mx.linalg.cholesky(mx.ones((2, 2), mx.int32))", ValueError, ["cholesky"]),
    ("qr rank", "mx.linalg.qr(mx.ones(3))", ValueError, ["qr"]),
    ("norm order", "mx.linalg.norm(mx.ones((2, 2)), 'bad')", ValueError, ["norm"]),
    ("cross", "mx.linalg.cross(mx.ones((4,)), mx.ones((4,)))", ValueError, ["cross"]),
    ("view size", "mx.ones((3,), mx.uint8).view(mx.int32)", ValueError, ["view"]),
    ("as_strided", "mx.as_strided(mx.ones(4), (2, 2), (1,))", ValueError, ["as_strided"]),
    ("searchsorted side", "mx.searchsorted(mx.ones(3), mx.ones(3), side='up')", ValueError, ["up"]),
    ("meshgrid", "mx.meshgrid(mx.ones(3), indexing='kl')", ValueError, ["meshgrid"]),
    ("where shapes", "mx.where(mx.ones((2,)), mx.ones(3), mx.ones(3))", ValueError, []),
    ("grad of vector", "mx.grad(lambda x: x)(mx.ones(3))", ValueError, ["scalar|shape"]),
    (
        "grad argnums",
        "mx.grad(lambda x: x.sum(), argnums=1)(mx.ones(3))",
        ValueError,
        ["argnums|argument|index"],
    ),
    ("grad argnames", "mx.grad(lambda x: x.sum(), argnames='y')(mx.ones(3))", ValueError, []),
    ("jvp shapes", "mx.jvp(lambda x: x, [mx.ones(3)], [mx.ones(2)])", ValueError, []),
    ("dlpack None", "mx.from_dlpack(None)", (TypeError, ValueError, AttributeError), []),
    ("array of text", "mx.array('text')", (ValueError, TypeError), []),
    ("array of range", "mx.array(range(3))", (ValueError, TypeError), []),
    ("ragged list", "mx.array([[1, 2], [3]])", ValueError, []),
    ("array of None", "mx.array([None])", (ValueError, TypeError), []),
    ("unknown keyword", "mx.sum(mx.ones(3), axes=0)", TypeError, []),
    ("too few arguments", "mx.add(mx.ones(3))", TypeError, []),
    (
        "load missing",
        "mx.load('/nonexistent/file.safetensors')",
        (RuntimeError, ValueError, FileNotFoundError),
        [],
    ),
    ("load unknown", "mx.load('/nonexistent/file.xyz')", (RuntimeError, ValueError), []),
    (
        "save_safetensors",
        "mx.save_safetensors('/nonexistent/x', {'a': mx.ones(1)})",
        (RuntimeError, ValueError, OSError),
        [],
    ),
]


@pytest.mark.parametrize("name, code, kinds, words", CASES, ids=[c[0].replace(" ", "-") for c in CASES])
def test_error(mx, name, code, kinds, words):
    with pytest.raises(kinds) as caught:
        mx.eval(eval(code, {"mx": mx}))
    assert caught.type not in (NotImplementedError,)
    text = str(caught.value).lower()
    assert text, "an error without a message"
    for w in words:
        assert any(option.lower() in text for option in w.split("|")), (
            f"the message does not say {w!r}: {caught.value}"
        )


def test_axis_errors_are_both_kinds(mx):
    """As in NumPy, an axis out of range is a ValueError and an IndexError."""
    x = mx.ones(4)
    for f in (
        lambda: mx.flip(x, 1),
        lambda: mx.median(x, axis=2),
        lambda: mx.diff(x, axis=4),
        lambda: mx.split(x, 2, 3),
    ):
        for kind in (ValueError, IndexError):
            with pytest.raises(kind):
                f()


def test_shape_beyond_int32(mx):
    """Sizes that the shape type cannot hold are an OverflowError or ValueError that names the number, never a wrap."""
    for f in (
        lambda n: mx.zeros((n,)),
        lambda n: mx.reshape(mx.ones(1), (n,)),
        lambda n: mx.broadcast_to(mx.ones(1), (n,)),
    ):
        with pytest.raises((OverflowError, ValueError), match=str(2**31)):
            f(2**31)


def test_equality_with_other_objects(mx):
    assert (mx.array([1, 2]) == "a") is False
    with pytest.raises(TypeError):
        mx.array([1, 2]) == None  # noqa: B015


def test_an_error_in_eval_leaves_the_rest_usable(mx):
    """A failing call must not damage arrays that exist already."""
    x = mx.arange(4) + 1
    with pytest.raises(ValueError):
        mx.reshape(x, (3,))
    y = x * 2
    assert x.tolist() == [1, 2, 3, 4] and y.tolist() == [2, 4, 6, 8]


def test_singular_matrix(mx):
    with mx.stream(mx.cpu), pytest.raises((ValueError, RuntimeError), match="(?i)singular|inver"):
        mx.eval(mx.linalg.inv(mx.zeros((2, 2))))
    assert mx.array([1]).item() == 1


def test_mixed_devices_for_cpu_only_ops(mx):
    if not mx.is_available(mx.gpu):
        pytest.skip("no GPU")
    with pytest.raises(ValueError, match="(?i)cpu"):
        mx.eval(mx.linalg.qr(mx.ones((2, 2)), stream=mx.gpu))
