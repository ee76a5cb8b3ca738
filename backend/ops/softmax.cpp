#include "backend/ops/softmax.h"

#include <cmath>
#include <limits>

#include "backend/core/op.h"
#include "backend/cpu/row_loop.h"
#include "backend/gpu/softmax.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

double row_max(const double* x, int64_t n) {
  double top = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < n; ++i) top = x[i] > top || x[i] != x[i] ? x[i] : top;
  return top;
}

void softmax_f64(const double* x, double* y, int64_t n) {
  const double top = row_max(x, n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += y[i] = std::exp(x[i] - top);
  for (int64_t i = 0; i < n; ++i) y[i] /= sum;
}

double logsumexp_f64(const double* x, int64_t n) {
  const double top = row_max(x, n);
  if (std::isinf(top)) return top;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - top);
  return top + std::log(sum);
}

// Over the last axis.
class Softmax : public OpBase<Softmax> {
 public:
  static constexpr const char* kName = "softmax";
  bool precise = false;
  Softmax() = default;
  explicit Softmax(bool p) : precise(p) {}
  static auto fields(auto& self) { return std::tie(self.precise); }

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    cpu::allocate_rows(in[0], out[0]);
    if (out[0].size() == 0) return;
    const int64_t n = out[0].shape(-1);
    const bool wide = out[0].dtype() == float64;
    const auto kernel = cpu::row_kernels(out[0].dtype()).softmax;
    char* y = out[0].bytes();
    const auto row_bytes = n * int64_t(out[0].itemsize());
    cpu::for_rows(in[0], [&](const char* x, int64_t i) {
      if (wide) {
        softmax_f64(reinterpret_cast<const double*>(x), out[0].data<double>() + i * n, n);
      } else {
        kernel(x, y + i * row_bytes, n);
      }
    });
  }
  void gpu(const Arrays& in, const Arrays& out) override { gpu::softmax(in[0], out[0]); }
  Arrays vjp(const Arrays&, const Arrays& cotangents, const std::vector<int>&,
             const Arrays& outputs) override {
    return {pull(outputs[0], cotangents[0])};
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>&) override {
    return {pull(apply(Ref<Op>(this), primals), tangents[0])};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), {moveaxis(inputs[0], axes[0], 0)})}, {0}};
  }

 private:
  // The Jacobian is symmetric.
  static array pull(const array& y, const array& g) {
    const array gy = g * y;
    return gy - y * sum(gy, {-1}, true);
  }
};
REGISTER_OP(Softmax)

// Over the last axis, which stays with length 1.
class LogSumExp : public OpBase<LogSumExp> {
 public:
  static constexpr const char* kName = "logsumexp";

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    shape.back() = 1;
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    const int64_t n = in[0].shape(-1);
    const Dtype type = out[0].dtype();
    const cpu::RowKernels& kernels = cpu::row_kernels(type);
    cpu::for_rows(in[0], [&](const char* x, int64_t i) {
      if (type == float64) {
        out[0].data<double>()[i] = logsumexp_f64(reinterpret_cast<const double*>(x), n);
        return;
      }
      const float value = kernels.logsumexp(x, n);
      kernels.from_f32(&value, out[0].bytes() + i * int64_t(out[0].itemsize()), 1);
    });
  }
  void gpu(const Arrays& in, const Arrays& out) override { gpu::logsumexp(in[0], out[0]); }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&,
             const Arrays&) override {
    return {cotangents[0] * softmax(primals[0], {-1}, true)};
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>&) override {
    return {sum(tangents[0] * softmax(primals[0], {-1}, true), {-1}, true)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), {moveaxis(inputs[0], axes[0], 0)})}, {0}};
  }
};
REGISTER_OP(LogSumExp)

// Whether reducing `axes` is reducing rows: the last axis, and before it only axes of length 1 without a gap.
bool reduces_rows(const array& a, const Axes& axes) {
  if (axes.empty() || normalize_axis(axes.back(), a.ndim(), "softmax") != a.ndim() - 1) return false;
  for (size_t i = axes.size() - 1; i-- > 0;) {
    const int axis = normalize_axis(axes[i], a.ndim(), "softmax");
    const int next = normalize_axis(axes[i + 1], a.ndim(), "softmax");
    if (axis + 1 != next || a.shape(axis) != 1) return false;
  }
  return true;
}

void require_axes(const char* name, const array& a, const Axes& axes) {
  if (a.ndim() == 0 && !axes.empty())
    value_error("[", name, "] Received axes for an array with 0 dimensions.");
}

}  // namespace

array softmax(const array& a, const Axes& axes, bool precise, const StreamOrDevice& s) {
  if (a.size() == 0) return a;
  require_axes("softmax", a, axes);
  const Dtype type = at_least_float(a.dtype());
  if (!is_complex(type) && reduces_rows(a, axes)) return apply(op<Softmax>(precise), {astype(a, type, s)}, s);
  const array x = astype(a, precise && is_half(type) ? float32 : type, s);
  const array e = exp(subtract(x, stop_gradient(max(x, axes, true, s), s), s), s);
  return astype(divide(e, sum(e, axes, true, s), s), type, s);
}

array logsumexp(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  if (a.size() == 0) value_error("[logsumexp] Received an empty array.");
  require_axes("logsumexp", a, axes);
  const Dtype type = at_least_float(a.dtype());
  const array x = astype(a, type, s);
  if (!is_complex(type) && reduces_rows(a, axes)) {
    const array y = apply(op<LogSumExp>(), {x}, s);
    return keepdims ? y : squeeze(y, axes, s);
  }
  const array top = stop_gradient(max(x, axes, true, s), s);
  const array y = add(log(sum(exp(subtract(x, top, s), s), axes, true, s), s), top, s);
  // An infinite maximum would give inf - inf above.
  const array infinity = array::scalar(std::numeric_limits<double>::infinity(), float32);
  const array safe = where(equal(abs(top, s), infinity, s), top, y, s);
  return keepdims ? safe : squeeze(safe, axes, s);
}

array fast::cross_entropy(const array& logits, const array& targets, const StreamOrDevice& s) {
  if (logits.ndim() == 0) value_error("[cross_entropy] The logits must have at least one dimension.");
  const Shape expected(logits.shape().begin(), logits.shape().end() - 1);
  if (targets.shape() != expected) {
    value_error("[cross_entropy] Targets of logits of shape ", logits.shape(), " must have shape ", expected,
                " but have ", targets.shape(), ".");
  }
  if (!is_integer(targets.dtype())) {
    value_error("[cross_entropy] Targets must be integers but are ", targets.dtype().name(), ".");
  }
  const array wide = astype(logits, float32, s);
  // The loss depends on the gaps between logits only; a large common offset would swallow them.
  const array x = subtract(wide, stop_gradient(max(wide, {-1}, true, s), s), s);
  const array chosen = squeeze(take_along_axis(x, expand_dims(targets, {-1}, s), -1, s), {-1}, s);
  return subtract(logsumexp(x, {logits.ndim() - 1}, false, s), chosen, s);
}

}  // namespace mlx_rocm
