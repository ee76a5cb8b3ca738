#include "backend/ops/random.h"

#include <bit>
#include <chrono>
#include <cmath>
#include <stdexcept>

#include "backend/core/op.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/random_bits.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm::random {
namespace {

// Bits for each key: keys (..., 2) give (..., shape).
class RandomBits : public OpBase<RandomBits> {
 public:
  static constexpr const char* kName = "random_bits";
  Shape shape;
  int width = 4;
  RandomBits() = default;
  RandomBits(Shape shape, int width) : shape(std::move(shape)), width(width) {}
  static auto fields(auto& self) { return std::tie(self.shape, self.width); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape out(in[0].shape().begin(), in[0].shape().end() - 1);
    out.append(shape.begin(), shape.end());
    return {{out, width == 4 ? uint32 : width == 2 ? uint16 : uint8}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    const array& keys = in[0];
    const int64_t count = keys.size() / 2, bytes = int64_t(out[0].nbytes()) / count;
    const auto fill = [&](int64_t begin, int64_t end) {
      Walker at(keys.shape(), keys.strides(), 2 * begin);
      for (int64_t k = begin; k < end; ++k) {
        const uint32_t first = keys.data<uint32_t>()[at.offset()];
        at.next();
        const uint32_t second = keys.data<uint32_t>()[at.offset()];
        at.next();
        cpu::random_bits(first, second, out[0].bytes() + k * bytes, bytes);
      }
    };
    // One key parallelises inside; many keys are dealt out.
    if (count == 1) return fill(0, 1);
    cpu::parallel_for(count, std::max<int64_t>(1, (1 << 17) / bytes), fill);
  }

  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    if (out[0].size() == 0) return;
    const array keys = gpu::contiguous(in[0]);
    const int64_t count = keys.size() / 2, bytes = int64_t(out[0].nbytes()) / count;
    const auto& k = gpu::kernel("random.hip", "random_bits", {{"WHOLE", int(bytes % 4 == 0)}});
    gpu::launch(k, gpu::cover(count * ((bytes + 7) / 8), 256), 256, gpu::in(keys), gpu::out(out[0]), uint64_t(count),
                uint64_t(bytes));
  }

  Arrays vjp(const Arrays& primals, const Arrays&, const std::vector<int>&, const Arrays&) override {
    return {zeros_like(primals[0])};
  }
  Arrays jvp(const Arrays&, const Arrays&, const std::vector<int>&) override {
    value_error("[random] Random bits have no derivative with respect to their key.");
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(op<RandomBits>(shape, width), {moveaxis(inputs[0], axes[0], 0)})}, {0}};
  }
};
REGISTER_OP(RandomBits)

// On the GPU, one launch for a whole distribution of a key, rounded like the ops that it stands for. Never part of a
// traced program, where those ops are fused anyway, so that it needs neither derivatives nor a CPU form.
enum class Draw : uint8_t { uniform, normal, gumbel };
class RandomValues : public OpBase<RandomValues> {
 public:
  static constexpr const char* kName = "random_values";
  Draw kind = Draw::uniform;
  Shape shape;
  Dtype dtype;
  double factor = 1;  // of normal numbers
  RandomValues(Draw kind, Shape shape, Dtype dtype, double factor = 1)
      : kind(kind), shape(std::move(shape)), dtype(dtype), factor(factor) {}
  static auto fields(auto& self) { return std::tie(self.kind, self.shape, self.dtype, self.factor); }

  // Whether ops built now for this stream may be drawn so.
  static bool usable(const StreamOrDevice& s) {
    if (in_tracing()) return false;
    const bool implied = std::holds_alternative<std::monostate>(s) && scoped_stream() != nullptr;
    return (implied ? *scoped_stream() : to_stream(s)).device.type == Device::gpu;
  }

  std::vector<Spec> infer(const Arrays&) const override { return {{shape, dtype}}; }
  void cpu(const Arrays&, const Arrays&) override { throw std::logic_error("[random_values] runs on the GPU only."); }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    if (out[0].size() == 0) return;
    constexpr const char* names[] = {"uniform", "normal", "gumbel"};
    const array key = gpu::contiguous(in[0]);
    const auto& k = gpu::kernel("random.hip", "random_values", {{"T", dtype}, {"VALUE", names[int(kind)]}});
    gpu::launch(k, gpu::cover((out[0].size() + 1) / 2, 256), 256, gpu::in(key), gpu::out(out[0]), uint64_t(1),
                uint64_t(out[0].size()), float(factor));
  }
};

thread_local array thread_key;

array low_of_normal() { return array::scalar(std::nextafter(-1.0f, 0.0f)); }


void check_real_floating(Dtype dtype, const char* name) {
  if (!is_floating(dtype)) value_error("[", name, "] dtype must be a real floating point type but is ", dtype, ".");
}

// The largest value of the dtype below 1, as float32.
array below_one(Dtype dtype) {
  if (dtype == float16) return array::scalar(1.0f - 0x1p-11f);
  if (dtype == bfloat16) return array::scalar(1.0f - 0x1p-8f);
  if (dtype == float32) return array::scalar(1.0f - 0x1p-24f);
  value_error("[uniform] dtype must be float16, bfloat16 or float32 but is ", dtype, ".");
}

double rounded(double value, Dtype dtype) {
  if (dtype == float16) return float(float16_t(float(value)));
  return dtype == bfloat16 ? float(bfloat16_t(float(value))) : float(value);
}

bool is_known_scalar(const array& a, double value) {
  return a.ndim() == 0 && a.is_evaluated() && !a.is_tracer() && is_floating(a.dtype()) && a.item<double>() == value;
}

// A transform of the uniform numbers in [-1+, 1) that erfinv and the Laplace inverse start from.
array symmetric_uniform(const Shape& shape, const array& key, const StreamOrDevice& s) {
  return uniform(low_of_normal(), array::scalar(1.0f), shape, float32, key, s);
}

array complex_normal(Shape shape, const array& loc, const array& scale, const array& key, const StreamOrDevice& s) {
  shape.push_back(2);
  const array parts = erfinv(symmetric_uniform(shape, key, s), s);
  array out = squeeze(view(parts, complex64, s), {-1}, s);
  if (!scale.is_null()) out = multiply(scale, out, s);
  if (!loc.is_null()) out = add(loc, out, s);
  return out;
}

// For one distribution, with memory for classes + samples where the Gumbel trick needs their product.
array categorical_inverse_cdf(const array& logits, const Shape& shape, const array& key, const StreamOrDevice& s) {
  const Dtype dtype = promote_types(logits.dtype(), float32);
  const array x = astype(logits, dtype, s);
  const array top = max(x, {0}, false, s);
  // exp(x - top) is NaN when top is infinite, where the largest entries share the mass.
  const array weight =
      where(isinf(top, s), astype(equal(x, top, s), dtype, s), exp(subtract(x, top, s), s), s);
  const array cdf = cumsum(weight, 0, false, false, s);
  const array zero = array::scalar(0.0f), one = array::scalar(1.0f);
  const array u = multiply(uniform(zero, one, shape, float32, key, s), sum(weight, {0}, false, s), s);
  return subtract(searchsorted(cdf, u, "right", s), array::scalar(uint64_t(1), uint32), s);
}

array draw_categories(const array& logits, int axis, const Shape& shape, const array& key, const StreamOrDevice& s) {
  const int classes = logits.shape(axis);
  if (classes > 0 && logits.size() == classes && !shape.empty()) {
    return categorical_inverse_cdf(reshape(logits, {classes}, s), shape, key, s);
  }
  // The largest of logit + Gumbel noise follows the distribution.
  Shape noise = shape;
  const int offset = axis + int(shape.size()) - logits.ndim() + 1;
  noise.insert(noise.begin() + offset, classes);
  return argmax(add(gumbel(noise, float32, key, s), logits, s), offset, false, s);
}

Shape without_axis(Shape shape, int axis) {
  shape.erase(shape.begin() + axis);
  return shape;
}

}  // namespace

array key(uint64_t seed) {
  array out = array::uninitialised({2}, uint32);
  out.data<uint32_t>()[0] = uint32_t(seed >> 32);
  out.data<uint32_t>()[1] = uint32_t(seed);
  return out;
}

array state() {
  if (thread_key.is_null()) {
    static const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    thread_key = key(uint64_t(milliseconds.count()));
  }
  return thread_key;
}

void set_state(const array& key) { thread_key = key; }

void forget_state() { thread_key = array(); }

array next_key() {
  const array pair = split(state(), 2);
  const auto row = [&](int i) { return reshape(slice(pair, {i, 0}, {i + 1, 2}, {1, 1}), {2}); };
  thread_key = row(0);
  return row(1);
}

static void check_request(const Shape& shape, const array& key) {
  for (int32_t n : shape) {
    if (n < 0) value_error("[bits] Negative dimensions are not allowed, but the shape is ", shape, ".");
  }
  if (key.dtype() != uint32) value_error("[bits] The key must have type uint32 but has ", key.dtype(), ".");
  if (!(key.shape() == Shape{2})) value_error("[bits] The key must have shape (2,) but has ", key.shape(), ".");
}

array bits(const Shape& shape, int width, const array& key, const StreamOrDevice& s) {
  check_request(shape, key);
  if (width != 1 && width != 2 && width != 4) value_error("[bits] The width must be 1, 2 or 4 bytes, not ", width, ".");
  return apply(op<RandomBits>(shape, width), {key}, s);
}

array split(const array& key, int count, const StreamOrDevice& s) { return bits({count, 2}, 4, key, s); }

// In [0, 1). Rounding to float32 (and dtype) can reach 1, which does not belong to the range: `upper` is the largest value.
static array unit(const Shape& shape, Dtype dtype, const array& upper, const array& key, const StreamOrDevice& s) {
  check_request(shape, key);
  if (RandomValues::usable(s)) return apply(op<RandomValues>(Draw::uniform, shape, dtype), {key}, s);
  const array fraction = multiply(astype(bits(shape, 4, key, s), float32, s), array::scalar(0x1p-32f), s);
  return astype(minimum(fraction, upper, s), dtype, s);
}

array uniform(const array& low, const array& high, const Shape& shape, Dtype dtype, const array& key,
              const StreamOrDevice& s) {
  check_real_floating(dtype, "uniform");
  const array upper = below_one(dtype);
  const Shape broadcast = broadcast_shapes(shape, broadcast_shapes(low.shape(), high.shape(), "uniform"), "uniform");
  if (!(broadcast == shape)) {
    value_error("[uniform] Cannot generate random values of shape ", shape, " from bounds that broadcast to ",
                broadcast, ".");
  }
  const array u = unit(shape, dtype, upper, key, s);
  if (is_known_scalar(low, 0.0) && is_known_scalar(high, 1.0)) return u;
  const array lo = astype(low, dtype, s);
  const array range = subtract(astype(high, dtype, s), lo, s);
  return add(multiply(range, u, s), lo, s);
}

array normal(const Shape& shape, Dtype dtype, const array& loc, const array& scale, const array& key,
             const StreamOrDevice& s) {
  if (dtype == complex64) return complex_normal(shape, loc, scale, key, s);
  if (!is_floating(dtype)) value_error("[normal] dtype must be a floating point type or complex64 but is ", dtype, ".");
  const bool at_once = RandomValues::usable(s) && dtype != float64;
  if (at_once) check_request(shape, key);
  if (at_once && scale.is_null()) {
    const array out = apply(op<RandomValues>(Draw::normal, shape, dtype, rounded(std::sqrt(2.0), dtype)), {key}, s);
    return loc.is_null() ? out : add(astype(loc, dtype, s), out, s);
  }
  const array samples = at_once ? apply(op<RandomValues>(Draw::normal, shape, dtype), {key}, s)
                                : astype(erfinv(symmetric_uniform(shape, key, s), s), dtype, s);
  array factor = array::scalar(std::sqrt(2.0), dtype);
  if (!scale.is_null()) factor = multiply(factor, astype(scale, dtype, s), s);
  const array out = multiply(factor, samples, s);
  return loc.is_null() ? out : add(astype(loc, dtype, s), out, s);
}

array multivariate_normal(const array& mean, const array& cov, const Shape& shape, Dtype dtype, const array& key,
                          const StreamOrDevice& s) {
  if (dtype != float32) value_error("[multivariate_normal] dtype must be float32 but is ", dtype, ".");
  if (mean.ndim() < 1) value_error("[multivariate_normal] mean must have at least one dimension.");
  if (cov.ndim() < 2) value_error("[multivariate_normal] cov must have at least two dimensions.");
  const int n = mean.shape(-1);
  if (cov.shape(-1) != cov.shape(-2)) {
    value_error("[multivariate_normal] The last two dimensions of cov must be equal, but its shape is ", cov.shape(),
                ".");
  }
  if (n != cov.shape(-1)) {
    value_error("[multivariate_normal] mean of shape ", mean.shape(), " does not fit cov of shape ", cov.shape(), ".");
  }
  const Shape mean_batch(mean.shape().begin(), mean.shape().end() - 1);
  const Shape cov_batch(cov.shape().begin(), cov.shape().end() - 2);
  Shape out = broadcast_shapes(broadcast_shapes(cov_batch, mean_batch), shape);
  out.push_back(n);
  // A square root of the covariance from its singular values.
  const auto usv = linalg::svd(astype(cov, float32, s), true, s);
  const array root = matmul(multiply(usv[0], expand_dims(sqrt(usv[1], s), {-2}, s), s), usv[2], s);
  const array samples = normal(out, dtype, array(), array(), key, s);
  return add(mean, squeeze(matmul(expand_dims(samples, {-2}, s), root, s), {-2}, s), s);
}

array randint(const array& low, const array& high, const Shape& shape, Dtype dtype, const array& key,
              const StreamOrDevice& s) {
  if (is_inexact(dtype)) value_error("[randint] dtype must be an integer type or bool but is ", dtype, ".");
  const array out = astype(floor(uniform(low, high, shape, float32, key, s), s), dtype, s);
  // Bounds that float32 cannot hold may widen the range, so it is clamped.
  const array last = astype(subtract(high, array::scalar(1, high.dtype()), s), dtype, s);
  return maximum(minimum(out, last, s), astype(low, dtype, s), s);
}

array bernoulli(const array& p, const Shape& shape, const array& key, const StreamOrDevice& s) {
  if (!is_floating(p.dtype())) value_error("[bernoulli] p must have a floating point type but has ", p.dtype(), ".");
  if (!(broadcast_shapes(p.shape(), shape, "bernoulli") == shape)) {
    value_error("[bernoulli] p of shape ", p.shape(), " does not broadcast to shape ", shape, ".");
  }
  // The raw bits are compared with p scaled so that p >= 1 is always true.
  const array scale = array::scalar(std::nextafter(0x1p32f, INFINITY));
  return less(bits(shape, 4, key, s), multiply(p, scale, s), s);
}

array truncated_normal(const array& lower, const array& upper, const Shape& shape, Dtype dtype, const array& key,
                       const StreamOrDevice& s) {
  check_real_floating(dtype, "truncated_normal");
  const array sqrt2 = array::scalar(std::sqrt(2.0), dtype);
  const array lo = astype(lower, dtype, s), hi = astype(upper, dtype, s);
  const array u = uniform(erf(divide(lo, sqrt2, s), s), erf(divide(hi, sqrt2, s), s), shape, dtype, key, s);
  return maximum(minimum(hi, multiply(sqrt2, erfinv(u, s), s), s), lo, s);
}

array gumbel(const Shape& shape, Dtype dtype, const array& key, const StreamOrDevice& s) {
  if (dtype == float32 && RandomValues::usable(s)) {
    check_request(shape, key);
    return apply(op<RandomValues>(Draw::gumbel, shape, dtype), {key}, s);
  }
  const array u = uniform(array::scalar(0.0f), array::scalar(1.0f), shape, dtype, key, s);
  return negative(log(negative(log(u, s), s), s), s);
}

array laplace(const Shape& shape, Dtype dtype, float loc, float scale, const array& key, const StreamOrDevice& s) {
  check_real_floating(dtype, "laplace");
  const array u = symmetric_uniform(shape, key, s);
  const array tail = log1p(multiply(array::scalar(-1.0f, dtype), abs(u, s), s), s);
  array out = astype(multiply(sign(u, s), tail, s), dtype, s);
  if (scale != 1.0f) out = multiply(array::scalar(scale, dtype), out, s);
  if (loc != 0.0f) out = add(array::scalar(loc, dtype), out, s);
  return out;
}

array categorical(const array& logits, int axis, const array& key, const StreamOrDevice& s) {
  axis = normalize_axis(axis, logits.ndim(), "categorical");
  return draw_categories(logits, axis, without_axis(logits.shape(), axis), key, s);
}

array categorical(const array& logits, int axis, int num_samples, const array& key, const StreamOrDevice& s) {
  axis = normalize_axis(axis, logits.ndim(), "categorical");
  const array wide = expand_dims(logits, {-1}, s);
  Shape shape = without_axis(wide.shape(), axis);
  shape.back() = num_samples;
  return draw_categories(wide, axis, shape, key, s);
}

array categorical(const array& logits, int axis, const Shape& shape, const array& key, const StreamOrDevice& s) {
  axis = normalize_axis(axis, logits.ndim(), "categorical");
  const Shape reduced = without_axis(logits.shape(), axis);
  if (!(broadcast_shapes(shape, reduced, "categorical") == shape)) {
    value_error("[categorical] Shape ", shape, " is not what logits of shape ", logits.shape(),
                " without the axis broadcast to.");
  }
  return draw_categories(logits, axis, shape, key, s);
}

array permutation(int n, const array& key, const StreamOrDevice& s) {
  return argsort(bits({n}, 4, key, s), 0, s);
}

array permutation(const array& a, int axis, const array& key, const StreamOrDevice& s) {
  axis = normalize_axis(axis, a.ndim(), "permutation");
  return take(a, permutation(a.shape(axis), key, s), axis, s);
}

}  // namespace mlx_rocm::random
