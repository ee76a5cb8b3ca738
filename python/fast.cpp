// mx.fast: fused ops of transformers; and softmax, logsumexp.
#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

array attention(const array& q, const array& k, const array& v, float scale, nb::handle mask,
                const std::optional<array>& sinks, const StreamOrDevice& s) {
  if (mask.is_none()) return fast::scaled_dot_product_attention(q, k, v, scale, "", std::nullopt, sinks, s);
  if (nb::isinstance<nb::str>(mask)) {
    const auto mode = nb::cast<std::string>(mask);
    if (mode != "causal") {
      value_error("[scaled_dot_product_attention] Invalid mask mode '", mode, "'; the only one is 'causal'.");
    }
    return fast::scaled_dot_product_attention(q, k, v, scale, mode, std::nullopt, sinks, s);
  }
  return fast::scaled_dot_product_attention(q, k, v, scale, "array", to_array(mask), sinks, s);
}

array rope_offset(nb::handle offset) {
  return is_array(offset) ? nb::cast<array>(offset) : array::scalar(nb::cast<int>(offset));
}

Axes axes_in_order(nb::handle axis, const array& a) { return to_axes(axis, a); }

}  // namespace

void init_fast(nb::module_& m) {
  nb::module_ f = nb::hasattr(m, "fast") ? nb::cast<nb::module_>(m.attr("fast"))
                                         : m.def_submodule("fast", "Fused ops.");
  f.def("rms_norm", &fast::rms_norm, "x"_a, "weight"_a.none(), "eps"_a, nb::kw_only(), "stream"_a = nb::none(),
        "x / sqrt(mean(x**2) + eps) * weight over the last axis; weight (features,) may be None.");
  f.def("layer_norm", &fast::layer_norm, "x"_a, "weight"_a.none(), "bias"_a.none(), "eps"_a, nb::kw_only(),
        "stream"_a = nb::none(),
        "(x - mean) / sqrt(variance + eps) * weight + bias over the last axis; weight and bias may be None.");
  f.def(
      "rope",
      [](const array& a, int dims, bool traditional, std::optional<float> base, float scale, nb::handle offset,
         const std::optional<array>& freqs, const StreamOrDevice& s) {
        return fast::rope(a, dims, traditional, base, scale, rope_offset(offset), freqs, s);
      },
      "a"_a, "dims"_a, nb::kw_only(), "traditional"_a, "base"_a.none(), "scale"_a, "offset"_a,
      "freqs"_a = nb::none(), "stream"_a = nb::none(),
      "Rotary position encoding of the first dims features of a (batch, ..., time, features).");
  f.def(
      "scaled_dot_product_attention",
      [](const array& q, const array& k, const array& v, float scale, nb::handle mask,
         const std::optional<array>& sinks, bool, const StreamOrDevice& s) {
        return attention(q, k, v, scale, mask, sinks, s);
      },
      "q"_a, "k"_a, "v"_a, nb::kw_only(), "scale"_a, "mask"_a = nb::none(), "sinks"_a = nb::none(),
      "force_fused"_a = false, "stream"_a = nb::none(),
      "softmax(scale * q @ k.T + mask) @ v for q (batch, heads, q_len, dim) and k, v (batch, kv_heads, kv_len, dim). "
      "mask: None, 'causal', or a boolean or additive array; sinks: one extra logit per head.");

  m.def(
      "softmax",
      [](const array& a, nb::handle axis, bool precise, const StreamOrDevice& s) {
        return softmax(a, axes_in_order(axis, a), precise, s);
      },
      nb::arg(), "axis"_a = nb::none(), nb::kw_only(), "precise"_a = false, "stream"_a = nb::none(),
      "exp(a) normalised to sum 1 over axis (default: all axes).");
  const auto log_sum_exp = [](const array& a, nb::handle axis, bool keepdims, const StreamOrDevice& s) {
    return logsumexp(a, axes_in_order(axis, a), keepdims, s);
  };
  m.def("logsumexp", log_sum_exp, nb::arg(), "axis"_a = nb::none(), "keepdims"_a = false, nb::kw_only(),
        "stream"_a = nb::none(), "log(sum(exp(a))) over axis (default: all axes), without overflow.");
  auto cls = nb::borrow<nb::class_<array>>(m.attr("array"));
  cls.def("logsumexp", log_sum_exp, "axis"_a = nb::none(), "keepdims"_a = false, nb::kw_only(),
          "stream"_a = nb::none(), "See mx.logsumexp.");
}

}  // namespace mlx_rocm::python
