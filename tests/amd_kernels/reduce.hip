// out[0] += sum(x[0:n]), OP Sum over float; or out[0] = max(out[0], x) for OP Max over i32. Groups loop over
// x.
#include "atomics.h"
#include "wave.h"

#ifndef THREADS
#define THREADS 256
#endif

#if defined(REDUCE_MAX)
using T = i32;
using Op = Max;
DEVICE T start() { return -2147483647 - 1; }
DEVICE void combine(T* out, T x) { atomic_max(out, x); }
#else
using T = float;
using Op = Sum;
DEVICE T start() { return 0; }
DEVICE void combine(T* out, T x) { atomic_add(out, x); }
#endif

KERNEL(THREADS) reduce(const T* __restrict__ x, T* out, u32 n, u32 groups) {
  SHARED T scratch[THREADS / WAVE];
  T total = start();
  Op op;
  for (u32 i = (group_x() * THREADS + thread_x()) * 4; i + 4 <= n; i += groups * THREADS * 4) {
    Vec<T, 4> v = load<4>(x + i);
    total = op(total, op(op(v[0], v[1]), op(v[2], v[3])));
  }
  u32 tail = n / 4 * 4 + thread_x();
  if (group_x() == 0 && tail < n) total = op(total, x[tail]);
  total = group_reduce<Op, THREADS>(total, scratch);
  if (thread_x() == 0) combine(out, total);
}
