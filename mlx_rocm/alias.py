"""Makes ``import mlx`` mean ``mlx_rocm``, for programs written for MLX.

``import mlx_rocm.alias`` before the program's own imports is all it takes; every ``mlx.*`` module is
then the very same object as its ``mlx_rocm.*`` twin. Without this import nothing changes, also where
another MLX is installed. To leave a program's source as it is, run it with ``python -m mlx_rocm``.

Child processes (``multiprocessing``, ``subprocess``) start afresh. :func:`inherit` makes every Python
process started from now on use the alias too, and :func:`child_environment` returns an
environment for just one of them.
"""

import os

from ._alias_hook import CHILD_SITE, CHILD_VARIABLE, find_installed, install, uninstall

__all__ = ["child_environment", "inherit", "install", "is_installed", "uninstall"]


def is_installed():
    """True while ``import mlx`` means ``mlx_rocm`` in this process."""
    return find_installed() is not None


def child_environment(base=None):
    """Environment variables under which a Python child process uses the alias.

    Args:
        base (mapping, optional): the environment to start from. Default: ``os.environ``.

    Returns:
        dict: a copy with ``PYTHONPATH`` and ``MLX_ROCM_ALIAS`` set.
    """
    env = dict(os.environ if base is None else base)
    paths = [p for p in env.get("PYTHONPATH", "").split(os.pathsep) if p and p != CHILD_SITE]
    env["PYTHONPATH"] = os.pathsep.join([CHILD_SITE, *paths])
    env[CHILD_VARIABLE] = "1"
    return env


def inherit():
    """Python processes started by this one from now on use the alias as well."""
    os.environ.update(child_environment())


install()
