// y[r][:] = exp(x[r][:] - max) / sum, or with LSE y[r] = log(sum(exp(x[r][:]))), over rows of n elements that
// fit the registers of a team of threads (rows.h). Reads x once and writes y once; everything between is in
// float. Bandwidth of memory limits it. Longer rows: softmax_long.hip.
//
// Defines beside those of rows.h: LSE, INDEX (u32 or u64: numbers rows).
#include "rows.h"

KERNEL(THREADS)
softmax(const T* __restrict__ x, T* __restrict__ y, STRUCT_ARGUMENT Layout<1> rows, INDEX count, u32 n) {
#if TEAM > WAVE
  SHARED float scratch[2][THREADS / WAVE];
#else
  float* scratch[2] = {nullptr, nullptr};
#endif
  for_rows(x, rows, count, n, -infinity(), [&](INDEX row, bool there, RowValues& v) {
    const float top = team_reduce<Maximum>(fold_held<Maximum>(v), scratch[0]);
    UNROLL
    for (float& each : v.v) each = math_exp(each - top);
    const float sum = team_reduce<Add>(fold_held<Add>(v), scratch[1]);
#if LSE
    // An infinite maximum is the result; its sum is NaN.
    const float result = math_abs(top) == infinity() ? top : top + math_log(sum);
    if (there && thread_x() % TEAM == 0) y[row] = cast<T>(result);
#else
    const float scale = 1.0f / sum;
    UNROLL
    for (float& each : v.v) each *= scale;
    if (there) write_row(y + (u64)row * n, n, v);
#endif
  });
}
