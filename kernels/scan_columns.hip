// Cumulative operations along an axis that is not the last: x, y (outer, n, inner), y may be x.
//
//   scan_columns   neighbouring threads follow neighbouring lines
//   column_totals  what each piece of a line adds up to
//
// Read and written once, DEPTH loads ahead: memory limits it. Where lines are few they are cut into pieces,
// as in scan.hip.
//
// Defines: those of scan.h; T, REVERSE, INCLUSIVE (0, 1), VEC (neighbouring lines of a thread, an aligned
// access; divides inner).
#include "scan.h"

// A thread's lines: VEC neighbours, from position `begin` of piece number `piece`.
struct Lines {
  u64 at, total;  // elements
  u32 count;      // of positions
  i64 step;
  DEVICE Lines(u64 id, u32 n, u32 inner, u32 pieces, u32 piece) {
    const u32 groups = inner / VEC, column = (u32)(id % groups) * VEC;
    const u64 rest = id / groups;
    const u64 outer = rest / pieces;
    const u32 begin = (u32)(rest % pieces) * piece;
    count = n - begin < piece ? n - begin : piece;
    at = (outer * n + (REVERSE ? n - 1 - begin : begin)) * inner + column;
    step = REVERSE ? -(i64)inner : (i64)inner;
    total = rest * inner + column;
  }
};
constexpr u32 DEPTH = 8;  // loads in flight

// Calls use(position, elements) for the positions of a line, DEPTH loads ahead of the uses.
template <class Use>
DEVICE void walk(const T* from, i64 step, u32 count, Use use) {
  u32 p = 0;
  for (; p + DEPTH <= count; p += DEPTH) {
    Vec<T, VEC> v[DEPTH];
    UNROLL
    for (u32 i = 0; i < DEPTH; i++) v[i] = load<VEC>(from + (i64)(p + i) * step);
    UNROLL
    for (u32 i = 0; i < DEPTH; i++) use(p + i, v[i]);
  }
  for (; p < count; p++) use(p, load<VEC>(from + (i64)p * step));
}

KERNEL(256)
scan_columns(const T* x, T* y, const ACC* starts, u64 outer, u32 n, u32 inner, u32 pieces, u32 piece) {
  const u64 lines = outer * pieces * (inner / VEC);
  for (u64 id = (u64)group_x() * THREADS + thread_x(); id < lines; id += (u64)group_count_x() * THREADS) {
    const Lines line(id, n, inner, pieces, piece);
    ACC sum[VEC];
    UNROLL
    for (int j = 0; j < VEC; j++) {
      sum[j] = IDENTITY;
      if (starts != nullptr) sum[j] = starts[line.total + j];
    }
    T* to = y + line.at;
    walk(x + line.at, line.step, line.count, [&](u32 p, const Vec<T, VEC>& v) {
      Vec<T, VEC> out;
      UNROLL
      for (int j = 0; j < VEC; j++) {
        const ACC next = combine(sum[j], cast<ACC>(v[j]));
        out[j] = cast<T>(INCLUSIVE ? next : sum[j]);
        sum[j] = next;
      }
      store<VEC>(to + (i64)p * line.step, out);
    });
  }
}

KERNEL(256)
column_totals(const T* __restrict__ x, ACC* __restrict__ totals, u64 outer, u32 n, u32 inner, u32 pieces,
              u32 piece) {
  const u64 lines = outer * pieces * (inner / VEC);
  for (u64 id = (u64)group_x() * THREADS + thread_x(); id < lines; id += (u64)group_count_x() * THREADS) {
    const Lines line(id, n, inner, pieces, piece);
    ACC sum[VEC];
    UNROLL
    for (int j = 0; j < VEC; j++) sum[j] = IDENTITY;
    walk(x + line.at, line.step, line.count, [&](u32, const Vec<T, VEC>& v) {
      UNROLL
      for (int j = 0; j < VEC; j++) sum[j] = combine(sum[j], cast<ACC>(v[j]));
    });
    UNROLL
    for (int j = 0; j < VEC; j++) totals[line.total + j] = sum[j];
  }
}
