"""The committed type stubs are those of the built extension."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STUBS = ROOT / "mlx_rocm" / "core"


def signatures(path):
    """The file without docstrings and formatting, which differ between versions of the generator."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).split("\n")


@pytest.mark.skipif(not STUBS.exists(), reason="not a source tree")
def test_stubs_are_up_to_date(mx, tmp_path):
    pytest.importorskip("nanobind")
    spec = importlib.util.spec_from_file_location("stubs", ROOT / "python" / "stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.generate(tmp_path)
    new = {p.name: signatures(p) for p in (tmp_path / "core").glob("*.pyi")}
    old = {p.name: signatures(p) for p in STUBS.glob("*.pyi")}
    assert set(new) == set(old), "run python python/stubs.py"
    for name, lines in new.items():
        changed = sorted(set(lines) ^ set(old[name]))
        assert lines == old[name], f"{name}: run python python/stubs.py; changed: {changed[:8]}"
