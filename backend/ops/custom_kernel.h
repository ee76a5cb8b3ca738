#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/core/op.h"

namespace mlx_rocm {

// A call of a kernel whose source a user wrote, in whatever language.
struct CustomKernelCall {
  std::string name, source, header;
  std::vector<std::string> input_names, output_names;
  std::vector<Spec> outputs;
  std::vector<int32_t> grid, threadgroup;  // threads in all, and in a workgroup, along x, y, z
  std::vector<std::pair<std::string, std::string>> template_arguments;  // name, and what stands for it in the source
  std::optional<double> init_value;
  bool row_contiguous = true;
};

// Base of the ops of such calls. Self's fields are common_fields and what its Call has besides.
template <class Self, class Call>
class CustomKernel : public OpBase<Self> {
 public:
  Call call;
  std::vector<Shape> shapes;  // of the outputs, as are the dtypes
  std::vector<Dtype> dtypes;
  CustomKernel() = default;
  explicit CustomKernel(Call c) : call(std::move(c)) {
    for (const Spec& s : call.outputs) {
      shapes.push_back(s.shape);
      dtypes.push_back(s.dtype);
    }
  }

  std::vector<Spec> infer(const Arrays&) const override {
    std::vector<Spec> specs;
    for (size_t i = 0; i < shapes.size(); ++i) specs.push_back({shapes[i], dtypes[i]});
    return specs;
  }

 protected:
  static auto common_fields(auto& self) {
    auto& c = self.call;
    return std::tie(c.name, c.source, c.header, c.input_names, c.output_names, self.shapes, self.dtypes, c.grid,
                    c.threadgroup, c.template_arguments, c.init_value, c.row_contiguous);
  }
};

// The op's outputs, on the stream.
template <class Kernel, class Call>
Arrays apply_custom_kernel(Call call, Arrays inputs, Stream stream) {
  Ref<Op> kernel = op<Kernel>(std::move(call));
  std::vector<Spec> specs = kernel->infer(inputs);
  return apply_as(std::move(kernel), std::move(inputs), stream, std::move(specs));
}

}  // namespace mlx_rocm
