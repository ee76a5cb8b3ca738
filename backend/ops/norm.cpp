#include "backend/ops/norm.h"

#include "backend/cpu/row_loop.h"
#include "backend/gpu/norm.h"
#include "backend/ops/fused.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

array row_mean(const array& x) { return sum(x, {-1}, true) * (1.0 / double(std::max(1, x.shape(-1)))); }

// y = normalised row of x, times weight, plus bias, where they are given (in that order of inputs).
class Norm : public FusedOp {
 public:
  float eps = 1e-5f;
  bool has_weight = false;
  bool has_bias = false;

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }

  void cpu(const Arrays& in, const Arrays& out) override {
    const bool wide = out[0].dtype() == float64;
    if (wide) {
      run_wide(in, out[0]);
      return;
    }
    cpu::allocate_rows(in[0], out[0]);
    run(in, out[0]);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::norm(kind(), in[0], has_weight ? in[1] : array(), has_bias ? in.back() : array(), eps, out[0]);
  }

  Arrays compose(const Arrays& in) const override {
    const Dtype type = in[0].dtype();
    array y = astype(normalised(astype(in[0], float32)), type);
    if (has_weight) y = y * in[1];
    if (has_bias) y = y + in.back();
    return {y};
  }

  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    for (size_t i = 1; i < axes.size(); ++i) {
      if (axes[i] >= 0) return FusedOp::vmap(inputs, axes);
    }
    Arrays in = inputs;
    in[0] = moveaxis(inputs[0], axes[0], 0);
    return {{apply(Ref<Op>(this), in)}, {0}};
  }

 protected:
  virtual gpu::NormKind kind() const = 0;
  virtual array normalised(const array& x) const = 0;
  virtual void row(const cpu::RowKernels& kernels, const char* x, const char* weight, const char* bias,
                   char* y, int64_t n) const = 0;

 private:
  void run(const Arrays& in, const array& out) const {
    if (out.size() == 0) return;
    const int64_t n = out.shape(-1);
    const array weight = has_weight ? cpu::contiguous(in[1]) : array();
    const array bias = has_bias ? cpu::contiguous(in.back()) : array();
    const char* w = has_weight ? weight.bytes() : nullptr;
    const char* b = has_bias ? bias.bytes() : nullptr;
    const cpu::RowKernels& kernels = cpu::row_kernels(out.dtype());
    const int64_t row_bytes = n * int64_t(out.itemsize());
    cpu::for_rows(in[0],
                  [&](const char* x, int64_t i) { row(kernels, x, w, b, out.bytes() + i * row_bytes, n); });
  }

  // The norm is one of f32 in any case: float64 is converted to it and back.
  void run_wide(const Arrays& in, const array& out) const {
    Arrays narrow;
    for (const array& a : in) narrow.push_back(cpu::contiguous(a, float32));
    const array y = array::uninitialised(out.shape(), float32);
    run(narrow, y);
    out.allocate();
    cpu::copy(y, out);
  }
};

class RMSNorm : public OpBase<RMSNorm, Norm> {
 public:
  static constexpr const char* kName = "rms_norm";
  RMSNorm() = default;
  RMSNorm(float e, bool weight) {
    eps = e;
    has_weight = weight;
  }
  static auto fields(auto& self) { return std::tie(self.eps, self.has_weight, self.has_bias); }

 protected:
  gpu::NormKind kind() const override { return gpu::NormKind::rms; }
  array normalised(const array& x) const override { return x * rsqrt(row_mean(square(x)) + double(eps)); }
  void row(const cpu::RowKernels& kernels, const char* x, const char* weight, const char*, char* y,
           int64_t n) const override {
    kernels.rms_norm(x, weight, eps, y, n);
  }
};
REGISTER_OP(RMSNorm)

class LayerNorm : public OpBase<LayerNorm, Norm> {
 public:
  static constexpr const char* kName = "layer_norm";
  LayerNorm() = default;
  LayerNorm(float e, bool weight, bool bias) {
    eps = e;
    has_weight = weight;
    has_bias = bias;
  }
  static auto fields(auto& self) { return std::tie(self.eps, self.has_weight, self.has_bias); }

 protected:
  gpu::NormKind kind() const override { return gpu::NormKind::layer; }
  array normalised(const array& x) const override {
    const array centred = x - row_mean(x);
    return centred * rsqrt(row_mean(square(centred)) + double(eps));
  }
  void row(const cpu::RowKernels& kernels, const char* x, const char* weight, const char* bias, char* y,
           int64_t n) const override {
    kernels.layer_norm(x, weight, bias, eps, y, n);
  }
};
REGISTER_OP(LayerNorm)

void check_vector(const char* name, const char* what, const std::optional<array>& v, const array& x) {
  if (!v) return;
  if (v->ndim() != 1)
    value_error("[", name, "] ", what, " must have 1 dimension but has ", v->ndim(), " dimensions.");
  if (v->size() != x.shape(-1)) {
    value_error("[", name, "] ", what, " must have as many elements as the last dimension of x, ",
                x.shape(-1), ", but has ", v->size(), ".");
  }
}

Dtype norm_type(const char* name, const array& x, const std::optional<array>& weight,
                const std::optional<array>& bias) {
  if (x.ndim() == 0) value_error("[", name, "] The input must have at least 1 dimension but has 0.");
  check_vector(name, "weight", weight, x);
  check_vector(name, "bias", bias, x);
  Dtype type = x.dtype();
  if (weight) type = promote_types(type, weight->dtype());
  if (bias && weight) type = promote_types(type, bias->dtype());
  if (!is_floating(type)) value_error("[", name, "] Received unsupported type ", type.name(), ".");
  return type;
}

}  // namespace

namespace fast {

array rms_norm(const array& x, const std::optional<array>& weight, float eps, const StreamOrDevice& s) {
  const Dtype type = norm_type("rms_norm", x, weight, std::nullopt);
  Arrays in = {astype(x, type, s)};
  if (weight) in.push_back(astype(*weight, type, s));
  return apply(op<RMSNorm>(eps, weight.has_value()), in, s);
}

array layer_norm(const array& x, const std::optional<array>& weight, const std::optional<array>& bias,
                 float eps, const StreamOrDevice& s) {
  const Dtype type = norm_type("layer_norm", x, weight, bias);
  Arrays in = {astype(x, type, s)};
  if (weight) in.push_back(astype(*weight, type, s));
  if (bias) in.push_back(astype(*bias, type, s));
  return apply(op<LayerNorm>(eps, weight.has_value(), bias.has_value()), in, s);
}

}  // namespace fast
}  // namespace mlx_rocm
