// mx.fast: fused ops of transformers; and softmax, logsumexp.
#include "backend/ops/hip_kernel.h"
#include "backend/ops/metal_kernel.h"
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

// --- kernels whose source users write

using TemplateArgument = std::pair<std::string, std::string>;

TemplateArgument metal_template_argument(nb::handle argument) {
  return {nb::cast<std::string>(nb::str(nb::object(argument[0]))),
          nb::cast<std::string>(nb::str(nb::object(argument[1])))};
}

TemplateArgument hip_template_declaration(nb::handle argument) {
  const auto name = nb::cast<std::string>(nb::object(argument[0]));
  const nb::object value(argument[1]);
  if (nb::isinstance<Dtype>(value)) return {name, hip_template_argument(name, nb::cast<Dtype>(value))};
  if (nb::isinstance<nb::bool_>(value)) return {name, hip_template_argument(name, nb::cast<bool>(value))};
  if (nb::isinstance<nb::int_>(value)) return {name, hip_template_argument(name, nb::cast<int64_t>(value))};
  type_error("[hip_kernel] Template argument ", name, " must be a dtype, a bool or an int.");
}

// What one language does in its own way. `call` runs the op; the flag says that the source is to be printed.
template <class Call>
struct KernelLanguage {
  const char* op;
  TemplateArgument (*template_argument)(nb::handle);
  Arrays (*call)(Call, Arrays, bool verbose, const StreamOrDevice&);
};

constexpr KernelLanguage<HipKernelCall> kHip{
    "hip_kernel", hip_template_declaration,
    [](HipKernelCall c, Arrays in, bool verbose, const StreamOrDevice& s) {
      if (verbose) nb::print(nb::str(("Generated source of " + c.name + ":\n" + hip_kernel_text(c, in)).c_str()));
      return hip_kernel(std::move(c), std::move(in), s);
    }};
constexpr KernelLanguage<MetalKernelCall> kMetal{
    "metal_kernel", metal_template_argument,
    [](MetalKernelCall c, Arrays in, bool, const StreamOrDevice& s) {
      return metal_kernel(std::move(c), std::move(in), s);
    }};

// The function that calls the kernel.
template <class Call>
nb::object kernel_callable(const KernelLanguage<Call>& language, Call kernel) {
  auto call = [language, kernel = std::move(kernel)](
                  const std::vector<Operand>& inputs, const std::vector<Shape>& output_shapes,
                  const std::vector<Dtype>& output_dtypes, const std::vector<int32_t>& grid,
                  const std::vector<int32_t>& threadgroup, nb::handle template_arguments,
                  std::optional<double> init_value, bool verbose, const StreamOrDevice& s) {
    Call c = kernel;
    if (output_shapes.size() != output_dtypes.size() || output_shapes.size() != c.output_names.size()) {
      value_error("[", language.op, "] ", c.name, " has ", c.output_names.size(), " outputs, but ",
                  output_shapes.size(), " shapes and ", output_dtypes.size(), " dtypes were given.");
    }
    for (size_t i = 0; i < output_shapes.size(); ++i) c.outputs.push_back({output_shapes[i], output_dtypes[i]});
    c.grid = grid;
    c.threadgroup = threadgroup;
    c.init_value = init_value;
    if (!template_arguments.is_none()) {
      for (nb::handle t : template_arguments) c.template_arguments.push_back(language.template_argument(t));
    }
    Arrays in;
    for (const Operand& o : inputs) in.push_back(to_array(o));
    return language.call(std::move(c), std::move(in), verbose, s);
  };
  return nb::cpp_function(call, nb::kw_only(), "inputs"_a, "output_shapes"_a, "output_dtypes"_a, "grid"_a,
                          "threadgroup"_a, "template"_a = nb::none(), "init_value"_a = nb::none(),
                          "verbose"_a = false, "stream"_a = nb::none());
}

using Names = std::vector<std::string>;

// A call in which all is set that does not change from call to call.
template <class Call>
Call described(const std::string& name, const Names& input_names, const Names& output_names,
               const std::string& source, const std::string& header, bool row_contiguous) {
  Call kernel;
  kernel.name = name;
  kernel.source = source;
  kernel.header = header;
  kernel.input_names = input_names;
  kernel.output_names = output_names;
  kernel.row_contiguous = row_contiguous;
  return kernel;
}

void def_hip_kernels(nb::module_& f) {
  auto make = [](const std::string& name, const Names& input_names, const Names& output_names,
                 const std::string& source, const std::string& header, bool row_contiguous, int shared_memory) {
    auto kernel = described<HipKernelCall>(name, input_names, output_names, source, header, row_contiguous);
    kernel.shared_memory = shared_memory;
    return kernel_callable(kHip, std::move(kernel));
  };
  f.def("hip_kernel", make, "name"_a, "input_names"_a, "output_names"_a, "source"_a, "header"_a = "",
        "ensure_row_contiguous"_a = true, "shared_memory"_a = 0,
        "A kernel written in HIP (or CUDA): source is the body of a function of the inputs and outputs by name. For an "
        "input x it may use x_shape, x_strides and x_ndim. The result is called with inputs, output_shapes, "
        "output_dtypes, grid (threads in all), threadgroup, template (pairs of a name and a dtype, bool or int), "
        "init_value, verbose and stream, and returns the list of outputs.");
  f.def(
      "cuda_kernel",
      [make](const std::string& name, const Names& input_names, const Names& output_names, const std::string& source,
             const std::string& header, bool row_contiguous, int shared_memory) {
        if (!is_available(Device::gpu)) runtime_error("[cuda_kernel] No CUDA back-end.");
        return make(name, input_names, output_names, source, header, row_contiguous, shared_memory);
      },
      "name"_a, "input_names"_a, "output_names"_a, "source"_a, "header"_a = "", "ensure_row_contiguous"_a = true,
      "shared_memory"_a = 0,
      "A kernel in CUDA's language, compiled as HIP: see hip_kernel. Fails where there is no GPU.");
}

// Kernels written in another vendor's language have no device here to run on. As in MLX, a Metal kernel object can be
// made (programs do so at import) and fails when it is called.
void def_foreign_kernels(nb::module_& f) {
  f.def(
      "metal_kernel",
      [](const std::string& name, const Names& input_names, const Names& output_names, const std::string& source,
         const std::string& header, bool row_contiguous, bool atomic_outputs, const nb::object&) {
        auto kernel = described<MetalKernelCall>(name, input_names, output_names, source, header, row_contiguous);
        kernel.atomic_outputs = atomic_outputs;
        return kernel_callable(kMetal, std::move(kernel));
      },
      "name"_a, "input_names"_a, "output_names"_a, "source"_a, "header"_a = "", "ensure_row_contiguous"_a = true,
      "atomic_outputs"_a = false, "compile_options"_a = nb::none(),
      "A kernel in Metal's language: it can be exported, and fails when it is called otherwise.");
  f.def(
      "precompiled_cuda_kernel",
      [](const nb::args&, const nb::kwargs&) { runtime_error("[precompiled_cuda_kernel] No CUDA back-end."); },
      "A compiled CUDA kernel: fails, for want of a CUDA back-end.");
}

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
  f.def("cross_entropy", &fast::cross_entropy, "logits"_a, "targets"_a, nb::kw_only(), "stream"_a = nb::none(),
        "logsumexp(logits) - logits[target] over the last axis, in float32; targets (...,) are class indices.");
  f.def("gated_delta_update", &fast::gated_delta_update, "q"_a, "k"_a, "v"_a, "gamma"_a, "beta"_a,
        "initial_state"_a = nb::none(), "mask"_a = nb::none(), "stream"_a = nb::none(),
        "Gated delta rule: S = gamma S; S += beta (v - S k) k^T; y = S q for every step. q, k (batch, time, key_heads, "
        "dk), v (batch, time, heads, dv), gamma, beta (batch, time, heads), initial_state (batch, heads, dv, dk), mask "
        "(batch, time). Returns [y, state].");
  def_hip_kernels(f);
  def_foreign_kernels(f);

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
