"""Which GPU kernels are known beforehand, and helper processes that compile them while a model loads."""

import atexit
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
SHIPPED = PACKAGE / "_files" / "kernels"  # written by tests/record_kernels.py
# Kinds of models that compute as another one does.
SAME_KERNELS = {"mistral": "llama", "gemma3": "gemma3_text"}
MOST_HELPERS = 8
MOST_RECORDED = 300


def known(model_type=None):
    """Lines of the kernels that this user's programs have used, then of those that models of the kind need.

    Without a kind: of all kinds that we know. With one, only the newest of those that were used: a developer's
    record is long, and each costs half a millisecond to look up.
    """
    import mlx_rocm.core as mx

    name = SAME_KERNELS.get(model_type, model_type)
    lines = mx._gpu_recorded_kernels()
    if model_type:
        lines = lines[-MOST_RECORDED:]
    for path in sorted(SHIPPED.glob("*.tsv")):
        if name in (None, path.stem):
            lines += path.read_text().splitlines()
    return list(dict.fromkeys(lines))


def device_arch():
    """The architecture of the GPU as its driver names it, or None without one."""
    import mlx_rocm.core as mx

    return mx.device_info(mx.gpu)["architecture"] if mx.is_available(mx.gpu) else None


def compile_in_background(lines, arch):
    """Starts helpers that compile what is missing; returns how many kernels that is.

    Helpers are processes since hiprtc compiles one kernel at a time in each. The program goes on meanwhile,
    takes what they have put into the cache and waits for a kernel that one of them is at. They end with it.
    MLX_ROCM_PRECOMPILE=0 turns this off.
    """
    import mlx_rocm.core as mx

    if os.environ.get("MLX_ROCM_PRECOMPILE") == "0":
        return 0
    missing = [line for line in lines if not _is_compiled(mx, line, arch)]
    count = min(MOST_HELPERS, (os.cpu_count() or 2) - 1, len(missing))
    if count < 1:
        return 0
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "MLX_ROCM_QUIET": "1"}
    for first in range(count):
        # A file and not a pipe: nobody has to feed it. Every nth line, so that the first ones are done first.
        with tempfile.TemporaryFile("w+") as part:
            part.write("\n".join(missing[first::count]))
            part.seek(0)
            helper = subprocess.Popen(
                [sys.executable, "-m", "mlx_rocm.cli.kernel_worker", arch],
                stdin=part,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        atexit.register(_end, helper)
    return len(missing)


def _is_compiled(mx, line, arch):
    try:
        return mx._gpu_is_compiled(line, arch)
    except (RuntimeError, ValueError):
        return True  # of another version: not ours to compile


def _end(helper):
    if helper.poll() is None:
        helper.terminate()
    helper.wait()
