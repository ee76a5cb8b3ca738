// rms_norm and layer_norm as in norm.hip, of rows too long for registers: a workgroup a row, which it reads
// twice or (LAYER 1) three times. y may be x.
//
// Defines: T, LAYER, WEIGHT, BIAS, VEC (divides n), INDEX (u32 or u64: numbers rows).
#include "layout.h"
#include "scalar.h"
#include "wave.h"

constexpr int kThreads = 1024;

// sum((x - origin)^power) over the row.
template <int Power>
DEVICE float sum_row(const T* row, u32 n, float origin, float* scratch) {
  float s[VEC];
  UNROLL
  for (float& each : s) each = 0;
  for (u32 i = thread_x() * VEC; i < n; i += kThreads * VEC) {
    const Vec<T, VEC> v = load<VEC>(row + i);
    UNROLL
    for (int k = 0; k < VEC; k++) {
      const float d = cast<float>(v[k]) - origin;
      s[k] += Power == 2 ? d * d : d;
    }
  }
  float total = s[0];
  UNROLL
  for (int k = 1; k < VEC; k++) total += s[k];
  return group_reduce<Add, kThreads>(total, scratch);
}

KERNEL(1024)
norm_long(const T* x, const T* __restrict__ weight, const T* __restrict__ bias, T* y,
          STRUCT_ARGUMENT Layout<1> rows, INDEX count, u32 n, float eps) {
  SHARED float scratch[2][kThreads / WAVE];
  const float per_element = 1.0f / (float)n;
  for (INDEX row = group_x(); row < count; row += group_count_x()) {
    const T* from = x + rows.offset(row);
    T* to = y + (u64)row * n;
    const float mean = LAYER ? sum_row<1>(from, n, 0.0f, scratch[0]) * per_element : 0.0f;
    const float square = sum_row<2>(from, n, mean, scratch[1]);
    const float scale = 1.0f / math_sqrt(square * per_element + eps);
    for (u32 i = thread_x() * VEC; i < n; i += kThreads * VEC) {
      const Vec<T, VEC> v = load<VEC>(from + i);
      Vec<T, VEC> w, b, out;
      if (WEIGHT) w = load<VEC>(weight + i);
      if (BIAS) b = load<VEC>(bias + i);
      UNROLL
      for (int k = 0; k < VEC; k++) {
        float r = (cast<float>(v[k]) - mean) * scale;
        if (WEIGHT) r = rounded<T>(r) * cast<float>(w[k]);
        if (BIAS) r = rounded<T>(r) + cast<float>(b[k]);
        out[k] = cast<T>(r);
      }
      store(to + i, out);
    }
    barrier_lds();
  }
}
