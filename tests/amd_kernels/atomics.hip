// out[index[i]] += x[i] for i < n, T one of float, f16, bf16, i32.
#include "atomics.h"

#ifndef T
#define T float
#endif

KERNEL(256) scatter_add(const T* __restrict__ x, const u32* __restrict__ index, T* out, u32 n) {
  u32 i = group_x() * 256 + thread_x();
  if (i < n) atomic_add(out + index[i], x[i]);
}
