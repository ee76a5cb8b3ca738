#include "backend/ops/quantized.h"

#include <numeric>

#include "backend/core/op.h"
#include "backend/cpu/quantized.h"
#include "backend/cpu/tile.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using cpu::FloatType;
using cpu::QuantMode;

// nvfp4 scales of a tensor with a global scale: the largest e4m3 times the largest e2m1 value.
constexpr float kGlobalRange = 448.0f * 6.0f;

struct ModeRow {
  const char* name;
  QuantMode mode;
  int group;
  int bits;
};
constexpr ModeRow kModes[] = {
    {"affine", QuantMode::affine, 64, 4},
    {"mxfp4", QuantMode::mxfp4, 32, 4},
    {"mxfp8", QuantMode::mxfp8, 32, 8},
    {"nvfp4", QuantMode::nvfp4, 16, 4},
};

const ModeRow& mode_row(const char* tag, const std::string& name) {
  for (const ModeRow& row : kModes) {
    if (name == row.name) return row;
  }
  value_error("[", tag, "] Invalid quantization mode '", name, "'.");
}

struct Format {
  QuantMode mode = QuantMode::affine;
  int bits = 4;
  int group = 64;
  bool operator==(const Format&) const = default;
  cpu::QuantFormat cpu() const { return {mode, bits, group}; }
  bool affine() const { return mode == QuantMode::affine; }
  int words(int values) const { return int(int64_t(values) * bits / 32); }
  int values(int words) const { return int(int64_t(words) * 32 / bits); }
};

Format make_format(const char* tag, const QuantOptions& options) {
  const ModeRow& row = mode_row(tag, options.mode);
  const Format f{row.mode, options.bits.value_or(row.bits), options.group_size.value_or(row.group)};
  if (f.affine()) {
    if (f.group != 32 && f.group != 64 && f.group != 128) {
      value_error("[", tag, "] Group size ", f.group,
                  " is not supported; the group sizes are 32, 64 and 128.");
    }
    if (f.bits < 2 || f.bits > 8 || f.bits == 7) {
      value_error("[", tag, "] ", f.bits, " bits are not supported; the widths are 2, 3, 4, 5, 6 and 8.");
    }
    return f;
  }
  if (f.group != row.group) {
    value_error("[", tag, "] ", row.name, " quantization has group size ", row.group, " but got ", f.group,
                ".");
  }
  if (f.bits != row.bits) {
    value_error("[", tag, "] ", row.name, " quantization has ", row.bits, " bits but got ", f.bits, ".");
  }
  return f;
}

FloatType float_type(Dtype d) {
  if (d == bfloat16) return FloatType::bf16;
  return d == float16 ? FloatType::f16 : FloatType::f32;
}

// Fields that every op here has.
template <class Self>
auto format_fields(Self& self) {
  return std::tie(self.format.mode, self.format.bits, self.format.group);
}

bool has_kernel(Dtype d) { return d == float32 || d == float16 || d == bfloat16; }

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

// Codes of `rows` rows as a matrix for the kernels. Owns contiguous copies where they were needed.
struct Packed {
  array codes, scales, biases;
  cpu::QuantMatrix matrix;

  Packed(const Format& f, FloatType type, const array& w, const array& s, const array* b)
      : codes(cpu::contiguous(w)), scales(cpu::contiguous(s)) {
    if (b != nullptr) biases = cpu::contiguous(*b);
    matrix.format = f.cpu();
    matrix.type = type;
    matrix.codes = codes.data<uint8_t>();
    matrix.scales = scales.bytes();
    matrix.biases = b != nullptr ? biases.bytes() : nullptr;
    matrix.rows = w.ndim() > 1 ? w.shape(-2) : 1;
    matrix.cols = f.values(w.shape(-1));
  }
};

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

// The sum of a gradient (..., n, k) over groups: by biases, or by scales when the codes are given.
array group_sums(const array& dw, const array* codes, const Shape& scales, int group) {
  Shape grouped = scales;
  grouped.push_back(group);
  const array d = reshape(dw, grouped);
  return sum(codes == nullptr ? d : d * reshape(*codes, grouped), {-1});
}

array plain_codes(const Format& format, const array& w, const array& scales) {
  return apply(op<Dequantize>(format, scales.dtype()), {w, ones_like(scales), zeros_like(scales)});
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
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), inputs)}, axes};
  }
};
REGISTER_OP(FromFP8)

// Checks ---------------------------------------------------------------------------------------------------

void check_global_scale(const char* tag, const Format& f, const std::optional<array>& scale) {
  if (!scale) return;
  if (f.mode != QuantMode::nvfp4)
    value_error("[", tag, "] A global scale is only supported with mode 'nvfp4'.");
  if (scale->size() != 1) {
    value_error("[", tag, "] The global scale must be a scalar but has shape ", scale->shape(), ".");
  }
  if (scale->dtype() != float32) {
    value_error("[", tag, "] The global scale must be float32 but is ", scale->dtype().name(), ".");
  }
}

// The type of the values that scales and biases describe.
Dtype value_type(const char* tag, const Format& f, const array& scales, const std::optional<array>& biases) {
  if (f.affine()) {
    if (!biases) value_error("[", tag, "] Biases must be given for affine quantization.");
    const Dtype type = promote_types(scales.dtype(), biases->dtype());
    if (!is_floating(type)) {
      value_error("[", tag, "] Scales and biases must be floating but are ", scales.dtype().name(), " and ",
                  biases->dtype().name(), ".");
    }
    return type;
  }
  if (scales.dtype() != uint8)
    value_error("[", tag, "] Scales must be uint8 but are ", scales.dtype().name(), ".");
  if (biases) value_error("[", tag, "] Only affine quantization has biases.");
  return bfloat16;
}

void check_packed(const char* tag, const Format& f, const array& w, const array& scales,
                  const std::optional<array>& biases) {
  if (w.dtype() != uint32)
    value_error("[", tag, "] The weights must be uint32 but are ", w.dtype().name(), ".");
  if (w.ndim() < 2)
    value_error("[", tag, "] The weights must have at least 2 dimensions but have ", w.ndim(), ".");
  if (biases && biases->shape() != scales.shape()) {
    value_error("[", tag, "] Scales and biases must have the same shape but have ", scales.shape(), " and ",
                biases->shape(), ".");
  }
  const bool same_rows =
      w.ndim() == scales.ndim() && std::equal(w.shape().begin(), w.shape().end() - 1, scales.shape().begin());
  if (!same_rows || f.values(w.shape(-1)) != scales.shape(-1) * f.group) {
    value_error("[", tag, "] Weights of shape ", w.shape(), " and scales of shape ", scales.shape(),
                " do not fit together with group_size=", f.group, " and bits=", f.bits, ".");
  }
}

void check_inner(const char* tag, const Format& f, const array& x, const array& w, bool transpose) {
  const int inner = transpose ? f.values(w.shape(-1)) : w.shape(-2);
  if (x.ndim() == 0 || x.shape(-1) != inner) {
    value_error("[", tag, "] The last dimension of x with shape ", x.shape(),
                " does not match the quantized matrix of ", w.shape(), " with group_size=", f.group,
                ", bits=", f.bits, " and transpose=", transpose, ".");
  }
}

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

namespace {

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
