"""mlx_rocm.extension builds a module with CMake, and refuses Metal by name."""

import importlib.util
import shutil

import pytest

setuptools = pytest.importorskip("setuptools")
from mlx_rocm import extension

CMAKE = """
cmake_minimum_required(VERSION 3.20)
project(answer LANGUAGES CXX)
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
Python_add_library(answer MODULE WITH_SOABI answer.cpp)
"""
SOURCE = """
#include <Python.h>
static PyModuleDef def = {PyModuleDef_HEAD_INIT, "answer"};
PyMODINIT_FUNC PyInit_answer() {
  PyObject* m = PyModule_Create(&def);
  PyModule_AddIntConstant(m, "value", 42);
  return m;
}
"""


def command(kind, ext, tmp_path):
    built = kind(setuptools.Distribution({"name": "answer", "ext_modules": [ext]}))
    built.build_lib, built.build_temp = str(tmp_path / "lib"), str(tmp_path / "temp")
    built.ensure_finalized()
    return built


@pytest.mark.skipif(
    not shutil.which("cmake") or not shutil.which("c++"), reason="needs CMake and a C++ compiler"
)
@pytest.mark.parametrize("kind", [extension.CMakeBuild, extension.BuildExtension.with_options()])
def test_cmake_extension(tmp_path, kind):
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    (tmp_path / "answer.cpp").write_text(SOURCE)
    build = command(kind, extension.CMakeExtension("answer", str(tmp_path)), tmp_path)
    build.run()
    spec = importlib.util.spec_from_file_location("answer", build.get_ext_fullpath("answer"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.value == 42


def test_cmake_failure_is_an_error(tmp_path):
    build = command(
        extension.CMakeBuild, extension.CMakeExtension("answer", str(tmp_path / "none")), tmp_path
    )
    with pytest.raises(RuntimeError, match=r"\[CMakeBuild\]"):
        build.run()


def test_metal_is_described_but_not_built(tmp_path):
    library = extension.MetalLibrary("k", ["k.metal"])
    ext = extension.MetalExtension("answer", ["a.cpp"], metal_libraries=[library])
    with pytest.raises(RuntimeError, match="needs Metal"):
        command(extension.BuildExtension, ext, tmp_path).run()
    with pytest.raises(ValueError, match=r"\.metal"):
        extension.MetalLibrary("k", ["a.cpp"])
