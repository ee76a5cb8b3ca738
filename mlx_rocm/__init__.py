"""mlx_rocm: an MLX-compatible array framework whose GPU device is AMD ROCm/HIP.

Import what you need: ``import mlx_rocm.core as mx``, ``import mlx_rocm.nn as nn``,
``import mlx_rocm.optimizers as optim``. ``import mlx_rocm.alias`` makes ``import mlx...`` mean this package.
"""

from mlx_rocm.version import __version__

__all__ = ["__version__"]
