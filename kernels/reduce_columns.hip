// y[c] = OP over `n` rows that lie `stride` apart, for columns c that are neighbours in memory. A workgroup
// is a tile of 2^log_width threads along the columns, VEC columns each, and 256 >> log_width rows; what the
// rows of threads found meets in LDS. With several parts (group_y) of `chunk` rows a second pass folds them.
// Reads every element once, in accesses of VEC elements, four in flight a thread. Bandwidth of memory limits
// it.
//
// Defines beside those of reduce.h: VEC, INDEX (u32 or u64: numbers groups of VEC columns).
#include "reduce.h"

constexpr int kInFlight = 4;

DEVICE void fold_rows(State (&s)[VEC], const Element* p, u32 first, u32 last, u32 step, u32 at, i64 stride) {
  OP op;
  u32 r = first;
  for (; r + (kInFlight - 1) * step < last; r += kInFlight * step) {
    Vec<Element, VEC> v[kInFlight];
    UNROLL
    for (int k = 0; k < kInFlight; k++) v[k] = load<VEC>(p + (i64)(r + k * step) * stride);
    UNROLL
    for (int i = 0; i < VEC; i++) {
      State a = next(widen(v[0][i], at + r), widen(v[1][i], at + r + step));
      State b = next(widen(v[2][i], at + r + 2 * step), widen(v[3][i], at + r + 3 * step));
      s[i] = op(s[i], next(a, b));
    }
  }
  for (; r < last; r += step) {
    Vec<Element, VEC> v = load<VEC>(p + (i64)r * stride);
    UNROLL
    for (int i = 0; i < VEC; i++) s[i] = op(s[i], widen(v[i], at + r));
  }
}

// columns: where VEC columns start in x and in y. out_stride: from one column's result to the next of the
// same thread.
KERNEL(256)
reduce_columns(const Element* __restrict__ x, Out* __restrict__ y, STRUCT_ARGUMENT Layout<2> columns,
               INDEX count, u32 n, u32 chunk, i64 stride, i64 out_stride, i64 part_stride, u32 log_width) {
  SHARED State scratch[VEC][128];
  const u32 width = 1u << log_width, height = 256u >> log_width;
  const u32 tx = thread_x() & (width - 1), ty = thread_x() >> log_width;
  const u32 begin = group_y() * chunk, length = n - begin < chunk ? n - begin : chunk;
  OP op;
  for (INDEX first = (INDEX)group_x() * width; first < count; first += (INDEX)group_count_x() * width) {
    const INDEX c = first + tx;
    i64 at[2] = {0, 0};
    State s[VEC];
    UNROLL
    for (State& each : s) each = neutral();
    if (c < count) {
      columns.offsets(c, at);
      fold_rows(s, x + at[0] + (i64)begin * stride, ty, length, height, begin, stride);
    }
    for (u32 half = height / 2; half > 0; half /= 2) {
      const u32 slot = thread_x() & (half * width - 1);
      if (ty >= half && ty < 2 * half) {
        UNROLL
        for (int i = 0; i < VEC; i++) scratch[i][slot] = s[i];
      }
      barrier_lds();
      if (ty < half) {
        UNROLL
        for (int i = 0; i < VEC; i++) s[i] = op(s[i], scratch[i][slot]);
      }
      barrier_lds();
    }
    if (ty == 0 && c < count) {
      Out* to = y + at[1] + (i64)group_y() * part_stride;
      UNROLL
      for (int i = 0; i < VEC; i++) to[i * out_stride] = Finish<Out>::of(s[i]);
    }
  }
}
