// Reductions over the lanes of a wave and over a workgroup.
#pragma once
#include "device.h"

struct Sum {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return a + b;
  }
};
struct Max {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return a > b ? a : b;
  }
  DEVICE float operator()(float a, float b) const { return math_max(a, b); }
};
struct Min {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return a < b ? a : b;
  }
  DEVICE float operator()(float a, float b) const { return math_min(a, b); }
};

// Every lane gets the reduction over the `Lanes` (a power of two) neighbouring lanes that it belongs to.
template <class Op, int Lanes = WAVE, class Type>
DEVICE Type wave_reduce(Type x) {
  Op op;
  if constexpr (Lanes > 1) x = op(x, fold<1>(x));
  if constexpr (Lanes > 2) x = op(x, fold<2>(x));
  if constexpr (Lanes > 4) x = op(x, fold<4>(x));
  if constexpr (Lanes > 8) x = op(x, fold<8>(x));
  if constexpr (Lanes > 16) x = op(x, fold<16>(x));
  if constexpr (Lanes > 32) x = op(x, fold<32>(x));
  return x;
}

// Every thread gets the reduction over the workgroup of `Threads`. `scratch` has Threads / WAVE elements of
// LDS and is free again after the next barrier.
template <class Op, int Threads, class Type>
DEVICE Type group_reduce(Type x, Type* scratch) {
  constexpr int waves = Threads / WAVE;
  x = wave_reduce<Op>(x);
  if constexpr (waves == 1) return x;
  if (lane() == 0) scratch[thread_x() / WAVE] = x;
  barrier_lds();
  Op op;
  x = scratch[0];
  UNROLL
  for (int i = 1; i < waves; i++) x = op(x, scratch[i]);
  return x;
}
