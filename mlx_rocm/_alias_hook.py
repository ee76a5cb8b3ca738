"""The import finder behind :mod:`mlx_rocm.alias`.

Kept apart from the package, and free of imports from it, so that the start-up hook of child
processes (``_child_site/sitecustomize.py``) can load this one file by its path: a child that
never imports ``mlx`` then pays nothing for the alias.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import types

SOURCE = "mlx"
TARGET = "mlx_rocm"
API_VERSION = "0.32.4"  # of MLX, as importlib.metadata reports it for `mlx` under the alias
CHILD_SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_child_site")
CHILD_VARIABLE = "MLX_ROCM_ALIAS"

# Modules of this package that are no part of MLX's API: under the name `mlx` they do not exist.
OWN_MODULES = {"alias", "cli", "models", "__main__", "_alias_hook", "_child_site"}


def _real_name(name):
    """``mlx.nn.layers`` -> ``mlx_rocm.nn.layers``; None for a name that is not ours to answer."""
    if name == SOURCE:
        return TARGET
    if name.startswith(SOURCE + "."):
        return TARGET + name[len(SOURCE) :]
    return None


def _file_spec(real):
    """The spec of a module of the package that is a file or a folder, else None."""
    try:
        return importlib.util.find_spec(real)
    except ModuleNotFoundError as error:
        # The parent is missing or is no package. Anything else that is missing must surface.
        if error.name and (real == error.name or real.startswith(error.name + ".")):
            return None
        raise
    except ValueError:  # in sys.modules without a __spec__: a submodule made by the extension
        return None


def _attribute_module(real):
    """A submodule of the extension (``mlx_rocm.core.fast``): an attribute, with no file behind it."""
    parent, _, leaf = real.rpartition(".")
    value = getattr(sys.modules.get(parent), leaf, None)
    return value if isinstance(value, types.ModuleType) else None


class _Loader(importlib.abc.Loader):
    """Puts the package's own module object into ``sys.modules`` under the alias.

    The real import runs in :meth:`create_module`, not in ``find_spec``: a circular import would
    otherwise find the name in ``sys.modules`` half way through and execute the file once more.
    importlib gets an empty stand-in to write its ``__spec__`` and ``__loader__`` on; the real
    module keeps its own and takes the stand-in's place in ``sys.modules`` at once.
    """

    def __init__(self, real):
        self.real = real

    def create_module(self, spec):
        self.module = sys.modules.get(self.real) or _attribute_module(self.real)
        if self.module is None:
            self.module = importlib.import_module(self.real)
        return types.ModuleType(spec.name)

    def exec_module(self, module):
        alias = module.__spec__.name
        sys.modules[alias] = self.module
        # An extension module is no package, and still `import mlx.core.fast` has to work.
        if not hasattr(self.module, "__path__"):
            for name, value in list(vars(self.module).items()):
                if isinstance(value, types.ModuleType) and value.__name__.rpartition(".")[2] == name:
                    sys.modules.setdefault(f"{alias}.{name}", value)

    def get_code(self, fullname):
        """What ``python -m mlx.some.module`` runs."""
        loader = _file_spec(self.real).loader
        return loader.get_code(self.real) if hasattr(loader, "get_code") else None


class AliasFinder(importlib.abc.MetaPathFinder):
    """Answers every import of ``mlx`` and ``mlx.*``, for good or with ModuleNotFoundError.

    Returning None for an unknown name would let the search go on to an installed ``mlx`` or to
    the package's files under a second name.
    """

    aliases = (SOURCE, TARGET)

    def find_spec(self, fullname, path=None, target=None):
        real = _real_name(fullname)
        if real is None:
            return None
        loaded = sys.modules.get(real) or _attribute_module(real)
        spec = None if loaded is not None else _file_spec(real)
        hidden = fullname.partition(".")[2].partition(".")[0] in OWN_MODULES
        if hidden or (loaded is None and spec is None):
            message = f"No module named {fullname!r} (here {SOURCE!r} is {TARGET!r})"
            raise ModuleNotFoundError(message, name=fullname)
        if spec is not None:
            is_package, origin = spec.submodule_search_locations is not None, spec.origin
        else:
            is_package, origin = hasattr(loaded, "__path__"), getattr(loaded, "__file__", None)
        return importlib.machinery.ModuleSpec(fullname, _Loader(real), origin=origin, is_package=is_package)

    def find_distributions(self, context=None):
        """``importlib.metadata.version("mlx")`` and friends: the version of MLX's API we follow."""
        name = getattr(context, "name", None)
        if name is not None and name.replace("_", "-").lower() != SOURCE:
            return []
        return [_distribution()]


def _distribution():
    import importlib.metadata
    import pathlib

    class AliasDistribution(importlib.metadata.Distribution):
        def read_text(self, filename):
            if filename == "top_level.txt":
                return SOURCE + "\n"
            if filename not in ("METADATA", "PKG-INFO"):
                return None
            return f"Metadata-Version: 2.1\nName: {SOURCE}\nVersion: {API_VERSION}\n"

        def locate_file(self, path):
            return pathlib.Path(__file__).parent.parent / path

    return AliasDistribution()


def find_installed():
    """The alias finder at work in this process, or None."""
    return next((f for f in sys.meta_path if getattr(f, "aliases", None) == AliasFinder.aliases), None)


def install():
    """Makes ``import mlx`` mean ``mlx_rocm`` in this process. Doing it twice is the same as once.

    Raises ImportError when another ``mlx`` has already been imported: two array libraries under one
    name would only fail later, and in odd ways.
    """
    if find_installed():
        return
    foreign = [
        n for n in sys.modules if _real_name(n) and sys.modules[n] is not sys.modules.get(_real_name(n))
    ]
    if foreign:
        raise ImportError(
            f"[alias] {foreign[0]!r} was imported before the alias was installed: "
            "import mlx_rocm.alias first, or run the program with python -m mlx_rocm."
        )
    sys.meta_path.insert(0, AliasFinder())


def uninstall():
    """Undoes :func:`install`: the next ``import mlx`` finds an installed MLX, or nothing."""
    finder = find_installed()
    if finder is not None:
        sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if _real_name(n)]:
            del sys.modules[name]
