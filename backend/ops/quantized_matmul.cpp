// Products with quantised matrices.
#include "backend/core/op.h"
#include "backend/cpu/quantized.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/quantized.h"
#include "backend/ops/ops.h"
#include "backend/ops/quant_format.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {

using namespace quant;

namespace {

// The sum of a gradient (..., n, k) over groups: by biases, or by scales when the codes are given.
array group_sums(const array& dw, const array* codes, const Shape& scales, int group) {
  Shape grouped = scales;
  grouped.push_back(group);
  const array d = reshape(dw, grouped);
  return sum(codes == nullptr ? d : d * reshape(*codes, grouped), {-1});
}

bool rows_are_contiguous(const array& a) { return a.shape(-1) == 1 || a.strides().back() == 1; }

// Inputs: x, codes, scales, and biases (affine), which all share the batch shape or broadcast to it.
class QuantizedMatmul : public OpBase<QuantizedMatmul> {
 public:
  static constexpr const char* kName = "quantized_matmul";
  Format format;
  bool transpose = true;
  QuantizedMatmul() = default;
  QuantizedMatmul(Format f, bool t) : format(f), transpose(t) {}
  static auto fields(auto& self) { return std::tuple_cat(format_fields(self), std::tie(self.transpose)); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    if (in[1].ndim() > 2) {
      const Shape& x = in[0].shape();
      const Shape& w = in[1].shape();
      const size_t kept = std::min<size_t>(2, x.size());
      shape = broadcast_shapes(Shape(x.begin(), x.end() - kept), Shape(w.begin(), w.end() - 2), kName);
      for (size_t i = x.size() - kept; i < x.size(); ++i) shape.push_back(x[i]);
    }
    shape.back() = transpose ? in[1].shape(-2) : format.values(in[1].shape(-1));
    return {{shape, in[0].dtype()}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    const Packed w(format, float_type(out[0].dtype()), in[1], in[2], format.affine() ? &in[3] : nullptr);
    cpu::QmmArgs args;
    args.w = w.matrix;
    args.transpose = transpose;
    args.out_row = out[0].shape(-1);
    const bool one_matrix = in[1].ndim() == 2 || in[1].size() == int64_t(in[1].shape(-1)) * in[1].shape(-2);
    if (one_matrix) {
      const array x = cpu::contiguous(in[0]);
      args.m = out[0].size() / out[0].shape(-1);
      args.x = x.bytes();
      args.x_row = x.shape(-1);
      args.out = out[0].bytes();
      return cpu::quantized_matmul(args);
    }
    run_batch(in, args, out[0]);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    const array biases = format.affine() ? in[3] : array();
    gpu::quantized_matmul({format, in[1], in[2], biases}, in[0], transpose, out[0]);
  }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    const array& g = cotangents[0];
    Arrays grads;
    for (int arg : argnums) {
      if (arg == 0) {
        Arrays in = primals;
        in[0] = g;
        grads.push_back(unbroadcast(apply(op<QuantizedMatmul>(format, !transpose), in), primals[0]));
        continue;
      }
      if (arg == 1) runtime_error("[quantized_matmul] There is no gradient by the quantized weights.");
      if (!format.affine()) value_error("[quantized_matmul] Only affine scales have a gradient.");
      const array& scales = primals[2];
      const array dw = weight_gradient(primals[0], g, scales.ndim());
      const array codes = arg == 2 ? plain_codes(format, primals[1], scales) : array();
      grads.push_back(group_sums(dw, arg == 2 ? &codes : nullptr, scales.shape(), format.group));
    }
    return grads;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    if (argnums.size() != 1 || argnums[0] != 0) {
      runtime_error("[quantized_matmul] There is no derivative by the quantized matrix.");
    }
    Arrays in = primals;
    in[0] = tangents[0];
    return {apply(Ref<Op>(this), in)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    Arrays in = align_batch_axes(inputs, axes);
    return {{apply(Ref<Op>(this), in)}, {0}};
  }

 private:
  // d(loss) / d(w) as (..., rows of w, values): batch axes that w does not have are summed by the product.
  array weight_gradient(const array& x, const array& g, int w_ndim) const {
    auto tall = [&](const array& a) {
      return w_ndim == 2 ? reshape(a, {int(a.size() / std::max(1, a.shape(-1))), a.shape(-1)}) : a;
    };
    const array fx = tall(x), fg = tall(g);
    return transpose ? matmul(swapaxes(fg, -1, -2), fx) : matmul(swapaxes(fx, -1, -2), fg);
  }

  void run_batch(const Arrays& in, cpu::QmmArgs args, const array& out) const {
    const array x = rows_are_contiguous(in[0]) ? in[0] : cpu::contiguous(in[0]);
    const Shape batch(out.shape().begin(), out.shape().end() - 2);
    const Shape x_batch(x.shape().begin(), x.shape().end() - 2);
    const Shape w_batch(in[1].shape().begin(), in[1].shape().end() - 2);
    Walker x_at(batch,
                broadcast_strides(x_batch, Strides(x.strides().begin(), x.strides().end() - 2), batch));
    Walker w_at(batch, broadcast_strides(w_batch, row_major_strides(w_batch), batch));
    const int64_t size = int64_t(out.itemsize());
    const cpu::QuantMatrix first = args.w;
    const int64_t groups = first.rows * first.cols / format.group;
    const int64_t scale_bytes = groups * (format.affine() ? size : 1);
    args.m = out.shape(-2);
    args.x_row = x.strides()[x.ndim() - 2];
    for (int64_t i = 0; i < num_elements(batch); ++i, x_at.next(), w_at.next()) {
      const int64_t w = w_at.offset();
      args.w.codes = first.codes + w * first.rows * first.cols * format.bits / 8;
      args.w.scales = static_cast<const char*>(first.scales) + w * scale_bytes;
      if (format.affine()) args.w.biases = static_cast<const char*>(first.biases) + w * scale_bytes;
      args.x = x.bytes() + x_at.offset() * size;
      args.out = out.bytes() + i * args.m * args.out_row * size;
      cpu::quantized_matmul(args);
    }
  }
};
REGISTER_OP(QuantizedMatmul)

std::vector<int64_t> index_values(const array& indices, const Shape& shape) {
  std::vector<int64_t> values(num_elements(shape));
  Walker at(shape, broadcast_strides(indices.shape(), indices.strides(), shape));
  for (int64_t& v : values) {
    v = indices.data<uint32_t>()[at.offset()];
    at.next();
  }
  return values;
}

// Inputs: x, codes, scales, biases (affine), lhs indices, rhs indices.
class GatherQMM : public OpBase<GatherQMM> {
 public:
  static constexpr const char* kName = "gather_qmm";
  Format format;
  bool transpose = true;
  GatherQMM() = default;
  GatherQMM(Format f, bool t) : format(f), transpose(t) {}
  static auto fields(auto& self) { return std::tuple_cat(format_fields(self), std::tie(self.transpose)); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = pairs(in);
    shape.push_back(in[0].shape(-2));
    shape.push_back(transpose ? in[1].shape(-2) : format.values(in[1].shape(-1)));
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    const Packed w(format, float_type(out[0].dtype()), in[1], in[2], format.affine() ? &in[3] : nullptr);
    const array x = cpu::contiguous(in[0]);
    cpu::QmmArgs args;
    args.w = w.matrix;
    args.transpose = transpose;
    args.m = out[0].shape(-2);
    args.x = x.bytes();
    args.out = out[0].bytes();
    const std::vector<int64_t> lhs = index_values(in[in.size() - 2], pairs(in));
    const std::vector<int64_t> rhs = index_values(in.back(), pairs(in));
    cpu::gather_quantized_matmul(args, int64_t(lhs.size()), lhs.data(), rhs.data());
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    const array biases = format.affine() ? in[3] : array();
    gpu::gather_qmm({format, in[1], in[2], biases}, in[0], in[in.size() - 2], in.back(), transpose, out[0]);
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    const int indices = int(primals.size()) - 2;
    const Shape shape = pairs(primals);
    const array lhs = flatten(broadcast_to(primals[indices], shape));
    const array rhs = flatten(broadcast_to(primals[indices + 1], shape));
    const array g =
        reshape(cotangents[0], {int(lhs.size()), cotangents[0].shape(-2), cotangents[0].shape(-1)});
    const array order = arange(0, double(lhs.size()), 1, uint32);
    Arrays grads;
    for (int arg : argnums) {
      if (arg == 1) runtime_error("[gather_qmm] There is no gradient by the quantized weights.");
      if (arg >= indices) runtime_error("[gather_qmm] There is no gradient by the indices.");
      if (arg == 0) {
        Arrays in = primals;
        in[0] = g;
        in[indices] = order;
        in[indices + 1] = rhs;
        const array each = apply(op<GatherQMM>(format, !transpose), in);
        grads.push_back(reshape(sum_by_index(each, lhs, count(primals[0])), primals[0].shape()));
        continue;
      }
      if (!format.affine()) value_error("[gather_qmm] Only affine scales have a gradient.");
      const array dw = weight_gradient(primals, g, lhs, rhs, order);
      const array& scales = primals[2];
      const array codes = arg == 2 ? plain_codes(format, primals[1], scales) : array();
      grads.push_back(group_sums(dw, arg == 2 ? &codes : nullptr, scales.shape(), format.group));
    }
    return grads;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    if (argnums.size() != 1 || argnums[0] != 0) {
      runtime_error("[gather_qmm] There is no derivative by the quantized matrix.");
    }
    Arrays in = primals;
    in[0] = tangents[0];
    return {apply(Ref<Op>(this), in)};
  }

 private:
  static Shape pairs(const Arrays& in) {
    return broadcast_shapes(in[in.size() - 2].shape(), in.back().shape(), kName);
  }
  static int count(const array& a) {
    return int(a.size() / std::max<int64_t>(1, int64_t(a.shape(-1)) * a.shape(-2)));
  }

  array weight_gradient(const Arrays& primals, const array& g, const array& lhs, const array& rhs,
                        const array& order) const {
    const array& x = primals[0];
    const array each = transpose ? gather_mm(swapaxes(g, -1, -2), x, order, lhs)
                                 : gather_mm(swapaxes(x, -1, -2), g, lhs, order);
    return sum_by_index(each, rhs, count(primals[1]));
  }
};
REGISTER_OP(GatherQMM)

Dtype product_type(const char* tag, const Format& f, const array& x, Dtype values) {
  const Dtype type = f.affine() ? promote_types(x.dtype(), values) : x.dtype();
  if (!has_kernel(type)) {
    value_error("[", tag, "] Only float32, float16 and bfloat16 are supported but x is ", x.dtype().name(),
                ".");
  }
  return type;
}

// x, codes, scales and biases, of one type.
Arrays product_inputs(const char* tag, const Format& f, const array& x, const array& w, const array& scales,
                      const std::optional<array>& biases, bool transpose, const StreamOrDevice& s) {
  const Dtype values = value_type(tag, f, scales, biases);
  check_packed(tag, f, w, scales, biases);
  check_inner(tag, f, x, w, transpose);
  const Dtype type = product_type(tag, f, x, values);
  if (!f.affine()) return {x, w, scales};
  return {astype(x, type, s), w, astype(scales, type, s), astype(*biases, type, s)};
}

}  // namespace

array quantized_matmul(const array& x, const array& w, const array& scales,
                       const std::optional<array>& biases, bool transpose, const QuantOptions& options,
                       const StreamOrDevice& s) {
  const char* tag = "quantized_matmul";
  const Format f = make_format(tag, options);
  const Arrays in = product_inputs(tag, f, x, w, scales, biases, transpose, s);
  return apply(op<QuantizedMatmul>(f, transpose), in, s);
}

array gather_qmm(const array& x, const array& w, const array& scales, const std::optional<array>& biases,
                 const std::optional<array>& lhs_indices, const std::optional<array>& rhs_indices,
                 bool transpose, const QuantOptions& options, bool, const StreamOrDevice& s) {
  if (!lhs_indices && !rhs_indices) return quantized_matmul(x, w, scales, biases, transpose, options, s);
  const char* tag = "gather_qmm";
  const Format f = make_format(tag, options);
  Arrays in = product_inputs(tag, f, x, w, scales, biases, transpose, s);
  in.push_back(matrix_indices(tag, lhs_indices, x, s));
  in.push_back(matrix_indices(tag, rhs_indices, w, s));
  return apply(op<GatherQMM>(f, transpose), in, s);
}

}  // namespace mlx_rocm
