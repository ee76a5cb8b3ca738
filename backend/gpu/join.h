// Launch of a concatenation (kernels/join.hip).
#pragma once

#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {

// out, which has row-contiguous memory, = the parts one after the other along `axis`.
void concatenate(const Arrays& parts, int axis, const array& out);

}  // namespace mlx_rocm::gpu
