// What an axis is scanned with: OP (a functor) over ACC (what is accumulated, 4 or 8 bytes), from IDENTITY.
#pragma once
#include "wave.h"
#include "scalar.h"

constexpr u32 THREADS = 256;

// log(exp(a) + exp(b)). Minus infinity is the identity, for complex numbers too.
struct ScanLogAddExp {
  DEVICE float operator()(float a, float b) const { return LogAddExp{}(a, b); }
  DEVICE complex64 operator()(complex64 a, complex64 b) const {
    complex64 high = a > b ? a : b, low = a > b ? b : a;
    if (low.re == -infinity()) return high;
    return high + math_log(complex64{1.0f, 0.0f} + math_exp(low - high));
  }
};

DEVICE ACC combine(ACC a, ACC b) { return OP{}(a, b); }

