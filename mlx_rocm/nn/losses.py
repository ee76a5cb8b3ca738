"""Loss functions.

All take a ``reduction``: ``"none"`` returns the losses one by one, ``"mean"`` and ``"sum"`` a scalar.  Shapes
that do not match raise ValueError.
"""

from __future__ import annotations

import math
from typing import Literal

import mlx_rocm.core as mx

Reduction = Literal["none", "mean", "sum"]

_REDUCTIONS = {"none": lambda loss: loss, "mean": mx.mean, "sum": mx.sum}


def _reduce(loss: mx.array, reduction: Reduction = "none"):
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"[losses] reduction must be one of {', '.join(map(repr, _REDUCTIONS))}, got {reduction!r}."
        )
    return _REDUCTIONS[reduction](loss)


def _check_same_shape(name, **arrays):
    shapes = {label: a.shape for label, a in arrays.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{label} {shape}" for label, shape in shapes.items())
        raise ValueError(f"[{name}] Shapes must be equal, got {listed}.")


def _weighted(name, loss, weights):
    if weights is None:
        return loss
    _check_same_shape(name, weights=weights, loss=loss)
    return loss * weights


def _fused_cross_entropy(logits, targets, axis):
    """Whether the fused kernel, which stores no probabilities, computes it: indices, last axis, GPU."""
    return (
        mx.default_device() == mx.gpu
        and targets.ndim < logits.ndim
        and axis in (-1, logits.ndim - 1)
        and mx.issubdtype(logits.dtype, mx.floating)
        and mx.issubdtype(targets.dtype, mx.integer)
    )


def cross_entropy(
    logits: mx.array,
    targets: mx.array,
    weights: mx.array | None = None,
    axis: int = -1,
    label_smoothing: float = 0.0,
    reduction: Reduction = "none",
) -> mx.array:
    r"""Cross entropy between a target distribution and ``softmax(logits)``.

    With class indices :math:`y` it is :math:`\log \sum_j e^{x_j} - x_y`, with probabilities :math:`p` it is
    :math:`\log \sum_j e^{x_j} - \sum_j p_j x_j`.

    Args:
        logits: Unnormalised log probabilities.
        targets: Class indices in the shape of ``logits`` without ``axis``, or probabilities in the shape of
            ``logits``.
        weights: One factor for each loss.
        axis: The axis of the classes.
        label_smoothing: In [0, 1): the share of the target distribution that is spread evenly over all
            classes.
        reduction: See above.

    Example:
        >>> nn.losses.cross_entropy(mx.array([[2.0, -1.0], [-1.0, 2.0]]), mx.array([0, 1]))
        array([0.0485873, 0.0485873], dtype=float32)
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"[cross_entropy] label_smoothing must be in [0, 1), got {label_smoothing}.")
    probabilities = targets.ndim == logits.ndim
    expected = list(logits.shape)
    if not probabilities:
        expected.pop(axis)
    if tuple(targets.shape) != tuple(expected):
        raise ValueError(
            f"[cross_entropy] Targets shape {targets.shape} does not match logits shape {logits.shape}."
        )

    if label_smoothing == 0 and _fused_cross_entropy(logits, targets, axis):
        loss = mx.fast.cross_entropy(logits, targets).astype(logits.dtype)
        return _reduce(_weighted("cross_entropy", loss, weights), reduction)

    # Without the shift a large maximum would swallow the logarithm of the sum in half precision.
    logits = logits - mx.stop_gradient(mx.max(logits, axis=axis, keepdims=True))
    if probabilities:
        score = mx.sum(logits * targets, axis=axis)
    else:
        score = mx.take_along_axis(logits, mx.expand_dims(targets, axis), axis).squeeze(axis)
    log_normaliser = mx.logsumexp(logits, axis=axis)
    if label_smoothing > 0:
        even = -logits.mean(axis=axis) * label_smoothing
        loss = log_normaliser - (1 - label_smoothing) * score + even
    else:
        loss = log_normaliser - score
    return _reduce(_weighted("cross_entropy", loss, weights), reduction)


def binary_cross_entropy(
    inputs: mx.array,
    targets: mx.array,
    weights: mx.array | None = None,
    with_logits: bool = True,
    reduction: Reduction = "mean",
) -> mx.array:
    r"""Cross entropy of two classes, :math:`-t \log p - (1 - t) \log(1 - p)`.

    Args:
        inputs: Logits, :math:`p` being their sigmoid, or :math:`p` itself.
        targets: Probabilities of class 1 in the shape of ``inputs``.
        weights: One factor for each loss.
        with_logits: Whether ``inputs`` are logits.  If not, logarithms below -100 count as -100.
        reduction: See above.
    """
    _check_same_shape("binary_cross_entropy", inputs=inputs, targets=targets)
    if with_logits:
        loss = mx.logaddexp(0.0, inputs) - inputs * targets
    else:
        log_p = mx.clip(mx.log(inputs), a_min=-100, a_max=None)
        log_not_p = mx.clip(mx.log(1 - inputs), a_min=-100, a_max=None)
        loss = -(targets * log_p + (1 - targets) * log_not_p)
    return _reduce(_weighted("binary_cross_entropy", loss, weights), reduction)


def l1_loss(predictions: mx.array, targets: mx.array, reduction: Reduction = "mean") -> mx.array:
    r"""Absolute difference, :math:`|x - t|`."""
    _check_same_shape("l1_loss", predictions=predictions, targets=targets)
    return _reduce(mx.abs(predictions - targets), reduction)


def mse_loss(predictions: mx.array, targets: mx.array, reduction: Reduction = "mean") -> mx.array:
    r"""Squared difference, :math:`(x - t)^2`."""
    _check_same_shape("mse_loss", predictions=predictions, targets=targets)
    return _reduce(mx.square(predictions - targets), reduction)


def nll_loss(inputs: mx.array, targets: mx.array, axis: int = -1, reduction: Reduction = "none") -> mx.array:
    r"""Negative log likelihood, :math:`-x_y`.

    Args:
        inputs: Log probabilities.
        targets: Class indices in the shape of ``inputs`` without ``axis``.
        axis: The axis of the classes.
        reduction: See above.
    """
    chosen = mx.take_along_axis(inputs, mx.expand_dims(targets, axis), axis).squeeze(axis)
    return _reduce(-chosen, reduction)


def gaussian_nll_loss(
    inputs: mx.array,
    targets: mx.array,
    vars: mx.array,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> mx.array:
    r"""Negative log likelihood of normal distributions, :math:`\frac12 (\log v + (x - t)^2 / v)`.

    Args:
        inputs: Means.
        targets: Observed values, in the shape of ``inputs``.
        vars: Variances :math:`v`, in the shape of ``inputs``.
        full: Add the constant :math:`\frac12 \log 2 \pi`.
        eps: Smaller variances count as this.
        reduction: See above.
    """
    _check_same_shape("gaussian_nll_loss", inputs=inputs, targets=targets, vars=vars)
    vars = mx.maximum(vars, eps)
    loss = 0.5 * (mx.log(vars) + mx.square(targets - inputs) / vars)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduce(loss, reduction)


def kl_div_loss(
    inputs: mx.array, targets: mx.array, axis: int = -1, reduction: Reduction = "none"
) -> mx.array:
    r"""Kullback-Leibler divergence :math:`\sum_j e^{t_j} (t_j - x_j)` of two distributions.

    Args:
        inputs: Log probabilities :math:`x` of the predicted distribution.
        targets: Log probabilities :math:`t` of the target distribution.
        axis: The axis of the classes.
        reduction: See above.
    """
    return _reduce(mx.sum(mx.exp(targets) * (targets - inputs), axis), reduction)


def smooth_l1_loss(
    predictions: mx.array, targets: mx.array, beta: float = 1.0, reduction: Reduction = "mean"
) -> mx.array:
    r"""Quadratic near zero, linear beyond: with :math:`d = |x - t|`, :math:`d^2 / 2 \beta` where :math:`d <
    \beta` and :math:`d - \beta / 2` elsewhere."""
    _check_same_shape("smooth_l1_loss", predictions=predictions, targets=targets)
    distance = mx.abs(predictions - targets)
    loss = mx.where(distance < beta, 0.5 * mx.square(distance) / beta, distance - 0.5 * beta)
    return _reduce(loss, reduction)


def triplet_loss(
    anchors: mx.array,
    positives: mx.array,
    negatives: mx.array,
    axis: int = -1,
    p: int = 2,
    margin: float = 1.0,
    eps: float = 1e-6,
    reduction: Reduction = "none",
) -> mx.array:
    r"""How much nearer an anchor should be to its positive than to its negative sample,
    :math:`\max(d(a, p) - d(a, n) + \mathrm{margin}, 0)`.

    Args:
        anchors: Embeddings.
        positives: Embeddings that should be near.
        negatives: Embeddings that should be far.
        axis: The axis of the features.
        p: The distance is the p-norm of the difference.
        margin: See above.
        eps: Added below the root, where the gradient would be infinite at zero.
        reduction: See above.
    """

    def distance(a, b):
        return mx.power(mx.power(mx.abs(a - b), p).sum(axis) + eps, 1.0 / p)

    loss = mx.maximum(distance(anchors, positives) - distance(anchors, negatives) + margin, 0)
    return _reduce(loss, reduction)


def hinge_loss(inputs: mx.array, targets: mx.array, reduction: Reduction = "none") -> mx.array:
    r""":math:`\max(0, 1 - x t)` for targets of -1 and 1."""
    return _reduce(mx.maximum(1 - inputs * targets, 0), reduction)


def huber_loss(
    inputs: mx.array, targets: mx.array, delta: float = 1.0, reduction: Reduction = "none"
) -> mx.array:
    r""":math:`d^2 / 2` for :math:`d = |x - t| \le \delta`, :math:`\delta (d - \delta / 2)` beyond."""
    distance = mx.abs(inputs - targets)
    near = mx.minimum(distance, delta)
    return _reduce(0.5 * near**2 + delta * (distance - near), reduction)


def log_cosh_loss(inputs: mx.array, targets: mx.array, reduction: Reduction = "none") -> mx.array:
    r""":math:`\log \cosh(x - t)`, like half the square near zero and like the absolute value far away.

    Computed as :math:`\log(e^d + e^{-d}) - \log 2`, which cannot overflow.
    """
    difference = inputs - targets
    return _reduce(mx.logaddexp(difference, -difference) - math.log(2), reduction)


def cosine_similarity_loss(
    x1: mx.array,
    x2: mx.array,
    axis: int = 1,
    eps: float = 1e-8,
    reduction: Reduction = "none",
) -> mx.array:
    r"""The cosine of the angle between vectors, :math:`x_1 \cdot x_2 / \max(\|x_1\| \|x_2\|, \epsilon)`.

    It grows with similarity: negate it to train for similar vectors.

    Args:
        x1: Vectors.
        x2: Vectors, of a shape that broadcasts with that of ``x1``.
        axis: The axis of the features.
        eps: The least denominator.
        reduction: See above.
    """
    norms = mx.linalg.norm(x1, axis=axis) * mx.linalg.norm(x2, axis=axis)
    return _reduce(mx.sum(x1 * x2, axis=axis) / mx.maximum(norms, eps), reduction)


def margin_ranking_loss(
    inputs1: mx.array,
    inputs2: mx.array,
    targets: mx.array,
    margin: float = 0.0,
    reduction: Reduction = "none",
) -> mx.array:
    r""":math:`\max(0, -t (x_1 - x_2) + \mathrm{margin})`.

    Targets of 1 ask for ``inputs1`` to be larger, targets of -1 for ``inputs2``.
    """
    _check_same_shape("margin_ranking_loss", inputs1=inputs1, inputs2=inputs2, targets=targets)
    return _reduce(mx.maximum(0, -targets * (inputs1 - inputs2) + margin), reduction)
