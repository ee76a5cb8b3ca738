// How a scattered update meets what is there, for every type, with many threads at one place.
#pragma once
#include "atomics.h"
#include "scalar.h"

#define SCATTER_ASSIGN 0
#define SCATTER_SUM 1
#define SCATTER_PROD 2
#define SCATTER_MAX 3
#define SCATTER_MIN 4

// Integers are computed as unsigned ones: they wrap.
template <class Type>
struct Arithmetic {
  using type = Unsigned<(sizeof(Type) < 4 ? 4 : sizeof(Type))>;
};
template <>
struct Arithmetic<float> {
  using type = float;
};
template <>
struct Arithmetic<bf16> {
  using type = float;
};
template <>
struct Arithmetic<f16> {
  using type = float;
};
template <>
struct Arithmetic<complex64> {
  using type = complex64;
};
// What orders values.
template <class Type>
DEVICE Type ordered(Type x) {
  return x;
}
DEVICE float ordered(bf16 x) { return cast<float>(x); }
DEVICE float ordered(f16 x) { return cast<float>(x); }

struct CombineSum {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    using Wide = typename Arithmetic<Type>::type;
    return cast<Type>(cast<Wide>(a) + cast<Wide>(b));
  }
};
struct CombineProd {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    using Wide = typename Arithmetic<Type>::type;
    return cast<Type>(cast<Wide>(a) * cast<Wide>(b));
  }
};
// NaN on either side wins, as in Maximum of scalar.h; complex numbers are compared as there, NaN or not.
struct CombineMax {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return ordered(a) > ordered(b) || ordered(a) != ordered(a) ? a : b;
  }
  DEVICE complex64 operator()(complex64 a, complex64 b) const { return a < b ? b : a; }
};
struct CombineMin {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return ordered(a) < ordered(b) || ordered(a) != ordered(a) ? a : b;
  }
  DEVICE complex64 operator()(complex64 a, complex64 b) const { return a < b ? a : b; }
};

template <class A, class B>
constexpr bool same_type = false;
template <class A>
constexpr bool same_type<A, A> = true;

// Elements whose size the memory writes at once are never torn: 8 bytes too.
template <int Mode, class Type>
DEVICE void combine(Type* p, Type x) {
  constexpr bool word = sizeof(Type) >= 4, half = same_type<Type, bf16> || same_type<Type, f16>;
  constexpr bool integer = word && !same_type<Type, float> && !same_type<Type, complex64>;
  if constexpr (Mode == SCATTER_ASSIGN) {
    *p = x;
  } else if constexpr (same_type<Type, bool>) {
    // A sum or maximum is "or", a product or minimum "and": all who write, write the same.
    if (x == (Mode == SCATTER_SUM || Mode == SCATTER_MAX)) *p = x;
  } else if constexpr (Mode == SCATTER_SUM) {
    if constexpr (same_type<Type, complex64>) {
      atomic_add(&p->re, x.re);
      atomic_add(&p->im, x.im);
    } else if constexpr (word || half) {
      atomic_add(p, x);
    } else {
      atomic_apply<CombineSum>(p, x);
    }
  } else if constexpr (Mode == SCATTER_PROD) {
    atomic_apply<CombineProd>(p, x);
  } else if constexpr (Mode == SCATTER_MAX) {
    if constexpr (integer) {
      atomic_max(p, x);
    } else {
      atomic_apply<CombineMax>(p, x);
    }
  } else {
    static_assert(Mode == SCATTER_MIN);
    if constexpr (integer) {
      atomic_min(p, x);
    } else {
      atomic_apply<CombineMin>(p, x);
    }
  }
}
