// Launches of masked_scatter (kernels/masked_scatter.hip).
#pragma once

#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {

// The entries of x (along the mask's axes, which are x's leading ones) where the mask is true become
// `values`, in order. All are row-contiguous. Entries beyond the last value stay.
void masked_scatter(const array& x, const array& mask, const array& values);

}  // namespace mlx_rocm::gpu
