"""Modules made of other modules."""

from mlx_rocm.nn.layers.base import Module


class Sequential(Module):
    """Calls its layers in order, each with the result of the one before.

    Args:
        modules: Modules or functions of one argument.  Parameters are found in modules only.
    """

    def __init__(self, *modules):
        super().__init__()
        self.layers = list(modules)

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
