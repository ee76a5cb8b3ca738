"""Recurrent layers.

Inputs are ``(..., length, features)``; the leading axes are a batch.  Outputs hold the states of all steps.
"""

# ruff: noqa: TRY004  (wrong types are ValueErrors where they are in MLX)

import math
from collections.abc import Callable

import mlx_rocm.core as mx
from mlx_rocm.nn.layers.activations import tanh
from mlx_rocm.nn.layers.base import Module


def _uniform(bound, *shape):
    return mx.random.uniform(low=-bound, high=bound, shape=shape)


def _affine(x, weight, bias):
    """``x @ weight.T + bias`` for all steps at once; ``bias`` may be None."""
    return x @ weight.T if bias is None else mx.addmm(bias, x, weight.T)


class RNN(Module):
    r"""Elman network :math:`h_t = f(W_x x_t + W_h h_{t-1} + b)`.

    The initial values of the parameters are uniform within :math:`\pm 1 / \sqrt{\mathrm{hidden\_size}}`.

    Args:
        input_size: The number of input features.
        hidden_size: The number of features of the state.
        bias: Whether there is a :math:`b`.
        nonlinearity: The function :math:`f`, :func:`tanh` by default.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: Callable | None = None,
    ):
        super().__init__()
        self.nonlinearity = nonlinearity or tanh
        if not callable(self.nonlinearity):
            raise ValueError(f"[RNN] nonlinearity must be callable, got {nonlinearity!r}.")
        bound = 1.0 / math.sqrt(hidden_size)
        self.hidden_size = hidden_size
        self.Wxh = _uniform(bound, hidden_size, input_size)
        self.Whh = _uniform(bound, hidden_size, hidden_size)
        self.bias = _uniform(bound, hidden_size) if bias else None

    def _extra_repr(self):
        return (
            f"input_dims={self.Wxh.shape[1]}, hidden_size={self.hidden_size}, "
            f"nonlinearity={self.nonlinearity}, bias={self.bias is not None}"
        )

    def __call__(self, x, hidden=None):
        """The states for all steps of ``x``, shape ``(..., length, hidden_size)``; the first step follows
        ``hidden``, of shape ``(..., hidden_size)`` (zeros if None)."""
        x = _affine(x, self.Wxh, self.bias)
        states = []
        for t in range(x.shape[-2]):
            inputs = x[..., t, :]
            hidden = self.nonlinearity(inputs if hidden is None else mx.addmm(inputs, hidden, self.Whh.T))
            states.append(hidden)
        return mx.stack(states, axis=-2)


class GRU(Module):
    r"""Gated recurrent unit (`Cho et al. 2014 <https://arxiv.org/abs/1406.1078>`_).

    .. math::

        r_t &= \sigma(W_{xr} x_t + W_{hr} h_{t-1} + b_r) \\
        z_t &= \sigma(W_{xz} x_t + W_{hz} h_{t-1} + b_z) \\
        n_t &= \tanh(W_{xn} x_t + b_n + r_t (W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= (1 - z_t) n_t + z_t h_{t-1}

    ``Wx``, ``Wh`` and ``b`` hold the parts for r, z and n in this order; the initial values of all parameters
    are uniform within :math:`\pm 1 / \sqrt{\mathrm{hidden\_size}}`.

    Args:
        input_size: The number of input features.
        hidden_size: The number of features of the state.
        bias: Whether there are biases.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
    ):
        super().__init__()
        bound = 1.0 / math.sqrt(hidden_size)
        self.hidden_size = hidden_size
        self.Wx = _uniform(bound, 3 * hidden_size, input_size)
        self.Wh = _uniform(bound, 3 * hidden_size, hidden_size)
        self.b = _uniform(bound, 3 * hidden_size) if bias else None
        self.bhn = _uniform(bound, hidden_size) if bias else None

    def _extra_repr(self):
        return f"input_dims={self.Wx.shape[1]}, hidden_size={self.hidden_size}, bias={self.b is not None}"

    def _first_step(self, inputs):
        """A step from a state of zeros."""
        r, z, n = mx.split(inputs, 3, axis=-1)
        if self.bhn is not None:
            n = n + mx.sigmoid(r) * self.bhn
        return (1 - mx.sigmoid(z)) * mx.tanh(n)

    def _step(self, inputs, hidden):
        size = self.hidden_size
        recurrent = hidden @ self.Wh.T
        gates = mx.sigmoid(inputs[..., :-size] + recurrent[..., :-size])
        r, z = mx.split(gates, 2, axis=-1)
        recurrent_n = recurrent[..., -size:]
        if self.bhn is not None:
            recurrent_n = recurrent_n + self.bhn
        n = mx.tanh(inputs[..., -size:] + r * recurrent_n)
        return (1 - z) * n + z * hidden

    def __call__(self, x, hidden=None):
        """The states for all steps of ``x``, shape ``(..., length, hidden_size)``; the first step follows
        ``hidden``, of shape ``(..., hidden_size)`` (zeros if None)."""
        x = _affine(x, self.Wx, self.b)
        states = []
        for t in range(x.shape[-2]):
            inputs = x[..., t, :]
            hidden = self._first_step(inputs) if hidden is None else self._step(inputs, hidden)
            states.append(hidden)
        return mx.stack(states, axis=-2)


class LSTM(Module):
    r"""Long short-term memory (`Hochreiter and Schmidhuber 1997
    <https://doi.org/10.1162/neco.1997.9.8.1735>`_).

    .. math::

        i_t, f_t, o_t &= \sigma(W_x x_t + W_h h_{t-1} + b) \\
        g_t &= \tanh(W_x x_t + W_h h_{t-1} + b) \\
        c_t &= f_t c_{t-1} + i_t g_t \\
        h_t &= o_t \tanh(c_t)

    ``Wx``, ``Wh`` and ``bias`` hold the parts for i, f, g and o in this order; their initial values are
    uniform within
    :math:`\pm 1 / \sqrt{\mathrm{hidden\_size}}`.

    Args:
        input_size: The number of input features.
        hidden_size: The number of features of the state.
        bias: Whether there are biases.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
    ):
        super().__init__()
        bound = 1.0 / math.sqrt(hidden_size)
        self.hidden_size = hidden_size
        self.Wx = _uniform(bound, 4 * hidden_size, input_size)
        self.Wh = _uniform(bound, 4 * hidden_size, hidden_size)
        self.bias = _uniform(bound, 4 * hidden_size) if bias else None

    def _extra_repr(self):
        return f"input_dims={self.Wx.shape[1]}, hidden_size={self.hidden_size}, bias={self.bias is not None}"

    def __call__(self, x, hidden=None, cell=None):
        """The states for all steps of ``x``.

        Args:
            x: Shape ``(..., length, input_size)``.
            hidden: The output before the first step, ``(..., hidden_size)``; zeros if None.
            cell: The memory before the first step, ``(..., hidden_size)``; zeros if None.

        Returns:
            Outputs and memories, both of shape ``(..., length, hidden_size)``.
        """
        x = _affine(x, self.Wx, self.bias)
        outputs, cells = [], []
        for t in range(x.shape[-2]):
            inputs = x[..., t, :]
            gates = inputs if hidden is None else mx.addmm(inputs, hidden, self.Wh.T)
            i, f, g, o = mx.split(gates, 4, axis=-1)
            added = mx.sigmoid(i) * mx.tanh(g)
            cell = added if cell is None else mx.sigmoid(f) * cell + added
            hidden = mx.sigmoid(o) * mx.tanh(cell)
            outputs.append(hidden)
            cells.append(cell)
        return mx.stack(outputs, axis=-2), mx.stack(cells, axis=-2)
