#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/core/array.h"

namespace mlx_rocm {

// A call of a kernel that a user wrote in HIP or CUDA. kernels/custom.hip has what its source may use.
struct HipKernelCall {
  std::string name, source, header;
  std::vector<std::string> input_names, output_names;
  std::vector<Spec> outputs;
  std::vector<int32_t> grid, threadgroup;  // threads in all, and in a workgroup, along x, y, z
  std::vector<std::pair<std::string, std::string>> template_arguments;  // name, declaration without the name
  std::optional<double> init_value;
  bool row_contiguous = true;
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
