#include "backend/ops/metal_kernel.h"

#include "backend/core/error.h"
#include "backend/transforms/export.h"

namespace mlx_rocm {
namespace {

class MetalKernel : public CustomKernel<MetalKernel, MetalKernelCall> {
 public:
  static constexpr const char* kName = "metal_kernel";
  using CustomKernel::CustomKernel;
  static auto fields(auto& self) { return std::tuple_cat(common_fields(self), std::tie(self.call.atomic_outputs)); }

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
  return apply_custom_kernel<MetalKernel>(std::move(call), std::move(inputs), stream);
}

}  // namespace mlx_rocm
