// What reduce_rows.hip and reduce_columns.hip fold. Defines: T (elements), ACC (what one is widened to), OP
// (a functor of scalar.h, or All, Any, FirstMaximum, FirstMinimum), ARG (1: argmax and argmin), AT (index
// type of ARG, as wide as ACC so that a Place has no padding), PARTS (1: the input holds states of an earlier
// pass), OUT (elements written; "State" in passes before the last).
#pragma once
#include "device.h"
#include "layout.h"
#include "scalar.h"
#include "wave.h"

struct All {
  DEVICE u32 operator()(u32 a, u32 b) const { return a & b; }
};
struct Any {
  DEVICE u32 operator()(u32 a, u32 b) const { return a | b; }
};

// ---- neutral elements

template <class Value>
DEVICE Value one() {
  return Value(1);
}
template <>
DEVICE complex64 one<complex64>() {
  return {1.0f, 0.0f};
}

template <class Value>
DEVICE Value lowest() {  // of integers
  return Value(-1) < Value(0) ? Value(u64(1) << (sizeof(Value) * 8 - 1)) : Value(0);
}
template <>
DEVICE float lowest<float>() {
  return -infinity();
}
template <>
DEVICE complex64 lowest<complex64>() {
  return {-infinity(), -infinity()};
}
template <class Value>
DEVICE Value highest() {
  return Value(~lowest<Value>());
}
template <>
DEVICE float highest<float>() {
  return infinity();
}
template <>
DEVICE complex64 highest<complex64>() {
  return {infinity(), infinity()};
}

template <class Op, class Value>
struct Neutral;
#define NEUTRAL(Op, value)          \
  template <class Value>            \
  struct Neutral<Op, Value> {       \
    static DEVICE Value get() {     \
      return value;                 \
    }                               \
  };
NEUTRAL(Add, Value{})
NEUTRAL(Multiply, one<Value>())
NEUTRAL(Maximum, lowest<Value>())
NEUTRAL(Minimum, highest<Value>())
NEUTRAL(All, 1)
NEUTRAL(Any, 0)

// ---- values with their places, for argmax and argmin

template <class Value, class Index>
struct Place {
  Value value;
  Index at;
};
// The further value, NaN before all others; of equal ones the first.
template <class Further, class NotFurther>
struct First {
  template <class P>
  DEVICE P operator()(P a, P b) const {
    bool nan_a = a.value != a.value, nan_b = b.value != b.value;
    bool better = !nan_a && (nan_b || Further()(b.value, a.value));
    bool same = (nan_a && nan_b) || a.value == b.value;
    return better || (same && b.at < a.at) ? b : a;
  }
  // The same when b is known to stand behind a, and neither is the neutral element.
  template <class P>
  static DEVICE P next(P a, P b) {
    return a.value == a.value && !NotFurther()(b.value, a.value) ? b : a;
  }
};
using FirstMaximum = First<Greater, LessEqual>;
using FirstMinimum = First<Less, GreaterEqual>;
// Every element comes before it.
template <class Value, class Index>
struct Neutral<FirstMaximum, Place<Value, Index>> {
  static DEVICE Place<Value, Index> get() { return {lowest<Value>(), Index(~Index(0))}; }
};
template <class Value, class Index>
struct Neutral<FirstMinimum, Place<Value, Index>> {
  static DEVICE Place<Value, Index> get() { return {highest<Value>(), Index(~Index(0))}; }
};

// ---- what this kernel reads, folds and writes

#if ARG
using State = Place<ACC, AT>;
#else
using State = ACC;
#endif
#if PARTS
using Element = State;
DEVICE State widen(Element x, u32) { return x; }
#else
using Element = T;
#if ARG
DEVICE State widen(Element x, u32 at) { return {cast<ACC>(x), (AT)at}; }
#else
DEVICE State widen(Element x, u32) { return cast<ACC>(x); }
#endif
#endif
using Out = OUT;

// a with what stands behind it; neither is the neutral element.
DEVICE State next(State a, State b) {
#if ARG
  return OP::next(a, b);
#else
  return OP()(a, b);
#endif
}
DEVICE State neutral() { return Neutral<OP, State>::get(); }

template <class To>
struct Finish {
  template <class From>
  static DEVICE To of(From s) {
#if ARG
    return (To)s.at;
#else
    return cast<To>(s);
#endif
  }
};
template <>
struct Finish<State> {
  static DEVICE State of(State s) { return s; }
};
