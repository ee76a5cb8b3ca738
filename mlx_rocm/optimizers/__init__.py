"""Optimizers and learning rate schedules."""

from mlx_rocm.optimizers.optimizers import *
from mlx_rocm.optimizers.schedulers import *
