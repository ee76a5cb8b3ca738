#!/usr/bin/env bash
# Installs what the tests need to compile for AMD GPUs without one: clang, lld and llvm-objdump 22 (Debian 12's
# security archive) and AMD's device library as bitcode. Takes a moment where they are already there.
set -euo pipefail

bitcode=/usr/lib/x86_64-linux-gnu/amdgcn/bitcode/ocml.bc
if command -v clang-22 ld.lld-22 llvm-objdump-22 >/dev/null && [ -e "$bitcode" ]; then
  exit 0
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then sudo=(sudo); fi
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  clang-22 lld-22 llvm-22 rocm-device-libs >/dev/null
clang-22 --version | head -n 1
