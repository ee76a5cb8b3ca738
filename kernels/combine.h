// How a scattered update meets what is there, for every type, with many threads at one place.
#pragma once
#include "atomics.h"
#include "scalar.h"

#define SCATTER_ASSIGN 0
#define SCATTER_SUM 1
#define SCATTER_PROD 2
#define SCATTER_MAX 3
#define SCATTER_MIN 4

template <class A, class B>
constexpr bool same_type = false;
template <class A>
constexpr bool same_type<A, A> = true;

template <class Type>
constexpr bool is_half = same_type<Type, bf16> || same_type<Type, f16>;
template <class Type>
constexpr bool is_integer = !same_type<Type, float> && !same_type<Type, complex64> && !is_half<Type>;

// What a type is added and multiplied in: integers as unsigned ones, which wrap.
template <class Type, bool Integer = is_integer<Type>>
struct Arithmetic {
  using type = Type;
};
template <class Type>
struct Arithmetic<Type, true> {
  using type = Unsigned<(sizeof(Type) < 4 ? 4 : sizeof(Type))>;
};
template <>
struct Arithmetic<bf16, false> {
  using type = float;
};
template <>
struct Arithmetic<f16, false> {
  using type = float;
};
// Add or Multiply, for elements as memory has them.
template <class Op>
struct Wrapping {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    using Wide = typename Arithmetic<Type>::type;
    return cast<Type>(Op{}(cast<Wide>(a), cast<Wide>(b)));
  }
};

// Maximum and Minimum take halves as they are, so that what they choose is not rounded again.
#define ORDER_OF_FLOATS(Half)                                                            \
  DEVICE bool operator>(Half a, Half b) { return cast<float>(a) > cast<float>(b); }      \
  DEVICE bool operator<(Half a, Half b) { return cast<float>(a) < cast<float>(b); }      \
  DEVICE bool operator!=(Half a, Half b) { return cast<float>(a) != cast<float>(b); }
ORDER_OF_FLOATS(bf16)
ORDER_OF_FLOATS(f16)
#undef ORDER_OF_FLOATS

// Elements whose size the memory writes at once are never torn: 8 bytes too.
template <int Mode, class Type>
DEVICE void combine(Type* p, Type x) {
  constexpr bool word = sizeof(Type) >= 4, integer = word && is_integer<Type>;
  if constexpr (Mode == SCATTER_ASSIGN) {
    *p = x;
  } else if constexpr (same_type<Type, bool>) {
    // A sum or maximum is "or", a product or minimum "and": all who write, write the same.
    if (x == (Mode == SCATTER_SUM || Mode == SCATTER_MAX)) *p = x;
  } else if constexpr (Mode == SCATTER_SUM) {
    if constexpr (same_type<Type, complex64>) {
      atomic_add(&p->re, x.re);
      atomic_add(&p->im, x.im);
    } else if constexpr (word || is_half<Type>) {
      atomic_add(p, x);
    } else {
      atomic_apply<Wrapping<Add>>(p, x);
    }
  } else if constexpr (Mode == SCATTER_PROD) {
    atomic_apply<Wrapping<Multiply>>(p, x);
  } else if constexpr (Mode == SCATTER_MAX) {
    if constexpr (integer) {
      atomic_max(p, x);
    } else {
      atomic_apply<Maximum>(p, x);
    }
  } else {
    static_assert(Mode == SCATTER_MIN);
    if constexpr (integer) {
      atomic_min(p, x);
    } else {
      atomic_apply<Minimum>(p, x);
    }
  }
}
