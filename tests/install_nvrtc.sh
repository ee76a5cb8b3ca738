#!/usr/bin/env bash
# Unpacks NVIDIA's run-time compiler (60 MB from PyPI) into the tests' cache, so that the kernels are compiled for
# NVIDIA GPUs as well. Nothing is installed on the system. Takes a moment where it is already there.
set -euo pipefail

out="${XDG_CACHE_HOME:-$HOME/.cache}/mlx_rocm-tests/nvrtc"
if [ -e "$out/complete" ]; then exit 0; fi
"${PYTHON:-python3}" -m pip install --quiet --no-deps --target "$out" 'nvidia-cuda-nvrtc==13.*'
touch "$out/complete"
