// y[m] = sum_k w[m][k] * x[k] for T bf16 or f16 (sums and y in float) or i8 (sums and y in i32); a wave a row, 16 bytes
// of w a lane and step. k is a multiple of 16 bytes. Bytes moved: those of w, which limits it.
#include "dot.h"
#include "wave.h"

#ifndef T
#define T bf16
#endif

constexpr int STEP = 16 / sizeof(T);

DEVICE i32 multiply(Vec<i8, 16> a, Vec<i8, 16> b, i32 c) {
  auto x = bit_cast<Vec<u32, 4>>(a), y = bit_cast<Vec<u32, 4>>(b);
  UNROLL
  for (int i = 0; i < 4; i++) c = dot4(x[i], y[i], c);
  return c;
}
template <class Type>
DEVICE float multiply(Vec<Type, 8> a, Vec<Type, 8> b, float c) {
  struct Pairs {
    Vec<Type, 2> v[4];
  };
  auto x = bit_cast<Pairs>(a), y = bit_cast<Pairs>(b);
  UNROLL
  for (int i = 0; i < 4; i++) c = dot2(x.v[i], y.v[i], c);
  return c;
}
using Acc = decltype(multiply(Vec<T, STEP>{}, Vec<T, STEP>{}, 0));

KERNEL(256) gemv(const T* __restrict__ w, const T* __restrict__ x, Acc* __restrict__ y, u32 m, u32 k) {
  u32 row = group_x() * (256 / WAVE) + thread_x() / WAVE;
  if (row >= m) return;
  const T* weights = w + (u64)row * k;
  Acc total = 0;
  for (u32 i = lane() * STEP; i < k; i += WAVE * STEP) {
    total = multiply(load_once<STEP>(weights + i), load<STEP>(x + i), total);
  }
  total = wave_reduce<Sum>(total);
  if (lane() == 0) y[row] = total;
}
