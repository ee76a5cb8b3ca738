"""The mlx-rocm command: its errors for a missing, damaged or too large model, and its commands end to end."""

import importlib.util
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from mlx_rocm.cli import checkpoint
from mlx_rocm.cli.commands import TINY_MODEL

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mlx_lm") is None, reason="needs mlx-lm")


def cli(folder, *arguments, stdin="", **environment):
    """Runs the command in a folder that is no source tree; no hub is ever within reach."""
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "200", **environment}
    code = "import sys; from mlx_rocm.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=env,
        input=stdin,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )


def fails(result, *parts):
    """The command ended with one clear sentence and no traceback."""
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr


@pytest.fixture
def model(tmp_path):
    """A writable copy of the built-in model."""
    return shutil.copytree(TINY_MODEL, tmp_path / "model")


def test_usage(tmp_path):
    for arguments, code in (([], 2), (["--help"], 0)):
        result = cli(tmp_path, *arguments)
        assert result.returncode == code
        assert "generate" in result.stdout
        assert "convert" in result.stdout
    result = cli(tmp_path, "generat")
    assert result.returncode == 2
    assert "unknown command 'generat'" in result.stderr


def test_version_and_info(tmp_path):
    assert cli(tmp_path, "--version").stdout.count(".") == 2
    result = cli(tmp_path, "info", "--json", HF_TOKEN="do-not-show")
    facts = json.loads(result.stdout)
    assert "cpu" in facts["devices"]
    assert facts["mlx_rocm"]["default device"] in ("cpu", "gpu")
    known = {"mlx_rocm", "devices", "machine", "versions", "caches", "environment"}
    assert set(facts) - {"GPU"} == known  # GPU: its compiler, or why there is none
    assert "do-not-show" not in result.stdout
    assert "default device" in cli(tmp_path, "info").stdout


def test_help_shows_both_sets_of_options(tmp_path):
    result = cli(tmp_path, "generate", "--help")
    assert result.returncode == 0
    assert "--no-memory-check" in result.stdout
    assert "--max-tokens" in result.stdout


def test_wrong_paths(tmp_path, model):
    fails(cli(tmp_path, "generate", "--model", "/nowhere/at/all"), "there is no folder '/nowhere/at/all'")
    fails(cli(tmp_path, "generate", "--model", "modle"), "Did you mean 'model'?")
    fails(cli(tmp_path, "generate", "--model", "model/config.json"), "is a file")
    (tmp_path / "empty").mkdir()
    fails(cli(tmp_path, "chat", "--model", "empty"), "there is no config.json in 'empty' (it holds nothing)")
    fails(
        cli(tmp_path, "generate", "--model", "someone/something"), "is no folder here", "could not be fetched"
    )
    fails(cli(tmp_path, "convert"), "needs --model")


@pytest.mark.parametrize("keep", [0, 5, 100, 20_000, -1])
def test_files_cut_short(tmp_path, model, keep):
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    fails(cli(tmp_path, "generate", "--model", "model"), "model.safetensors'")


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no safetensors file"),
        (b"\xff" * 64, "is no safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (struct.pack("<Q", 1000) + b"{}", "cut short"),
        (safetensors(b"not json"), "is damaged"),
        (safetensors(b"[1, 2]"), "is damaged"),
        (safetensors({"a": {"dtype": "F32", "shape": [2]}}), "is damaged"),
        (safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"1234"), "cut short"),
    ],
)
def test_damaged_safetensors(tmp_path, content, message):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(checkpoint.CheckpointError, match=message):
        checkpoint.check_safetensors(path)


def test_every_cut_of_a_small_file_is_noticed(tmp_path):
    whole = safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"12345678")
    path = tmp_path / "model.safetensors"
    path.write_bytes(whole)
    assert checkpoint.check_safetensors(path) == 8
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(checkpoint.CheckpointError):
            checkpoint.check_safetensors(path)


def test_missing_files(tmp_path, model):
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(checkpoint.CheckpointError, match="1 of the 2 weight files are missing.*model-1"):
        checkpoint.inspect(model)
    (model / "model.safetensors.index.json").unlink()
    (model / "model.safetensors").unlink()
    with pytest.raises(checkpoint.CheckpointError, match="there are no weights"):
        checkpoint.inspect(model)
    (model / "config.json").write_text("{")
    with pytest.raises(checkpoint.CheckpointError, match="cannot be read as JSON"):
        checkpoint.inspect(model)


def test_too_large_for_memory(tmp_path, model):
    found = checkpoint.inspect(model)
    assert found.weight_bytes > 100_000
    checkpoint.check_memory(found, found.weight_bytes, "memory")
    checkpoint.check_memory(found, None, "memory")
    with pytest.raises(
        checkpoint.CheckpointError, match=r"of GPU memory are free.*mlx-rocm convert.*--no-memory-check"
    ):
        checkpoint.check_memory(found, found.weight_bytes - 1, "GPU memory")
    assert 0 < checkpoint.available_memory() < 2**50


def test_a_sparse_giant_is_refused_before_loading(tmp_path, model):
    (model / "model.safetensors").unlink()
    size = 2**44
    header = safetensors({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})
    with open(model / "model.safetensors", "wb") as file:
        file.write(header)
        try:
            file.truncate(len(header) + size)
        except OSError:
            pytest.skip("this file system has no files of 16 TB, not even sparse ones")
    (model / "model.safetensors.index.json").unlink()
    fails(cli(tmp_path, "generate", "--model", "model"), "17592.2 GB", "--no-memory-check")


def test_unknown_architecture_and_bad_option(tmp_path, model):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "model_type": "not_a_model"}))
    fails(cli(tmp_path, "generate", "--model", "model"), "not_a_model not supported")
    result = cli(tmp_path, "generate", "--no-such-option")
    assert result.returncode == 2
    assert "--no-such-option" in result.stderr


def test_no_gpu_is_a_clear_error(tmp_path):
    import mlx_rocm.core as mx

    if mx.is_available(mx.gpu):
        pytest.skip("there is a GPU here")
    fails(cli(tmp_path, "generate", "--device", "gpu"), "no GPU here")


def test_mlx_lm_missing(tmp_path):
    blocker = "import sys; sys.modules['mlx_lm'] = None; from mlx_rocm.cli import main; sys.exit(main())"
    result = subprocess.run(
        [sys.executable, "-c", blocker, "generate"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    fails(result, "pip install 'mlx-rocm[lm]'")


def test_convert_then_generate(tmp_path, model):
    arguments = ["--model", "model", "-d", "--mlx-path", "plain"]
    result = cli(tmp_path, "convert", *arguments)
    assert result.returncode == 0, result.stderr
    assert "peak memory" in result.stderr
    result = cli(tmp_path, "convert", "--model", "plain", "-q", "--q-bits", "8", "--mlx-path", "eight")
    assert result.returncode == 0, result.stderr
    fails(cli(tmp_path, "convert", *arguments), "already exists")
    result = cli(tmp_path, "generate", "--model", "eight", "-p", "One day", "-m", "8")
    assert result.returncode == 0, result.stderr
    assert "Generation: 8 tokens" in result.stdout


def test_lora_trains_the_built_in_model(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    rows = "".join(
        json.dumps({"text": f"The {n} went home and slept."}) + "\n" for n in ("fox", "owl", "bear", "cat")
    )
    for name in ("train", "valid"):
        (data / f"{name}.jsonl").write_text(rows)
    result = cli(
        tmp_path,
        "lora",
        "--train",
        "--data",
        "data",
        "--iters",
        "4",
        "--batch-size",
        "2",
        "--num-layers",
        "2",
        "--val-batches",
        "1",
        "--adapter-path",
        "adapters",
        "--steps-per-report",
        "2",
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "adapters" / "adapters.safetensors").is_file()
    result = cli(tmp_path, "generate", "--adapter-path", "adapters", "-m", "4")
    assert result.returncode == 0, result.stderr


def test_chat_takes_a_question_and_ends(tmp_path):
    result = cli(tmp_path, "chat", "-m", "8", stdin="Once upon a time\nq\n")
    assert result.returncode == 0, result.stderr
    assert "peak memory" in result.stderr


def test_server_completes_a_text(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "import sys; from mlx_rocm.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "server", "--port", str(port)]
    body = json.dumps({"prompt": "Once upon a time", "max_tokens": 6, "temperature": 0}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/completions", body, {"Content-Type": "application/json"}
    )
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        for _ in range(1200):
            assert server.poll() is None, (tmp_path / "log").read_text()
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    found = json.load(answer)
                break
            except urllib.error.URLError as error:
                if not isinstance(error.reason, ConnectionRefusedError):
                    raise
                time.sleep(0.2)
        else:
            pytest.fail("the server did not start in four minutes")
        assert found["usage"]["completion_tokens"] == 6
        assert found["choices"][0]["text"].strip()
    finally:
        server.terminate()
        server.wait(30)
