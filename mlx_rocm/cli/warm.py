"""``mlx-rocm warm``: compiles GPU kernels ahead of time, so that first runs do not wait for them."""

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

DESCRIPTION = """Compiles GPU kernels into the cache. Without options: all kernels that programs of this user
have used so far and those that language models commonly use, for the GPU of this machine."""
LONG_PROMPT = 600  # tokens: beyond the routes for short prompts


def _parser():
    parser = argparse.ArgumentParser(prog="mlx-rocm warm", description=DESCRIPTION)
    parser.add_argument("--model", help="run this model for a moment, which compiles what it needs")
    parser.add_argument(
        "--arch", help="compile for another architecture, e.g. gfx1151, which needs clang or NVRTC and no GPU"
    )
    parser.add_argument("--output", help="with --arch: the folder to fill, for MLX_ROCM_KERNEL_SEED")
    parser.add_argument("--used", action="store_true", help="only what programs have used")
    parser.add_argument("--jobs", type=int, default=min(8, os.cpu_count() or 1), help="compiles at a time")
    parser.add_argument(
        "--no-memory-check", action="store_true", help="with --model: even if it is too large"
    )
    return parser


def main(argv):
    from .commands import CheckpointError, fail, say

    options = _parser().parse_args(argv)
    try:
        if options.output and not options.arch:
            raise CheckpointError("--output goes with --arch: this machine's own kernels go to the cache.")
        if options.arch and options.model:
            raise CheckpointError(
                "--model runs on this machine's GPU: record its kernels first, then use --arch."
            )
        if options.model:
            return _run_model(options)
        return _compile_recorded(options)
    except (CheckpointError, RuntimeError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        print(file=sys.stderr)
        say("stopped")
        return 130


# --- recorded kernels


def _compile_recorded(options):
    import mlx_rocm.core as mx

    from . import kernels
    from .commands import CheckpointError, say

    lines = mx._gpu_recorded_kernels() if options.used else kernels.known()
    if not lines:
        raise CheckpointError(
            "no kernels are recorded yet. Run a program on a GPU once, or mlx-rocm warm --model FOLDER."
        )
    arch = options.arch or kernels.device_arch()
    if arch is None:
        raise CheckpointError("there is no GPU here that mlx_rocm can use; --arch names one to compile for.")
    if options.arch:
        folder = Path(options.output or Path(mx._gpu_cache_folder()) / "seed").absolute()
        errors = _on_threads(partial(_seed, arch=arch, folder=str(folder)), lines, options.jobs)
        where = f"{folder}. There, set MLX_ROCM_KERNEL_SEED to a copy of it"
    else:
        errors = _in_processes(partial(_compile, arch=arch), lines, options.jobs)
        where = mx._gpu_cache_folder()
    for error in errors[:3]:
        print(error, file=sys.stderr)
    if errors:
        say(f"{len(errors)} of {len(lines)} known kernels do not compile; another version may have used them")
    say(f"{len(lines) - len(errors)} kernels for {arch} are in {where}")
    return 1 if len(errors) == len(lines) else 0


def _error_of(compile_one, *arguments):
    """None, or why it failed."""
    try:
        compile_one(*arguments)
    except (RuntimeError, ValueError) as error:
        return str(error)
    return None


def _compile(line, arch):
    import mlx_rocm.core as mx

    return _error_of(mx._gpu_compile, line, arch)


def _seed(line, arch, folder):
    import mlx_rocm.core as mx

    return _error_of(mx._gpu_make_seed, line, arch, folder)


def _on_threads(work, lines, jobs):
    os.environ["MLX_ROCM_QUIET"] = "1"  # progress is ours
    with ThreadPoolExecutor(jobs) as pool:
        return _collect(pool, work, lines)


def _in_processes(work, lines, jobs):
    """hiprtc compiles one kernel at a time in a process, and aborts it when it fails badly."""
    os.environ["MLX_ROCM_QUIET"] = "1"
    try:
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            return _collect(pool, work, lines)
    except BrokenProcessPool:
        raise RuntimeError("the compiler ended its process; see the messages above") from None


def _collect(pool, work, lines):
    errors = []
    results = [pool.submit(work, line) for line in lines]
    try:
        for done, result in enumerate(as_completed(results), 1):
            _show_progress(done, len(lines))
            if error := result.result():
                errors.append(error)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    return errors


def _show_progress(done, total):
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} kernels{end}", end="", file=sys.stderr, flush=True)


# --- a model


def _run_model(options):
    import mlx_rocm.core as mx

    from . import checkpoint, commands

    device = commands._choose_device("gpu")
    local = checkpoint.find_local(options.model)
    folder = local or commands._download(options.model)
    found = checkpoint.inspect(folder)
    if not options.no_memory_check:
        checkpoint.check_memory(found, *commands._memory_of(device))
    commands.say(f"loading {options.model} on {commands._device_name(device)}")
    _generate(str(folder))
    kernels, seconds = mx._gpu_compile_counts()
    commands.say(f"compiled {kernels} kernels in {seconds:.1f} s; they are in {mx._gpu_cache_folder()}")
    return 0


def _generate(folder):
    """Two tokens after a short prompt and after a long one, which take different kernels."""
    from .. import alias

    alias.inherit()
    from mlx_lm import load, stream_generate

    model, tokenizer = load(folder)
    token = tokenizer.encode("Hello")[-1]
    for length in (8, LONG_PROMPT):
        for _ in stream_generate(model, tokenizer, [token] * length, max_tokens=2):
            pass
