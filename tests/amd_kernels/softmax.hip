// y[r][:] = softmax(x[r][:]) over n elements of T, a workgroup a row. Reads x three times (from cache), in
// float.
#include "wave.h"

#ifndef T
#define T bf16
#endif

KERNEL(256) softmax(const T* __restrict__ x, T* __restrict__ y, u32 n) {
  SHARED float scratch[2][256 / WAVE];
  const T* in = x + (u64)group_x() * n;
  T* out = y + (u64)group_x() * n;
  float top = -infinity();
  for (u32 i = thread_x(); i < n; i += 256) top = math_max(top, cast<float>(in[i]));
  top = group_reduce<Max, 256>(top, scratch[0]);
  float sum = 0;
  for (u32 i = thread_x(); i < n; i += 256) sum += math_exp(cast<float>(in[i]) - top);
  sum = group_reduce<Sum, 256>(sum, scratch[1]);
  float scale = 1 / sum;
  for (u32 i = thread_x(); i < n; i += 256) out[i] = cast<T>(math_exp(cast<float>(in[i]) - top) * scale);
}
