"""Build helpers for Python extensions that use this package's arrays, for a project's ``setup.py``.

An extension with a ``CMakeLists.txt`` of its own is a :class:`CMakeExtension`, built by ``cmdclass={"build_ext":
CMakeBuild}``; :class:`BuildExtension` builds these beside ordinary setuptools extensions. Needs setuptools, CMake and a C++
compiler. Metal extensions can be described, so that a shared ``setup.py`` still imports, but not built here.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from setuptools import Extension
from setuptools.command.build_ext import build_ext

__all__ = ["BuildExtension", "CMakeBuild", "CMakeExtension", "MetalExtension", "MetalLibrary"]


class CMakeExtension(Extension):
    """An extension that CMake builds.

    Args:
        name: the dotted name of the module.
        sourcedir: the folder of its CMakeLists.txt.
    """

    def __init__(self, name: str, sourcedir: str = "") -> None:
        super().__init__(name, sources=[])
        self.sourcedir = str(Path(sourcedir).resolve())


class CMakeBuild(build_ext):
    """``build_ext`` for :class:`CMakeExtension`: configure, build, install into the package.

    The project sees ``Python_EXECUTABLE``, ``CMAKE_BUILD_TYPE`` (Debug with ``--debug``) and ``CMAKE_INSTALL_PREFIX``
    (where the module belongs). The environment's ``CMAKE_ARGS`` and ``CMAKE_BUILD_PARALLEL_LEVEL`` are honoured.
    """

    def build_extension(self, ext: CMakeExtension) -> None:
        target = Path(self.get_ext_fullpath(ext.name)).resolve().parent
        folder = Path(self.build_temp).resolve() / ext.name
        folder.mkdir(parents=True, exist_ok=True)
        configure = [
            "cmake",
            "-S",
            ext.sourcedir,
            "-B",
            str(folder),
            f"-DCMAKE_BUILD_TYPE={'Debug' if self.debug else 'Release'}",
            f"-DCMAKE_INSTALL_PREFIX={target}",
            f"-DCMAKE_LIBRARY_OUTPUT_DIRECTORY={target}",
            f"-DPython_EXECUTABLE={sys.executable}",
        ]
        build = ["cmake", "--build", str(folder)]
        if "CMAKE_BUILD_PARALLEL_LEVEL" not in os.environ:
            build += ["-j", str(os.cpu_count() or 1)]
        _run([*configure, *os.environ.get("CMAKE_ARGS", "").split()])
        _run(build)

    def run(self) -> None:
        super().run()
        if self.inplace:  # the modules are in the source tree already
            return
        for ext in self.extensions:
            if isinstance(ext, CMakeExtension) and not Path(self.get_ext_fullpath(ext.name)).exists():
                raise RuntimeError(
                    f"[CMakeBuild] CMake built {ext.name} without putting it at "
                    f"{self.get_ext_fullpath(ext.name)}."
                )


class BuildExtension(build_ext):
    """``build_ext`` for any mixture: CMake extensions as :class:`CMakeBuild` builds them, others as setuptools does."""

    _options: ClassVar[dict] = {}

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **{**self._options, **kwargs})

    @classmethod
    def with_options(cls, **options):
        """A class of this kind that passes the options to the constructor."""
        return type(cls.__name__, (cls,), {"_options": {**cls._options, **options}})

    def run(self) -> None:
        metal = [ext.name for ext in self.extensions if isinstance(ext, MetalExtension)]
        if metal:
            raise RuntimeError(
                f"[BuildExtension] {', '.join(metal)} needs Metal, which this package has not."
            )
        super().run()

    def build_extension(self, ext: Extension) -> None:
        if isinstance(ext, CMakeExtension):
            CMakeBuild.build_extension(self, ext)
        else:
            super().build_extension(ext)


class MetalLibrary:
    """The description of a Metal library.

    Raises:
        ValueError: no source, or one that is not a .metal file.
    """

    def __init__(
        self,
        name: str,
        sources: Sequence[os.PathLike[str] | str],
        *,
        extra_compile_args: Sequence[str] = (),
        deployment_target: str | None = None,
    ) -> None:
        self.sources = [os.fspath(s) for s in sources]
        if not self.sources or not all(s.lower().endswith(".metal") for s in self.sources):
            raise ValueError(f"[MetalLibrary] {name!r} needs .metal files, got {self.sources}.")
        self.name = name
        self.extra_compile_args = list(extra_compile_args)
        self.deployment_target = deployment_target


class MetalExtension(Extension):
    """The description of an extension with Metal sources; :class:`BuildExtension` refuses to build it."""

    def __init__(
        self,
        name: str,
        sources: Sequence[os.PathLike[str] | str],
        *args,
        metal_libraries: Sequence[MetalLibrary] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name, [os.fspath(s) for s in sources], *args, **kwargs)
        self.metal_libraries = list(metal_libraries or ())


def _run(command):
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        raise RuntimeError(f"[CMakeBuild] {command[0]} is needed and was not found.") from None
    except subprocess.CalledProcessError as error:
        raise RuntimeError(
            f"[CMakeBuild] {' '.join(command)} failed with status {error.returncode}."
        ) from None
