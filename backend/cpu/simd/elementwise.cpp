// Block functions of all elementwise ops and conversions, for one instruction set.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__F16C__)
#include <immintrin.h>
#endif

#include "backend/cpu/tile.h"
#include "backend/cpu/unsigned.h"

namespace mlx_rocm::cpu::SIMD_NS {
namespace {

#include "backend/cpu/simd/vmath.h"
#include "kernels/scalar.h"

enum Kinds { B = 1, I = 2, F = 4, D = 8, C = 16 };

template <class T>
constexpr int kind_of() {
  if constexpr (std::is_same_v<T, bool>) return B;
  if constexpr (std::is_same_v<T, float>) return F;
  if constexpr (std::is_same_v<T, double>) return D;
  if constexpr (std::is_same_v<T, complex64>) return C;
  return I;
}

// Everything is inlined into the loop: a call in it would keep it from vectorising.
template <class Fn, class T>
__attribute__((flatten)) void unary(const void* const* in, void* out, int64_t n) {
  using R = decltype(Fn{}(T{}));
  auto* x = static_cast<const T*>(in[0]);
  auto* y = static_cast<R*>(out);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = Fn{}(x[i]);
}
template <class Fn, class T>
__attribute__((flatten)) void binary(const void* const* in, void* out, int64_t n) {
  using R = decltype(Fn{}(T{}, T{}));
  auto* a = static_cast<const T*>(in[0]);
  auto* b = static_cast<const T*>(in[1]);
  auto* y = static_cast<R*>(out);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = Fn{}(a[i], b[i]);
}

// Ops with a vector form for the usual arguments and libm's for the others, chosen per block.
template <class Fast, class Exact>
void circular(const void* const* in, void* out, int64_t n) {
  auto* x = static_cast<const float*>(in[0]);
  uint32_t outside = 0;
  for (int64_t i = 0; i < n; ++i) outside |= !(math_abs(x[i]) <= kCircularLimit);
  outside ? unary<Exact, float>(in, out, n) : unary<Fast, float>(in, out, n);
}
struct FastSin {
  float operator()(float x) const { return fast_sin(x); }
};
struct FastCos {
  float operator()(float x) const { return fast_cos(x); }
};
struct FastTan {
  float operator()(float x) const { return fast_tan(x); }
};
struct FastRemainder {
  float operator()(float a, float b) const {
    float r = fast_fmod(a, b);
    return (r != 0.0f) & ((r < 0.0f) != (b < 0.0f)) ? r + b : r;
  }
};
void remainder(const void* const* in, void* out, int64_t n) {
  auto* a = static_cast<const float*>(in[0]);
  auto* b = static_cast<const float*>(in[1]);
  uint32_t outside = 0;
  for (int64_t i = 0; i < n; ++i) {
    outside |= !(math_abs(a[i] / b[i]) <= kFmodLimit) | (math_abs(b[i]) == kInf);
  }
  outside ? binary<Remainder, float>(in, out, n) : binary<FastRemainder, float>(in, out, n);
}

template <class T>
void select(const void* const* in, void* out, int64_t n) {
  using U = Unsigned<sizeof(T)>;  // masks vectorise where a choice between values does not
  auto* c = static_cast<const uint8_t*>(in[0]);
  auto* a = static_cast<const U*>(in[1]);
  auto* b = static_cast<const U*>(in[2]);
  auto* y = static_cast<U*>(out);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    U mask = U(0) - U(c[i]);
    y[i] = U((a[i] & mask) | (b[i] & ~mask));
  }
}

template <class From, class To>
void convert(const void* const* in, void* out, int64_t n) {
  auto* x = static_cast<const From*>(in[0]);
  auto* y = static_cast<To*>(out);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<From, To>) {
      y[i] = x[i];
    } else if constexpr (std::is_same_v<From, complex64> && std::is_same_v<To, bool>) {
      y[i] = x[i].re != 0 || x[i].im != 0;
    } else if constexpr (std::is_same_v<From, complex64>) {
      y[i] = To(x[i].re);
    } else if constexpr (std::is_same_v<To, complex64>) {
      y[i] = {float(x[i]), 0.0f};
    } else if constexpr (std::is_same_v<To, bool>) {
      y[i] = x[i] != From(0);
    } else if constexpr (std::is_floating_point_v<From> && std::is_unsigned_v<To>) {
      // Negative numbers wrap as they do through a signed integer.
      y[i] = x[i] < From(0) ? To(int64_t(x[i])) : To(x[i]);
    } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && sizeof(To) < 4) {
      y[i] = To(int32_t(x[i]));
    } else {
      y[i] = To(x[i]);
    }
  }
}

void load_bf16(const void* const* in, void* out, int64_t n) {
  auto* x = static_cast<const uint16_t*>(in[0]);
  auto* y = static_cast<uint32_t*>(out);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = uint32_t(x[i]) << 16;
}
void store_bf16(const void* const* in, void* out, int64_t n) {
  auto* x = static_cast<const uint32_t*>(in[0]);
  auto* y = static_cast<uint16_t*>(out);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    uint32_t u = x[i];
    uint32_t rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    y[i] = uint16_t((u & 0x7fffffff) > 0x7f800000 ? (u >> 16) | 0x40 : rounded);
  }
}
#if defined(__F16C__)
void load_f16(const void* const* in, void* out, int64_t n) {
  auto* x = static_cast<const uint16_t*>(in[0]);
  auto* y = static_cast<float*>(out);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
  }
  for (; i < n; ++i) y[i] = _cvtsh_ss(x[i]);
}
void store_f16(const void* const* in, void* out, int64_t n) {
  auto* x = static_cast<const float*>(in[0]);
  auto* y = static_cast<uint16_t*>(out);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i), half);
  }
  for (; i < n; ++i) y[i] = _cvtss_sh(x[i], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
#else
void load_f16(const void* const* in, void* out, int64_t n) {
  auto* x = static_cast<const uint16_t*>(in[0]);
  auto* y = static_cast<float*>(out);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    uint32_t sign = uint32_t(x[i] & 0x8000) << 16, rest = uint32_t(x[i] & 0x7fff) << 13;
    uint32_t exponent = rest & 0x0f800000;
    uint32_t normal = rest + (112u << 23);
    uint32_t special = rest + (224u << 23);
    uint32_t denormal = as_bits(as_float(normal + (1u << 23)) - as_float(113u << 23));
    uint32_t u = exponent == 0x0f800000 ? special : exponent == 0 ? denormal : normal;
    y[i] = as_float(u | sign);
  }
}
void store_f16(const void* const* in, void* out, int64_t n) {
  auto* x = static_cast<const uint32_t*>(in[0]);
  auto* y = static_cast<uint16_t*>(out);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    uint32_t sign = (x[i] >> 16) & 0x8000, u = x[i] & 0x7fffffff;
    uint32_t normal = (u + 0xc8000fff + ((u >> 13) & 1)) >> 13;
    uint32_t denormal = as_bits(as_float(u) + 0.5f) - 0x3f000000;
    uint32_t special = u > 0x7f800000 ? 0x7e00 : 0x7c00;
    y[i] = uint16_t(sign | (u >= 0x47800000 ? special : u < 0x38800000 ? denormal : normal));
  }
}

#endif

void round_bf16(const void* const* in, void* out, int64_t n) {
  auto* x = static_cast<const uint32_t*>(in[0]);
  auto* y = static_cast<uint32_t*>(out);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    uint32_t u = x[i];
    uint32_t rounded = u + 0x7fff + ((u >> 16) & 1);
    y[i] = ((u & 0x7fffffff) > 0x7f800000 ? u | 0x400000 : rounded) & 0xffff0000;
  }
}
void round_f16(const void* const* in, void* out, int64_t n) {
  uint16_t half[64];
  for (int64_t i = 0; i < n; i += 64) {
    int64_t m = n - i < 64 ? n - i : 64;
    const void* x[] = {static_cast<const float*>(in[0]) + i};
    store_f16(x, half, m);
    const void* h[] = {half};
    load_f16(h, static_cast<float*>(out) + i, m);
  }
}

template <class... T>
struct Types {};
// The order of enum class Compute.
using AllTypes = Types<bool, uint8_t, uint16_t, uint32_t, uint64_t, int8_t, int16_t, int32_t, int64_t, float, double,
                       complex64>;

template <int kinds, class Fn, class T>
constexpr BlockFn unary_cell() {
  if constexpr ((kinds & kind_of<T>()) != 0) return unary<Fn, T>;
  return nullptr;
}
template <int kinds, class Fn, class T>
constexpr BlockFn binary_cell() {
  if constexpr ((kinds & kind_of<T>()) != 0) return binary<Fn, T>;
  return nullptr;
}

using Row = BlockFn[num_computes];
constexpr void assign(Row& row, std::initializer_list<BlockFn> fns) {
  int i = 0;
  for (BlockFn f : fns) row[i++] = f;
}
template <int kinds, class Fn, class... T>
constexpr void unary_row(Row& row, Types<T...>) {
  assign(row, {unary_cell<kinds, Fn, T>()...});
}
template <int kinds, class Fn, class... T>
constexpr void binary_row(Row& row, Types<T...>) {
  assign(row, {binary_cell<kinds, Fn, T>()...});
}
template <class... T>
constexpr void select_row(Row& row, Types<T...>) {
  assign(row, {select<T>...});
}
template <class From, class... T>
constexpr void convert_row(Row& row, Types<T...>) {
  assign(row, {convert<From, T>...});
}
template <class... T>
constexpr void convert_rows(Row (&rows)[num_computes], Types<T...> types) {
  int i = 0;
  (convert_row<T>(rows[i++], types), ...);
}

constexpr ElementwiseTable make_table() {
  ElementwiseTable t{};
#define UNARY(name, Functor, kinds, ...) unary_row<(kinds), Functor>(t.op[id_##name], AllTypes{});
#define BINARY(name, Functor, kinds, ...) binary_row<(kinds), Functor>(t.op[id_##name], AllTypes{});
#include "backend/ops/elementwise.def"
#undef UNARY
#undef BINARY
  select_row(t.op[id_select], AllTypes{});
  t.op[id_sin][int(Compute::f32)] = circular<FastSin, Sin>;
  t.op[id_cos][int(Compute::f32)] = circular<FastCos, Cos>;
  t.op[id_tan][int(Compute::f32)] = circular<FastTan, Tan>;
  t.op[id_remainder][int(Compute::f32)] = remainder;
  convert_rows(t.convert, AllTypes{});
  t.load_f16 = load_f16;
  t.load_bf16 = load_bf16;
  t.store_f16 = store_f16;
  t.store_bf16 = store_bf16;
  t.round_f16 = round_f16;
  t.round_bf16 = round_bf16;
  return t;
}

}  // namespace

extern const ElementwiseTable elementwise_table;
constexpr ElementwiseTable elementwise_table = make_table();

}  // namespace mlx_rocm::cpu::SIMD_NS
