"""Neural networks: layers, losses and initial values."""

# ruff: noqa: F401  (all names are for import from here)
from mlx_rocm.nn import init, losses
from mlx_rocm.nn.layers import *
from mlx_rocm.nn.utils import average_gradients, value_and_grad
