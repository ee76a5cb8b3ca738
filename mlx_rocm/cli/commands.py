"""The commands that mlx-lm carries out: checks and device choice before, clear errors around."""

import importlib
import importlib.util
import itertools
import os
import sys
import time
import traceback
from pathlib import Path

from . import checkpoint, kernels
from .checkpoint import CheckpointError

TINY_MODEL = Path(__file__).resolve().parent.parent / "models" / "tiny"
TINY_PROMPT = "Once upon a time"
NEED_MLX_LM = "mlx-lm is not installed. Install it with: pip install 'mlx-rocm[lm]'"
# Commands that need all weights in memory at once; convert works through them one after the other.
LOADS_WHOLE_MODEL = {"generate", "chat", "lora", "server"}
SMALL_MODEL = 100e6  # bytes up to which a model is a toy, for which nothing is compiled ahead
# Options of mlx-lm that also name something which may live on the hub.
HUB_OPTIONS = {"--draft-model", "--data", "--upload-repo", "-c", "--config"}


def say(text):
    print(f"[mlx-rocm] {text}", file=sys.stderr, flush=True)


def fail(text):
    print(f"mlx-rocm: error: {text}", file=sys.stderr)
    return 1


def run(command, options, passed_on, parser):
    """Runs one command; returns the exit code."""
    if importlib.util.find_spec("mlx_lm") is None:
        return fail(NEED_MLX_LM)
    if options.help:
        parser.print_help()
        print(f"\nOptions of mlx-lm's {command}:\n")
        return _hand_over(command, ["--help"])
    try:
        if options.model is None and command == "convert":
            raise CheckpointError("convert needs --model FOLDER.")
        name = options.model or _configured_model(passed_on) or str(TINY_MODEL)
        if name == str(TINY_MODEL) and command == "generate" and not _has_option(passed_on, "-p", "--prompt"):
            passed_on = [*passed_on, "--prompt", TINY_PROMPT]
        local = checkpoint.find_local(name)
        if local is not None and not _has_option(passed_on, *HUB_OPTIONS):
            os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")  # read when they are imported
        device = _choose_device(options.device)
        folder = local or _download(name)
        found = checkpoint.inspect(folder)
        if command in LOADS_WHOLE_MODEL and found.weight_bytes > SMALL_MODEL:
            _compile_ahead(device, found.model_type)
        if command in LOADS_WHOLE_MODEL and not options.no_memory_check:
            checkpoint.check_memory(found, *_memory_of(device))
        gigabytes = found.weight_bytes / 1e9
        shown = "the built-in tiny model" if local == TINY_MODEL else name
        say(f"{command}: {shown} ({gigabytes:.3g} GB, {len(found.files)} file(s)) on {_device_name(device)}")
        return _timed(command, ["--model", str(local) if local else name, *passed_on])
    except CheckpointError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        print(file=sys.stderr)
        say("stopped")
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last stop: one sentence for the user
        if options.traceback:
            traceback.print_exc()
        return fail(f"{_sentence(error)} (--traceback shows where)")


def _sentence(error):
    text = str(error).strip() or "no message"
    return text if isinstance(error, (ValueError, FileNotFoundError)) else f"{type(error).__name__}: {text}"


def _has_option(arguments, *names):
    return any(a in names or a.split("=")[0] in names for a in arguments)


def _configured_model(arguments):
    """The model named in lora's ``--config`` file, if there is one."""
    for option, value in itertools.pairwise(arguments):
        if option in ("-c", "--config"):
            import yaml

            try:
                return (yaml.safe_load(Path(value).read_text()) or {}).get("model")
            except (OSError, yaml.YAMLError, AttributeError) as error:
                raise CheckpointError(f"the configuration {value!r} cannot be read: {error}") from None
    return None


def _download(name):
    """Fetches a model from the hub into its cache (with the hub's own progress bars); returns the folder."""
    from huggingface_hub import snapshot_download

    patterns = [
        "*.json",
        "model*.safetensors",
        "*.py",
        "tokenizer.model",
        "*.tiktoken",
        "*.txt",
        "*.jsonl",
        "*.jinja",
    ]
    try:
        return snapshot_download(name, allow_patterns=patterns)
    except Exception as error:  # noqa: BLE001 - any failure of the network or the hub
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{name!r} is no folder here, and it could not be fetched from Hugging Face: {reason}"
        ) from None


def _choose_device(wanted):
    import mlx_rocm.core as mx

    if wanted == "cpu":
        mx.set_default_device(mx.cpu)
    elif wanted == "gpu":
        if not mx.is_available(mx.gpu):
            raise CheckpointError("there is no GPU here that mlx_rocm can use. mlx-rocm info says why.")
        mx.set_default_device(mx.gpu)
    return mx.default_device()


def _compile_ahead(device, model_type):
    import mlx_rocm.core as mx

    if device == mx.gpu:
        missing = kernels.compile_in_background(kernels.known(model_type), kernels.device_arch())
        if missing:
            say(f"compiling {missing} GPU kernels meanwhile; the next start will have them")


def _memory_of(device):
    """(bytes available, what to call it) of the device's memory."""
    import mlx_rocm.core as mx

    if device == mx.gpu:
        total = mx.device_info(mx.gpu).get("memory_size")
        return (total - mx.get_active_memory() if total else None), "GPU memory"
    return checkpoint.available_memory(), "memory"


def _device_name(device):
    import mlx_rocm.core as mx

    name = mx.device_info(device).get("device_name", "")
    return f"{device.type.name} ({name})" if name not in ("", device.type.name) else device.type.name


def _timed(command, arguments):
    import mlx_rocm.core as mx

    start = time.perf_counter()
    code = _hand_over(command, arguments)
    if not code:
        seconds = time.perf_counter() - start
        say(f"{command} took {seconds:.1f} s, peak memory {mx.get_peak_memory() / 1e9:.3f} GB")
    return code


def _hand_over(command, arguments):
    """Calls mlx-lm's own main of the command, under the alias."""
    from .. import alias

    alias.inherit()
    module = importlib.import_module(f"mlx_lm.{command}")
    if command == "generate":
        _show_prompt_progress(module)
    sys.argv = [f"mlx-rocm {command}", *arguments]
    try:
        module.main()
    except SystemExit as stop:  # argparse, or the program's own
        if isinstance(stop.code, str):
            raise CheckpointError(stop.code) from None
        return stop.code or 0
    return 0


def _show_prompt_progress(module):
    """A counter on the terminal while a long prompt is read, which can take minutes on a CPU."""
    if not sys.stderr.isatty():
        return
    generate = module.generate

    def report(done, total):
        end = "\r\033[K" if done >= total else ""
        print(f"\rprompt: {done} of {total} tokens{end}", end="", file=sys.stderr, flush=True)

    def with_progress(*args, **kwargs):
        if kwargs.get("draft_model") is None:
            kwargs["prompt_progress_callback"] = report
        return generate(*args, **kwargs)

    module.generate = with_progress
