#include "backend/ops/fft.h"

#include <algorithm>
#include <cmath>

#include "backend/core/op.h"
#include "backend/cpu/fft.h"
#include "backend/gpu/fft.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/ops.h"

namespace mlx_rocm::fft {
namespace {

class Fft : public OpBase<Fft> {
 public:
  static constexpr const char* kName = "fft";
  Axes axes;  // normalised; the last one is the one that is real on one side
  Kind kind = Kind::complex_to_complex;
  bool inverse = false;
  bool odd = false;   // complex_to_real: the output has an odd length
  float power = 0.0;  // the result is scaled by (product of lengths)^-power
  Fft() = default;
  Fft(Axes axes, Kind kind, bool inverse, bool odd, float power)
      : axes(std::move(axes)), kind(kind), inverse(inverse), odd(odd), power(power) {}
  static auto fields(auto& self) { return std::tie(self.axes, self.kind, self.inverse, self.odd, self.power); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    int32_t& last = shape[axes.back()];
    if (kind == Kind::real_to_complex) last = last / 2 + 1;
    if (kind == Kind::complex_to_real) last = 2 * (last - 1) + odd;
    return {{shape, kind == Kind::complex_to_real ? float32 : complex64}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    const float scale = scale_for(in[0], out[0]);
    if (kind == Kind::complex_to_real) return run_complex_to_real(in[0], out[0], scale);
    run_axis(in[0], out[0], axes.back(), kind, scale);
    for (size_t i = axes.size() - 1; i-- > 0;) run_axis(out[0], out[0], axes[i], Kind::complex_to_complex, 1.0f);
  }

  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    if (out[0].size() == 0) return;
    const array x = gpu::contiguous(in[0]);
    const float scale = scale_for(in[0], out[0]);
    if (kind == Kind::complex_to_real) {
      array spectrum = x;
      for (size_t i = 0; i + 1 < axes.size(); ++i) {
        const array next = i == 0 ? gpu::temporary(x.shape(), complex64) : spectrum;
        run_axis_on_gpu(spectrum, next, axes[i], Kind::complex_to_complex, 1.0f);
        spectrum = next;
      }
      return run_axis_on_gpu(spectrum, out[0], axes.back(), kind, scale);
    }
    run_axis_on_gpu(x, out[0], axes.back(), kind, scale);
    for (size_t i = axes.size() - 1; i-- > 0;) {
      run_axis_on_gpu(out[0], out[0], axes[i], Kind::complex_to_complex, 1.0f);
    }
  }

  // The transpose of a transform runs the other way with the same scale. A half spectrum stands for both
  // halves, so its inner bins count once where the full spectrum has them twice.
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays& outputs) override {
    const array &x = primals[0], &g = cotangents[0];
    if (kind == Kind::complex_to_complex) return {apply(op<Fft>(axes, kind, !inverse, false, power), {g})};
    if (kind == Kind::real_to_complex) {
      const bool odd_input = x.shape(axes.back()) % 2 != 0;
      const array weighted = g * inner_weight(g, odd_input, 0.5);
      return {apply(op<Fft>(axes, Kind::complex_to_real, true, odd_input, power), {weighted})};
    }
    const array spectrum = apply(op<Fft>(axes, Kind::real_to_complex, false, false, power), {g});
    return {spectrum * inner_weight(spectrum, outputs[0].shape(axes.back()) % 2 != 0, 2.0)};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return {apply(Ref<Op>(this), tangents)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& batch) override {
    Axes shifted = axes;
    for (int& axis : shifted) axis += batch[0] >= 0 && axis >= batch[0];
    return {{apply(op<Fft>(shifted, kind, inverse, odd, power), inputs)}, batch};
  }

 private:
  float scale_for(const array& in, const array& out) const {
    double count = 1.0;
    for (int axis : axes) count *= kind == Kind::complex_to_real ? out.shape(axis) : in.shape(axis);
    return float(std::pow(count, -double(power)));
  }

  void run_axis_on_gpu(const array& from, const array& to, int axis, Kind axis_kind, float scale) const {
    gpu::FftArgs args;
    args.axis = axis;
    args.n = axis_kind == Kind::complex_to_real ? to.shape(axis) : from.shape(axis);
    args.inverse = inverse;
    args.scale = scale;
    if (axis_kind == Kind::real_to_complex) {
      args.from = gpu::FftSide::real;
      args.to = gpu::FftSide::half;
    } else if (axis_kind == Kind::complex_to_real) {
      args.from = gpu::FftSide::half;
      args.to = gpu::FftSide::real;
    }
    gpu::fft(args, from, to);
  }

  void run_axis(const array& from, const array& to, int axis, Kind axis_kind, float scale) const {
    cpu::FftArgs args;
    args.kind = cpu::FftKind(axis_kind);
    args.inverse = inverse;
    args.n = axis_kind == Kind::complex_to_real ? to.shape(axis) : from.shape(axis);
    args.scale = scale;
    args.shape = to.shape();
    args.axis = axis;
    args.in_strides = from.strides();
    args.out_strides = to.strides();
    cpu::fft(args, from.bytes(), to.bytes());
  }

  void run_complex_to_real(const array& from, const array& to, float scale) const {
    array spectrum = from;
    for (size_t i = 0; i + 1 < axes.size(); ++i) {
      const array next = i == 0 ? array::uninitialised(from.shape(), complex64) : spectrum;
      run_axis(spectrum, next, axes[i], Kind::complex_to_complex, 1.0f);
      spectrum = next;
    }
    run_axis(spectrum, to, axes.back(), Kind::complex_to_real, scale);
  }

  // `weight` for the bins of the last axis that stand for two, 1 for the first and (even lengths) the last.
  array inner_weight(const array& spectrum, bool odd_length, double weight) const {
    const int bins = spectrum.shape(axes.back());
    Shape shape(spectrum.ndim(), 1);
    shape[axes.back()] = bins;
    const array bin = reshape(arange(0, bins, 1, float32), shape);
    const array inner = logical_and(greater(bin, array::scalar(0.0f)),
                                    less(bin, array::scalar(float(odd_length ? bins : bins - 1))));
    return where(inner, array::scalar(weight, float32), array::scalar(1.0f));
  }
};
REGISTER_OP(Fft)

float scale_power(Norm norm, bool inverse) {
  switch (norm) {
    case Norm::backward: return inverse ? 1.0f : 0.0f;
    case Norm::ortho: return 0.5f;
    case Norm::forward: return inverse ? 0.0f : 1.0f;
  }
  return 0.0f;
}

// The input cut or padded with zeros to `shape`.
array resize(const array& a, const Shape& shape, const StreamOrDevice& s) {
  const Shape start(a.ndim(), 0), step(a.ndim(), 1);
  Shape common = a.shape();
  for (size_t i = 0; i < shape.size(); ++i) common[i] = std::min(common[i], shape[i]);
  const array cut = common == a.shape() ? a : slice(a, start, common, step, s);
  return common == shape ? cut : slice_update(zeros(shape, a.dtype(), s), cut, start, common, step, s);
}

array shift_axes(const array& a, const Axes& axes, bool inverse, const char* name, const StreamOrDevice& s) {
  array out = a;
  for (int axis : axes) {
    axis = normalize_axis(axis, a.ndim(), name);
    const int64_t half = a.shape(axis) / 2;
    out = roll(out, inverse ? -half : half, axis, s);
  }
  return out;
}

void check_frequencies(int n, double d, const char* name) {
  if (n <= 0) value_error("[", name, "] n must be greater than 0 but is ", n, ".");
  if (d == 0.0) value_error("[", name, "] d must not be zero.");
}

PadMode parse_pad_mode(const std::string& mode) {
  if (mode == "reflect") return PadMode::reflect;
  if (mode == "constant") return PadMode::constant;
  if (mode == "edge") return PadMode::edge;
  value_error("[stft] pad_mode '", mode, "' is invalid: expected 'reflect', 'constant' or 'edge'.");
}

// What stft and istft share.
struct Frames {
  int n_fft, hop;
  array window;  // (n_fft) float32
};

Frames make_frames(int n_fft, const StftOptions& options, const char* name, const StreamOrDevice& s) {
  if (n_fft <= 0) value_error("[", name, "] n_fft must be positive but is ", n_fft, ".");
  const int hop = options.hop_length.value_or(n_fft / 4);
  if (hop <= 0) value_error("[", name, "] hop_length must be positive but is ", hop, ".");
  const int win_length = options.win_length.value_or(n_fft);
  if (win_length < 0) value_error("[", name, "] win_length must not be negative but is ", win_length, ".");
  array window = options.window ? *options.window : ones({win_length}, float32, s);
  if (window.ndim() != 1) value_error("[", name, "] window must be one-dimensional but has shape ", window.shape(), ".");
  const int length = window.shape(0);
  if (length > n_fft) value_error("[", name, "] The window has ", length, " elements, more than n_fft = ", n_fft, ".");
  window = astype(window, float32, s);
  if (length < n_fft) {
    const int low = (n_fft - length) / 2;
    window = slice_update(zeros({n_fft}, float32, s), window, {low}, {low + length}, {1}, s);
  }
  return {n_fft, hop, window};
}

// Sample positions of the frames, (frames, n_fft).
array frame_positions(int frames, const Frames& f, const StreamOrDevice& s) {
  const array start = arange(0, double(frames) * f.hop, f.hop, int32, s);
  return add(reshape(start, {frames, 1}, s), arange(0, f.n_fft, 1, int32, s), s);
}

// Sums frames (..., frames, n_fft) at their places in (..., total).
array overlap_add(const array& frames, const array& positions, int total, const StreamOrDevice& s) {
  Shape flat = frames.shape();
  flat.pop_back();
  flat.back() = positions.size();
  Shape out = flat;
  out.back() = total;
  return scatter_add_axis(zeros(out, frames.dtype(), s), flatten(positions, 0, -1, s), reshape(frames, flat, s),
                          int(out.size()) - 1, s);
}

array slice_last(const array& a, int start, int stop, const StreamOrDevice& s) {
  Shape from(a.ndim(), 0), to = a.shape();
  from.back() = start;
  to.back() = stop;
  return slice(a, from, to, Shape(a.ndim(), 1), s);
}

}  // namespace

Norm parse_norm(const std::string& norm, const char* op) {
  if (norm == "backward") return Norm::backward;
  if (norm == "ortho") return Norm::ortho;
  if (norm == "forward") return Norm::forward;
  value_error("[", op, "] norm '", norm, "' is invalid: expected 'backward', 'ortho' or 'forward'.");
}

array fftn(const array& a, const std::optional<Shape>& sizes, const Axes& axes, Kind kind, bool inverse, Norm norm,
           const StreamOrDevice& s) {
  if (a.ndim() < 1) value_error("[fftn] The array must have at least one dimension.");
  if (sizes && sizes->size() != axes.size()) {
    value_error("[fftn] ", sizes->size(), " sizes and ", axes.size(), " axes were given: the numbers must agree.");
  }
  if (axes.empty()) return a;
  Axes normalized;
  for (int axis : axes) {
    normalized.push_back(normalize_axis(axis, a.ndim(), "fftn"));
    if (std::count(normalized.begin(), normalized.end(), normalized.back()) > 1) {
      value_error("[fftn] axis ", axis, " was given twice.");
    }
  }
  const bool to_real = kind == Kind::complex_to_real;
  Shape shape = a.shape();
  int last = 0;
  for (size_t i = 0; i < normalized.size(); ++i) {
    int32_t& length = shape[normalized[i]];
    const bool half = to_real && i + 1 == normalized.size();
    last = sizes ? (*sizes)[i] : half ? 2 * (length - 1) : length;
    if (last <= 0) value_error("[fftn] Size ", last, " of axis ", axes[i], " must be positive.");
    length = half ? last / 2 + 1 : last;
  }
  const array input = astype(resize(a, shape, s), kind == Kind::real_to_complex ? float32 : complex64, s);
  return apply(op<Fft>(normalized, kind, inverse, to_real && last % 2 != 0, scale_power(norm, inverse)), {input}, s);
}

array fftshift(const array& a, const Axes& axes, const StreamOrDevice& s) {
  return shift_axes(a, axes, false, "fftshift", s);
}

array ifftshift(const array& a, const Axes& axes, const StreamOrDevice& s) {
  return shift_axes(a, axes, true, "ifftshift", s);
}

array fftfreq(int n, double d, const StreamOrDevice& s) {
  check_frequencies(n, d, "fftfreq");
  const array bins =
      concatenate({arange(0, (n + 1) / 2, 1, float32, s), arange(-(n / 2), 0, 1, float32, s)}, 0, s);
  return multiply(bins, array::scalar(1.0 / (double(n) * d), float32), s);
}

array rfftfreq(int n, double d, const StreamOrDevice& s) {
  check_frequencies(n, d, "rfftfreq");
  return multiply(arange(0, n / 2 + 1, 1, float32, s), array::scalar(1.0 / (double(n) * d), float32), s);
}

array stft(const array& x, int n_fft, const StftOptions& options, const StreamOrDevice& s) {
  if (x.ndim() < 1) value_error("[stft] The input must have at least one dimension.");
  const Frames f = make_frames(n_fft, options, "stft", s);
  const bool complex = is_complex(x.dtype());
  array signal = complex ? x : astype(x, float32, s);
  if (options.center) {
    const int half = n_fft / 2;
    signal = pad(signal, {signal.ndim() - 1}, {half}, {half}, array::scalar(0.0, signal.dtype()),
                 parse_pad_mode(options.pad_mode), s);
  }
  const int samples = signal.shape(-1);
  if (samples < n_fft) {
    value_error("[stft] The input has ", samples, " samples, fewer than n_fft = ", n_fft, ".");
  }
  const int frames = (samples - n_fft) / f.hop + 1;
  // The frames are an overlapping view of the signal.
  const Strides dense = row_major_strides(signal.shape());
  Shape framed(signal.shape().begin(), signal.shape().end() - 1);
  framed.push_back(frames);
  framed.push_back(n_fft);
  Strides strides(dense.begin(), dense.end() - 1);
  strides.push_back(f.hop);
  strides.push_back(1);
  const array cut = as_strided(signal, framed, strides, 0, s);
  const bool onesided = options.onesided.value_or(!complex);
  const array spectrum = fftn(multiply(cut, f.window, s), std::nullopt, {-1},
                              onesided ? Kind::real_to_complex : Kind::complex_to_complex, false, options.norm, s);
  return swapaxes(spectrum, -1, -2, s);
}

array istft(const array& matrix, std::optional<int> n_fft, const StftOptions& options, std::optional<int> length,
            const StreamOrDevice& s) {
  if (matrix.ndim() < 2) value_error("[istft] The input must have at least two dimensions (frequencies, frames).");
  const bool onesided = options.onesided.value_or(true);
  const int bins = matrix.shape(-2), frames = matrix.shape(-1);
  const Frames f = make_frames(n_fft.value_or(onesided ? 2 * (bins - 1) : bins), options, "istft", s);
  if (frames == 0) value_error("[istft] The input has no frames.");
  array pieces = fftn(swapaxes(matrix, -1, -2, s), Shape{f.n_fft}, {-1},
                      onesided ? Kind::complex_to_real : Kind::complex_to_complex, true, options.norm, s);
  if (!onesided) pieces = real(pieces, s);

  // The overlapping windowed frames add up to the signal times the sum of the squared windows.
  const int total = f.n_fft + f.hop * (frames - 1);
  const array positions = frame_positions(frames, f, s);
  const array sum = overlap_add(multiply(pieces, f.window, s), positions, total, s);
  const array envelope =
      overlap_add(broadcast_to(square(f.window, s), {frames, f.n_fft}, s), positions, total, s);
  array out = divide(sum, maximum(envelope, array::scalar(1e-8f), s), s);

  const int start = options.center ? f.n_fft / 2 : 0;
  const int stop = length ? std::min(start + std::max(*length, 0), total) : total - start;
  out = slice_last(out, start, std::max(start, stop), s);
  if (length && *length > out.shape(-1)) {
    Shape shape = out.shape();
    shape.back() = *length;
    out = resize(out, shape, s);
  }
  return out;
}

}  // namespace mlx_rocm::fft
