// What a fold with a functor of kernels/scalar.h starts from. Included after that file, inside the same namespace.

template <class Op, class T>
T neutral() {
  if constexpr (std::is_base_of_v<Add, Op>) {
    return T{};
  } else if constexpr (std::is_base_of_v<Multiply, Op>) {
    if constexpr (std::is_same_v<T, complex64>) return {1.0f, 0.0f};
    else return T(1);
  } else {
    constexpr bool low = !std::is_base_of_v<Minimum, Op>;  // Maximum, and the sums of exponentials
    if constexpr (std::is_same_v<T, complex64>) {
      constexpr float inf = low ? -__builtin_inff() : __builtin_inff();
      return {inf, inf};
    } else {
      using L = std::numeric_limits<T>;
      if constexpr (L::has_infinity) return low ? T(-L::infinity()) : L::infinity();
      else return low ? L::lowest() : L::max();
    }
  }
}
