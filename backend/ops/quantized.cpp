#include "backend/ops/quantized.h"

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/quantized.h"
#include "backend/ops/ops.h"
#include "backend/ops/quant_format.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {

using namespace quant;

namespace {

class Quantize : public OpBase<Quantize> {
 public:
  static constexpr const char* kName = "quantize";
  Format format;
  Quantize() = default;
  explicit Quantize(Format f) : format(f) {}
  static auto fields(auto& self) { return format_fields(self); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape codes = in[0].shape(), scales = in[0].shape();
    codes.back() = format.words(codes.back());
    scales.back() /= format.group;
    if (!format.affine()) return {{codes, uint32}, {scales, uint8}};
    return {{codes, uint32}, {scales, in[0].dtype()}, {scales, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    for (const array& o : out) o.allocate();
    const array w = cpu::contiguous(in[0]);
    const float factor = in.size() > 1 ? kGlobalRange / in[1].data<float>()[0] : 1.0f;
    cpu::quantize(format.cpu(), float_type(w.dtype()), w.bytes(), w.size() / format.group,
                  out[0].data<uint8_t>(), out[1].bytes(), format.affine() ? out[2].bytes() : nullptr, factor);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    for (const array& o : out) gpu::allocate(o);
    gpu::quantize(format, in[0], in.size() > 1 ? in[1] : array(), out);
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    if (axes.size() > 1 && axes[1] >= 0)
      value_error("[quantize] vmap over the global scale is not supported.");
    Arrays in = inputs;
    in[0] = moveaxis(inputs[0], axes[0], 0);
    Arrays out = apply_multi(Ref<Op>(this), in);
    std::vector<int> out_axes(out.size(), 0);
    return {std::move(out), std::move(out_axes)};
  }
};
REGISTER_OP(Quantize)

// Inputs: codes, scales, then biases (affine) or the global scale where given.
class Dequantize : public OpBase<Dequantize> {
 public:
  static constexpr const char* kName = "dequantize";
  Format format;
  Dtype::Val type = Dtype::float32;
  Dequantize() = default;
  Dequantize(Format f, Dtype d) : format(f), type(d.val) {}
  static auto fields(auto& self) { return std::tuple_cat(format_fields(self), std::tie(self.type)); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    shape.back() = format.values(shape.back());
    return {{shape, type}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    Packed w(format, float_type(type), in[0], in[1], format.affine() ? &in[2] : nullptr);
    w.matrix.rows = out[0].size() / out[0].shape(-1);
    const bool global = !format.affine() && in.size() > 2;
    cpu::dequantize(w.matrix, out[0].bytes(), global ? in[2].data<float>()[0] / kGlobalRange : 1.0f);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    const bool affine = format.affine(), global = !affine && in.size() > 2;
    gpu::dequantize({format, in[0], in[1], affine ? in[2] : array()}, global ? in[2] : array(), array(),
                    out[0]);
  }
  // Values are linear in the scales and biases of their groups.
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays grads;
    for (int arg : argnums) grads.push_back(pull(primals, cotangents[0], arg));
    return grads;
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), batch_all_to_front(inputs, axes))}, {0}};
  }

 private:
  array pull(const Arrays& primals, const array& g, int arg) const {
    if (!format.affine() || arg == 0)
      value_error("[dequantize] Only affine scales and biases have a gradient.");
    Shape grouped = primals[1].shape();
    grouped.push_back(format.group);
    const array by_group = reshape(g, grouped);
    if (arg == 2) return sum(by_group, {-1});
    const array codes =
        apply(op<Dequantize>(format, type), {primals[0], ones_like(primals[1]), zeros_like(primals[2])});
    return sum(by_group * reshape(codes, grouped), {-1});
  }
};
REGISTER_OP(Dequantize)

class ToFP8 : public OpBase<ToFP8> {
 public:
  static constexpr const char* kName = "to_fp8";
  std::vector<Spec> infer(const Arrays& in) const override { return {{in[0].shape(), uint8}}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    const Dtype type = has_kernel(in[0].dtype()) ? in[0].dtype() : float32;
    const array x = cpu::contiguous(in[0], type);
    cpu::to_fp8(float_type(type), x.bytes(), out[0].data<uint8_t>(), x.size());
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    gpu::to_fp8(gpu::contiguous(in[0], has_kernel(in[0].dtype()) ? in[0].dtype() : float32), out[0]);
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), inputs)}, axes};
  }
};
REGISTER_OP(ToFP8)

class FromFP8 : public OpBase<FromFP8> {
 public:
  static constexpr const char* kName = "from_fp8";
  Dtype::Val type = Dtype::bfloat16;
  FromFP8() = default;
  explicit FromFP8(Dtype d) : type(d.val) {}
  static auto fields(auto& self) { return std::tie(self.type); }
  std::vector<Spec> infer(const Arrays& in) const override { return {{in[0].shape(), type}}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    const array x = cpu::contiguous(in[0]);
    cpu::from_fp8(float_type(type), x.data<uint8_t>(), out[0].bytes(), x.size());
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    gpu::from_fp8(in[0], out[0]);
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), inputs)}, axes};
  }
};
REGISTER_OP(FromFP8)

}  // namespace

array quant::plain_codes(const Format& format, const array& w, const array& scales) {
  return apply(op<Dequantize>(format, scales.dtype()), {w, ones_like(scales), zeros_like(scales)});
}

Arrays quantize(const array& w, const QuantOptions& options, const std::optional<array>& global_scale,
                const StreamOrDevice& s) {
  const Format f = make_format("quantize", options);
  if (!has_kernel(w.dtype())) {
    value_error("[quantize] Only float32, float16 and bfloat16 can be quantized but w is ", w.dtype().name(),
                ".");
  }
  if (w.ndim() < 2) value_error("[quantize] w must have at least 2 dimensions but has ", w.ndim(), ".");
  if (w.shape(-1) % f.group != 0) {
    value_error("[quantize] The last dimension of w must be divisible by the group size ", f.group,
                " but w has shape ", w.shape(), ".");
  }
  check_global_scale("quantize", f, global_scale);
  Arrays in = {w};
  if (global_scale) in.push_back(*global_scale);
  return apply_multi(op<Quantize>(f), in, s);
}

array dequantize(const array& w, const array& scales, const std::optional<array>& biases,
                 const QuantOptions& options, const std::optional<array>& global_scale,
                 std::optional<Dtype> dtype, const StreamOrDevice& s) {
  const char* tag = "dequantize";
  const Format f = make_format(tag, options);
  if (dtype && !is_floating(*dtype)) {
    value_error("[dequantize] Only real floating types are supported but dtype is ", dtype->name(), ".");
  }
  const Dtype values = value_type(tag, f, scales, biases);
  check_packed(tag, f, w, scales, biases);
  check_global_scale(tag, f, global_scale);
  const Dtype out = dtype.value_or(values);
  const Dtype wanted = f.affine() ? values : out;
  const Dtype type = has_kernel(wanted) ? wanted : float32;
  Arrays in = {w, scales};
  if (f.affine()) in = {w, astype(scales, type, s), astype(*biases, type, s)};
  if (global_scale) in.push_back(*global_scale);
  return astype(apply(op<Dequantize>(f, type), in, s), out, s);
}

array to_fp8(const array& x, const StreamOrDevice& s) {
  if (!is_floating(x.dtype())) value_error("[to_fp8] x must be floating but is ", x.dtype().name(), ".");
  return apply(op<ToFP8>(), {x}, s);
}

array from_fp8(const array& x, Dtype dtype, const StreamOrDevice& s) {
  if (x.dtype() != uint8) value_error("[from_fp8] x must be uint8 but is ", x.dtype().name(), ".");
  if (!is_floating(dtype)) value_error("[from_fp8] dtype must be floating but is ", dtype.name(), ".");
  return astype(apply(op<FromFP8>(has_kernel(dtype) ? dtype : float32), {x}, s), dtype, s);
}

}  // namespace mlx_rocm
