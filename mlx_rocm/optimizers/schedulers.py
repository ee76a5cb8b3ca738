"""Learning rate schedules: functions of the step, an integer array, that an optimizer takes in place of a
number."""

import math
from collections.abc import Callable

import mlx_rocm.core as mx


def _at_least_one(schedule, name, value):
    if value < 1:
        raise ValueError(f"[{schedule}] {name} must be greater than 0, got {value}.")


def exponential_decay(init: float, decay_rate: float) -> Callable:
    """``init * decay_rate ** step``.

    Args:
        init: The first value.
        decay_rate: The factor for each step.

    Example:
        >>> optimizer = optim.SGD(learning_rate=optim.exponential_decay(1e-1, 0.9))
        >>> optimizer.learning_rate
        array(0.1, dtype=float32)
    """

    def schedule(step):
        return init * decay_rate**step

    return schedule


def step_decay(init: float, decay_rate: float, step_size: int) -> Callable:
    """``init * decay_rate ** (step // step_size)``.

    Args:
        init: The first value.
        decay_rate: The factor for every ``step_size`` steps.
        step_size: How many steps have the same value, at least 1.
    """
    _at_least_one("step_decay", "step_size", step_size)

    def schedule(step):
        return init * decay_rate ** (step // step_size)

    return schedule


def cosine_decay(init: float, decay_steps: int, end: float = 0.0) -> Callable:
    """From ``init`` to ``end`` along half a period of a cosine (`Loshchilov and Hutter 2016
    <https://arxiv.org/abs/1608.03983>`_).

    Args:
        init: The first value.
        decay_steps: The number of steps until ``end`` is reached, at least 1.
        end: The last value, which stays.
    """
    _at_least_one("cosine_decay", "decay_steps", decay_steps)

    def schedule(step):
        step = mx.minimum(step, decay_steps)
        share = 0.5 * (1.0 + mx.cos((math.pi / decay_steps) * step))
        return end + share * (init - end)

    return schedule


def join_schedules(schedules: list[Callable], boundaries: list[int]) -> Callable:
    """One schedule after the other, each counting its steps from its own start.

    Args:
        schedules: The schedules.
        boundaries: The step at which each of them but the first starts.

    Raises:
        ValueError: There are no schedules, or the lengths do not fit.

    Example:
        >>> warmup = optim.linear_schedule(0, 1e-1, steps=10)
        >>> cosine = optim.cosine_decay(1e-1, 200)
        >>> schedule = optim.join_schedules([warmup, cosine], [10])
    """
    if not schedules:
        raise ValueError("[join_schedules] Expected at least one schedule.")
    if len(schedules) != len(boundaries) + 1:
        raise ValueError(f"[join_schedules] Expected {len(schedules) - 1} boundaries, got {len(boundaries)}.")

    def schedule(step):
        value = schedules[0](step)
        for start, later in zip(boundaries, schedules[1:]):
            value = mx.where(step < start, value, later(step - start))
        return value

    return schedule


def linear_schedule(init: float, end: float, steps: int) -> Callable:
    """From ``init`` to ``end`` in equal steps, then ``end``.

    Args:
        init: The first value.
        end: The last value, which stays.
        steps: The number of steps until ``end`` is reached, at least 1.
    """
    _at_least_one("linear_schedule", "steps", steps)

    def schedule(step):
        return mx.minimum(step, steps) * ((end - init) / steps) + init

    return schedule
