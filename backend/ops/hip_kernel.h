#pragma once

#include <string>

#include "backend/ops/custom_kernel.h"

namespace mlx_rocm {

// A call of a kernel in HIP or CUDA. kernels/custom.hip has what its source may use; its template arguments
// stand as declarations.
struct HipKernelCall : CustomKernelCall {
  int shared_memory = 0;  // bytes
};

// A template argument's declaration: of a type, a bool or an int.
std::string hip_template_argument(const std::string& name, Dtype value);
std::string hip_template_argument(const std::string& name, bool value);
std::string hip_template_argument(const std::string& name, int64_t value);

// What is compiled for such a call, after the vocabulary of kernels/custom.hip.
std::string hip_kernel_text(const HipKernelCall& call, const Arrays& inputs);

// ValueError for a stream of the CPU.
Arrays hip_kernel(HipKernelCall call, Arrays inputs, const StreamOrDevice& s);

}  // namespace mlx_rocm
