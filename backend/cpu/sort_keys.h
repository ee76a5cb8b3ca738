// Unsigned keys that order like the elements they stand for.
#pragma once

#include <bit>
#include <limits>
#include <type_traits>

#include "backend/core/dtype.h"
#include "backend/cpu/unsigned.h"

namespace mlx_rocm::cpu {

template <class T>
constexpr bool is_float_storage = std::is_floating_point_v<T> || std::is_same_v<T, float16_t> ||
                                  std::is_same_v<T, bfloat16_t>;

// The bits of +infinity; a magnitude above them is a NaN.
template <class T>
constexpr Unsigned<sizeof(T)> infinity_bits() {
  if constexpr (std::is_same_v<T, float16_t>) return 0x7c00;
  else if constexpr (std::is_same_v<T, bfloat16_t>) return 0x7f80;
  else return std::bit_cast<Unsigned<sizeof(T)>>(std::numeric_limits<T>::infinity());
}

// `exact` keeps -0 apart from +0 (below it), so that the key can be turned back; otherwise the two are equal.
template <class T, bool exact>
inline Unsigned<sizeof(T)> float_key(T value) {
  using U = Unsigned<sizeof(T)>;
  constexpr U sign = U(1) << (8 * sizeof(U) - 1);
  // Without branches: the signs of the data are as good as random.
  const U bits = std::bit_cast<U>(value);
  const U negative = U(-(bits >> (8 * sizeof(U) - 1)));  // all ones or none
  U key = U(bits ^ (negative | sign));
  if constexpr (!exact) key = U(key + (bits == sign));
  const bool nan = U(bits & U(~sign)) > infinity_bits<T>();
  return U(key | U(-U(nan)));
}

template <class T>
inline T float_from_key(Unsigned<sizeof(T)> key) {
  using U = Unsigned<sizeof(T)>;
  constexpr U sign = U(1) << (8 * sizeof(U) - 1);
  return std::bit_cast<T>(U((key & sign) ? key ^ sign : ~key));
}

template <class T>
struct SortKey {
  using Key = Unsigned<sizeof(T)>;
  template <bool exact>
  static Key of(T value) {
    if constexpr (is_float_storage<T>) {
      return float_key<T, exact>(value);
    } else if constexpr (std::is_same_v<T, complex64_t>) {
      // By real part, then by imaginary part; a NaN in either sorts last.
      const uint32_t re = float_key<float, exact>(value.re), im = float_key<float, exact>(value.im);
      if (re == ~0u || im == ~0u) return ~Key(0);
      return Key(re) << 32 | im;
    } else if constexpr (std::is_signed_v<T>) {
      return Key(Key(value) ^ (Key(1) << (8 * sizeof(Key) - 1)));
    } else {
      return Key(value);
    }
  }
  static T back(Key key) {
    if constexpr (is_float_storage<T>) {
      return float_from_key<T>(key);
    } else if constexpr (std::is_same_v<T, complex64_t>) {
      return {float_from_key<float>(uint32_t(key >> 32)), float_from_key<float>(uint32_t(key))};
    } else if constexpr (std::is_signed_v<T>) {
      return T(Key(key ^ (Key(1) << (8 * sizeof(Key) - 1))));
    } else {
      return T(key);
    }
  }
};

}  // namespace mlx_rocm::cpu
