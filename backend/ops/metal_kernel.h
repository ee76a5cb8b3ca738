#pragma once

#include "backend/ops/custom_kernel.h"

namespace mlx_rocm {

// A call of a kernel in Metal's language. No device here runs it; it can be exported for one that does.
struct MetalKernelCall : CustomKernelCall {
  bool atomic_outputs = false;
};

// RuntimeError unless a function is being traced for export; ValueError for a CPU stream.
Arrays metal_kernel(MetalKernelCall call, Arrays inputs, const StreamOrDevice& s);

}  // namespace mlx_rocm
