#include "backend/ops/conv.h"

#include <algorithm>
#include <limits>

#include "backend/core/op.h"
#include "backend/cpu/conv.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/conv.h"
#include "backend/ops/jvp_rules.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

int to_int(int64_t value) {
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    throw OverflowError(concat_text("[conv] Size ", value, " is outside the range of int32."));
  }
  return int(value);
}

int64_t dilated(int64_t size, int64_t dilation) { return size == 0 ? 0 : 1 + dilation * (size - 1); }

// What the convolution and its weight gradient share. Padding may be negative.
struct Geometry {
  Axes stride, padding_lo, padding_hi, kernel_dilation, input_dilation;
  int groups = 1;
  bool flip = false;

  int spatial() const { return int(stride.size()); }

  Shape out_shape(const Shape& in, const Shape& w) const {
    Shape shape = {in[0]};
    for (int i = 0; i < spatial(); ++i) {
      const int64_t padded = dilated(in[i + 1], input_dilation[i]) + padding_lo[i] + int64_t(padding_hi[i]);
      const int64_t room = padded - dilated(w[i + 1], kernel_dilation[i]);
      if (room < 0) {
        value_error("[conv] The padded input of shape ", in, " is smaller than the weight of shape ", w,
                    " at spatial axis ", i, ".");
      }
      shape.push_back(to_int(room / stride[i] + 1));
    }
    shape.push_back(w[0]);
    return shape;
  }

  cpu::ConvProblem problem(const array& x, const Shape& w, const Shape& y) const {
    cpu::ConvProblem c;
    c.type = x.dtype() == float64    ? cpu::GemmType::f64
             : x.dtype() == bfloat16 ? cpu::GemmType::bf16
             : x.dtype() == float16  ? cpu::GemmType::f16
                                     : cpu::GemmType::f32;
    c.batch = x.shape(0);
    c.channels = x.shape(-1);
    c.out_channels = w[0];
    c.groups = groups;
    c.flip = flip;
    const int n = c.axes = spatial();
    for (int i = 0; i < n; ++i) {
      const int to = 3 - n + i;
      c.in[to] = x.shape(i + 1);
      c.out[to] = y[i + 1];
      c.kernel[to] = w[i + 1];
      c.stride[to] = stride[i];
      c.pad[to] = padding_lo[i];
      c.dilation[to] = kernel_dilation[i];
      c.input_dilation[to] = input_dilation[i];
    }
    return c;
  }
};

template <class Self>
auto geometry_fields(Self& self) {
  auto& g = self.geometry;
  return std::tie(g.stride, g.padding_lo, g.padding_hi, g.kernel_dilation, g.input_dilation, g.groups,
                  g.flip);
}

array input_gradient(const Geometry& g, const array& cotangent, const array& weight, const Shape& input);
array weight_gradient(const Geometry& g, const array& x, const array& cotangent, const Shape& weight);

// Inputs: x, weight.
class Convolution : public OpBase<Convolution> {
 public:
  static constexpr const char* kName = "conv";
  Geometry geometry;
  Convolution() = default;
  explicit Convolution(Geometry g) : geometry(std::move(g)) {}
  static auto fields(auto& self) { return geometry_fields(self); }

  std::vector<Spec> infer(const Arrays& in) const override {
    return {{geometry.out_shape(in[0].shape(), in[1].shape()), in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    const array x = cpu::contiguous(in[0]), w = cpu::contiguous(in[1]);
    cpu::convolve(geometry.problem(x, w.shape(), out[0].shape()), x.bytes(), w.bytes(), out[0].bytes());
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    const ConvShape shape = geometry.problem(in[0], in[1].shape(), out[0].shape());
    gpu::convolve(shape, in[0], in[1], out[0]);
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays grads;
    for (int arg : argnums) {
      grads.push_back(arg == 0 ? input_gradient(geometry, cotangents[0], primals[1], primals[0].shape())
                               : weight_gradient(geometry, primals[0], cotangents[0], primals[1].shape()));
    }
    return grads;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    return {product_rule(Ref<Op>(this), primals, tangents, argnums)};
  }
  // A mapped input only makes the batch longer; a mapped weight needs a group per item.
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    if (axes[1] < 0) {
      const array x = moveaxis(inputs[0], axes[0], 0);
      Shape shape = {x.shape(0), x.shape(1)};
      const array y = apply(Ref<Op>(this), {flatten(x, 0, 1), inputs[1]});
      for (int i = 1; i < y.ndim(); ++i) shape.push_back(y.shape(i));
      return {{reshape(y, shape)}, {0}};
    }
    const Arrays in = batch_all_to_front(inputs, axes);
    const int n = in[1].shape(0);
    const array channels = moveaxis(in[0], 0, in[0].ndim() - 2);
    Geometry grouped = geometry;
    grouped.groups = geometry.groups * n;
    const array x = flatten(channels, -2, -1);
    const array y = apply(op<Convolution>(grouped), {x, flatten(in[1], 0, 1)});
    Shape shape(y.shape().begin(), y.shape().end() - 1);
    shape.push_back(n);
    shape.push_back(in[1].shape(1));
    return {{reshape(y, shape)}, {int(shape.size()) - 2}};
  }
};
REGISTER_OP(Convolution)

// Inputs: x, cotangent of the output. Bilinear in both, like the convolution itself.
class ConvolutionWeightGradient : public OpBase<ConvolutionWeightGradient> {
 public:
  static constexpr const char* kName = "conv_weight_gradient";
  Geometry geometry;
  Axes kernel;
  ConvolutionWeightGradient() = default;
  ConvolutionWeightGradient(Geometry g, Axes k) : geometry(std::move(g)), kernel(std::move(k)) {}
  static auto fields(auto& self) { return std::tuple_cat(geometry_fields(self), std::tie(self.kernel)); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = {in[1].shape(-1)};
    for (int k : kernel) shape.push_back(k);
    shape.push_back(in[0].shape(-1) / geometry.groups);
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    // Chunks of positions are summed: half types do that in f32.
    const Dtype type = is_half(out[0].dtype()) ? float32 : out[0].dtype();
    const array x = cpu::contiguous(in[0], type), g = cpu::contiguous(in[1], type);
    const array dw = type == out[0].dtype() ? out[0] : array::uninitialised(out[0].shape(), type);
    if (same(dw, out[0])) dw.allocate();
    cpu::convolve_weight_gradient(geometry.problem(x, dw.shape(), g.shape()), x.bytes(), g.bytes(),
                                  dw.bytes());
    if (same(dw, out[0])) return;
    out[0].allocate();
    cpu::copy(dw, out[0]);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    const ConvShape shape = geometry.problem(in[0], out[0].shape(), in[1].shape());
    gpu::convolve_weight_gradient(shape, in[0], in[1], out[0]);
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays grads;
    for (int arg : argnums) {
      grads.push_back(arg == 0 ? input_gradient(geometry, primals[1], cotangents[0], primals[0].shape())
                               : apply(op<Convolution>(geometry), {primals[0], cotangents[0]}));
    }
    return grads;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    return {product_rule(Ref<Op>(this), primals, tangents, argnums)};
  }
  // A group per item.
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    const Arrays in = batch_all_to_front(inputs, axes);
    const int n = in[0].shape(0);
    Geometry grouped = geometry;
    grouped.groups = geometry.groups * n;
    auto join = [](const array& a) { return flatten(moveaxis(a, 0, a.ndim() - 2), -2, -1); };
    const array dw = apply(op<ConvolutionWeightGradient>(grouped, kernel), {join(in[0]), join(in[1])});
    Shape shape = {n, dw.shape(0) / n};
    for (int i = 1; i < dw.ndim(); ++i) shape.push_back(dw.shape(i));
    return {{reshape(dw, shape)}, {0}};
  }
};
REGISTER_OP(ConvolutionWeightGradient)

// (groups * out, ..., in) with the roles of output and input channels exchanged within each group.
array exchange_channels(const array& w, int groups) {
  if (groups == 1) return swapaxes(w, 0, -1);
  Shape shape = {groups};
  for (int d : w.shape()) shape.push_back(d);
  shape[1] /= groups;
  return flatten(swapaxes(reshape(w, shape), 1, -1), 0, 1);
}

// A convolution of the cotangent: strides become dilation of the input and the weights are reversed.
array input_gradient(const Geometry& g, const array& cotangent, const array& weight, const Shape& input) {
  Geometry back = g;
  back.stride = g.input_dilation;
  back.input_dilation = g.stride;
  back.flip = !g.flip;
  for (int i = 0; i < g.spatial(); ++i) {
    const int64_t kernel = dilated(weight.shape(i + 1), g.kernel_dilation[i]);
    const int64_t in = dilated(input[i + 1], g.input_dilation[i]);
    const int64_t out = dilated(cotangent.shape(i + 1), g.stride[i]);
    back.padding_lo[i] = to_int(kernel - g.padding_lo[i] - 1);
    back.padding_hi[i] = to_int(in - out + g.padding_lo[i]);
  }
  return apply(op<Convolution>(back), {cotangent, exchange_channels(weight, g.groups)});
}

array weight_gradient(const Geometry& g, const array& x, const array& cotangent, const Shape& weight) {
  return apply(op<ConvolutionWeightGradient>(g, Axes(weight.begin() + 1, weight.end() - 1)), {x, cotangent});
}

Axes per_axis(const Axes& values, int spatial, int fallback, const char* what) {
  if (values.size() <= 1) return Axes(spatial, values.empty() ? fallback : values[0]);
  if (int(values.size()) != spatial) {
    value_error("[conv] ", what, " has ", values.size(), " entries for ", spatial, " spatial axes.");
  }
  return values;
}

void require_positive(const Axes& values, const char* what) {
  for (int v : values) {
    if (v <= 0) value_error("[conv] ", what, " must be positive but is ", v, ".");
  }
}

void check_operands(const array& x, const array& w, int groups) {
  const int spatial = x.ndim() - 2;
  if (spatial < 1 || spatial > 3) {
    value_error("[conv] The input must have 1 to 3 spatial axes, as (batch, ..., channels), but has shape ",
                x.shape(), ".");
  }
  if (w.ndim() != x.ndim()) {
    value_error("[conv] The weight must have shape (out_channels, ..., channels) with ", spatial,
                " spatial axes but has shape ", w.shape(), ".");
  }
  if (!is_floating(x.dtype()) || !is_floating(w.dtype())) {
    value_error("[conv] Only floating types are supported but the types are ", x.dtype().name(), " and ",
                w.dtype().name(), ".");
  }
  if (groups < 1 || x.shape(-1) % groups != 0 || w.shape(0) % groups != 0) {
    value_error("[conv] Input and output channels must be divisible by the groups but the shapes are ",
                x.shape(), " and ", w.shape(), " with ", groups, " groups.");
  }
  if (x.shape(-1) != groups * w.shape(-1)) {
    value_error("[conv] The weight of shape ", w.shape(), " with ", groups, " groups expects ",
                groups * w.shape(-1), " input channels but the input has shape ", x.shape(), ".");
  }
}

}  // namespace

array conv_general(const array& input, const array& weight, const ConvOptions& options,
                   const StreamOrDevice& s) {
  check_operands(input, weight, options.groups);
  const int spatial = input.ndim() - 2;
  Geometry g;
  g.stride = per_axis(options.stride, spatial, 1, "stride");
  g.padding_lo = per_axis(options.padding_lo, spatial, 0, "padding");
  g.padding_hi = per_axis(options.padding_hi, spatial, 0, "padding");
  g.kernel_dilation = per_axis(options.kernel_dilation, spatial, 1, "kernel dilation");
  g.input_dilation = per_axis(options.input_dilation, spatial, 1, "input dilation");
  g.groups = options.groups;
  g.flip = options.flip;
  require_positive(g.stride, "stride");
  require_positive(g.kernel_dilation, "kernel dilation");
  require_positive(g.input_dilation, "input dilation");
  // A negative padding drops elements of the input (not of the dilated input).
  Shape start(input.ndim(), 0), step(input.ndim(), 1);
  Shape stop = input.shape();
  bool crops = false;
  for (int i = 0; i < spatial; ++i) {
    crops = crops || g.padding_lo[i] < 0 || g.padding_hi[i] < 0;
    start[i + 1] = std::min(std::max(0, -g.padding_lo[i]), stop[i + 1]);
    stop[i + 1] = std::max(start[i + 1], stop[i + 1] + std::min(0, g.padding_hi[i]));
    g.padding_lo[i] = std::max(0, g.padding_lo[i]);
    g.padding_hi[i] = std::max(0, g.padding_hi[i]);
  }
  const Dtype type = promote_types(input.dtype(), weight.dtype());
  array x = astype(input, type, s);
  if (crops) x = slice(x, start, stop, step, s);
  return apply(op<Convolution>(g), {x, astype(weight, type, s)}, s);
}

array conv_transpose(const array& input, const array& weight, const Axes& stride, const Axes& padding,
                     const Axes& dilation, const Axes& output_padding, int groups, const StreamOrDevice& s) {
  check_operands(input, weight, groups);
  const int spatial = input.ndim() - 2;
  ConvOptions o;
  o.input_dilation = per_axis(stride, spatial, 1, "stride");
  o.kernel_dilation = per_axis(dilation, spatial, 1, "dilation");
  o.groups = groups;
  o.flip = true;
  const Axes pad = per_axis(padding, spatial, 0, "padding");
  const Axes extra = per_axis(output_padding, spatial, 0, "output padding");
  for (int i = 0; i < spatial; ++i) {
    const int64_t reach = int64_t(o.kernel_dilation[i]) * (weight.shape(i + 1) - 1);
    o.padding_lo.push_back(to_int(reach - pad[i]));
    o.padding_hi.push_back(to_int(reach - pad[i] + extra[i]));
  }
  return conv_general(input, weight, o, s);
}

array convolve(const array& a, const array& v, const std::string& mode, const StreamOrDevice& s) {
  if (a.ndim() != 1 || v.ndim() != 1) value_error("[convolve] Inputs must be 1-dimensional.");
  if (a.size() == 0 || v.size() == 0) value_error("[convolve] Inputs cannot be empty.");
  const bool swap = a.size() < v.size();
  const array signal = reshape(swap ? v : a, {1, -1, 1}, s);
  const array filter = reshape(swap ? a : v, {1, -1, 1}, s);
  const int n = filter.shape(1);
  ConvOptions o;
  o.flip = true;
  if (mode == "full") {
    o.padding_lo = o.padding_hi = {n - 1};
  } else if (mode == "same") {
    o.padding_lo = {n / 2};
    o.padding_hi = {(n - 1) / 2};
  } else if (mode != "valid") {
    value_error("[convolve] Invalid mode '", mode, "'; it must be 'full', 'same' or 'valid'.");
  }
  return reshape(conv_general(signal, filter, o, s), {-1}, s);
}

}  // namespace mlx_rocm
