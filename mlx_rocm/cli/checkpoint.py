"""Looks at a model folder before anything is loaded: is it there, is it whole, does it fit in memory?

Reads only the headers of the safetensors files, so this takes milliseconds for any model size, and turns what
would be a late and obscure failure into one sentence.
"""

import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path

HUB_NAME = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
# The limit the safetensors format sets; a larger number means that the file is no safetensors file.
MAX_HEADER_BYTES = 100_000_000


class CheckpointError(Exception):
    """A model that cannot be used, with a message for the user."""


@dataclass
class Checkpoint:
    """A model folder that has been looked at: its path, kind, weight files and the bytes of their tensors."""

    path: Path
    model_type: str
    files: list
    weight_bytes: int


def find_local(name):
    """The folder that ``name`` means, or None if ``name`` can only be a name on the Hugging Face hub.

    Raises CheckpointError for a path that does not exist or is no folder.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise CheckpointError(
            f"{name!r} is a file. A model is a folder with config.json, tokenizer.json and "
            "model*.safetensors."
        )
    if HUB_NAME.match(name) and not Path(name).parent.exists():
        return None
    near = _similar_folders(path)
    hint = f" Did you mean {near}?" if near else ""
    raise CheckpointError(
        f"there is no folder {name!r}.{hint} Give the folder of a model, "
        "or a Hugging Face name such as mlx-community/Qwen3-0.6B-4bit."
    )


def _similar_folders(path):
    import difflib

    try:
        names = [p.name for p in path.parent.iterdir() if p.is_dir()]
    except OSError:
        return ""
    return ", ".join(repr(str(path.parent / n)) for n in difflib.get_close_matches(path.name, names, 2))


def inspect(path):
    """Checks a local model folder; returns a Checkpoint or raises CheckpointError."""
    path = Path(path)
    if not (path / "config.json").is_file():
        content = ", ".join(sorted(p.name for p in path.iterdir())[:8]) or "nothing"
        gguf = " GGUF files have to be converted to a Hugging Face folder first." if "gguf" in content else ""
        raise CheckpointError(f"there is no config.json in {str(path)!r} (it holds {content}).{gguf}")
    config = _read_json(path / "config.json")
    if "model_type" not in config:
        raise CheckpointError(f"{str(path / 'config.json')!r} names no model_type.")
    files = sorted(path.glob("model*.safetensors"))
    index = path / "model.safetensors.index.json"
    if index.is_file():
        wanted = set(_read_json(index).get("weight_map", {}).values())
        missing = sorted(wanted - {f.name for f in files})
        if missing:
            raise CheckpointError(
                f"{len(missing)} of the {len(wanted)} weight files are missing in {str(path)!r}: "
                f"{', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}. Download them again."
            )
    if not files:
        raise CheckpointError(f"there are no weights (model*.safetensors) in {str(path)!r}.")
    return Checkpoint(path, str(config["model_type"]), files, sum(check_safetensors(f) for f in files))


def _read_json(path):
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{str(path)!r} cannot be read as JSON: {error}.") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{str(path)!r} should hold a JSON object, it holds a {type(value).__name__}.")
    return value


def check_safetensors(path):
    """The bytes of all tensors of a safetensors file; CheckpointError if its header and size disagree."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(64)
        if start.startswith(b"version https://git-lfs"):
            raise CheckpointError(f"{str(path)!r} is only a Git LFS pointer. Run git lfs pull in its folder.")
        length = struct.unpack("<Q", start[:8])[0] if len(start) >= 8 else 0
        if size < 8 or length > MAX_HEADER_BYTES:
            raise CheckpointError(f"{str(path)!r} is no safetensors file ({size} bytes).")
        if 8 + length > size:
            raise _cut_short(path, size, f"its header alone takes {8 + length}")
        file.seek(8)
        header = file.read(length)
    try:
        tensors = {k: v for k, v in json.loads(header).items() if k != "__metadata__"}
        data = max((int(v["data_offsets"][1]) for v in tensors.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise CheckpointError(f"the header of {str(path)!r} is damaged. Download the file again.") from None
    if 8 + length + data > size:
        raise _cut_short(path, size, f"its header describes {8 + length + data}")
    return data


def _cut_short(path, size, expected):
    return CheckpointError(f"{str(path)!r} is cut short: it has {size} bytes, {expected}. Download it again.")


def available_memory():
    """Bytes that this process may still take without swapping: of the machine, or of its container."""
    limits = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                limits.append(int(line.split()[1]) * 1024)
    except (OSError, ValueError):
        pass
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit != "max":
            limits.append(int(limit) - int(Path("/sys/fs/cgroup/memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return min(limits) if limits else None


def check_memory(checkpoint, available, where):
    """CheckpointError if the weights alone are larger than the memory available on the device."""
    if available is None or checkpoint.weight_bytes <= available:
        return
    gigabyte = 1e9
    raise CheckpointError(
        f"the weights in {str(checkpoint.path)!r} take {checkpoint.weight_bytes / gigabyte:.1f} GB, "
        f"and {available / gigabyte:.1f} GB of {where} are free. "
        "Make a smaller copy with: mlx-rocm convert --model MODEL -q --q-bits 4 --mlx-path FOLDER, "
        "close other programs, or try all the same with --no-memory-check."
    )
