"""mlx_rocm.nn: modules (attributes, trees, freezing, files), quantising and sharding models, initial values."""

import copy
import math
import pickle

import numpy as np
import pytest

import mlx_rocm.core as mx
from mlx_rocm import nn
from mlx_rocm.nn.layers import distributed as sharding
from mlx_rocm.utils import tree_flatten, tree_map


class Block(nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.norm = nn.LayerNorm(dims)
        self.proj = nn.Linear(dims, dims, bias=False)
        self.act = nn.ReLU()

    def __call__(self, x):
        return x + self.act(self.proj(self.norm(x)))


class Model(nn.Module):
    def __init__(self, dims=4):
        super().__init__()
        self.blocks = [Block(dims), Block(dims)]
        self.heads = {"a": nn.Linear(dims, 3), "b": [nn.Embedding(5, dims)]}
        self.table = [mx.zeros((2,)), {"inner": mx.ones((3,))}]
        self.size = dims
        self._cache = mx.zeros((7,))

    def __call__(self, x):
        for block in self.blocks:
            x = block(x)
        return self.heads["a"](x)


PARAMETERS = [
    *(f"blocks.{i}.{name}" for i in range(2) for name in ("norm.weight", "norm.bias", "proj.weight")),
    *("heads.a.weight", "heads.a.bias", "heads.b.0.weight", "table.0", "table.1.inner"),
]
MODULES = {"", "blocks.0", "blocks.1", "heads.a", "heads.b.0"} | {
    f"blocks.{i}.{name}" for i in range(2) for name in ("norm", "proj", "act")
}


def names(tree):
    return [path for path, _ in tree_flatten(tree)]


def same(a, b):
    a, b = tree_flatten(a), tree_flatten(b)
    return names(dict(a)) == names(dict(b)) and all(mx.array_equal(x, y) for (_, x), (_, y) in zip(a, b))


# ---- attributes ----


def test_arrays_and_containers_are_content_and_the_rest_is_not():
    model = Model()
    assert set(model) == {"blocks", "heads", "table", "_cache"}
    assert model["blocks"] is model.blocks and model.state is model
    assert model.size == 4 and "size" not in model
    assert isinstance(model, dict) and nn.Module.is_module(model) and not nn.Module.is_module({})


def test_an_attribute_can_change_between_content_and_ordinary():
    model = nn.Module()
    model.x = 3
    model.x = mx.ones(2)
    assert "x" in model and "x" not in vars(model)
    model.x = None
    assert model.x is None and "x" not in model
    model.x = nn.Linear(1, 1)
    assert names(model.parameters()) == ["x.weight", "x.bias"]
    del model.x
    assert not hasattr(model, "x")
    model.y = (1, 2)
    assert model["y"] == (1, 2) and names(model.parameters()) == []


def test_missing_attributes_raise():
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        nn.Linear(1, 1).wieght  # noqa: B018
    with pytest.raises(AttributeError):
        del nn.Linear(1, 1).nothing

    class Broken(nn.Module):
        @property
        def value(self):
            return self.not_there

    with pytest.raises(AttributeError, match="not_there"):
        Broken().value  # noqa: B018


def test_representation():
    assert repr(Block(4)) == (
        "Block(\n"
        "  (norm): LayerNorm(4, eps=1e-05, affine=True)\n"
        "  (proj): Linear(input_dims=4, output_dims=4, bias=False)\n"
        "  (act): ReLU()\n"
        ")"
    )
    assert "\n  (blocks.1): Block(\n    (norm): LayerNorm" in repr(Model())


def test_copy_and_pickle():
    model = Model()
    model.freeze(keys="bias")
    copied = copy.deepcopy(model)
    assert same(copied.parameters(), model.parameters()) and copied.size == 4
    assert names(copied.trainable_parameters()) == names(model.trainable_parameters())
    copied.heads["a"].bias = mx.ones((3,))
    assert not same(copied.parameters(), model.parameters())
    assert pickle.loads(pickle.dumps(nn.Sequential(nn.ReLU(), nn.SiLU()))).layers[1](mx.zeros(1)).item() == 0


# ---- walking ----


def test_trees():
    model = Model()
    assert names(model.parameters()) == PARAMETERS
    assert model.children() == {"blocks": model.blocks, "heads": model.heads, "table": [{}, {"inner": {}}]}
    assert {path for path, _ in model.named_modules()} == MODULES
    assert model.named_modules()[0] == ("", model)
    assert len(model.modules()) == len(MODULES)
    leaves = tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)
    assert {path for path, _ in leaves} == MODULES - {"", "blocks.0", "blocks.1"}


def test_parents_come_before_children():
    seen = []
    Model().apply_to_modules(lambda path, m: seen.append(path))
    for path in seen:
        parents = [p for p in seen if p and path.startswith(p + ".")]
        assert all(seen.index(p) < seen.index(path) for p in parents)


def test_filter_and_map():
    model = Model()
    shapes = model.filter_and_map(nn.Module.valid_parameter_filter, lambda a: a.shape)
    assert shapes["table"] == [(2,), {"inner": (3,)}] and shapes["heads"]["b"] == [{"weight": (5, 4)}]
    seen = []

    def only_bias(module, key, value):
        seen.append((type(module).__name__, key))
        return isinstance(value, (dict, list)) or key == "bias"

    found = model.filter_and_map(only_bias)
    assert names(found) == ["blocks.0.norm.bias", "blocks.1.norm.bias", "heads.a.bias"]
    assert found["table"] == [{}, {"inner": {}}]
    assert {
        ("Model", "blocks.0"),
        ("Model", "heads.b.0"),
        ("Linear", "bias"),
        ("Model", "table.1.inner"),
    } <= set(seen)
    with pytest.raises(RuntimeError, match="neither a leaf nor a container"):
        model.filter_and_map(lambda m, k, v: True, is_leaf_fn=lambda m, k, v: False)


# ---- changing ----


def test_update_replaces_a_part():
    model = Model()
    held = model.blocks[0].proj
    model.update({"blocks": [{"proj": {"weight": mx.zeros((4, 4))}}], "table": [mx.ones((2,))]})
    assert held.weight.sum().item() == 0 and model.table[0].tolist() == [1, 1]
    assert model.blocks[1].proj.weight.sum().item() != 0
    assert model.update({}) is model


@pytest.mark.parametrize(
    "change, message",
    [
        ({"nothing": mx.zeros(1)}, "Model has no parameter named 'nothing'"),
        ({"blocks": [{}, {}, {"proj": {}}]}, "Position 2 is out of range for a list of 2"),
        ({"table": [3]}, "Expected an array, got int"),
        ({"blocks": mx.zeros(1)}, "Expected a parameter or a container of them, got array"),
        ({"heads": [mx.zeros(1)]}, "got list"),
    ],
)
def test_strict_update(change, message):
    with pytest.raises(ValueError, match=message):
        Model().update(change)
    if "table" not in change:
        model = Model()
        before = model.parameters()
        assert same(model.update(change, strict=False).parameters(), before)


def test_update_modules():
    model = Model()
    new = nn.Linear(4, 3)
    model.update_modules({"heads": {"a": new, "b": [nn.Embedding(2, 4)]}, "blocks": [{}, {"act": nn.SiLU()}]})
    assert model.heads["a"] is new and model.heads["b"][0].weight.shape == (2, 4)
    assert isinstance(model.blocks[1].act, nn.SiLU) and isinstance(model.blocks[0].act, nn.ReLU)
    for change, message in [
        ({"nothing": new}, "no sub-module named 'nothing'"),
        ({"blocks": [new, new, new]}, "Position 2 is out of range"),
        ({"table": [new]}, "Expected a sub-module or a container"),
        ({"blocks": [3]}, "got int"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.update_modules(change)
        model.update_modules(change, strict=False)


def test_apply_and_set_dtype():
    model = Model()
    model.apply(lambda a: a + 1, lambda m, k, v: isinstance(v, (dict, list)) or k == "bias")
    assert model.heads["a"].bias.shape == (3,) and model.blocks[0].norm.bias.tolist() == [1] * 4
    assert model.blocks[0].norm.weight.tolist() == [1] * 4
    model.ids = mx.array([1, 2])
    model.set_dtype(mx.bfloat16)
    assert model.ids.dtype == mx.int32 and model.heads["b"][0].weight.dtype == mx.bfloat16
    model.set_dtype(mx.float16, None)
    assert model.ids.dtype == mx.float16
    model.set_dtype(mx.float32, lambda dtype: False)
    assert model.ids.dtype == mx.float16


def test_values_can_be_changed_while_a_gradient_is_taken():
    model = Model()
    value, gradient = nn.value_and_grad(model, lambda x: model(x).sum())(mx.ones((2, 4)))
    assert names(gradient) == PARAMETERS and value.shape == ()
    assert gradient["heads"]["a"]["bias"].tolist() == [2, 2, 2]
    assert gradient["table"][0].tolist() == [0, 0]
    model.freeze()
    model.heads["a"].unfreeze(keys="bias")
    _, gradient = nn.value_and_grad(model, lambda x, scale=1: scale * model(x).sum())(
        mx.ones((2, 4)), scale=3
    )
    assert names(gradient) == ["heads.a.bias"] and gradient["heads"]["a"]["bias"].tolist() == [6, 6, 6]


def test_checkpoint_changes_no_result():
    model, x = Block(4), mx.random.normal((3, 4))
    plain = nn.value_and_grad(model, lambda x: model(x).square().sum())(x)
    saved = nn.value_and_grad(model, lambda x: nn.utils.checkpoint(model)(x).square().sum())(x)
    assert plain[0].item() == pytest.approx(saved[0].item())
    for (path, a), (_, b) in zip(tree_flatten(plain[1]), tree_flatten(saved[1])):
        np.testing.assert_allclose(np.array(a), np.array(b), rtol=1e-5, err_msg=path)
    doubled = nn.utils.checkpoint(model, lambda x: 2 * model(x))(x)
    np.testing.assert_allclose(np.array(doubled), 2 * np.array(model(x)), rtol=1e-5)


# ---- freezing and modes ----


def test_freeze():
    model = Model()
    assert model.freeze() is model
    assert names(model.trainable_parameters()) == [] and names(model.parameters()) == PARAMETERS
    model.unfreeze(keys=["bias"])
    assert {n.rpartition(".")[2] for n in names(model.trainable_parameters())} == {"bias"}
    model.unfreeze()
    assert names(model.trainable_parameters()) == PARAMETERS
    model.freeze(recurse=False)
    assert names(model.trainable_parameters()) == [n for n in PARAMETERS if not n.startswith("table")]
    model.unfreeze()
    model.freeze(keys="table.0", recurse=False)
    assert names(model.trainable_parameters()) == [n for n in PARAMETERS if n != "table.0"]
    # What is not trainable leaves an empty dict in a list; an update with it must skip it.
    model.update(model.trainable_parameters())
    model.blocks[0].freeze(keys="proj", recurse=False)
    assert "blocks.0.proj.weight" not in names(model.trainable_parameters())


def test_strict_freeze():
    model = Model()
    model.freeze(keys=["bias", "table"], strict=True)
    for call in (model.freeze, model.unfreeze):
        with pytest.raises(KeyError, match="no member 'nothing'"):
            call(keys=["bias", "nothing"], strict=True)
        with pytest.raises(KeyError, match="Model has no member 'bias'"):
            call(keys="bias", recurse=False, strict=True)
        call(keys="nothing")


def test_layers_that_stay_frozen():
    norm = nn.BatchNorm(3)
    norm.unfreeze()
    assert names(norm.trainable_parameters()) == ["weight", "bias"]
    model = nn.Sequential(norm, nn.QuantizedLinear(64, 3))
    model.unfreeze(keys="bias")
    assert names(model.trainable_parameters()) == ["layers.0.weight", "layers.0.bias", "layers.1.bias"]


def test_modes():
    model = Model()
    assert model.training
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    model.blocks[0].train()
    assert model.blocks[0].act.training and not model.blocks[1].training and not model.training


# ---- files ----


@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_save_and_load_weights(tmp_path, ending):
    file = tmp_path / f"weights.{ending}"
    model, other = Model(), Model()
    model.save_weights(str(file))
    assert other.load_weights(str(file)) is other
    assert same(model.parameters(), other.parameters())
    assert same(Model().load_weights(file).parameters(), model.parameters())  # a path works too


def test_strict_loading():
    model = Model()
    weights = tree_flatten(model.parameters())
    without = [w for w in weights if w[0] not in ("table.0", "heads.a.bias")]
    with pytest.raises(ValueError, match=r"Missing 2 parameters:\nheads.a.bias,\ntable.0"):
        model.load_weights(without)
    with pytest.raises(ValueError, match=r"Received 1 parameters not in model:\nextra"):
        model.load_weights([*weights, ("extra", mx.zeros(1))])
    with pytest.raises(ValueError, match=r"Expected shape \(2,\) for table.0, got \(5,\)"):
        model.load_weights([*without, ("table.0", mx.zeros(5)), ("heads.a.bias", mx.zeros(3))])
    with pytest.raises(ValueError, match="Expected an array for table.0, got list"):
        model.load_weights([*without, ("table.0", [0, 0]), ("heads.a.bias", mx.zeros(3))])
    before = model.parameters()
    model.load_weights([("extra", mx.zeros(1)), ("table.0", mx.array([5.0, 6.0]))], strict=False)
    assert model.table[0].tolist() == [5, 6]
    assert names(model.parameters()) == names(before)
    assert model.load_weights([], strict=False) is model
    with pytest.raises(ValueError, match=r"'weights.bin' must end in"):
        model.save_weights("weights.bin")


# ---- quantising ----


class Quantizable(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 64)
        self.layers = [nn.Linear(64, 64), nn.Linear(64, 32, bias=False)]
        self.norm = nn.RMSNorm(64)


def test_quantize_replaces_what_can_be_quantised():
    model = Quantizable()
    nn.quantize(model, group_size=32, bits=8)
    assert isinstance(model.embed, nn.QuantizedEmbedding) and isinstance(model.norm, nn.RMSNorm)
    assert all(isinstance(layer, nn.QuantizedLinear) and layer.bits == 8 for layer in model.layers)
    assert model.layers[0].scales.shape == (64, 2)
    assert repr(model.layers[1]) == (
        "QuantizedLinear(input_dims=64, output_dims=32, bias=False, group_size=32, bits=8, mode=affine)"
    )
    assert names(model.trainable_parameters()) == ["layers.0.bias", "norm.weight"]
    nn.quantize(model)  # nothing is left to do
    assert model.layers[0].bits == 8


def test_quantize_predicate():
    model, seen = Quantizable(), []

    def choose(path, module):
        seen.append(path)
        if path == "layers.0":
            return {"group_size": 32, "bits": 2, "quantize_input": False}
        return isinstance(module, nn.Embedding)

    nn.quantize(model, mode="mxfp4", class_predicate=choose)
    assert set(seen) == {"embed", "layers.0", "layers.1", "norm"}
    assert (model.embed.mode, model.embed.group_size, model.embed.bits) == ("mxfp4", 32, 4)
    assert model.embed.biases is None and "biases" not in model.embed
    assert (model.layers[0].mode, model.layers[0].group_size, model.layers[0].bits) == ("affine", 32, 2)
    assert type(model.layers[1]) is nn.Linear
    with pytest.raises(ValueError, match="norm of type RMSNorm cannot be quantized"):
        nn.quantize(Quantizable(), class_predicate=lambda path, m: True)
    with pytest.raises(ValueError, match="must return a bool or a dict of arguments, got str"):
        nn.quantize(Quantizable(), class_predicate=lambda path, m: "yes" if path == "embed" else False)
    with pytest.raises(
        ValueError, match="mode must be one of 'affine', 'mxfp4', 'nvfp4', 'mxfp8', got 'int4'"
    ):
        nn.quantize(Quantizable(), mode="int4")


def test_quantize_input():
    model = nn.Sequential(nn.Linear(64, 64, bias=False), nn.ReLU())
    nn.quantize(model, mode="mxfp8", quantize_input=True)
    layer = model.layers[0]
    assert isinstance(layer, nn.QQLinear) and layer.weight.dtype == mx.float32
    assert names(model.trainable_parameters()) == ["layers.0.weight"]
    model.eval()
    assert layer.weight.dtype == mx.uint32 and layer.scales.dtype == mx.uint8
    assert repr(layer) == "QQLinear(input_dims=64, output_dims=64, group_size=32, bits=8, mode=mxfp8)"
    model.train()
    assert layer.weight.dtype != mx.uint32 and "scales" not in layer and layer.weight.shape == (64, 64)
    with pytest.raises(ValueError, match="quantize_input needs mode 'nvfp4' or 'mxfp8', got 'affine'"):
        nn.Linear(64, 64).to_quantized(quantize_input=True)
    with pytest.raises(ValueError, match="the input are tokens"):
        nn.Embedding(64, 64).to_quantized(mode="nvfp4", quantize_input=True)
    with pytest.raises(NotImplementedError, match="bias"):
        nn.Linear(64, 64).to_quantized(mode="nvfp4", quantize_input=True)


# ---- sharding: one process plays all members of a group ----


class Member:
    """A stand-in for a group seen from the member ``rank``."""

    def __init__(self, rank, size):
        self._rank, self._size = rank, size

    def rank(self):
        return self._rank

    def size(self):
        return self._size


def test_linear_layers_in_a_group_of_one():
    x = mx.random.normal((2, 64))
    linear = nn.Linear(64, 32)
    for kind, create in (
        ("all-to-sharded", nn.AllToShardedLinear),
        ("sharded-to-all", nn.ShardedToAllLinear),
    ):
        layer = sharding.shard_linear(linear, kind)
        assert isinstance(layer, create)
        np.testing.assert_allclose(np.array(layer(x)), np.array(linear(x)), rtol=1e-5, atol=1e-6)
        assert repr(layer) == f"{create.__name__}(input_dims=64, output_dims=32, bias=True)"
    quantized = linear.to_quantized(32, 8)
    for kind, create in (
        ("all-to-sharded", nn.QuantizedAllToShardedLinear),
        ("sharded-to-all", nn.QuantizedShardedToAllLinear),
    ):
        layer = sharding.shard_linear(quantized, kind)
        assert isinstance(layer, create)
        np.testing.assert_allclose(np.array(layer(x)), np.array(quantized(x)), rtol=1e-5, atol=1e-6)
        layer.unfreeze()
        assert names(layer.trainable_parameters()) == []
    assert nn.fully_shard(linear) is linear
    assert nn.average_gradients({"a": x})["a"] is x


@pytest.mark.parametrize("segments", [1, 2, [0.5]])
def test_shards_make_up_the_whole(segments):
    linear = nn.Linear(8, 12)
    x = mx.random.normal((3, 8))
    whole = np.array(linear(x))
    pieces = 1 if segments == 1 else 2

    def part_of(a, rank, axis):
        return np.concatenate([np.split(s, 2, axis)[rank] for s in np.split(a, pieces, axis)], axis)

    for rank in range(2):
        outputs = sharding.AllToShardedLinear.from_linear(linear, segments=segments, group=Member(rank, 2))
        got = np.array(x @ outputs.weight.T + outputs.bias)
        np.testing.assert_allclose(got, part_of(whole, rank, 1), rtol=1e-4, atol=1e-5)
    total = np.array(linear.bias)
    for rank in range(2):
        inputs = sharding.ShardedToAllLinear.from_linear(linear, segments=segments, group=Member(rank, 2))
        assert mx.array_equal(inputs.bias, linear.bias)
        total = total + part_of(np.array(x), rank, 1) @ np.array(inputs.weight).T
    np.testing.assert_allclose(total, whole, rtol=1e-4, atol=1e-5)


def test_shard_inplace():
    linear = nn.Linear(4, 6)
    weight = np.array(linear.weight)
    sharding.shard_inplace(linear, lambda path, w: 0 if path == "weight" else None, group=Member(1, 2))
    np.testing.assert_array_equal(np.array(linear.weight), weight[3:])
    assert linear.bias.shape == (6,)
    with pytest.raises(ValueError, match="'all-to-sharded', 'sharded-to-all', got 'both'"):
        sharding.shard_inplace(linear, "both")
    with pytest.raises(ValueError, match="Expected an axis"):
        sharding.shard_inplace(linear, lambda path, w: "rows", group=Member(0, 2))
    with pytest.raises(ValueError, match="An output of 7 cannot be divided among 2 processes"):
        nn.AllToShardedLinear(4, 7, group=Member(0, 2))
    with pytest.raises(ValueError, match="An input of 7 cannot be divided among 2 processes"):
        nn.ShardedToAllLinear(7, 4, group=Member(0, 2))


def test_average_gradients(monkeypatch):
    """With a sum over a group whose members all have the same gradients."""
    sizes = []

    def all_sum(x, group=None, stream=None):
        sizes.append(x.size)
        return group.size() * x

    monkeypatch.setattr(mx.distributed, "all_sum", all_sum)
    gradients = {"a": [mx.random.normal((3, 4)), mx.random.normal((5,))], "b": mx.array(2.0)}
    for limit, expected in ((32 * 2**20, [18]), (60, [17, 1]), (40, [12, 6]), (0, [12, 5, 1])):
        sizes.clear()
        averaged = nn.average_gradients(gradients, Member(0, 3), limit)
        assert sizes == expected
        for (path, a), (_, b) in zip(tree_flatten(gradients), tree_flatten(averaged)):
            assert a.shape == b.shape
            np.testing.assert_allclose(np.array(a), np.array(b), rtol=1e-6, err_msg=path)
    sizes.clear()
    mixed = nn.average_gradients({"a": mx.ones(3, mx.float16), "b": mx.ones(2)}, Member(0, 2))
    assert sizes == [3, 2] and mixed["a"].dtype == mx.float16
    assert nn.average_gradients({}, Member(0, 2)) == {}


def test_clip_grad_norm_sharded(monkeypatch):
    monkeypatch.setattr(mx.distributed, "all_sum", lambda x, group=None, stream=None: 4 * x)
    clipped, norm = nn.utils.clip_grad_norm_sharded({"a": mx.array([3.0, 4.0])}, 5.0, Member(0, 4))
    assert norm.item() == pytest.approx(10)
    np.testing.assert_allclose(np.array(clipped["a"]), [1.5, 2.0], rtol=1e-5)


def test_fully_sharded_module(monkeypatch):
    """Rank 0 of two, where the other member has the same part: the whole matrix is the part twice."""
    monkeypatch.setattr(mx.distributed, "all_gather", lambda x, group=None: mx.concatenate([x, x]))
    monkeypatch.setattr(mx.distributed, "sum_scatter", lambda x, group=None: x[:1] + x[1:])
    inner = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    weight, bias = np.array(inner.layers[0].weight)[:3], np.array(inner.layers[0].bias)[:3]
    module = nn.fully_shard(inner, group=Member(0, 2))
    assert isinstance(module, nn.FullyShardedModule) and nn.fully_shard(module, group=Member(0, 2)) is module
    assert repr(module).startswith("FullyShardedModule(num_sharded_params=2")
    assert names(module.parameters()) == ["module.layers.0.weight", "module.layers.0.bias"]

    x = mx.random.normal((5, 4))
    expected = np.maximum(np.array(x) @ np.concatenate([weight, weight]).T + np.concatenate([bias, bias]), 0)
    np.testing.assert_allclose(np.array(module(x)), expected, rtol=1e-4, atol=1e-5)
    assert inner.layers[0].weight.shape == (3, 4)

    _, gradient = nn.value_and_grad(module, lambda x: module(x).sum())(x)
    got = gradient["module"]["layers"][0]["bias"]
    np.testing.assert_allclose(np.array(got), (expected > 0).sum(0).reshape(2, 3).mean(0), rtol=1e-5)

    half = nn.FullyShardedModule(nn.Linear(4, 6), Member(0, 2), compute_dtype=mx.float16)
    assert half(x.astype(mx.float16)).dtype == mx.float16 and half.module.weight.dtype == mx.float32
    assert nn.fully_shard(nn.ReLU(), group=Member(0, 2)).__class__ is nn.ReLU
    table = nn.FullyShardedModule(nn.Embedding(4, 6), Member(0, 2))
    assert table.as_linear(mx.zeros((1, 6))).shape == (1, 4)
    with pytest.raises(ValueError, match=r"'weight' with shape \(3, 4\) cannot be divided among 2"):
        nn.fully_shard(nn.Linear(4, 3), group=Member(0, 2))


# ---- initial values ----

INIT_SHAPE = (60, 5, 40)  # fan_in 200, fan_out 300
MOMENTS = [
    (nn.init.constant(0.5), (0.5, 0, 0.5)),
    (nn.init.normal(1.0, 0.2), (1.0, 0.2, None)),
    (nn.init.uniform(-1, 3), (1.0, 4 / math.sqrt(12), 2.0)),
    (nn.init.glorot_normal(), (0, math.sqrt(2 / 500), None)),
    (nn.init.glorot_uniform(), (0, math.sqrt(2 / 500), math.sqrt(6 / 500))),
    (nn.init.he_normal(), (0, math.sqrt(1 / 200), None)),
    (nn.init.he_uniform(), (0, math.sqrt(1 / 200), math.sqrt(3 / 200))),
    (lambda a: nn.init.he_normal()(a, mode="fan_out", gain=2), (0, 2 * math.sqrt(1 / 300), None)),
    (lambda a: nn.init.he_uniform()(a, "fan_out", 2), (0, 2 * math.sqrt(1 / 300), 2 * math.sqrt(3 / 300))),
    (lambda a: nn.init.glorot_uniform()(a, gain=3), (0, 3 * math.sqrt(2 / 500), 3 * math.sqrt(6 / 500))),
]


@pytest.mark.parametrize("initializer, moments", MOMENTS)
def test_initial_values(initializer, moments):
    mean, deviation, bound = moments
    a = initializer(mx.zeros(INIT_SHAPE))
    assert a.shape == INIT_SHAPE and a.dtype == mx.float32
    a = np.array(a)
    assert a.mean() == pytest.approx(mean, abs=5 * deviation / math.sqrt(a.size) + 1e-6)
    assert a.std() == pytest.approx(deviation, rel=0.05)
    if bound is not None:
        assert np.abs(a - mean).max() <= (bound if mean != 0.5 else 0) + 1e-6


def test_initial_matrices():
    assert nn.init.identity(mx.float16)(mx.zeros((3, 3))).tolist() == np.eye(3).tolist()
    for shape in ((6, 4), (4, 6), (5, 5)):
        q = np.array(nn.init.orthogonal(gain=2.0)(mx.zeros(shape)), np.float64)
        q = q if shape[0] >= shape[1] else q.T
        np.testing.assert_allclose(q.T @ q, 4 * np.eye(min(shape)), atol=1e-5)
    sparse = np.array(nn.init.sparse(0.25, mean=1.0, std=0.1)(mx.zeros((50, 10))))
    assert ((sparse == 0).sum(1) == 3).all()
    assert len({tuple(np.flatnonzero(row == 0)) for row in sparse}) > 10
    assert sparse[sparse != 0].mean() == pytest.approx(1, abs=0.05)
    for make in (
        nn.init.normal,
        nn.init.uniform,
        nn.init.glorot_normal,
        nn.init.he_uniform,
        nn.init.orthogonal,
    ):
        assert make(dtype=mx.float16)(mx.zeros((3, 3))).dtype == mx.float16


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: nn.init.identity()(mx.zeros((2, 3))), r"square matrix, got shape \(2, 3\)"),
        (lambda: nn.init.glorot_normal()(mx.zeros(3)), "at least 2 dimensions"),
        (lambda: nn.init.he_normal()(mx.zeros((3, 3)), mode="fan"), "'fan_in' or 'fan_out', got 'fan'"),
        (lambda: nn.init.sparse(0.5)(mx.zeros(3)), "Expected a matrix, got a 1D array"),
        (lambda: nn.init.orthogonal()(mx.zeros((3, 3, 3))), "Expected a matrix, got a 3D array"),
    ],
)
def test_init_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_same_seed_same_model():
    def build():
        mx.random.seed(11)
        return Model().parameters()

    assert same(build(), build())
    assert not same(build(), tree_map(lambda a: a + 1, build()))
