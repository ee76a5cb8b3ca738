#include "backend/cpu/scan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "backend/cpu/simd/vec.h"

namespace mlx_rocm::cpu::SIMD_NS {
namespace {

#include "backend/cpu/simd/vmath.h"
#include "kernels/scalar.h"
#include "backend/cpu/simd/neutral.h"

template <ScanKind>
struct Combine;
template <>
struct Combine<ScanKind::sum> : Add {};
template <>
struct Combine<ScanKind::prod> : Multiply {};
template <>
struct Combine<ScanKind::max> : Maximum {};
template <>
struct Combine<ScanKind::min> : Minimum {};
template <>
struct Combine<ScanKind::logaddexp> : LogAddExp {};

MLX_ROCM_INLINE int32_t widen(int32_t x) { return x; }
template <class T>
MLX_ROCM_INLINE float widen(T x) {
  return to_float(x);
}
template <class T>
using Widened = decltype(widen(T()));
template <class T, class A>
MLX_ROCM_INLINE T narrow(A x) {
  if constexpr (std::is_same_v<T, A>) {
    return x;
  } else {
    return from_float<T>(x);
  }
}

// Several lines advance together: their chains of additions overlap.
constexpr int kTogether = 8;

template <ScanKind kind, class T, bool inclusive, int count>
void advance(const T* x, T* y, int64_t n, int64_t stride, int64_t step, const void* carry) {
  using A = Widened<T>;
  Combine<kind> f;
  A acc[count];
  int64_t i = 0;
  if (carry != nullptr) {
    for (int l = 0; l < count; ++l) acc[l] = static_cast<const A*>(carry)[l];
  } else {
    // The first element is taken as it is: 0 + -0 would lose a sign.
    for (int l = 0; l < count; ++l) {
      const A v = widen(x[l * stride]);
      y[l * stride] = inclusive ? narrow<T>(v) : narrow<T>(neutral<Combine<kind>, A>());
      acc[l] = v;
    }
    i = 1;
  }
  for (; i < n; ++i) {
#pragma GCC unroll 8
    for (int l = 0; l < count; ++l) {
      const int64_t at = l * stride + i * step;
      const A next = f(acc[l], widen(x[at]));
      y[at] = narrow<T>(inclusive ? next : acc[l]);
      acc[l] = next;
    }
  }
}

template <ScanKind kind, class T>
void lines(const void* in, void* out, int64_t n, int64_t stride, int64_t count, bool reverse, bool inclusive,
           const void* carry) {
  using A = Widened<T>;
  if (n <= 0) return;
  const int64_t first = reverse ? n - 1 : 0, step = reverse ? -1 : 1;
  auto* x = static_cast<const T*>(in) + first;
  auto* y = static_cast<T*>(out) + first;
  auto* c = static_cast<const A*>(carry);
  auto many = inclusive ? advance<kind, T, true, kTogether> : advance<kind, T, false, kTogether>;
  auto one = inclusive ? advance<kind, T, true, 1> : advance<kind, T, false, 1>;
  int64_t l = 0;
  for (; l + kTogether <= count; l += kTogether) many(x + l * stride, y + l * stride, n, stride, step, c ? c + l : c);
  for (; l < count; ++l) one(x + l * stride, y + l * stride, n, stride, step, c ? c + l : c);
}

template <ScanKind kind, class T, bool inclusive>
void columns_block(const T* x, T* y, int64_t n, int64_t step, int width) {
  using A = Widened<T>;
  constexpr int kWidth = 64;
  Combine<kind> f;
  A acc[kWidth];
  for (int c = 0; c < width; ++c) {
    acc[c] = widen(x[c]);
    y[c] = inclusive ? narrow<T>(acc[c]) : narrow<T>(neutral<Combine<kind>, A>());
  }
  auto row = [&](int64_t at, int w) __attribute__((always_inline)) {
#pragma GCC ivdep
    for (int c = 0; c < w; ++c) {
      const A next = f(acc[c], widen(x[at + c]));
      y[at + c] = narrow<T>(inclusive ? next : acc[c]);
      acc[c] = next;
    }
  };
  if (width == kWidth) {
    for (int64_t i = 1; i < n; ++i) row(i * step, kWidth);
  } else {
    for (int64_t i = 1; i < n; ++i) row(i * step, width);
  }
}

template <ScanKind kind, class T>
void columns(const void* in, void* out, int64_t n, int64_t step, int64_t count, bool reverse, bool inclusive) {
  if (n <= 0) return;
  const int64_t first = reverse ? (n - 1) * step : 0;
  auto* x = static_cast<const T*>(in) + first;
  auto* y = static_cast<T*>(out) + first;
  auto block = inclusive ? columns_block<kind, T, true> : columns_block<kind, T, false>;
  for (int64_t c = 0; c < count; c += 64) block(x + c, y + c, n, reverse ? -step : step, int(std::min<int64_t>(64, count - c)));
}

template <ScanKind kind, class T>
void total(const void* in, int64_t n, void* out) {
  using A = Widened<T>;
  constexpr int kLanes = 64;
  auto* x = static_cast<const T*>(in);
  Combine<kind> f;
  A all = widen(x[0]);
  int64_t i = 1;
  if (n > kLanes) {
    A acc[kLanes];
    for (int l = 0; l < kLanes; ++l) acc[l] = widen(x[1 + l]);
    for (i = 1 + kLanes; i + kLanes <= n; i += kLanes) {
      for (int l = 0; l < kLanes; ++l) acc[l] = f(acc[l], widen(x[i + l]));
    }
    for (int l = 0; l < kLanes; ++l) all = f(all, acc[l]);
  }
  for (; i < n; ++i) all = f(all, widen(x[i]));
  *static_cast<A*>(out) = all;
}

template <ScanKind kind, class A>
void combine(void* a, const void* b) {
  *static_cast<A*>(a) = Combine<kind>{}(*static_cast<A*>(a), *static_cast<const A*>(b));
}

template <class T, ScanKind... kinds>
constexpr void set(ScanKernels (&row)[num_scans]) {
  using A = Widened<T>;
  ((row[int(kinds)] = {lines<kinds, T>, columns<kinds, T>, total<kinds, T>, combine<kinds, A>}), ...);
}

constexpr ScanTable make_table() {
  using K = ScanKind;
  ScanTable t{};
  set<float, K::sum, K::prod, K::max, K::min, K::logaddexp>(t.f32);
  set<f16, K::sum, K::prod, K::max, K::min, K::logaddexp>(t.f16);
  set<bf16, K::sum, K::prod, K::max, K::min, K::logaddexp>(t.bf16);
  set<int32_t, K::sum, K::prod, K::max, K::min>(t.i32);
  return t;
}

}  // namespace

extern const ScanTable scan_table;
constexpr ScanTable scan_table = make_table();

}  // namespace mlx_rocm::cpu::SIMD_NS
