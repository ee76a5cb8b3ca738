"""mlx_rocm.nn.losses: values in double precision, gradients against differences, errors."""

import numpy as np
import pytest
from scipy import special, stats

import mlx_rocm.core as mx
from mlx_rocm import nn

L = nn.losses
RNG = np.random.default_rng(7)
SHAPE = (5, 6)

X = RNG.normal(size=SHAPE)
Y = RNG.normal(size=SHAPE)
Z = RNG.normal(size=SHAPE)
UNIT = RNG.uniform(0.1, 0.9, SHAPE)
VARIANCE = RNG.uniform(0.1, 3, SHAPE)
SIGNS = RNG.choice([-1.0, 1.0], SHAPE)
ROWS = special.softmax(RNG.normal(size=SHAPE), axis=-1)
CLASSES = RNG.integers(0, SHAPE[1], SHAPE[0])
COLUMN_CLASSES = RNG.integers(0, SHAPE[0], SHAPE[1])
WEIGHTS = RNG.uniform(0.5, 2, SHAPE[0])


def pick(x, classes):
    return x[np.arange(len(classes)), classes]


def smoothed(classes, smoothing, count):
    return (1 - smoothing) * np.eye(count)[classes] + smoothing / count


def huber(x, t, delta):
    d = np.abs(x - t)
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2))


def smooth_l1(x, t, beta):
    d = np.abs(x - t)
    return np.where(d < beta, d**2 / (2 * beta), d - beta / 2)


def p_distance(a, b, p, eps, axis=-1):
    return (np.sum(np.abs(a - b) ** p, axis) + eps) ** (1 / p)


LOG_SOFTMAX = special.log_softmax
# name, arguments, keywords, expected losses one by one
CASES = [
    ("cross_entropy", (X, CLASSES), {}, -pick(LOG_SOFTMAX(X, -1), CLASSES)),
    ("cross_entropy", (X, ROWS), {}, -(ROWS * LOG_SOFTMAX(X, -1)).sum(-1)),
    ("cross_entropy", (X, COLUMN_CLASSES), {"axis": 0}, -pick(LOG_SOFTMAX(X, 0).T, COLUMN_CLASSES)),
    ("cross_entropy", (X, CLASSES, WEIGHTS), {}, -pick(LOG_SOFTMAX(X, -1), CLASSES) * WEIGHTS),
    (
        "cross_entropy",
        (X, CLASSES),
        {"label_smoothing": 0.3},
        -(smoothed(CLASSES, 0.3, SHAPE[1]) * LOG_SOFTMAX(X, -1)).sum(-1),
    ),
    (
        "cross_entropy",
        (X, ROWS),
        {"label_smoothing": 0.3},
        -((0.7 * ROWS + 0.3 / SHAPE[1]) * LOG_SOFTMAX(X, -1)).sum(-1),
    ),
    (
        "binary_cross_entropy",
        (X, UNIT),
        {},
        -(UNIT * special.log_expit(X) + (1 - UNIT) * special.log_expit(-X)),
    ),
    (
        "binary_cross_entropy",
        (UNIT, ROWS),
        {"with_logits": False},
        -(ROWS * np.log(UNIT) + (1 - ROWS) * np.log(1 - UNIT)),
    ),
    ("l1_loss", (X, Y), {}, np.abs(X - Y)),
    ("mse_loss", (X, Y), {}, (X - Y) ** 2),
    ("nll_loss", (X, CLASSES), {}, -pick(X, CLASSES)),
    ("nll_loss", (X, COLUMN_CLASSES), {"axis": 0}, -pick(X.T, COLUMN_CLASSES)),
    (
        "gaussian_nll_loss",
        (X, Y, VARIANCE),
        {"full": True},
        -stats.norm.logpdf(Y, loc=X, scale=np.sqrt(VARIANCE)),
    ),
    (
        "gaussian_nll_loss",
        (X, Y, VARIANCE),
        {"eps": 1.0},
        (np.log(np.maximum(VARIANCE, 1)) + (X - Y) ** 2 / np.maximum(VARIANCE, 1)) / 2,
    ),
    (
        "kl_div_loss",
        (LOG_SOFTMAX(X, -1), np.log(ROWS)),
        {},
        special.rel_entr(ROWS, special.softmax(X, -1)).sum(-1),
    ),
    ("smooth_l1_loss", (X, Y), {}, smooth_l1(X, Y, 1.0)),
    ("smooth_l1_loss", (X, Y), {"beta": 0.4}, smooth_l1(X, Y, 0.4)),
    ("triplet_loss", (X, Y, Z), {}, np.maximum(p_distance(X, Y, 2, 1e-6) - p_distance(X, Z, 2, 1e-6) + 1, 0)),
    (
        "triplet_loss",
        (X, Y, Z),
        {"p": 3, "margin": 0.25, "eps": 1e-3, "axis": 0},
        np.maximum(p_distance(X, Y, 3, 1e-3, 0) - p_distance(X, Z, 3, 1e-3, 0) + 0.25, 0),
    ),
    ("hinge_loss", (X, SIGNS), {}, np.maximum(1 - X * SIGNS, 0)),
    ("huber_loss", (X, Y), {}, huber(X, Y, 1.0)),
    ("huber_loss", (X, Y), {"delta": 0.3}, huber(X, Y, 0.3)),
    ("log_cosh_loss", (X, Y), {}, np.log(np.cosh(X - Y))),
    (
        "cosine_similarity_loss",
        (X, Y),
        {},
        np.sum(X * Y, 1) / (np.linalg.norm(X, axis=1) * np.linalg.norm(Y, axis=1)),
    ),
    (
        "cosine_similarity_loss",
        (X, Y),
        {"axis": 0},
        np.sum(X * Y, 0) / (np.linalg.norm(X, axis=0) * np.linalg.norm(Y, axis=0)),
    ),
    ("margin_ranking_loss", (X, Y, SIGNS), {"margin": 0.5}, np.maximum(0, -SIGNS * (X - Y) + 0.5)),
]
IDS = [f"{i}-{name}" for i, (name, *_) in enumerate(CASES)]


def to_mx(a):
    return mx.array(a.astype(np.int32 if a.dtype.kind == "i" else np.float32))


@pytest.mark.parametrize("name, args, keywords, expected", CASES, ids=IDS)
def test_values(name, args, keywords, expected):
    loss = getattr(L, name)
    arrays = [to_mx(a) for a in args]
    for reduction, reduce in (("none", lambda e: e), ("mean", np.mean), ("sum", np.sum)):
        got = loss(*arrays, **keywords, reduction=reduction)
        assert got.dtype == mx.float32
        np.testing.assert_allclose(np.array(got), reduce(expected), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name, args, keywords, expected", CASES, ids=IDS)
def test_gradients_against_differences(name, args, keywords, expected):
    """Along a random direction: d loss(x + h v) / dh by central differences of the float32 losses."""
    loss = getattr(L, name)
    rest = [to_mx(a) for a in args[1:]]
    x, v = to_mx(args[0]), to_mx(np.random.default_rng(0).choice([-1.0, 1.0], args[0].shape))

    def total(x):
        return loss(x, *rest, **keywords, reduction="sum")

    slope = mx.sum(mx.grad(total)(x) * v).item()
    h = 1e-2
    difference = (total(x + h * v).item() - total(x - h * v).item()) / (2 * h)
    kinks = 0.3 if name in ("l1_loss", "hinge_loss", "margin_ranking_loss", "triplet_loss") else 0.01
    assert slope == pytest.approx(difference, rel=0.02, abs=0.02 + kinks)


def test_default_reductions():
    per_element = {"nll_loss", "kl_div_loss", "triplet_loss", "hinge_loss", "huber_loss", "log_cosh_loss"}
    per_element |= {"cross_entropy", "cosine_similarity_loss", "margin_ranking_loss"}
    for name, args, keywords, expected in CASES:
        got = getattr(L, name)(*map(to_mx, args), **keywords)
        assert tuple(got.shape) == (np.shape(expected) if name in per_element else ()), name


def test_large_logits_in_half_precision():
    """The loss is the small difference of large logits: computed before the logarithm it would be lost."""
    for dtype in (mx.float16, mx.bfloat16):
        logits = mx.array([[1000.0, 1000.0, -1000.0]], dtype=dtype)
        got = L.cross_entropy(logits, mx.array([0]))
        assert got.dtype == dtype
        assert got.item() == pytest.approx(np.log(2), rel=1e-2)


def test_binary_cross_entropy_of_certain_predictions():
    with_zeros = L.binary_cross_entropy(
        mx.array([0.0, 1.0, 1.0]), mx.array([1.0, 0.0, 1.0]), with_logits=False, reduction="none"
    )
    np.testing.assert_allclose(np.array(with_zeros), [100, 100, 0])
    logits = L.binary_cross_entropy(mx.array([-1000.0, 1000.0]), mx.array([0.0, 0.0]), reduction="none")
    np.testing.assert_allclose(np.array(logits), [0, 1000])


def test_cosine_of_zero_vectors():
    zeros = mx.zeros((2, 3))
    np.testing.assert_array_equal(np.array(L.cosine_similarity_loss(zeros, zeros)), [0, 0])


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda a: L.mse_loss(a, a[0]),
            r"\[mse_loss\] Shapes must be equal, got predictions \(2, 3\), targets \(3,\)",
        ),
        (lambda a: L.l1_loss(a, a[:1]), r"\[l1_loss\] Shapes"),
        (lambda a: L.smooth_l1_loss(a, a[:1]), r"\[smooth_l1_loss\] Shapes"),
        (lambda a: L.binary_cross_entropy(a, a[:1]), r"\[binary_cross_entropy\] Shapes"),
        (lambda a: L.binary_cross_entropy(a, a, weights=a[:1]), r"weights \(1, 3\), loss \(2, 3\)"),
        (lambda a: L.gaussian_nll_loss(a, a[:1], a), r"\[gaussian_nll_loss\] Shapes"),
        (lambda a: L.gaussian_nll_loss(a, a, a[:1]), r"vars \(1, 3\)"),
        (lambda a: L.margin_ranking_loss(a, a, a[:1]), r"\[margin_ranking_loss\] Shapes"),
        (
            lambda a: L.cross_entropy(a, mx.array([0])),
            r"Targets shape \(1,\) does not match logits shape \(2, 3\)",
        ),
        (lambda a: L.cross_entropy(a, a[:1]), "Targets shape"),
        (lambda a: L.cross_entropy(a, mx.array([0, 1]), weights=mx.ones(3)), r"weights \(3,\), loss \(2,\)"),
        (
            lambda a: L.cross_entropy(a, mx.array([0, 1]), label_smoothing=1.0),
            r"label_smoothing must be in \[0, 1\)",
        ),
        (lambda a: L.cross_entropy(a, mx.array([0, 1]), label_smoothing=-0.1), "got -0.1"),
        (lambda a: L.hinge_loss(a, a, reduction="product"), "'none', 'mean', 'sum', got 'product'"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(mx.zeros((2, 3)))
