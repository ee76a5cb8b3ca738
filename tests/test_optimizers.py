"""mlx_rocm.optimizers: every optimizer against a NumPy loop in double precision, schedules against their
formulas, and how optimizers treat trees, states and types."""

import math

import numpy as np
import pytest

import mlx_rocm.core as mx
import mlx_rocm.optimizers as opt
from mlx_rocm import nn
from mlx_rocm.utils import tree_flatten, tree_map, tree_unflatten

STEPS = 6
SHAPES = {"matrix": (5, 3), "wide": (2, 7), "vector": (4,), "cube": (2, 3, 4), "scalar": ()}


# ---- the formulas: functions of w, g, state and step t = 1, 2, ... that return the new w ----


def sgd(w, g, s, t, lr=0.1, momentum=0.0, decay=0.0, dampening=0.0, nesterov=False):
    g = g + decay * w
    if momentum == 0:
        return w - lr * g
    s["v"] = momentum * s.get("v", 0) + (1 - dampening) * g
    return w - lr * (g + momentum * s["v"] if nesterov else s["v"])


def rmsprop(w, g, s, t, lr=0.01, alpha=0.99, eps=1e-8):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    return w - lr * g / (np.sqrt(s["v"]) + eps)


def adagrad(w, g, s, t, lr=0.01, eps=1e-8):
    s["v"] = s.get("v", 0) + g**2
    return w - lr * g / (np.sqrt(s["v"]) + eps)


def adadelta(w, g, s, t, lr=0.5, rho=0.9, eps=1e-6):
    s["v"] = rho * s.get("v", 0) + (1 - rho) * g**2
    d = np.sqrt(s.get("u", 0) + eps) / np.sqrt(s["v"] + eps) * g
    s["u"] = rho * s.get("u", 0) + (1 - rho) * d**2
    return w - lr * d


def adam(w, g, s, t, lr=0.01, b1=0.9, b2=0.999, eps=1e-8, decay=0.0, correct=False):
    w = w * (1 - lr * decay)
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g**2
    m, v = (s["m"] / (1 - b1**t), s["v"] / (1 - b2**t)) if correct else (s["m"], s["v"])
    return w - lr * m / (np.sqrt(v) + eps)


def adamax(w, g, s, t, lr=0.01, b1=0.9, b2=0.999, eps=1e-8):
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = np.maximum(b2 * s.get("v", 0), np.abs(g))
    return w - lr * s["m"] / (s["v"] + eps)


def lion(w, g, s, t, lr=0.01, b1=0.9, b2=0.99, decay=0.0):
    c = b1 * s.get("m", 0) + (1 - b1) * g
    s["m"] = b2 * s.get("m", 0) + (1 - b2) * g
    return w - lr * (np.sign(c) + decay * w)


def rms(x):
    return np.sqrt(np.mean(x**2))


def adafactor(w, g, s, t, lr=None, beta_1=None, decay=0.0, scale=True, warmup=False, clip=1.0):
    rate = lr if lr is not None else min(1e-6 * t if warmup else 1e-2, 1 / math.sqrt(t))
    rate = rate * (max(1e-3, rms(w)) if scale else 1)
    beta2 = 1 - t**-0.8
    square = g**2 + 1e-30
    if g.ndim >= 2:
        s["row"] = beta2 * s.get("row", 0) + (1 - beta2) * square.mean(-1)
        s["col"] = beta2 * s.get("col", 0) + (1 - beta2) * square.mean(-2)
        mean_square = s["row"][..., :, None] * s["col"][..., None, :] / s["row"].mean(-1)[..., None, None]
    else:
        mean_square = s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * square
    update = g / np.sqrt(mean_square)
    update = rate * update / max(1, rms(update) / clip)
    if beta_1 is not None:
        update = s["m"] = beta_1 * s.get("m", 0) + (1 - beta_1) * update
    return w - decay * rate * w - update


def muon(w, g, s, t, lr=0.02, momentum=0.95, decay=0.01, nesterov=True, steps=5):
    g = g + decay * w
    s["v"] = momentum * s.get("v", 0) + (1 - momentum) * g
    update = momentum * s["v"] + (1 - momentum) * g if nesterov else s["v"]
    if update.ndim >= 2:
        matrix = update.reshape(len(update), -1)
        # The iteration maps the singular values and leaves the singular vectors alone.
        u, sigma, vt = np.linalg.svd(matrix, full_matrices=False)
        sigma = sigma / (np.linalg.norm(sigma) + 1e-7)
        for _ in range(steps):
            sigma = 3.4445 * sigma - 4.775 * sigma**3 + 2.0315 * sigma**5
        update = (u * sigma @ vt).reshape(update.shape)
        lr = lr * math.sqrt(max(1, w.shape[-2] / w.shape[-1]))
    return w - lr * update


CASES = {
    "SGD": (lambda: opt.SGD(0.1), sgd, {}),
    "SGD momentum": (lambda: opt.SGD(0.1, 0.9, weight_decay=0.01), sgd, {"momentum": 0.9, "decay": 0.01}),
    "SGD dampening": (lambda: opt.SGD(0.1, 0.9, dampening=0.3), sgd, {"momentum": 0.9, "dampening": 0.3}),
    "SGD Nesterov": (lambda: opt.SGD(0.1, 0.9, nesterov=True), sgd, {"momentum": 0.9, "nesterov": True}),
    "RMSprop": (lambda: opt.RMSprop(0.01), rmsprop, {}),
    "RMSprop alpha": (lambda: opt.RMSprop(0.01, alpha=0.8, eps=1e-2), rmsprop, {"alpha": 0.8, "eps": 1e-2}),
    "Adagrad": (lambda: opt.Adagrad(0.01), adagrad, {}),
    "AdaDelta": (lambda: opt.AdaDelta(0.5), adadelta, {}),
    "AdaDelta rho": (lambda: opt.AdaDelta(0.5, rho=0.7, eps=1e-3), adadelta, {"rho": 0.7, "eps": 1e-3}),
    "Adam": (lambda: opt.Adam(0.01), adam, {}),
    "Adam betas": (lambda: opt.Adam(0.01, [0.8, 0.95], 1e-3), adam, {"b1": 0.8, "b2": 0.95, "eps": 1e-3}),
    "Adam corrected": (lambda: opt.Adam(0.01, bias_correction=True), adam, {"correct": True}),
    "AdamW": (lambda: opt.AdamW(0.01, weight_decay=0.1), adam, {"decay": 0.1}),
    "AdamW corrected": (
        lambda: opt.AdamW(0.01, weight_decay=0.1, bias_correction=True),
        adam,
        {"decay": 0.1, "correct": True},
    ),
    "Adamax": (lambda: opt.Adamax(0.01), adamax, {}),
    "Lion": (lambda: opt.Lion(0.01, weight_decay=0.1), lion, {"decay": 0.1}),
    "Adafactor": (lambda: opt.Adafactor(), adafactor, {}),
    "Adafactor warmup": (
        lambda: opt.Adafactor(warmup_init=True, weight_decay=0.1),
        adafactor,
        {"warmup": True, "decay": 0.1},
    ),
    "Adafactor rate": (
        lambda: opt.Adafactor(
            0.03, relative_step=False, scale_parameter=False, beta_1=0.8, clip_threshold=0.5
        ),
        adafactor,
        {"lr": 0.03, "scale": False, "beta_1": 0.8, "clip": 0.5},
    ),
    "Muon": (lambda: opt.Muon(0.02), muon, {}),
    "Muon plain": (
        lambda: opt.Muon(0.02, momentum=0.8, weight_decay=0.0, nesterov=False, ns_steps=3),
        muon,
        {"momentum": 0.8, "decay": 0.0, "nesterov": False, "steps": 3},
    ),
}


def random_tree(rng):
    return {name: rng.normal(size=shape) for name, shape in SHAPES.items()}


def to_mx(tree, dtype=mx.float32):
    return tree_map(lambda a: mx.array(np.asarray(a, np.float32)).astype(dtype), tree)


@pytest.mark.parametrize("name", CASES)
def test_against_numpy_loop(name):
    create, formula, settings = CASES[name]
    rng = np.random.default_rng(3)
    expected, states = random_tree(rng), {n: {} for n in SHAPES}
    optimizer, params = create(), to_mx(expected)
    for t in range(1, STEPS + 1):
        gradients = random_tree(rng)
        params = optimizer.apply_gradients(to_mx(gradients), params)
        expected = {n: formula(w, gradients[n], states[n], t, **settings) for n, w in expected.items()}
    assert optimizer.step.item() == STEPS
    for n, w in expected.items():
        np.testing.assert_allclose(np.array(params[n]), w, rtol=1e-4, atol=1e-5, err_msg=n)


@pytest.mark.parametrize("name", CASES)
def test_half_precision_stays_half_precision(name):
    for dtype in (mx.float16, mx.bfloat16):
        optimizer = CASES[name][0]()
        params = to_mx({n: np.ones(s) for n, s in SHAPES.items()}, dtype)
        for _ in range(2):
            params = optimizer.apply_gradients(params, params)
        assert {str(p.dtype) for p in params.values()} == {str(dtype)}
        for path, s in tree_flatten(optimizer.state):
            assert path in ("step", "learning_rate") or s.dtype == dtype, path


@pytest.mark.parametrize("name", CASES)
def test_state_can_be_saved_and_loaded(name, tmp_path):
    rng = np.random.default_rng(4)
    optimizer, params = CASES[name][0](), {"layers": [to_mx(random_tree(rng)), to_mx(random_tree(rng))]}
    gradients = tree_map(lambda p: 0.1 * p + 1, params)
    params = optimizer.apply_gradients(gradients, params)
    mx.savez(str(tmp_path / "state.npz"), **tree_flatten(optimizer.state, destination={}))

    resumed = CASES[name][0]()
    resumed.state = tree_unflatten(list(mx.load(str(tmp_path / "state.npz")).items()))
    for _ in range(2):
        a, b = optimizer.apply_gradients(gradients, params), resumed.apply_gradients(gradients, params)
        for (path, x), (_, y) in zip(tree_flatten(a), tree_flatten(b)):
            assert mx.array_equal(x, y), path


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 8), nn.Linear(8, 2)]
        self.scale = mx.ones((2,))

    def __call__(self, x):
        return self.layers[1](nn.relu(self.layers[0](x))) * self.scale


def test_training_a_model_with_frozen_parts():
    model = Net()
    model.layers[0].freeze(keys="weight")
    before = {path: np.array(p) for path, p in tree_flatten(model.parameters())}
    x, y = mx.random.normal((32, 4)), mx.random.normal((32, 2))
    loss_and_grad = nn.value_and_grad(model, lambda x, y: nn.losses.mse_loss(model(x), y))
    optimizer = opt.AdamW(1e-2)
    losses = []
    for _ in range(30):
        loss, gradients = loss_and_grad(x, y)
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state)
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    for path, p in tree_flatten(model.parameters()):
        assert np.array_equal(before[path], np.array(p)) == (path == "layers.0.weight"), path


def test_compiled_step_equals_eager_step():
    x, y = mx.random.normal((8, 4)), mx.random.normal((8, 2))

    def train(compiled):
        mx.random.seed(1)
        model, optimizer = Net(), opt.Adam(opt.cosine_decay(1e-2, 10), bias_correction=True)
        optimizer.init(model.trainable_parameters())
        state = [model.state, optimizer.state]

        def step(x, y):
            loss, gradients = nn.value_and_grad(model, lambda x, y: nn.losses.mse_loss(model(x), y))(x, y)
            optimizer.update(model, gradients)
            return loss

        if compiled:
            step = mx.compile(step, inputs=state, outputs=state)
        losses = []
        for _ in range(4):
            losses.append(step(x, y).item())
            mx.eval(state)
        return losses, optimizer.step.item()

    eager, compiled = train(False), train(True)
    assert eager[1] == compiled[1] == 4
    np.testing.assert_allclose(eager[0], compiled[0], rtol=1e-5)


def test_init_adds_what_is_new_and_keeps_what_is_there():
    optimizer = opt.Adam(0.1)
    optimizer.init({"a": [mx.zeros(2)]})
    optimizer.state["a"][0]["m"] = mx.ones(2)
    optimizer.init({"a": [mx.zeros(2), mx.zeros(3)], "b": (mx.zeros(1),)})
    state = optimizer.state
    assert state["a"][0]["m"].tolist() == [1, 1]
    assert state["a"][1]["v"].shape == (3,)
    assert isinstance(state["b"], tuple) and state["b"][0]["v"].shape == (1,)


def test_more_parameters_than_gradients():
    params = {"a": mx.ones(2), "b": mx.ones(2)}
    assert list(opt.SGD(0.5).apply_gradients({"a": mx.ones(2)}, params)) == ["a"]


def test_learning_rate():
    optimizer = opt.SGD(0.25)
    assert optimizer.learning_rate.dtype == mx.float32
    optimizer.learning_rate = 0.5
    assert optimizer.apply_gradients({"w": mx.ones(1)}, {"w": mx.ones(1)})["w"].item() == 0.5
    assert optimizer.learning_rate.item() == 0.5


def test_schedule_is_applied_before_each_update():
    optimizer = opt.SGD(opt.exponential_decay(1.0, 0.5))
    assert optimizer.learning_rate.item() == 1.0
    w, rates = mx.array(0.0), []
    for _ in range(3):
        w_next = optimizer.apply_gradients({"w": mx.array(1.0)}, {"w": w})["w"]
        rates.append((w - w_next).item())
        w = w_next
    assert rates == [1.0, 0.5, 0.25]
    scheduled = opt.Optimizer(schedulers={"x": lambda step: step + 1})
    scheduled.init_single = scheduled.apply_single = lambda *args: args[0]
    scheduled.apply_gradients({"w": mx.zeros(1)}, {"w": mx.zeros(1)})
    assert scheduled.state["x"].item() == 1


SCHEDULES = [
    (opt.exponential_decay(0.1, 0.9), lambda t: 0.1 * 0.9**t),
    (opt.step_decay(0.1, 0.5, 4), lambda t: 0.1 * 0.5 ** (t // 4)),
    (opt.cosine_decay(0.1, 10), lambda t: 0.05 * (1 + math.cos(math.pi * min(t, 10) / 10))),
    (opt.cosine_decay(0.1, 10, 0.02), lambda t: 0.02 + 0.04 * (1 + math.cos(math.pi * min(t, 10) / 10))),
    (opt.linear_schedule(0.0, 0.1, 8), lambda t: 0.1 * min(t, 8) / 8),
    (opt.linear_schedule(0.3, 0.1, 5), lambda t: 0.3 - 0.2 * min(t, 5) / 5),
    (
        opt.join_schedules(
            [opt.linear_schedule(0, 0.1, 5), opt.exponential_decay(0.1, 0.5), lambda t: 0.7], [5, 9]
        ),
        lambda t: 0.1 * t / 5 if t < 5 else 0.1 * 0.5 ** (t - 5) if t < 9 else 0.7,
    ),
]


@pytest.mark.parametrize("schedule, formula", SCHEDULES)
def test_schedules(schedule, formula):
    for t in range(14):
        for step in (mx.array(t, mx.uint64), mx.array(t)):
            assert mx.array(schedule(step)).item() == pytest.approx(formula(t), rel=1e-5, abs=1e-7), t


def test_multi_optimizer():
    rng = np.random.default_rng(5)
    params, gradients = to_mx(random_tree(rng)), to_mx(random_tree(rng))
    parts = [opt.SGD(0.1), opt.Lion(0.01), opt.Adam(0.001)]
    optimizer = opt.MultiOptimizer(parts, [lambda path, g: path == "vector", lambda path, g: g.ndim == 2])
    new = optimizer.apply_gradients(gradients, params)
    for name, shape in SHAPES.items():
        chosen = opt.SGD(0.1) if name == "vector" else opt.Lion(0.01) if len(shape) == 2 else opt.Adam(0.001)
        expected = chosen.apply_gradients({"w": gradients[name]}, {"w": params[name]})["w"]
        assert mx.array_equal(new[name], expected), name

    states = optimizer.state["states"]
    assert set(states[0]) == {"step", "learning_rate", "vector"}
    assert [s["step"].item() for s in states] == [1, 1, 1]
    optimizer.state = tree_map(lambda x: x, optimizer.state)
    optimizer.apply_gradients(gradients, params)
    assert optimizer.state["states"][1]["step"].item() == 2
    assert optimizer.learning_rate.item() == pytest.approx(0.1)
    optimizer.learning_rate = 0.5
    assert [p.learning_rate.item() for p in parts] == [0.5] * 3

    model = Net()
    opt.MultiOptimizer([opt.SGD(1.0), opt.SGD(2.0)], [lambda path, g: "bias" in path]).update(
        model, tree_map(mx.zeros_like, model.parameters())
    )


def test_multi_optimizer_with_nothing_for_one_of_them():
    optimizer = opt.MultiOptimizer([opt.SGD(0.1), opt.SGD(1.0)], [lambda path, g: False])
    optimizer.init({"w": mx.ones(2)})
    assert optimizer.apply_gradients({"w": mx.ones(2)}, {"w": mx.ones(2)})["w"].tolist() == [0, 0]


def test_clip_grad_norm():
    gradients = {"a": mx.array([3.0, 0.0]), "b": [mx.array([[4.0]])]}
    clipped, norm = opt.clip_grad_norm(gradients, 2.5)
    assert norm.item() == pytest.approx(5)
    np.testing.assert_allclose(np.array(clipped["a"]), [1.5, 0], rtol=1e-5)
    np.testing.assert_allclose(np.array(clipped["b"][0]), [[2.0]], rtol=1e-5)
    unchanged, _ = opt.clip_grad_norm(gradients, 10)
    assert unchanged["a"].tolist() == [3, 0]


def test_clip_grad_norm_in_half_precision():
    """The squares would overflow in float16."""
    clipped, norm = opt.clip_grad_norm({"w": mx.full((4,), 1000.0, mx.float16)}, 1.0)
    assert norm.item() == pytest.approx(2000, rel=1e-3)
    assert clipped["w"].dtype == mx.float16
    np.testing.assert_allclose(np.array(clipped["w"]), 0.5, rtol=1e-2)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: opt.SGD(0.1, nesterov=True), "Nesterov momentum needs"),
        (lambda: opt.SGD(0.1, 0.9, dampening=0.1, nesterov=True), "Nesterov momentum needs"),
        (lambda: opt.RMSprop(0.1, alpha=-1), r"\[RMSprop\] alpha should be >=0, -1"),
        (lambda: opt.RMSprop(0.1, eps=0), r"\[RMSprop\] epsilon should be >0, 0"),
        (lambda: opt.Adagrad(0.1, eps=0), r"\[Adagrad\] epsilon should be >0"),
        (lambda: opt.AdaDelta(0.1, rho=-1), r"\[AdaDelta\] rho should be >=0"),
        (lambda: opt.AdaDelta(0.1, eps=0), r"\[AdaDelta\] epsilon should be >0"),
        (lambda: opt.Adam(0.1, betas=[0.9, 1.0]), r"\[Adam\] beta2 should be in \[0, 1\), 1.0"),
        (lambda: opt.AdamW(0.1, betas=[-0.1, 0.9]), r"\[AdamW\] beta1 should be in \[0, 1\)"),
        (lambda: opt.Adam(0.1, eps=-1), r"\[Adam\] epsilon should be >=0"),
        (lambda: opt.Lion(0.1, betas=[0.9, 2]), r"\[Lion\] beta2 should be in"),
        (lambda: opt.MultiOptimizer([opt.SGD(1)], [lambda p, g: True]), "Expected 0 filters, got 1"),
        (lambda: setattr(opt.MultiOptimizer([opt.SGD(1)]), "state", {}), "Expected a state with 1 entries"),
        (lambda: opt.clip_grad_norm({}, -1), r"\[clip_grad_norm\] max_norm should be >=0, -1"),
        (lambda: opt.step_decay(0.1, 0.5, 0), r"\[step_decay\] step_size must be greater than 0, got 0"),
        (lambda: opt.cosine_decay(0.1, 0), r"\[cosine_decay\] decay_steps must be"),
        (lambda: opt.linear_schedule(0, 1, 0), r"\[linear_schedule\] steps must be"),
        (lambda: opt.join_schedules([], []), "at least one schedule"),
        (lambda: opt.join_schedules([opt.step_decay(1, 1, 1)], [3]), "Expected 0 boundaries, got 1"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_base_class_has_no_rule():
    with pytest.raises(NotImplementedError, match="init_single"):
        opt.Optimizer().init({"w": mx.zeros(1)})
