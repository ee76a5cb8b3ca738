"""A helper process that compiles kernels: ``python -m mlx_rocm.cli.kernel_worker ARCH < manifest.tsv``."""

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is for all of us
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        os.nice(5)
    lines = sys.stdin.read().splitlines()
    import mlx_rocm.core as mx

    for line in lines:
        with contextlib.suppress(RuntimeError, ValueError):  # whoever needs the kernel gets the error
            mx._gpu_compile(line, sys.argv[1])


if __name__ == "__main__":
    main()
