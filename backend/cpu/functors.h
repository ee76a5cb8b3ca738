// The functors of kernels/scalar.h for code that is compiled once, not per instruction set.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "backend/core/dtype.h"

namespace mlx_rocm::cpu::functors {

#include "backend/cpu/simd/vmath.h"
#include "kernels/scalar.h"
#include "backend/cpu/simd/neutral.h"
#undef DEVICE
#undef MATH_INLINE

// What elements of a storage type are folded in: half types in float, booleans as integers.
template <class T>
struct AccumulatorOf {
  using type = T;
};
template <>
struct AccumulatorOf<float16_t> {
  using type = float;
};
template <>
struct AccumulatorOf<bfloat16_t> {
  using type = float;
};
template <>
struct AccumulatorOf<bool> {
  using type = int32_t;
};
template <>
struct AccumulatorOf<complex64_t> {
  using type = complex64;
};
template <class T>
using Accumulator = typename AccumulatorOf<T>::type;

template <class T>
Accumulator<T> widen(T x) {
  if constexpr (std::is_same_v<T, complex64_t>) return std::bit_cast<complex64>(x);
  else return Accumulator<T>(x);
}
template <class T>
T narrow(Accumulator<T> x) {
  if constexpr (std::is_same_v<T, complex64_t>) return std::bit_cast<complex64_t>(x);
  else return T(x);
}

}  // namespace mlx_rocm::cpu::functors
