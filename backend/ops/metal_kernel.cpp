#include "backend/ops/metal_kernel.h"

#include "backend/core/error.h"
#include "backend/core/op.h"
#include "backend/transforms/export.h"

namespace mlx_rocm {
namespace {

class MetalKernel : public OpBase<MetalKernel> {
 public:
  static constexpr const char* kName = "metal_kernel";
  MetalKernelCall call;
  std::vector<Shape> shapes;
  std::vector<Dtype> dtypes;
  MetalKernel() = default;
  explicit MetalKernel(MetalKernelCall c) : call(std::move(c)) {
    for (const Spec& s : call.outputs) {
      shapes.push_back(s.shape);
      dtypes.push_back(s.dtype);
    }
  }
  static auto fields(auto& self) {
    auto& c = self.call;
    return std::tie(c.name, c.source, c.header, c.input_names, c.output_names, self.shapes, self.dtypes, c.grid,
                    c.threadgroup, c.template_arguments, c.init_value, c.row_contiguous, c.atomic_outputs);
  }

  std::vector<Spec> infer(const Arrays&) const override {
    std::vector<Spec> specs;
    for (size_t i = 0; i < shapes.size(); ++i) specs.push_back({shapes[i], dtypes[i]});
    return specs;
  }
  void cpu(const Arrays&, const Arrays&) override { runtime_error("[metal_kernel] No Metal back-end."); }
  void gpu(const Arrays&, const Arrays&) override { runtime_error("[metal_kernel] No Metal back-end."); }
};
REGISTER_OP(MetalKernel)

Device device_of(const StreamOrDevice& s) {
  if (auto* d = std::get_if<Device>(&s)) return *d;
  if (auto* t = std::get_if<Device::Type>(&s)) return Device(*t);
  if (auto* stream = std::get_if<Stream>(&s)) return stream->device;
  if (auto* local = std::get_if<ThreadLocalStream>(&s)) return local->device;
  return default_device();
}

}  // namespace

Arrays metal_kernel(MetalKernelCall call, Arrays inputs, const StreamOrDevice& s) {
  if (!in_export_tracing()) runtime_error("[metal_kernel] No Metal back-end.");
  Device d = device_of(s);
  if (d.type == Device::cpu) value_error("[metal_kernel] Only supports the GPU.");
  Stream stream = is_available(d) ? to_stream(s) : Stream{0, d};
  Ref<Op> kernel = op<MetalKernel>(std::move(call));
  std::vector<Spec> specs = kernel->infer(inputs);
  return apply_as(std::move(kernel), std::move(inputs), stream, std::move(specs));
}

}  // namespace mlx_rocm
