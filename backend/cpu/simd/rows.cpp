#include "backend/cpu/rows.h"

#include <cmath>
#include <limits>

#include "backend/cpu/simd/vec.h"

namespace mlx_rocm::cpu::SIMD_NS {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int kUnroll = 4;  // independent accumulators, to hide the latency of the sums

// Calls step(accumulator index, vector) over the row; lanes past the end read as `fill`.
template <class T, class Step>
MLX_ROCM_INLINE void for_row(const T* x, int64_t n, float fill, Step step) {
  int64_t i = 0;
  for (; i + kUnroll * W <= n; i += kUnroll * W) {
    step(0, load(x + i));
    step(1, load(x + i + W));
    step(2, load(x + i + 2 * W));
    step(3, load(x + i + 3 * W));
  }
  for (; i + W <= n; i += W) step(0, load(x + i));
  if (i < n) step(0, load_part(x + i, n - i, fill));
}

// y[i] = f(x[i], i) for whole vectors and the rest.
template <class T, class F>
MLX_ROCM_INLINE void map_row(const T* x, T* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + W <= n; i += W) store(y + i, f(load(x + i), i, W));
  if (i < n) store_part(y + i, f(load_part(x + i, n - i), i, n - i), n - i);
}

template <class T>
MLX_ROCM_INLINE vf load_some(const T* p, int64_t n) {
  return n == W ? load(p) : load_part(p, n);
}

// NaN wins.
MLX_ROCM_INLINE vf max_nan(vf a, vf b) { return select((a > b) | (a != a), a, b); }

template <class T>
float row_max(const T* x, int64_t n) {
  vf top[kUnroll];
  for (vf& t : top) t = splat(-kInfinity);
  for_row(x, n, -kInfinity, [&](int u, vf v) { top[u] = max_nan(top[u], v); });
  const vf all = max_nan(max_nan(top[0], top[1]), max_nan(top[2], top[3]));
  float best = all[0];
  for (int i = 1; i < W; ++i) {
    if (all[i] > best || all[i] != all[i]) best = all[i];
  }
  return best;
}

// Rows up to this many elements keep their exponentials in f32 on the stack between the two passes.
constexpr int64_t kStackRow = 4096;

template <class T>
void softmax(const void* in, void* out, int64_t n) {
  const auto* x = static_cast<const T*>(in);
  auto* y = static_cast<T*>(out);
  if (n <= 0) return;
  const float top = row_max(x, n);
  vf sums[kUnroll] = {};
  float buffer[kStackRow];
  const bool keep = n + W <= kStackRow;
  int64_t at = 0;
  for_row(x, n, -kInfinity, [&](int u, vf v) {
    const vf e = vexp(v - top);
    sums[u] = sums[u] + e;
    if (keep) store(buffer + at, e);
    at += W;
  });
  const float inverse = 1.0f / hsum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  if (keep) {
    int64_t i = 0;
    for (; i + W <= n; i += W) store(y + i, load(buffer + i) * inverse);
    if (i < n) store_part(y + i, load(buffer + i) * inverse, n - i);
    return;
  }
  map_row(x, y, n, [&](vf v, int64_t, int64_t) { return vexp(v - top) * inverse; });
}

template <class T>
float logsumexp(const void* in, int64_t n) {
  const auto* x = static_cast<const T*>(in);
  if (n <= 0) return -kInfinity;
  const float top = row_max(x, n);
  if (top == kInfinity || top == -kInfinity) return top;
  vf sums[kUnroll] = {};
  for_row(x, n, -kInfinity, [&](int u, vf v) { sums[u] = sums[u] + vexp(v - top); });
  return top + std::log(hsum((sums[0] + sums[1]) + (sums[2] + sums[3])));
}

// Rounds to T and back, as when the normalised row is an array of type T.
template <class T>
MLX_ROCM_INLINE vf rounded(vf v) {
  T buffer[W];
  store(buffer, v);
  return load(buffer);
}
template <>
inline vf rounded<float>(vf v) {
  return v;
}

template <class T>
void rms_norm(const void* in, const void* weight, float eps, void* out, int64_t n) {
  const auto* x = static_cast<const T*>(in);
  const auto* w = static_cast<const T*>(weight);
  auto* y = static_cast<T*>(out);
  vf squares[kUnroll] = {};
  for_row(x, n, 0.0f, [&](int u, vf v) { squares[u] = squares[u] + v * v; });
  const float mean = hsum((squares[0] + squares[1]) + (squares[2] + squares[3])) / static_cast<float>(n);
  const float scale = 1.0f / std::sqrt(mean + eps);
  if (w == nullptr) {
    map_row(x, y, n, [&](vf v, int64_t, int64_t) { return v * scale; });
    return;
  }
  map_row(x, y, n,
          [&](vf v, int64_t i, int64_t count) { return rounded<T>(v * scale) * load_some(w + i, count); });
}

template <class T>
void layer_norm(const void* in, const void* weight, const void* bias, float eps, void* out, int64_t n) {
  const auto* x = static_cast<const T*>(in);
  const auto* w = static_cast<const T*>(weight);
  const auto* b = static_cast<const T*>(bias);
  auto* y = static_cast<T*>(out);
  vf sums[kUnroll] = {};
  for_row(x, n, 0.0f, [&](int u, vf v) { sums[u] = sums[u] + v; });
  const float mean = hsum((sums[0] + sums[1]) + (sums[2] + sums[3])) / static_cast<float>(n);
  vf squares[kUnroll] = {};
  int64_t at = 0;
  for_row(x, n, mean, [&](int u, vf v) {
    const vf d = v - mean;
    squares[u] = squares[u] + d * d;
    at += W;
  });
  float square = hsum((squares[0] + squares[1]) + (squares[2] + squares[3]));
  if (at > n) {  // the fill was rounded to T: take its deviation out again
    const float d = to_float(from_float<T>(mean)) - mean;
    square -= static_cast<float>(at - n) * d * d;
  }
  const float scale = 1.0f / std::sqrt(std::max(square, 0.0f) / static_cast<float>(n) + eps);
  map_row(x, y, n, [&](vf v, int64_t i, int64_t count) {
    vf r = (v - mean) * scale;
    if (w != nullptr) r = rounded<T>(r) * load_some(w + i, count);
    if (b != nullptr) r = rounded<T>(r) + load_some(b + i, count);
    return r;
  });
}

template <class T>
void rope(const void* in, void* out, const float* cos, const float* sin, int64_t half, bool interleaved) {
  const auto* x = static_cast<const T*>(in);
  auto* y = static_cast<T*>(out);
  if (interleaved) {
    for (int64_t i = 0; i < half; ++i) {
      const float a = to_float(x[2 * i]);
      const float b = to_float(x[2 * i + 1]);
      y[2 * i] = from_float<T>(a * cos[i] - b * sin[i]);
      y[2 * i + 1] = from_float<T>(a * sin[i] + b * cos[i]);
    }
    return;
  }
  int64_t i = 0;
  for (; i + W <= half; i += W) {
    const vf a = load(x + i);
    const vf b = load(x + half + i);
    const vf c = load(cos + i);
    const vf s = load(sin + i);
    store(y + i, a * c - b * s);
    store(y + half + i, a * s + b * c);
  }
  for (; i < half; ++i) {
    const float a = to_float(x[i]);
    const float b = to_float(x[half + i]);
    y[i] = from_float<T>(a * cos[i] - b * sin[i]);
    y[half + i] = from_float<T>(a * sin[i] + b * cos[i]);
  }
}

template <class T>
void to_f32(const void* in, float* y, int64_t n) {
  const auto* x = static_cast<const T*>(in);
  int64_t i = 0;
  for (; i + W <= n; i += W) store(y + i, load(x + i));
  for (; i < n; ++i) y[i] = to_float(x[i]);
}

template <class T>
void from_f32(const float* x, void* out, int64_t n) {
  auto* y = static_cast<T*>(out);
  int64_t i = 0;
  for (; i + W <= n; i += W) store(y + i, load(x + i));
  for (; i < n; ++i) y[i] = from_float<T>(x[i]);
}

// The angle is a product in f32 (as other implementations have it); its reduction to [-pi/4, pi/4] is in
// double, so that large positions keep their phase.
void sincos(const float* rate, float position, float sign, float* sin, float* cos, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double angle = position * rate[i];
    const double turns = std::rint(angle * 0.63661977236758134308);
    const auto r = static_cast<float>(angle - turns * 1.57079632679489661923);
    const auto quarter = static_cast<int32_t>(turns - 4.0 * std::floor(turns * 0.25));
    const float r2 = r * r;
    const float s = r + r * r2 * (-1.6666654611e-1f + r2 * (8.3321608736e-3f + r2 * -1.9515295891e-4f));
    const float c =
        1.0f - 0.5f * r2 +
        r2 * r2 * (4.166664568298827e-2f + r2 * (-1.388731625493765e-3f + r2 * 2.443315711809948e-5f));
    const bool swap = (quarter & 1) != 0;
    const float sin_value = swap ? c : s;
    const float cos_value = swap ? s : c;
    sin[i] = (quarter & 2) != 0 ? -sin_value * sign : sin_value * sign;
    cos[i] = quarter == 1 || quarter == 2 ? -cos_value : cos_value;
  }
}

template <class T>
constexpr RowKernels kernels() {
  return {softmax<T>, logsumexp<T>, rms_norm<T>, layer_norm<T>, rope<T>, to_f32<T>, from_f32<T>};
}

}  // namespace

extern const RowTable row_table;
const RowTable row_table = {kernels<float>(), kernels<bf16>(), kernels<f16>(), sincos};

}  // namespace mlx_rocm::cpu::SIMD_NS
