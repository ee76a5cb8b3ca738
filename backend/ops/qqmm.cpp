// Products of matrices that are both quantised.
#include "backend/core/op.h"
#include "backend/cpu/quantized.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/quantized.h"
#include "backend/ops/ops.h"
#include "backend/ops/quant_format.h"

namespace mlx_rocm {

using namespace quant;

namespace {

// Inputs: x, w (codes, then its scales follow; or floating), then the two global scales where given.
class QQMatmul : public OpBase<QQMatmul> {
 public:
  static constexpr const char* kName = "qqmm";
  Format format;
  QQMatmul() = default;
  explicit QQMatmul(Format f) : format(f) {}
  static auto fields(auto& self) { return format_fields(self); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    shape.back() = in[1].shape(-2);
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    const FloatType type = float_type(out[0].dtype());
    const bool packed = in[1].dtype() == uint32;
    const bool global = in.size() >= 4;
    const float gx = global ? in[in.size() - 2].data<float>()[0] / kGlobalRange : 1.0f;
    const float gw = global ? in.back().data<float>()[0] / kGlobalRange : 1.0f;

    const array x = array::uninitialised(in[0].shape(), in[0].dtype());
    Codes codes = encode(cpu::contiguous(in[0]), gx);
    // The product is linear: the weights' global scale goes with x.
    cpu::dequantize(codes.matrix, x.bytes(), gx * gw);

    cpu::QmmArgs args;
    array kept_codes, kept_scales;
    Codes weights;
    if (packed) {
      kept_codes = cpu::contiguous(in[1]);
      kept_scales = cpu::contiguous(in[2]);
      args.w = {format.cpu(),
                type,
                kept_codes.data<uint8_t>(),
                kept_scales.bytes(),
                nullptr,
                in[1].shape(-2),
                format.values(in[1].shape(-1))};
    } else {
      weights = encode(cpu::contiguous(in[1], in[0].dtype()), gw);
      args.w = weights.matrix;
    }
    args.m = x.size() / x.shape(-1);
    args.x = x.bytes();
    args.x_row = x.shape(-1);
    args.out = out[0].bytes();
    args.out_row = out[0].shape(-1);
    cpu::quantized_matmul(args);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    const bool packed = in[1].dtype() == uint32, global = in.size() >= 4;
    const array gx = global ? in[in.size() - 2] : array(), gw = global ? in.back() : array();
    const gpu::QuantWeights xq = gpu_codes(in[0], gx);
    const array x = gpu::temporary(in[0].shape(), in[0].dtype());
    gpu::dequantize(xq, gx, gw, x);  // the product is linear: the weights' global scale goes with x
    const gpu::QuantWeights wq = packed ? gpu::QuantWeights{format, in[1], in[2], array()}
                                        : gpu_codes(gpu::contiguous(in[1], in[0].dtype()), gw);
    gpu::quantized_matmul(wq, x, true, out[0]);
  }
  // Gradients are products of quantised matrices again.
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    if (primals[1].dtype() == uint32) value_error("[qqmm] There is no gradient with quantized weights.");
    const array& g = cotangents[0];
    const bool global = primals.size() == 4;
    Arrays grads;
    for (int arg : argnums) {
      if (arg > 1) {
        grads.push_back(zeros_like(primals[arg]));
        continue;
      }
      Arrays in = arg == 0 ? Arrays{g, swapaxes(primals[1], -1, -2)}
                           : Arrays{swapaxes(g, -1, -2), swapaxes(primals[0], -1, -2)};
      if (global) {
        in.push_back(astype(max(abs(g), all_axes(g)), float32));
        in.push_back(primals[arg == 0 ? 3 : 2]);
      }
      grads.push_back(apply(op<QQMatmul>(format), in));
    }
    return grads;
  }

 private:
  gpu::QuantWeights gpu_codes(const array& a, const array& global) const {
    Shape codes = a.shape(), scales = a.shape();
    codes.back() = format.words(codes.back());
    scales.back() /= format.group;
    gpu::QuantWeights q{format, gpu::temporary(codes, uint32), gpu::temporary(scales, uint8), array()};
    gpu::quantize(format, a, global, {q.codes, q.scales});
    return q;
  }
  struct Codes {
    std::vector<uint8_t> codes, scales;
    cpu::QuantMatrix matrix;
  };
  Codes encode(const array& a, float global) const {
    Codes c;
    const int64_t groups = a.size() / format.group;
    c.codes.resize(a.size() * format.bits / 8);
    c.scales.resize(groups);
    const FloatType type = float_type(a.dtype());
    cpu::quantize(format.cpu(), type, a.bytes(), groups, c.codes.data(), c.scales.data(), nullptr,
                  1.0f / global);
    c.matrix = {format.cpu(),           type,       c.codes.data(), c.scales.data(), nullptr,
                a.size() / a.shape(-1), a.shape(-1)};
    return c;
  }
};
REGISTER_OP(QQMatmul)

void check_qqmm(const char* tag, const Format& f, const array& x, const array& w,
                const std::optional<array>& scales, const std::optional<array>& gx,
                const std::optional<array>& gw) {
  if (f.affine()) value_error("[", tag, "] Affine quantization is not supported.");
  if (!has_kernel(x.dtype())) {
    value_error("[", tag, "] x must be float32, float16 or bfloat16 but is ", x.dtype().name(), ".");
  }
  if (w.dtype() == uint32) {
    if (!scales) value_error("[", tag, "] Scales must be given when the second argument is quantized.");
    check_packed(tag, f, w, *scales, std::nullopt);
    check_inner(tag, f, x, w, true);
  } else {
    if (!has_kernel(w.dtype())) {
      value_error("[", tag, "] w must be quantized or float32, float16 or bfloat16 but is ", w.dtype().name(),
                  ".");
    }
    if (x.shape(-1) != w.shape(-1)) {
      value_error("[", tag, "] The last dimensions of shapes ", x.shape(), " and ", w.shape(),
                  " must match.");
    }
  }
  if (x.shape(-1) % f.group != 0) {
    value_error("[", tag, "] The last dimension of x must be divisible by the group size ", f.group, ".");
  }
  check_global_scale(tag, f, gx);
  check_global_scale(tag, f, gw);
  if (gx.has_value() != gw.has_value())
    value_error("[", tag, "] Either both global scales must be given or neither.");
}

}  // namespace

array qqmm(const array& x, const array& w, const std::optional<array>& scales, const QuantOptions& options,
           const std::optional<array>& global_scale_x, const std::optional<array>& global_scale_w,
           const StreamOrDevice& s) {
  const char* tag = "qqmm";
  const Format f = make_format(tag, options);
  if (x.ndim() == 0 || w.ndim() != 2) {
    value_error("[qqmm] x must have at least 1 and w 2 dimensions but the shapes are ", x.shape(), " and ",
                w.shape(), ".");
  }
  check_qqmm(tag, f, x, w, scales, global_scale_x, global_scale_w);
  Arrays in = {reshape(x, {int(x.size() / std::max(1, x.shape(-1))), x.shape(-1)}, s), w};
  if (scales) in.push_back(*scales);
  if (global_scale_x) {
    in.push_back(*global_scale_x);
    in.push_back(*global_scale_w);
  }
  Shape shape = x.shape();
  shape.back() = w.shape(-2);
  return reshape(apply(op<QQMatmul>(f), in, s), shape, s);
}

array gather_qqmm(const array& x, const array& w, const std::optional<array>& scales,
                  const std::optional<array>& lhs_indices, const std::optional<array>& rhs_indices,
                  const QuantOptions& options, const std::optional<array>& global_scale_x,
                  const std::optional<array>& global_scale_w, const StreamOrDevice& s) {
  const char* tag = "gather_qqmm";
  const Format f = make_format(tag, options);
  check_qqmm(tag, f, x, w, scales, global_scale_x, global_scale_w);
  // x goes through its quantised form; then it is an ordinary product with quantised weights.
  const Arrays xq = quantize(x, options, global_scale_x, s);
  const array rounded = dequantize(xq[0], xq[1], std::nullopt, options, global_scale_x, x.dtype(), s);
  Arrays wq = scales ? Arrays{w, *scales} : quantize(w, options, global_scale_w, s);
  const array y =
      gather_qmm(rounded, wq[0], wq[1], std::nullopt, lhs_indices, rhs_indices, true, options, false, s);
  if (!global_scale_w) return y;
  return astype(multiply(y, *global_scale_w / double(kGlobalRange), s), x.dtype(), s);
}

}  // namespace mlx_rocm
