// Elements of matrix products: T in memory, Acc (float, or complex64) in sums.
#pragma once
#include "device.h"
#include "scalar.h"

DEVICE float widen(bf16 x) { return cast<float>(x); }
DEVICE float widen(f16 x) { return cast<float>(x); }
DEVICE float widen(float x) { return x; }
DEVICE complex64 widen(complex64 x) { return x; }

template <class Type>
DEVICE Type narrow(float x) {
  return cast<Type>(x);
}
template <class Type>
DEVICE Type narrow(complex64 x) {
  return x;
}

DEVICE float multiply_add(float a, float b, float c) { return math_fma(a, b, c); }
DEVICE complex64 multiply_add(complex64 a, complex64 b, complex64 c) {
  return {math_fma(a.re, b.re, math_fma(-a.im, b.im, c.re)),
          math_fma(a.re, b.im, math_fma(a.im, b.re, c.im))};
}
