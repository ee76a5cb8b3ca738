#include "backend/ops/attention.h"

#include "backend/cpu/attention.h"

#include <limits>

#include "backend/cpu/tile.h"
#include "backend/gpu/attention.h"
#include "backend/ops/fused.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

constexpr const char* kTag = "scaled_dot_product_attention";

double lowest(Dtype d) {
  if (d == float16) return -65504.0;
  if (d == bfloat16) return -3.3895313892515355e38;
  return d == float64 ? std::numeric_limits<double>::lowest() : double(std::numeric_limits<float>::lowest());
}

cpu::AttentionType kernel_type(Dtype d) {
  if (d == bfloat16) return cpu::AttentionType::bf16;
  return d == float16 ? cpu::AttentionType::f16 : cpu::AttentionType::f32;
}

cpu::MaskKind mask_kind(Dtype d) {
  if (d == bool_) return cpu::MaskKind::boolean;
  if (d == bfloat16) return cpu::MaskKind::bf16;
  return d == float16 ? cpu::MaskKind::f16 : cpu::MaskKind::f32;
}

array rows_contiguous(const array& a) {
  return a.shape(-1) == 1 || a.strides().back() == 1 ? a : cpu::contiguous(a);
}

cpu::AttentionTensor tensor(const array& a) {
  return {a.bytes(), a.strides()[0], a.strides()[1], a.strides()[2]};
}

// Inputs: q, k, v, then the mask and the sinks where they are given.
class Attention : public OpBase<Attention, FusedOp> {
 public:
  static constexpr const char* kName = kTag;
  float scale = 1.0f;
  bool causal = false;
  bool has_mask = false;
  bool has_sinks = false;
  Attention() = default;
  Attention(float s, bool c, bool mask, bool sinks) : scale(s), causal(c), has_mask(mask), has_sinks(sinks) {}
  static auto fields(auto& self) { return std::tie(self.scale, self.causal, self.has_mask, self.has_sinks); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    shape[3] = in[2].shape(3);
    return {{shape, in[0].dtype()}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    // The layout that the following transpose and projection want: heads next to their features.
    const Shape& shape = out[0].shape();
    const int64_t row = int64_t(shape[1]) * shape[3];
    out[0].allocate(Strides{int64_t(shape[2]) * row, shape[3], row, 1});
    const array q = rows_contiguous(in[0]), k = rows_contiguous(in[1]), v = rows_contiguous(in[2]);
    cpu::AttentionArgs args;
    args.type = kernel_type(out[0].dtype());
    args.batch = shape[0];
    args.heads = shape[1];
    args.kv_heads = k.shape(1);
    args.q_len = shape[2];
    args.kv_len = k.shape(2);
    args.dim = q.shape(3);
    args.v_dim = shape[3];
    args.scale = scale;
    args.causal = causal;
    args.q = tensor(q);
    args.k = tensor(k);
    args.v = tensor(v);
    args.out = tensor(out[0]);
    if (has_mask) {
      const array& mask = in[3];
      const Shape scores = {shape[0], shape[1], shape[2], k.shape(2)};
      const Strides strides = broadcast_strides(mask.shape(), mask.strides(), scores);
      args.mask_kind = mask_kind(mask.dtype());
      args.mask = mask.bytes();
      args.mask_batch = strides[0];
      args.mask_head = strides[1];
      args.mask_row = strides[2];
      args.mask_col = strides[3];
    }
    array sinks;
    if (has_sinks) {
      sinks = cpu::contiguous(in.back(), float32);
      args.sinks = sinks.data<float>();
    }
    cpu::attention(args);
  }

  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::attention(in[0], in[1], in[2], has_mask ? in[3] : array(), has_sinks ? in.back() : array(), out[0],
                   {scale, causal});
  }

  Arrays compose(const Arrays& in) const override {
    const Shape& shape = in[0].shape();
    const int kv_heads = in[1].shape(1), keys = in[1].shape(2);
    const int repeats = shape[1] / kv_heads;
    const array q = reshape(in[0] * double(scale), {shape[0], kv_heads, repeats, shape[2], shape[3]});
    const array k = expand_dims(in[1], {2}), v = expand_dims(in[2], {2});
    array scores = matmul(q, swapaxes(k, -1, -2));
    const Shape grouped = {shape[0], kv_heads, repeats, shape[2], keys};
    if (causal) {
      const array row = expand_dims(arange(keys - shape[2], keys, 1, int32), {1});
      const array visible = greater_equal(row, arange(0, keys, 1, int32));
      scores = hide(visible, scores);
    }
    if (has_mask) {
      const array mask = reshape(broadcast_to(in[3], {shape[0], shape[1], shape[2], keys}), grouped);
      scores = mask.dtype() == bool_ ? hide(mask, scores) : scores + mask;
    }
    const array y =
        matmul(has_sinks ? weights_with_sinks(scores, in.back()) : softmax(scores, {-1}, true), v);
    return {reshape(y, {shape[0], shape[1], shape[2], v.shape(-1)})};
  }

  // Joins the mapped axis with the batch axis.
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    if (has_sinks && axes.back() >= 0) return FusedOp::vmap(inputs, axes);
    Arrays in = batch_all_to_front(inputs, axes);
    const Shape q = in[0].shape();
    if (has_mask) {
      array& mask = in[3];
      Axes pad;
      for (int i = 0; i < 5 - mask.ndim(); ++i) pad.push_back(i + 1);
      if (!pad.empty()) mask = expand_dims(mask, pad);
      mask = broadcast_to(mask, {q[0], q[1], q[2], q[3], in[1].shape(3)});
    }
    for (size_t i = 0; i < in.size(); ++i) {
      if (has_sinks && i + 1 == in.size()) {
        in[i] = inputs.back();
        continue;
      }
      const Shape& shape = in[i].shape();
      Shape joined(shape.begin() + 1, shape.end());
      joined[0] = shape[0] * shape[1];
      in[i] = reshape(in[i], joined);
    }
    const array y = apply(Ref<Op>(this), in);
    return {{reshape(y, {q[0], q[1], q[2], q[3], y.shape(-1)})}, {0}};
  }

 private:
  static array hide(const array& visible, const array& scores) {
    return where(visible, scores, array::scalar(lowest(scores.dtype()), scores.dtype()));
  }

  // Softmax over the scores and one more logit per head, whose weight is dropped.
  static array weights_with_sinks(const array& scores, const array& sinks) {
    const Dtype type = scores.dtype();
    const array x = astype(scores, float32);
    const array sink = astype(reshape(sinks, {1, scores.shape(1), scores.shape(2), 1, 1}), float32);
    const array top = stop_gradient(maximum(max(x, {-1}, true), sink));
    const array e = exp(x - top);
    return astype(e / (sum(e, {-1}, true) + exp(sink - top)), type);
  }
};
REGISTER_OP(Attention)

void check_tensors(const array& q, const array& k, const array& v) {
  for (const array* t : {&q, &k, &v}) {
    if (t->ndim() != 4)
      value_error("[", kTag, "] Input with shape ", t->shape(), " is expected to be of rank 4.");
    if (t->shape(0) != q.shape(0)) {
      value_error("[", kTag, "] Mismatching batch dimension of the input with shape ", t->shape(), ".");
    }
  }
  if (q.shape(-1) != k.shape(-1)) {
    value_error("[", kTag, "] Queries and keys must have the same last dimension but have shapes ", q.shape(),
                " and ", k.shape(), ".");
  }
  if (k.shape(1) != v.shape(1)) {
    value_error("[", kTag, "] Keys and values must have as many heads but have ", k.shape(1), " and ",
                v.shape(1), ".");
  }
  if (k.shape(2) != v.shape(2)) {
    value_error("[", kTag, "] Keys and values must have the same length but have ", k.shape(2), " and ",
                v.shape(2), ".");
  }
  if (k.shape(1) == 0 || q.shape(1) % k.shape(1) != 0) {
    value_error("[", kTag, "] The query heads must be a multiple of the key heads but there are ", q.shape(1),
                " and ", k.shape(1), ".");
  }
}

void check_mask_mode(const std::string& mode, const std::optional<array>& mask) {
  if (mode != "" && mode != "causal" && mode != "array") {
    value_error("[", kTag, "] Invalid mask mode '", mode, "'; it must be 'causal', 'array' or ''.");
  }
  if (mode == "causal" && mask) value_error("[", kTag, "] A causal mask takes no mask array.");
  if (mask && mask->ndim() > 4) {
    value_error("[", kTag, "] The mask with shape ", mask->shape(), " must have at most rank 4.");
  }
}

}  // namespace

namespace fast {

array scaled_dot_product_attention(const array& q, const array& k, const array& v, float scale,
                                   const std::string& mask_mode, const std::optional<array>& mask,
                                   const std::optional<array>& sinks, const StreamOrDevice& s) {
  check_tensors(q, k, v);
  check_mask_mode(mask_mode, mask);
  const Dtype type = promote_types(promote_types(q.dtype(), k.dtype()), v.dtype());
  if (!is_floating(type)) value_error("[", kTag, "] Received unsupported type ", type.name(), ".");
  Arrays in = {astype(q, type, s), astype(k, type, s), astype(v, type, s)};
  if (mask) {
    if (promote_types(mask->dtype(), type) != type) {
      value_error("[", kTag, "] The mask's type must promote to the output type ", type.name(), ".");
    }
    const array typed = mask->dtype() == bool_ ? *mask : astype(*mask, type, s);
    const Shape scores = {q.shape(0), q.shape(1), q.shape(2), k.shape(2)};
    if (broadcast_shapes(mask->shape(), scores, kTag) != scores) {
      value_error("[", kTag, "] The mask with shape ", mask->shape(), " must broadcast to ", scores, ".");
    }
    in.push_back(typed);
  }
  if (sinks) {
    if (promote_types(sinks->dtype(), type) != type) {
      value_error("[", kTag, "] The sinks' type must promote to the output type ", type.name(), ".");
    }
    if (sinks->ndim() != 1 || sinks->shape(0) != q.shape(1)) {
      value_error("[", kTag, "] Sinks must have one element per head but have shape ", sinks->shape(), ".");
    }
    in.push_back(astype(*sinks, type, s));
  }
  const Attention attention(scale, mask_mode == "causal", mask.has_value(), sinks.has_value());
  const bool unnamed = std::holds_alternative<std::monostate>(s);
  const Stream stream = unnamed && scoped_stream() ? *scoped_stream() : to_stream(s);
  const bool too_wide = stream.device.type == Device::gpu &&
                        std::max(q.shape(3), v.shape(3)) > gpu::kMaxAttentionDim;
  if (type == float64 || k.shape(2) == 0 || too_wide) {
    const StreamScope scope(stream);
    return attention.compose(in)[0];
  }
  return apply(op<Attention>(scale, mask_mode == "causal", mask.has_value(), sinks.has_value()), in, s);
}

}  // namespace fast
}  // namespace mlx_rocm
