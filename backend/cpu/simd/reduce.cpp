#include "backend/cpu/reduce.h"

#include <cmath>
#include <limits>
#include <type_traits>

namespace mlx_rocm::cpu::SIMD_NS {
namespace {

#include "backend/cpu/simd/vmath.h"
#include "kernels/scalar.h"
#include "backend/cpu/simd/neutral.h"

// Independent accumulators let the loop vectorise without reassociating floating-point sums behind our back, and
// make long sums more accurate.
constexpr int kLanes = 64;

struct All {
  bool operator()(bool a, bool b) const { return a & b; }
};
struct Any {
  bool operator()(bool a, bool b) const { return a | b; }
};

template <Reduction r>
struct Combine;
template <>
struct Combine<Reduction::sum> : Add {};
template <>
struct Combine<Reduction::prod> : Multiply {};
template <>
struct Combine<Reduction::max> : Maximum {};
template <>
struct Combine<Reduction::min> : Minimum {};
template <>
struct Combine<Reduction::all> : All {};
template <>
struct Combine<Reduction::any> : Any {};

template <Reduction r, class T>
T start() {
  if constexpr (r == Reduction::all || r == Reduction::any) return r == Reduction::all;
  else return neutral<Combine<r>, T>();
}

template <Reduction r, class T>
void row(const void* in, int64_t n, void* acc) {
  auto* x = static_cast<const T*>(in);
  Combine<r> f;
  T total = *static_cast<T*>(acc);
  int64_t i = 0;
  if (n >= kLanes) {
    T lanes[kLanes];
    for (int k = 0; k < kLanes; ++k) lanes[k] = x[k];
    for (i = kLanes; i + kLanes <= n; i += kLanes) {
      for (int k = 0; k < kLanes; ++k) lanes[k] = f(lanes[k], x[i + k]);
    }
    for (int width = kLanes / 2; width > 0; width /= 2) {
      for (int k = 0; k < width; ++k) lanes[k] = f(lanes[k], lanes[k + width]);
    }
    total = f(total, lanes[0]);
  }
  for (; i < n; ++i) total = f(total, x[i]);
  *static_cast<T*>(acc) = total;
}

struct Same {
  template <class T>
  T operator()(T x) const {
    return x;
  }
};
struct FromBf16 {
  float operator()(uint16_t x) const { return as_float(uint32_t(x) << 16); }
};

// Four rows at a time: a quarter of the traffic to the accumulators, in the same order of operations.
template <Reduction r, class Load, class T, class A>
void add_rows(const void* in, int64_t stride, int64_t rows, int64_t n, void* acc) {
  auto* x = static_cast<const T*>(in);
  auto* y = static_cast<A*>(acc);
  Combine<r> f;
  Load load;
  for (; rows >= 4; rows -= 4, x += 4 * stride) {
    const T *x1 = x + stride, *x2 = x1 + stride, *x3 = x2 + stride;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      A v = f(y[i], load(x[i]));
      v = f(v, load(x1[i]));
      v = f(v, load(x2[i]));
      y[i] = f(v, load(x3[i]));
    }
  }
  for (; rows > 0; --rows, x += stride) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = f(y[i], load(x[i]));
  }
}

template <Reduction r, class T>
void fill(int64_t n, void* acc) {
  auto* y = static_cast<T*>(acc);
  for (int64_t i = 0; i < n; ++i) y[i] = start<r, T>();
}

// The extreme value first (vectorised), then where it stands.
template <Reduction r, class T>
uint32_t arg(const void* in, int64_t n) {
  auto* x = static_cast<const T*>(in);
  T best = x[0];
  row<r, T>(in, n, &best);
  if (best != best) {
    for (int64_t i = 0; i < n; ++i) {
      if (x[i] != x[i]) return uint32_t(i);
    }
  }
  for (int64_t i = 0; i < n; ++i) {
    if (x[i] == best) return uint32_t(i);
  }
  return 0;
}

template <Reduction r, class T>
void arg_columns(const void* in, uint32_t row_index, int64_t n, void* best_, uint32_t* at) {
  auto* x = static_cast<const T*>(in);
  auto* best = static_cast<T*>(best_);
  if (row_index == 0) {
    for (int64_t i = 0; i < n; ++i) {
      best[i] = x[i];
      at[i] = 0;
    }
    return;
  }
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const T v = x[i], b = best[i];
    const bool further = r == Reduction::max ? v > b : v < b;
    const bool better = further | ((v != v) & (b == b));
    best[i] = better ? v : b;
    at[i] = better ? row_index : at[i];
  }
}

template <class... T>
struct Types {};
using AllTypes = Types<bool, uint8_t, uint16_t, uint32_t, uint64_t, int8_t, int16_t, int32_t, int64_t, float, double,
                       complex64>;

template <Reduction r, class... T>
constexpr void set(ReduceTable& t, Types<T...>) {
  int i = 0;
  ((t.row[int(r)][i] = row<r, T>, t.columns[int(r)][i] = add_rows<r, Same, T, T>, t.fill[int(r)][i] = fill<r, T>, ++i), ...);
}
template <class... T>
constexpr void set_args(ReduceTable& t, Types<T...>) {
  int i = 0;
  ((t.argmax[i] = arg<Reduction::max, T>, t.argmin[i] = arg<Reduction::min, T>,
    t.argmax_columns[i] = arg_columns<Reduction::max, T>, t.argmin_columns[i] = arg_columns<Reduction::min, T>, ++i),
   ...);
}

constexpr ReduceTable make_table() {
  ReduceTable t{};
  set<Reduction::sum>(t, AllTypes{});
  set<Reduction::prod>(t, AllTypes{});
  set<Reduction::max>(t, AllTypes{});
  set<Reduction::min>(t, AllTypes{});
  set<Reduction::all>(t, Types<bool>{});
  set<Reduction::any>(t, Types<bool>{});
  set_args(t, AllTypes{});
  t.columns_bf16[int(Reduction::sum)] = add_rows<Reduction::sum, FromBf16, uint16_t, float>;
  t.columns_bf16[int(Reduction::prod)] = add_rows<Reduction::prod, FromBf16, uint16_t, float>;
  t.columns_bf16[int(Reduction::max)] = add_rows<Reduction::max, FromBf16, uint16_t, float>;
  t.columns_bf16[int(Reduction::min)] = add_rows<Reduction::min, FromBf16, uint16_t, float>;
  return t;
}

}  // namespace

extern const ReduceTable reduce_table;
constexpr ReduceTable reduce_table = make_table();

}  // namespace mlx_rocm::cpu::SIMD_NS
