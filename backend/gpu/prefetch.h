// Compiling ahead of use, in the background.
#pragma once

#include <string>
#include <vector>

#include "backend/gpu/jit.h"

namespace mlx_rocm::gpu {

// Starts to compile the specs that are not in the cache, on up to eight threads; machine_code() of one that
// is under way waits for it. Failures are left to machine_code(). hiprtc compiles one kernel at a time
// whatever the number of threads.
void prefetch(std::vector<KernelSpec> specs, Api api, const std::string& arch);
// Forgets what has not begun and waits for the rest. Called at exit; prefetch() may be called again.
void stop_prefetch();

}  // namespace mlx_rocm::gpu
