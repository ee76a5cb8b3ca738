// y[item] = OP over `n` elements that follow each other `stride` apart: the reduced axis is the fastest one.
// TEAM threads take an item, 256 / TEAM items a workgroup; with several parts (group_y) of `chunk` elements,
// a part each, and a second pass folds them. Reads every element once, in 16-byte vectors after the first
// aligned address (STRIDED 0), with four of them in flight a thread. Bandwidth of memory limits it.
//
// Defines beside those of reduce.h: TEAM (1, 8, 32 or 256), STRIDED, INDEX (u32 or u64: numbers items).
#include "reduce.h"

constexpr int kVec = sizeof(Element) >= 16 ? 1 : 16 / sizeof(Element);
constexpr int kInFlight = 4;

#if STRIDED
DEVICE State fold_item(const Element* p, u32 n, u32 at, u32 t, i64 stride) {
  OP op;
  State total[kInFlight];
  UNROLL
  for (State& s : total) s = neutral();
  u32 i = t;
  for (; i + (kInFlight - 1) * TEAM < n; i += kInFlight * TEAM) {
    Element e[kInFlight];
    UNROLL
    for (int k = 0; k < kInFlight; k++) e[k] = p[(i64)(i + k * TEAM) * stride];
    UNROLL
    for (int k = 0; k < kInFlight; k++) total[k] = op(total[k], widen(e[k], at + i + k * TEAM));
  }
  for (; i < n; i += TEAM) total[0] = op(total[0], widen(p[(i64)i * stride], at + i));
  return op(op(total[0], total[1]), op(total[2], total[3]));
}
#else
// Pairwise: short chains of operations, and sums lose less.
DEVICE State fold_vector(const Vec<Element, kVec>& v, u32 at) {
  State s[kVec];
  UNROLL
  for (int i = 0; i < kVec; i++) s[i] = widen(v[i], at + i);
  UNROLL
  for (int step = 1; step < kVec; step *= 2) {
    UNROLL
    for (int i = 0; i + step < kVec; i += 2 * step) s[i] = next(s[i], s[i + step]);
  }
  return s[0];
}

DEVICE State fold_item(const Element* p, u32 n, u32 at, u32 t, i64) {
  OP op;
  State total[kInFlight];
  UNROLL
  for (State& s : total) s = neutral();
  // Single elements up to the first 16-byte boundary.
  u32 head = ((0 - (u32)(u64)p) & 15) / (u32)sizeof(Element);
  if (head > n) head = n;
  for (u32 i = t; i < head; i += TEAM) total[0] = op(total[0], widen(p[i], at + i));
  p += head;
  n -= head;
  at += head;
  const u32 vectors = n / kVec;
  u32 i = t;
  for (; i + (kInFlight - 1) * TEAM < vectors; i += kInFlight * TEAM) {
    Vec<Element, kVec> v[kInFlight];
    UNROLL
    for (int k = 0; k < kInFlight; k++) v[k] = load<kVec>(p + (i + k * TEAM) * kVec);
    UNROLL
    for (int k = 0; k < kInFlight; k++) {
      total[k] = op(total[k], fold_vector(v[k], at + (i + k * TEAM) * kVec));
    }
  }
  for (; i < vectors; i += TEAM) {
    total[1] = op(total[1], fold_vector(load<kVec>(p + i * kVec), at + i * kVec));
  }
  for (i = vectors * kVec + t; i < n; i += TEAM) total[0] = op(total[0], widen(p[i], at + i));
  return op(op(total[0], total[1]), op(total[2], total[3]));
}
#endif

// items: where an item starts in x and where its result goes. part_stride: from one part's result to the
// next.
KERNEL(256)
reduce_rows(const Element* __restrict__ x, Out* __restrict__ y, STRUCT_ARGUMENT Layout<2> items, INDEX count,
            u32 n, u32 chunk, i64 stride, i64 part_stride) {
  constexpr u32 teams = 256 / TEAM;
  const u32 t = thread_x() % TEAM, begin = group_y() * chunk;
  const u32 length = n - begin < chunk ? n - begin : chunk;
#if TEAM == 256
  SHARED State scratch[256 / WAVE];
#endif
  for (INDEX first = (INDEX)group_x() * teams; first < count; first += (INDEX)group_count_x() * teams) {
    const INDEX item = first + thread_x() / TEAM;
    i64 at[2] = {0, 0};
    State total = neutral();
    if (item < count) {
      items.offsets(item, at);
      total = fold_item(x + at[0] + (i64)begin * stride, length, begin, t, stride);
    }
#if TEAM == 256
    total = group_reduce<OP, 256>(total, scratch);
    barrier_lds();
#else
    total = wave_reduce<OP, TEAM>(total);
#endif
    if (t == 0 && item < count) y[at[1] + (i64)group_y() * part_stride] = Finish<Out>::of(total);
  }
}
