#include "backend/ops/create.h"

#include <cmath>

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

class Arange : public OpBase<Arange> {
 public:
  static constexpr const char* kName = "arange";
  double start = 0, step = 1;
  int32_t size = 0;
  Dtype dtype;
  Arange() = default;
  Arange(double start, double step, int32_t size, Dtype d) : start(start), step(step), size(size), dtype(d) {}
  static auto fields(auto& self) { return std::tie(self.start, self.step, self.size, self.dtype); }

  std::vector<Spec> infer(const Arrays&) const override { return {{{size}, dtype}}; }
  void cpu(const Arrays&, const Arrays& out) override {
    out[0].allocate();
    visit(dtype, [&]<class T>(TypeTag<T>) {
      T* y = out[0].data<T>();
      for (int64_t i = 0; i < size; ++i) {
        if constexpr (std::is_same_v<T, complex64_t>) {
          y[i] = {float(start + double(i) * step), 0};
        } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
          y[i] = T(int64_t(start) + i * int64_t(step));
        } else if constexpr (std::is_same_v<T, double>) {
          y[i] = start + double(i) * step;
        } else {
          y[i] = T(float(start) + float(i) * float(step));
        }
      }
    });
  }
};
REGISTER_OP(Arange)

}  // namespace

array full(const Shape& shape, const array& value, Dtype dtype, const StreamOrDevice& s) {
  for (int32_t d : shape) {
    if (d < 0) value_error("[full] Negative dimensions not allowed: ", shape, ".");
  }
  // A broadcast view of one element costs nothing until somebody needs it dense.
  return contiguous(broadcast_to(astype(value, dtype, s), shape, s), false, s);
}
array zeros(const Shape& shape, Dtype dtype, const StreamOrDevice& s) {
  return full(shape, array::scalar(0, dtype), dtype, s);
}
array ones(const Shape& shape, Dtype dtype, const StreamOrDevice& s) {
  return full(shape, array::scalar(1, dtype), dtype, s);
}
array zeros_like(const array& a, const StreamOrDevice& s) { return zeros(a.shape(), a.dtype(), s); }
array ones_like(const array& a, const StreamOrDevice& s) { return ones(a.shape(), a.dtype(), s); }

array arange(double start, double stop, double step, Dtype dtype, const StreamOrDevice& s) {
  if (dtype == bool_) value_error("[arange] bool is not supported.");
  if (std::isnan(start) || std::isnan(stop) || std::isnan(step)) value_error("[arange] Cannot compute length.");
  if (std::isinf(start) || std::isinf(stop)) value_error("[arange] Cannot compute length.");
  if (step == 0) value_error("[arange] The step must not be 0.");
  if (is_integer(dtype)) {
    // Each bound is converted on its own, as NumPy does.
    if (dtype != uint64) start = double(int64_t(start));
    step = std::isinf(step) ? step : std::trunc(step);
    if (step == 0) value_error("[arange] The step must not be 0.");
  }
  double n = std::isinf(step) ? (step > 0 ? start < stop : start > stop) : std::max(std::ceil((stop - start) / step), 0.0);
  if (n > double(INT32_MAX)) value_error("[arange] Maximum size exceeded: ", n, " elements.");
  if (std::isinf(step)) step = 0;
  return apply(op<Arange>(start, step, int32_t(n), dtype), {}, s);
}

}  // namespace mlx_rocm
