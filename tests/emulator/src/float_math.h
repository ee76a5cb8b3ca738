// Arithmetic that AMD's instructions define differently from C.
#pragma once

#include <algorithm>
#include <limits>

#include "numeric.h"

namespace emu {

// A NaN operand loses; -0 is less than +0.
template <class T>
inline T min_num(T x, T y) {
  const T ordered = x < y ? x : x > y ? y : std::signbit(static_cast<f32>(x)) ? x : y;
  return x != x ? y : y != y ? x : ordered;
}
template <class T>
inline T max_num(T x, T y) {
  const T ordered = x > y ? x : x < y ? y : std::signbit(static_cast<f32>(x)) ? y : x;
  return x != x ? y : y != y ? x : ordered;
}

// A NaN operand wins.
template <class T>
inline T minimum(T x, T y) {
  return x != x || y != y ? static_cast<T>(NAN) : min_num(x, y);
}
template <class T>
inline T maximum(T x, T y) {
  return x != x || y != y ? static_cast<T>(NAN) : max_num(x, y);
}

template <class T>
inline T median(T x, T y, T z) {
  if (x != x || y != y || z != z) return min_num(min_num(x, y), z);
  return max_num(min_num(x, y), min_num(max_num(x, y), z));
}

template <class T>
inline T fract(T x) {
  if (!std::isfinite(x)) return static_cast<T>(NAN);
  const T below_one = std::nextafter(T(1), T(0));
  return std::min(x - std::floor(x), below_one);
}

template <class T>
inline T frexp_mantissa(T x) {
  int exponent;
  return std::isfinite(x) ? std::frexp(x, &exponent) : x;
}
template <class T>
inline i32 frexp_exponent(T x) {
  int exponent = 0;
  if (std::isfinite(x) && x != 0) std::frexp(x, &exponent);
  return exponent;
}

inline int biased_exponent(f32 x) { return (as_u32(x) >> 23) & 0xff; }
inline int biased_exponent(f64 x) { return (as_u64(x) >> 52) & 0x7ff; }

template <class T>
struct DivisionLimits;
template <>
struct DivisionLimits<f32> {
  static constexpr int far_apart = 96, scale = 64, small_numerator = 23, bias = 127;
};
template <>
struct DivisionLimits<f64> {
  static constexpr int far_apart = 768, scale = 128, small_numerator = 53, bias = 1023;
};

template <class T>
struct Scaled {
  T value;
  bool flag;
};

// v_div_scale: `x` is whichever of denominator and numerator is to be scaled.
template <class T>
inline Scaled<T> div_scale(T x, T denominator, T numerator) {
  using Limits = DivisionLimits<T>;
  const T up = std::ldexp(x, Limits::scale), down = std::ldexp(x, -Limits::scale);
  const bool is_denominator = x == denominator, is_numerator = x == numerator;
  if (numerator == 0 || denominator == 0) return {static_cast<T>(NAN), true};
  if (biased_exponent(numerator) - biased_exponent(denominator) >= Limits::far_apart) {
    return {is_denominator ? up : x, true};
  }
  if (biased_exponent(denominator) == 0) return {up, false};
  const T smallest = std::numeric_limits<T>::min();
  const bool tiny_reciprocal = std::fabs(1 / denominator) < smallest;
  const bool tiny_quotient = std::fabs(numerator / denominator) < smallest;
  if (tiny_reciprocal && tiny_quotient) return {is_denominator ? up : x, true};
  if (tiny_reciprocal) return {down, false};
  if (tiny_quotient) return {is_numerator ? up : x, true};
  if (biased_exponent(numerator) <= Limits::small_numerator) return {up, false};
  return {x, false};
}

// v_div_fmas: undoes the scaling.
template <class T>
inline T div_unscale(T value, T addend) {
  using Limits = DivisionLimits<T>;
  return std::ldexp(value, biased_exponent(addend) > Limits::bias ? Limits::scale : -Limits::scale);
}

// v_div_fixup: the special cases of numerator / denominator.
template <class T>
inline T div_fixup(T quotient, T denominator, T numerator) {
  const bool negative = std::signbit(denominator) != std::signbit(numerator);
  const T infinity = std::numeric_limits<T>::infinity();
  if (numerator != numerator) return numerator;
  if (denominator != denominator) return denominator;
  if (denominator == 0 && numerator == 0) return static_cast<T>(NAN);
  if (std::isinf(denominator) && std::isinf(numerator)) return static_cast<T>(NAN);
  if (denominator == 0 || std::isinf(numerator)) return negative ? -infinity : infinity;
  if (std::isinf(denominator) || numerator == 0) return negative ? -T(0) : T(0);
  if (quotient != quotient) return negative ? -infinity : infinity;
  return negative ? -std::fabs(quotient) : std::fabs(quotient);
}

inline u32 float_to_u32(f64 x) {
  if (x != x || x <= 0) return 0;
  return x >= 4294967296.0 ? ~0u : static_cast<u32>(x);
}
inline i32 float_to_i32(f64 x) {
  if (x != x) return 0;
  if (x <= -2147483648.0) return std::numeric_limits<i32>::min();
  return x >= 2147483647.0 ? std::numeric_limits<i32>::max() : static_cast<i32>(x);
}

}  // namespace emu
