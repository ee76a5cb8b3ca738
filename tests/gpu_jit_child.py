"""One process that compiles kernels: python gpu_jit_child.py ARCH, lines of a manifest on standard input.

Prints JSON: for each line the digest of its code or the error; how many were compiled; "stderr" marks that file
descriptor 2 still is what it was.
"""

import hashlib
import json
import os
import resource
import sys
import threading

import mlx_rocm.core as mx

arch, threads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
lines = sys.stdin.read().splitlines()
before = os.fstat(2)
if "FILE_LIMIT" in os.environ:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["FILE_LIMIT"]),) * 2)


def compile_all(results):
    for line in lines:
        try:
            results.append(hashlib.sha256(mx._gpu_compile(line, arch)).hexdigest())
        except RuntimeError as error:
            results.append(f"error: {error}")


if "PREFETCH" in os.environ:
    mx._gpu_prefetch(lines, arch)
    if os.environ["PREFETCH"] == "exit":
        sys.exit()
results = [[] for _ in range(threads)]
workers = [threading.Thread(target=compile_all, args=(each,)) for each in results]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
assert all(each == results[0] for each in results)
after = os.fstat(2)
out = {"codes": results[0], "compiled": mx._gpu_compile_counts()[0]}
out["stderr"] = (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino)
print(json.dumps(out))
