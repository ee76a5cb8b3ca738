#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/core/array.h"

namespace mlx_rocm {

// A call of a kernel in Metal's language. No device here runs it; it can be exported for one that does.
struct MetalKernelCall {
  std::string name, source, header;
  std::vector<std::string> input_names, output_names;
  std::vector<Spec> outputs;
  std::vector<int32_t> grid, threadgroup;
  std::vector<std::pair<std::string, std::string>> template_arguments;  // name, value as text
  std::optional<double> init_value;
  bool row_contiguous = true, atomic_outputs = false;
};

// RuntimeError unless a function is being traced for export; ValueError for a CPU stream.
Arrays metal_kernel(MetalKernelCall call, Arrays inputs, const StreamOrDevice& s);

}  // namespace mlx_rocm
