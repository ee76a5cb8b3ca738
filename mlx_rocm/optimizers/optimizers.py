"""Optimizers.

The state of an optimizer is a tree like the gradients, with a dict of arrays in place of each leaf, and next
to it ``step`` (how many updates were made) and the scheduled values such as ``learning_rate``.  It can be
saved with ``tree_flatten`` and captured by ``mx.compile``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.base import Module
from mlx_rocm.utils import tree_flatten, tree_map, tree_merge, tree_reduce, tree_unflatten


def _empty_states(parameters):
    return tree_map(lambda _: {}, parameters)


def _extend_state(state, parameters):
    """``state`` with an empty dict for each leaf of ``parameters`` that it lacks (dicts change in place)."""
    if isinstance(parameters, dict):
        for key, value in parameters.items():
            state[key] = _extend_state(state[key], value) if key in state else _empty_states(value)
        return state
    if isinstance(parameters, (list, tuple)):
        known = [_extend_state(s, p) for s, p in zip(state, parameters)]
        new = [_empty_states(p) for p in parameters[len(known) :]]
        return type(parameters)([*known, *new, *state[len(known) :]])
    return state


def _check_range(optimizer, name, value, valid, expected):
    if not valid:
        raise ValueError(
            f"[{type(optimizer).__name__}] {name} should be {expected}, {value} was provided instead."
        )


def _check_betas(optimizer, betas):
    for i, beta in enumerate(betas, start=1):
        _check_range(optimizer, f"beta{i}", beta, 0.0 <= beta < 1.0, "in [0, 1)")


def _average(old, new, decay):
    """The exponential moving average ``decay * old + (1 - decay) * new``."""
    return decay * old + (1 - decay) * new


class Optimizer:
    """Base class.  Subclasses define :meth:`init_single` and :meth:`apply_single`, which treat one parameter.

    Args:
        schedulers: Functions of the step for entries of the state, by name.
    """

    def __init__(self, schedulers=None):
        self._initialized = False
        self._state = {"step": mx.array(0, mx.uint64)}
        self._schedulers = dict(schedulers or {})

    def update(self, model: Module, gradients: dict):
        """Replace the parameters of ``model`` by improved ones.

        Args:
            model: The model.
            gradients: A tree with the gradients of some or all of its parameters.
        """
        model.update(self.apply_gradients(gradients, model))

    def init(self, parameters: dict):
        """Create the state for a tree of parameters.

        The first :meth:`update` does this; call it earlier to load or to capture the state.  What the state
        has already is kept, so that it may be called again with more parameters.
        """
        _extend_state(self._state, parameters)
        tree_map(lambda p, state: state or self.init_single(p, state), parameters, self._state)
        self._initialized = True

    def init_single(self, parameter: mx.array, state: dict):
        """Put the first state of one parameter into ``state``.  To be defined by subclasses."""
        raise NotImplementedError(f"[{type(self).__name__}] init_single is not defined.")

    def apply_gradients(self, gradients: dict, parameters: dict):
        """Improved parameters, without changing any model.

        Args:
            gradients: A tree of gradients.
            parameters: A tree with at least its structure.

        Returns:
            A tree like ``gradients``.
        """
        if not self._initialized:
            self.init(gradients)
        for name, schedule in self._schedulers.items():
            self.state[name] = schedule(self.step)
        self.state["step"] = self.step + 1
        return tree_map(self.apply_single, gradients, parameters, self.state)

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """The new value of one parameter; ``state`` is updated.  To be defined by subclasses."""
        raise NotImplementedError(f"[{type(self).__name__}] apply_single is not defined.")

    @property
    def state(self):
        """The state; see the module's description.  Setting it makes the next update add what it lacks."""
        return self._state

    @state.setter
    def state(self, state: dict):
        self._initialized = False
        self._state = state

    @property
    def step(self):
        """How many updates were made, a uint64 array."""
        return self.state["step"]

    @property
    def learning_rate(self):
        """The current learning rate, an array."""
        return self.state["learning_rate"]

    @learning_rate.setter
    def learning_rate(self, learning_rate: float | mx.array):
        self.state["learning_rate"] = mx.array(learning_rate)

    def _maybe_schedule(self, name: str, param: float | Callable[[mx.array], mx.array]):
        """Put ``param``, or what it gives for the current step if it is a schedule, into the state."""
        if callable(param):
            self._schedulers[name] = param
            self.state[name] = param(self.step)
        else:
            self.state[name] = mx.array(param)

    def _rate(self, gradient):
        """The learning rate in the type of ``gradient``, so that half precision stays half precision."""
        return self.learning_rate.astype(gradient.dtype)


class MultiOptimizer(Optimizer):
    """Different optimizers for different parameters.

    Args:
        optimizers: The optimizers.
        filters: ``filter(path, gradient)`` for each of them but the last: the first that returns true gets
            the parameter, and the last optimizer what is left.

    Raises:
        ValueError: The number of filters does not fit.

    Example:
        >>> optim.MultiOptimizer([optim.Muon(0.02), optim.AdamW(1e-3)], [lambda path, g: g.ndim == 2])
    """

    def __init__(self, optimizers, filters: Sequence[Callable] = ()):
        super().__init__()
        if len(filters) != len(optimizers) - 1:
            raise ValueError(f"[MultiOptimizer] Expected {len(optimizers) - 1} filters, got {len(filters)}.")
        self._state = {}
        self.optimizers = optimizers
        self.filters = [*filters, lambda *args, **kwargs: True]

    def _divide(self, tree):
        """For each optimizer the part of ``tree`` that it treats."""
        if len(self.optimizers) == 1:
            return [tree]
        parts = [[] for _ in self.optimizers]
        for path, leaf in tree_flatten(tree):
            chosen = next(i for i, accepts in enumerate(self.filters) if accepts(path, leaf))
            parts[chosen].append((path, leaf))
        return [tree_unflatten(part) if part else {} for part in parts]

    def init(self, parameters: dict):
        """Create the states of all optimizers."""
        for optimizer, part in zip(self.optimizers, self._divide(parameters)):
            optimizer.init(part)

    def apply_gradients(self, gradients: dict, parameters: dict):
        """See :meth:`Optimizer.apply_gradients`."""
        merged = {}
        for optimizer, part in zip(self.optimizers, self._divide(gradients)):
            merged = tree_merge(merged, optimizer.apply_gradients(part, parameters))
        return merged

    @property
    def state(self):
        """``{"states": [...]}`` with the states of the optimizers."""
        return {"states": [optimizer.state for optimizer in self.optimizers]}

    @state.setter
    def state(self, state: dict):
        if len(state.get("states", ())) != len(self.optimizers):
            raise ValueError(
                f"[MultiOptimizer] Expected a state with {len(self.optimizers)} entries in 'states'."
            )
        for optimizer, own in zip(self.optimizers, state["states"]):
            optimizer.state = own

    @property
    def learning_rate(self):
        """The learning rate of the first optimizer; setting it sets that of all."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: float | mx.array):
        for optimizer in self.optimizers:
            optimizer.learning_rate = learning_rate


class SGD(Optimizer):
    r"""Stochastic gradient descent.

    .. math::

        g_t &\leftarrow g_t + \lambda w_t \\
        v_{t+1} &= \mu v_t + (1 - \tau) g_t \\
        w_{t+1} &= w_t - \eta v_{t+1} \quad\text{or, Nesterov,}\quad w_t - \eta (g_t + \mu v_{t+1})

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        momentum: :math:`\mu`; without it the gradient takes the place of :math:`v`.
        weight_decay: :math:`\lambda`.
        dampening: :math:`\tau`.
        nesterov: Look ahead; needs momentum and no dampening, else ValueError.
    """

    def __init__(
        self,
        learning_rate: float | Callable[[mx.array], mx.array],
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
    ):
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("[SGD] Nesterov momentum needs a momentum above 0 and no dampening.")
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.dampening = dampening
        self.nesterov = nesterov

    def init_single(self, parameter: mx.array, state: dict):
        """The velocity ``v`` starts at zero."""
        state["v"] = mx.zeros_like(parameter)

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """One update; ``v`` changes if there is momentum."""
        if self.weight_decay != 0:
            gradient = gradient + self.weight_decay * parameter
        update = gradient
        if self.momentum > 0:
            added = (1 - self.dampening) * gradient if self.dampening > 0 else gradient
            v = state["v"] = self.momentum * state["v"] + added
            update = gradient + self.momentum * v if self.nesterov else v
        return parameter - self._rate(gradient) * update


class RMSprop(Optimizer):
    r"""RMSprop (Tieleman and Hinton 2012, lecture 6.5 of COURSERA: Neural Networks for Machine Learning).

    .. math::

        v_{t+1} &= \alpha v_t + (1 - \alpha) g_t^2 \\
        w_{t+1} &= w_t - \eta \frac{g_t}{\sqrt{v_{t+1}} + \epsilon}

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        alpha: :math:`\alpha`, at least 0.
        eps: :math:`\epsilon`, above 0.
    """

    def __init__(
        self,
        learning_rate: float | Callable[[mx.array], mx.array],
        alpha: float = 0.99,
        eps: float = 1e-8,
    ):
        super().__init__()
        _check_range(self, "alpha", alpha, alpha >= 0.0, ">=0")
        _check_range(self, "epsilon", eps, eps > 0.0, ">0")
        self._maybe_schedule("learning_rate", learning_rate)
        self.alpha = alpha
        self.eps = eps

    def init_single(self, parameter: mx.array, state: dict):
        """The mean square ``v`` starts at zero."""
        state["v"] = mx.zeros_like(parameter)

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """One update."""
        v = state["v"] = _average(state["v"], mx.square(gradient), self.alpha)
        return parameter - self._rate(gradient) * gradient / (mx.sqrt(v) + self.eps)


class Adagrad(Optimizer):
    r"""Adagrad (`Duchi et al. 2011 <https://jmlr.org/papers/v12/duchi11a.html>`_).

    .. math::

        v_{t+1} &= v_t + g_t^2 \\
        w_{t+1} &= w_t - \eta \frac{g_t}{\sqrt{v_{t+1}} + \epsilon}

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        eps: :math:`\epsilon`, above 0.
    """

    def __init__(
        self,
        learning_rate: float | Callable[[mx.array], mx.array],
        eps: float = 1e-8,
    ):
        super().__init__()
        _check_range(self, "epsilon", eps, eps > 0.0, ">0")
        self._maybe_schedule("learning_rate", learning_rate)
        self.eps = eps

    def init_single(self, parameter: mx.array, state: dict):
        """The sum of squares ``v`` starts at zero."""
        state["v"] = mx.zeros_like(parameter)

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """One update."""
        v = state["v"] = state["v"] + mx.square(gradient)
        return parameter - self._rate(gradient) * gradient / (mx.sqrt(v) + self.eps)


class AdaDelta(Optimizer):
    r"""AdaDelta (`Zeiler 2012 <https://arxiv.org/abs/1212.5701>`_).

    .. math::

        v_{t+1} &= \rho v_t + (1 - \rho) g_t^2 \\
        d_t &= \frac{\sqrt{u_t + \epsilon}}{\sqrt{v_{t+1} + \epsilon}} g_t \\
        u_{t+1} &= \rho u_t + (1 - \rho) d_t^2 \\
        w_{t+1} &= w_t - \eta d_t

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        rho: :math:`\rho`, at least 0.
        eps: :math:`\epsilon`, above 0.
    """

    def __init__(
        self,
        learning_rate: float | Callable[[mx.array], mx.array],
        rho: float = 0.9,
        eps: float = 1e-6,
    ):
        super().__init__()
        _check_range(self, "rho", rho, rho >= 0.0, ">=0")
        _check_range(self, "epsilon", eps, eps > 0.0, ">0")
        self._maybe_schedule("learning_rate", learning_rate)
        self.rho = rho
        self.eps = eps

    def init_single(self, parameter: mx.array, state: dict):
        """The mean squares of gradients ``v`` and of updates ``u`` start at zero."""
        state["v"] = mx.zeros_like(parameter)
        state["u"] = mx.zeros_like(parameter)

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """One update."""
        v = state["v"] = _average(state["v"], mx.square(gradient), self.rho)
        update = mx.sqrt(state["u"] + self.eps) / mx.sqrt(v + self.eps) * gradient
        state["u"] = _average(state["u"], mx.square(update), self.rho)
        return parameter - self._rate(gradient) * update


class Adam(Optimizer):
    r"""Adam (`Kingma and Ba 2014 <https://arxiv.org/abs/1412.6980>`_).

    .. math::

        m_{t+1} &= \beta_1 m_t + (1 - \beta_1) g_t \\
        v_{t+1} &= \beta_2 v_t + (1 - \beta_2) g_t^2 \\
        w_{t+1} &= w_t - \eta \frac{m_{t+1}}{\sqrt{v_{t+1}} + \epsilon}

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        betas: :math:`\beta_1` and :math:`\beta_2`, in [0, 1).
        eps: :math:`\epsilon`, at least 0.
        bias_correction: Divide :math:`m` by :math:`1 - \beta_1^t` and :math:`v` by :math:`1 - \beta_2^t`, as
            the paper does, because both start at zero.
    """

    def __init__(
        self,
        learning_rate: float | Callable[[mx.array], mx.array],
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        bias_correction: bool = False,
    ):
        super().__init__()
        _check_betas(self, betas)
        _check_range(self, "epsilon", eps, eps >= 0.0, ">=0")
        self._maybe_schedule("learning_rate", learning_rate)
        self.betas = betas
        self.eps = eps
        self.bias_correction = bias_correction

    def init_single(self, parameter: mx.array, state: dict):
        """The means of the gradient ``m`` and of its square ``v`` start at zero."""
        state["m"] = mx.zeros_like(parameter)
        state["v"] = mx.zeros_like(parameter)

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """One update."""
        rate = self._rate(gradient)
        beta1, beta2 = self.betas
        m = state["m"] = _average(state["m"], gradient, beta1)
        v = state["v"] = _average(state["v"], mx.square(gradient), beta2)
        if not self.bias_correction:
            return parameter - rate * m / (mx.sqrt(v) + self.eps)
        # The powers are computed in float32, then the factors brought to the parameter's type.
        factor = (rate / (1 - beta1**self.step)).astype(gradient.dtype)
        root_factor = mx.rsqrt(1 - beta2**self.step).astype(gradient.dtype)
        return parameter - factor * m / (mx.sqrt(v) * root_factor + self.eps)


class AdamW(Adam):
    r"""Adam with decoupled weight decay (`Loshchilov and Hutter 2017 <https://arxiv.org/abs/1711.05101>`_):
    :class:`Adam` applied to :math:`(1 - \eta \lambda) w_t`.

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        betas: See :class:`Adam`.
        eps: See :class:`Adam`.
        weight_decay: :math:`\lambda`.
        bias_correction: See :class:`Adam`.
    """

    def __init__(
        self,
        learning_rate: float | Callable[[mx.array], mx.array],
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        bias_correction: bool = False,
    ):
        super().__init__(learning_rate, betas, eps, bias_correction)
        self.weight_decay = weight_decay

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """One update."""
        decayed = parameter * (1 - self._rate(gradient) * self.weight_decay)
        return super().apply_single(gradient, decayed, state)


class Adamax(Adam):
    r"""Adam with the maximum norm, from the same paper (`Kingma and Ba 2014
    <https://arxiv.org/abs/1412.6980>`_).

    .. math::

        m_{t+1} &= \beta_1 m_t + (1 - \beta_1) g_t \\
        v_{t+1} &= \max(\beta_2 v_t, |g_t|) \\
        w_{t+1} &= w_t - \eta \frac{m_{t+1}}{v_{t+1} + \epsilon}

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        betas: :math:`\beta_1` and :math:`\beta_2`, in [0, 1).
        eps: :math:`\epsilon`, at least 0.
    """

    def __init__(
        self,
        learning_rate: float | Callable[[mx.array], mx.array],
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        super().__init__(learning_rate, betas, eps)

    def init_single(self, parameter: mx.array, state: dict):
        """The mean ``m`` and the maximum ``v`` start at zero."""
        super().init_single(parameter, state)

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """One update."""
        beta1, beta2 = self.betas
        m = state["m"] = _average(state["m"], gradient, beta1)
        v = state["v"] = mx.maximum(beta2 * state["v"], mx.abs(gradient))
        return parameter - self._rate(gradient) * m / (v + self.eps)


class Lion(Optimizer):
    r"""Lion (`Chen et al. 2023 <https://arxiv.org/abs/2302.06675>`_).

    .. math::

        c_{t+1} &= \beta_1 m_t + (1 - \beta_1) g_t \\
        m_{t+1} &= \beta_2 m_t + (1 - \beta_2) g_t \\
        w_{t+1} &= w_t - \eta (\mathrm{sign}(c_{t+1}) + \lambda w_t)

    All elements move by the same distance, hence the paper advises a 3 to 10 times smaller learning rate and
    larger weight decay than for AdamW.

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        betas: :math:`\beta_1` and :math:`\beta_2`, in [0, 1).
        weight_decay: :math:`\lambda`.
    """

    def __init__(
        self,
        learning_rate: float | Callable[[mx.array], mx.array],
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ):
        super().__init__()
        _check_betas(self, betas)
        self._maybe_schedule("learning_rate", learning_rate)
        self.betas = betas
        self.weight_decay = weight_decay

    def init_single(self, parameter: mx.array, state: dict):
        """The momentum ``m`` starts at zero."""
        state["m"] = mx.zeros_like(parameter)

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """One update."""
        rate = self._rate(gradient)
        beta1, beta2 = self.betas
        direction = mx.sign(_average(state["m"], gradient, beta1))
        state["m"] = _average(state["m"], gradient, beta2)
        if self.weight_decay > 0:
            parameter = (1 - rate * self.weight_decay) * parameter
        return parameter - rate * direction


def _root_mean_square(x):
    return mx.sqrt(mx.mean(mx.square(x)))


class Adafactor(Optimizer):
    r"""Adafactor (`Shazeer and Stern 2018 <https://arxiv.org/abs/1804.04235>`_).

    Of the mean squares of a matrix's gradient it keeps only the means over rows and over columns.

    Args:
        learning_rate: A number or a schedule; used if ``relative_step`` is false.
        eps: :math:`\epsilon_1`, added to the squared gradient, and :math:`\epsilon_2`, the least scale of a
            parameter.
        clip_threshold: Updates with a larger root mean square are scaled down to it.
        decay_rate: :math:`\beta_2` at step t is :math:`1 - t^{\mathrm{decay\_rate}}`.
        beta_1: Decay of the mean of the updates; None keeps none.
        weight_decay: Weight decay.
        scale_parameter: Multiply the learning rate by the root mean square of the parameter.
        relative_step: Use :math:`\min(10^{-2}, 1 / \sqrt t)` as learning rate.
        warmup_init: With :math:`10^{-6} t` in place of :math:`10^{-2}`.
    """

    def __init__(
        self,
        learning_rate: float | Callable[[mx.array], mx.array] | None = None,
        eps: tuple[float, float] = (1e-30, 1e-3),
        clip_threshold: float = 1.0,
        decay_rate: float = -0.8,
        beta_1: float | None = None,
        weight_decay: float = 0.0,
        scale_parameter: bool = True,
        relative_step: bool = True,
        warmup_init: bool = False,
    ):
        super().__init__()
        if learning_rate is not None:
            self._maybe_schedule("learning_rate", learning_rate)
        self.eps = eps
        self.clip_threshold = clip_threshold
        self.decay_rate = decay_rate
        self.beta_1 = beta_1
        self.weight_decay = weight_decay
        self.scale_parameter = scale_parameter
        self.relative_step = relative_step
        self.warmup_init = warmup_init

    def init_single(self, parameter: mx.array, state: dict):
        """All means start at zero: of rows and columns for two axes and more, of elements otherwise."""
        if parameter.ndim >= 2:
            shape = parameter.shape
            state["exp_avg_sq_row"] = mx.zeros(shape[:-1], dtype=parameter.dtype)
            state["exp_avg_sq_col"] = mx.zeros(shape[:-2] + shape[-1:], dtype=parameter.dtype)
        else:
            state["exp_avg_sq"] = mx.zeros_like(parameter)
        if self.beta_1 is not None:
            state["exp_avg"] = mx.zeros_like(parameter)

    def _learning_rate_for(self, parameter):
        scale = _root_mean_square(parameter)
        if self.relative_step:
            most = 1e-6 * self.step if self.warmup_init else 1e-2
            rate = mx.minimum(most, mx.rsqrt(self.step))
        else:
            rate = self.learning_rate
        rate = rate.astype(scale.dtype)
        return mx.maximum(self.eps[1], scale) * rate if self.scale_parameter else 1.0 * rate

    def _approximate_exp_moving_avg(self, exp_avg_sq_row, exp_avg_sq_col):
        """One over the root of the mean square, which is estimated as ``row * column / mean(row)``."""
        # Division first: the product could leave the range of half precision.
        row = mx.rsqrt(exp_avg_sq_row / mx.mean(exp_avg_sq_row, axis=-1, keepdims=True))
        return row[..., :, None] * mx.rsqrt(exp_avg_sq_col)[..., None, :]

    def _preconditioned(self, gradient, state, dtype):
        """The gradient divided by the root of its mean square."""
        beta2 = 1.0 - (self.step**self.decay_rate).astype(dtype)
        square = mx.square(gradient) + self.eps[0]
        if gradient.ndim < 2:
            mean = state["exp_avg_sq"] = _average(state["exp_avg_sq"], square, beta2)
            return mx.rsqrt(mean) * gradient
        row = state["exp_avg_sq_row"] = _average(state["exp_avg_sq_row"], mx.mean(square, axis=-1), beta2)
        column = state["exp_avg_sq_col"] = _average(state["exp_avg_sq_col"], mx.mean(square, axis=-2), beta2)
        return self._approximate_exp_moving_avg(row, column) * gradient

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """One update."""
        rate = self._learning_rate_for(parameter)
        update = self._preconditioned(gradient, state, parameter.dtype)
        update = rate * (update / mx.maximum(1.0, _root_mean_square(update) / self.clip_threshold))
        if self.beta_1 is not None:
            update = state["exp_avg"] = _average(state["exp_avg"], update, self.beta_1)
        if self.weight_decay != 0:
            parameter = parameter + parameter * (-self.weight_decay * rate)
        return parameter - update


# A quintic a x + b x^3 + c x^5 whose iteration brings singular values from (0, 1] near 1 in few steps.
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def _orthogonalized(x, steps):
    """The matrix with the singular vectors of ``x`` and singular values near 1, by Newton-Schulz
    iteration."""
    a, b, c = _NEWTON_SCHULZ
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x  # the products below are then the smaller ones
    x = x / (mx.linalg.norm(x, keepdims=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = mx.addmm(a * x, mx.addmm(b * gram, gram, gram, beta=1.0, alpha=c), x, beta=1.0, alpha=1.0)
    return x.T if tall else x


class Muon(Optimizer):
    """Muon (`Jordan 2024 <https://kellerjordan.github.io/posts/muon/>`_): momentum, made orthogonal.

    For the matrices of hidden layers; embeddings, output layers and vectors are better left to another
    optimizer, see :class:`MultiOptimizer`.  Of arrays with more than two axes all but the first are joined;
    vectors get plain momentum.

    Args:
        learning_rate: A number or a schedule.
        momentum: Decay of the mean of the gradients.
        weight_decay: Added to the gradient, times the parameter.
        nesterov: Average the mean with the gradient once more.
        ns_steps: Steps of the Newton-Schulz iteration.
    """

    def __init__(
        self,
        learning_rate: float | Callable[[mx.array], mx.array],
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        nesterov: bool = True,
        ns_steps: int = 5,
    ):
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.nesterov = nesterov
        self.ns_steps = ns_steps

    def init_single(self, parameter: mx.array, state: dict):
        """The momentum ``v`` starts at zero."""
        state["v"] = mx.zeros_like(parameter)

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict):
        """One update."""
        if self.weight_decay != 0:
            gradient = gradient + self.weight_decay * parameter
        v = state["v"] = _average(state["v"], gradient, self.momentum)
        update = _average(v, gradient, self.momentum) if self.nesterov else v
        rate = self._rate(gradient)
        if update.ndim >= 2:
            shape = update.shape
            update = _orthogonalized(update.reshape(shape[0], -1), self.ns_steps).reshape(shape)
            rate = rate * max(1, shape[-2] / shape[-1]) ** 0.5
        return parameter - rate * update


def clip_grad_norm(grads, max_norm):
    """Scale gradients down so that their norm, that of all of them together, is at most ``max_norm``.

    Args:
        grads: A tree of gradients.
        max_norm: The largest norm, at least 0.

    Returns:
        ``(gradients, norm)``: the scaled tree and the norm before scaling, a scalar array.

    Raises:
        ValueError: ``max_norm`` is negative.

    Example:
        >>> clip_grad_norm({"w": mx.array([3.0, 4.0])}, max_norm=2.5)
        ({'w': array([1.5, 2], dtype=float32)}, array(5, dtype=float32))
    """
    if max_norm < 0:
        raise ValueError(f"[clip_grad_norm] max_norm should be >=0, {max_norm} was provided instead.")

    def squared_norm(g):
        wide = (
            g.astype(mx.float32) if g.dtype == mx.float16 else g
        )  # squares beyond 65504 overflow in float16
        return wide.square().sum()

    norm = mx.sqrt(tree_reduce(lambda total, g: total + squared_norm(g), grads, 0.0))
    factor = mx.minimum(max_norm / (norm + 1e-6), 1.0)

    def scale(g):
        scaled = g * factor
        return scaled.astype(g.dtype) if mx.issubdtype(g.dtype, mx.floating) else scaled

    return tree_map(scale, grads), norm
