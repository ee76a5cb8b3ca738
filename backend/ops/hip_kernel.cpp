#include "backend/ops/hip_kernel.h"

#include <algorithm>

#include "backend/core/error.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

constexpr int kMaxDims = 8;  // MAX_NDIM of kernels/custom.hip
constexpr int kMostThreads = 1024;

const char* cuda_name(Dtype d) {
  switch (d) {
    case Dtype::bool_: return "bool";
    case Dtype::uint8: return "uint8_t";
    case Dtype::uint16: return "uint16_t";
    case Dtype::uint32: return "uint32_t";
    case Dtype::uint64: return "uint64_t";
    case Dtype::int8: return "int8_t";
    case Dtype::int16: return "int16_t";
    case Dtype::int32: return "int32_t";
    case Dtype::int64: return "int64_t";
    case Dtype::float16: return "__half";
    case Dtype::float32: return "float";
    case Dtype::float64: return "double";
    case Dtype::bfloat16: return "__nv_bfloat16";
    case Dtype::complex64: return "complex64_t";
  }
  return "void";
}

// Whether the source names the parameter that describes an input's layout.
bool mentions(const HipKernelCall& call, size_t input, const char* what) {
  const std::string name = call.input_names[input] + what;
  return call.source.find(name) != std::string::npos || call.header.find(name) != std::string::npos;
}

// Shape and Strides of kernels/custom.hip.
template <class T>
struct PerAxis {
  T v[kMaxDims] = {};
  template <class From>
  explicit PerAxis(const From& values) {
    std::copy(values.begin(), values.end(), v);
  }
};

// Arguments of a number known at run time; values live until the launch.
class ArgumentList {
 public:
  void add(const array& a, bool write) { items_.push_back({nullptr, &a, write}); }
  template <class T>
  void add(const T& value) {
    const size_t words = (sizeof(T) + 7) / 8;
    auto& copy = values_.emplace_back(words);
    std::memcpy(copy.data(), &value, sizeof(T));
    items_.push_back({copy.data(), nullptr, false});
  }
  void launch(const gpu::Kernel& k, gpu::Grid grid, uint32_t threads, uint32_t lds) {
    gpu::detail::launch(k, grid, threads, lds, items_.data(), items_.size());
  }

 private:
  std::vector<std::vector<uint64_t>> values_;  // moved, not copied, when it grows: the words stay where they are
  std::vector<gpu::detail::Argument> items_;
};

class HipKernel : public CustomKernel<HipKernel, HipKernelCall> {
 public:
  static constexpr const char* kName = "hip_kernel";
  using CustomKernel::CustomKernel;
  static auto fields(auto& self) { return std::tuple_cat(common_fields(self), std::tie(self.call.shared_memory)); }

  void cpu(const Arrays&, const Arrays&) override { value_error("[hip_kernel] Only supports the GPU."); }
  void gpu(const Arrays& in, const Arrays& out) override {
    Arrays inputs;
    for (const array& a : in) inputs.push_back(call.row_contiguous ? gpu::contiguous(a) : a);
    for (const array& o : out) {
      gpu::allocate(o);
      if (call.init_value) initialise(o);
    }
    uint32_t block[3], groups[3];
    for (int i = 0; i < 3; ++i) {
      if (call.grid[i] == 0) return;
      block[i] = uint32_t(std::min(call.grid[i], call.threadgroup[i]));
      groups[i] = (uint32_t(call.grid[i]) + block[i] - 1) / block[i];
    }
    HipKernelCall typed = call;
    typed.outputs.clear();
    for (const array& o : out) typed.outputs.push_back(o.spec());
    const uint32_t threads = block[0] * block[1] * block[2];
    const uint32_t bound = threads <= 256 ? 256 : threads <= 512 ? 512 : kMostThreads;
    const gpu::Kernel& k = gpu::kernel(
        "custom.hip", "custom_kernel",
        {{"GENERATED", 1}, {"BLOCK_Y", block[1]}, {"BLOCK_Z", block[2]}, {"BOUND", bound}}, hip_kernel_text(typed, in));
    ArgumentList arguments;
    for (size_t i = 0; i < inputs.size(); ++i) {
      arguments.add(inputs[i], false);
      if (mentions(call, i, "_shape")) arguments.add(PerAxis<int32_t>(inputs[i].shape()));
      if (mentions(call, i, "_strides")) arguments.add(PerAxis<int64_t>(inputs[i].strides()));
      if (mentions(call, i, "_ndim")) arguments.add(int32_t(inputs[i].ndim()));
    }
    for (const array& o : out) arguments.add(o, true);
    arguments.launch(k, gpu::Grid(groups[0], groups[1], groups[2]), threads, uint32_t(call.shared_memory));
  }

 private:
  void initialise(const array& o) const {
    if (o.size() == 0) return;
    const array value = array::scalar(*call.init_value, o.dtype());
    gpu::copy(array(value.buffer(), o.shape(), o.dtype(), Strides(o.ndim(), 0), value.offset()), o);
  }
};
REGISTER_OP(HipKernel)

void check_sizes(const HipKernelCall& call, const Arrays& inputs) {
  if (inputs.size() != call.input_names.size()) {
    value_error("[hip_kernel] ", call.name, " has ", call.input_names.size(), " inputs, but ", inputs.size(),
                " were given.");
  }
  if (call.grid.size() != 3 || call.threadgroup.size() != 3) {
    value_error("[hip_kernel] grid and threadgroup of ", call.name, " must have 3 numbers.");
  }
  int64_t threads = 1;
  for (int i = 0; i < 3; ++i) {
    if (call.grid[i] < 0 || call.threadgroup[i] < 1) {
      value_error("[hip_kernel] grid and threadgroup of ", call.name, " must be positive.");
    }
    threads *= std::min(std::max(1, call.grid[i]), call.threadgroup[i]);
  }
  if (threads > kMostThreads) {
    value_error("[hip_kernel] The threadgroup of ", call.name, " has ", threads, " threads, more than ", kMostThreads, ".");
  }
  if (call.shared_memory < 0) value_error("[hip_kernel] shared_memory must not be negative.");
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].ndim() > kMaxDims && (mentions(call, i, "_shape") || mentions(call, i, "_strides"))) {
      value_error("[hip_kernel] ", call.name, " asks for the layout of ", call.input_names[i], ", which has ",
                  inputs[i].ndim(), " dimensions; at most ", kMaxDims, " can be passed.");
    }
  }
}

}  // namespace

std::string hip_template_argument(const std::string& name, Dtype value) {
  return "using " + name + " = " + cuda_name(value) + ";";
}
std::string hip_template_argument(const std::string& name, bool value) {
  return "constexpr bool " + name + " = " + (value ? "true;" : "false;");
}
std::string hip_template_argument(const std::string& name, int64_t value) {
  return "constexpr int " + name + " = " + std::to_string(value) + ";";
}

std::string hip_kernel_text(const HipKernelCall& call, const Arrays& inputs) {
  std::string text = call.header + "\n\nKERNEL(BOUND) custom_kernel(\n";
  std::string comma = "    ";
  auto parameter = [&](const std::string& declaration) {
    text += comma + declaration;
    comma = ",\n    ";
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string& name = call.input_names[i];
    parameter(std::string("const ") + cuda_name(inputs[i].dtype()) + "* " + name);
    if (mentions(call, i, "_shape")) parameter("STRUCT_ARGUMENT Shape " + name + "_shape");
    if (mentions(call, i, "_strides")) parameter("STRUCT_ARGUMENT Strides " + name + "_strides");
    if (mentions(call, i, "_ndim")) parameter("int " + name + "_ndim");
  }
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    parameter(std::string(cuda_name(call.outputs[i].dtype)) + "* " + call.output_names[i]);
  }
  text += ") {\n";
  for (const auto& [name, declaration] : call.template_arguments) text += "  " + declaration + "\n";
  return text + call.source + "\n}\n";
}

Arrays hip_kernel(HipKernelCall call, Arrays inputs, const StreamOrDevice& s) {
  check_sizes(call, inputs);
  const Stream stream = to_stream(s);
  if (stream.device.type == Device::cpu) value_error("[hip_kernel] Only supports the GPU.");
  return apply_custom_kernel<HipKernel>(std::move(call), std::move(inputs), stream);
}

}  // namespace mlx_rocm
