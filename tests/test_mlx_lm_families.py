"""Greedy tokens of mlx-lm's model families equal those of MLX's own CPU build, in float32 and quantised."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mlx_lm") is None, reason="needs mlx-lm")

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "data" / "mlx_lm_tokens.json").read_text())["families"]


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """Runs a family's program once for all of its variants."""
    cache = {}

    def run(family):
        if family not in cache:
            seeds = json.dumps({variant: row["seed"] for variant, row in EXPECTED[family].items()})
            command = [sys.executable, "-m", "mlx_rocm", str(HERE / "mlx_lm_families.py"), family, seeds]
            folder = tmp_path_factory.mktemp(family)
            result = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
            )
            last = result.stdout.splitlines()[-1:]  # mlx-lm prints remarks before it
            cache[family] = json.loads(last[0]) if result.returncode == 0 else result.stderr[-3000:]
        return cache[family]

    return run


@pytest.mark.parametrize("variant", ["float32", "4-bit", "8-bit", "mxfp4"])
@pytest.mark.parametrize("family", EXPECTED)
def test_tokens_equal_mlx(decoded, family, variant):
    found = decoded(family)
    assert isinstance(found, dict), found
    expected = EXPECTED[family][variant]
    assert found[variant]["tokens"] == expected["tokens"]
    assert found[variant]["margin"] == pytest.approx(expected["margin"], rel=0.02, abs=1e-3)
