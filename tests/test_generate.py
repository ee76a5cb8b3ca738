"""The language model that comes with the package: it writes English, the same every time."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlx_rocm.cli.commands import TINY_MODEL, TINY_PROMPT

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mlx_lm") is None, reason="needs mlx-lm")


def known_words():
    """Every word that the grammar of the training stories can write."""
    path = Path(__file__).parent.parent / "examples" / "story_grammar.py"
    spec = importlib.util.spec_from_file_location("story_grammar", path)
    grammar = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(grammar)
    return set(re.findall(r"[a-z']+", " ".join(grammar.write_stories(3000)).lower()))


def generate(folder, *arguments):
    code = "import sys; from mlx_rocm.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, "generate", *arguments],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )


def test_the_model_is_small():
    assert sum(f.stat().st_size for f in TINY_MODEL.iterdir()) < 4_000_000


def test_one_command_writes_a_story(tmp_path):
    result = generate(tmp_path, "--device", "cpu")
    assert result.returncode == 0, result.stderr
    text = result.stdout.split("==========")[1]
    words = re.findall(r"[a-z']+", text.lower())
    assert len(words) > 40
    known = known_words()
    assert sum(w in known for w in words) > 0.95 * len(words), text
    assert text.count(".") >= 3, text
    assert re.search(r"Generation: \d+ tokens, [\d.]+ tokens-per-sec", result.stdout)
    assert "Peak memory" in result.stdout
    assert generate(tmp_path, "--device", "cpu").stdout.split("==========")[1] == text


def test_python_api_gives_the_same_tokens_as_the_command(tmp_path):
    code = f"""
import mlx_rocm.alias
import mlx.core as mx
from mlx_lm import load, stream_generate
mx.set_default_device(mx.cpu)
model, tokenizer = load({str(TINY_MODEL)!r})
prompt = tokenizer.encode({TINY_PROMPT!r})
print("".join(r.text for r in stream_generate(model, tokenizer, prompt, max_tokens=40)))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    told = generate(tmp_path, "--device", "cpu", "-m", "40").stdout.split("==========\n")[1]
    assert result.stdout.strip() == told.strip()
