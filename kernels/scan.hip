// Cumulative operations along contiguous rows: x, y (rows, n), y may be x.
//
//   scan_rows      a row by some lanes of a wave
//   scan_pieces    a piece of a row by a workgroup
//   piece_totals   what each piece adds up to
//
// Rows are read and written once. Where they are few they are cut into pieces, whose totals are scanned to
// give each piece its start, and read twice. Memory limits it: a thread has its next 16 bytes on their way
// while it scans. Positions count in the order of the scan, so that REVERSE is only another way from
// positions to memory.
//
// Defines: those of scan.h; T, REVERSE, INCLUSIVE (0, 1), VEC (elements of an aligned access, divides n),
// ITEMS (consecutive elements of a thread, a multiple of VEC).
#include "scan.h"

// Elements at the positions p ... p + ITEMS of a row; beyond its n the identity.
DEVICE void load_items(const T* row, u32 p, u32 n, ACC (&v)[ITEMS]) {
  UNROLL
  for (int i = 0; i < ITEMS; i += VEC) {
    Vec<T, VEC> x;
    const bool there = p + i < n;
    if (there) x = load<VEC>(row + (REVERSE ? n - VEC - (p + i) : p + i));
    UNROLL
    for (int j = 0; j < VEC; j++) v[i + j] = there ? cast<ACC>(x[REVERSE ? VEC - 1 - j : j]) : (ACC)IDENTITY;
  }
}

// Scans items in place; gives their total.
DEVICE ACC scan_items(ACC (&v)[ITEMS]) {
  UNROLL
  for (int i = 1; i < ITEMS; i++) v[i] = combine(v[i - 1], v[i]);
  return v[ITEMS - 1];
}

// `v` are scanned items, `before` is all that precedes them.
DEVICE void store_items(T* row, u32 p, u32 n, ACC before, const ACC (&v)[ITEMS]) {
  UNROLL
  for (int i = 0; i < ITEMS; i += VEC) {
    Vec<T, VEC> y;
    UNROLL
    for (int j = 0; j < VEC; j++) {
      ACC out = before;
      if (INCLUSIVE || i + j > 0) out = combine(before, v[INCLUSIVE ? i + j : (i + j > 0 ? i + j - 1 : 0)]);
      y[REVERSE ? VEC - 1 - j : j] = cast<T>(out);
    }
    if (p + i < n) store<VEC>(row + (REVERSE ? n - VEC - (p + i) : p + i), y);
  }
}

// Every lane gets the combination of the lanes up to itself, among `lanes` (a power of two) neighbours.
DEVICE ACC scan_lanes(ACC x, u32 lanes) {
  const u32 me = lane() & (lanes - 1);
  for (u32 step = 1; step < lanes; step *= 2) {
    const ACC other = shuffle(x, (lane() - step) & (WAVE - 1));
    if (me >= step) x = combine(other, x);
  }
  return x;
}
DEVICE ACC lane_before(ACC x, u32 me) {
  const ACC other = shuffle(x, (lane() - 1) & (WAVE - 1));
  return me == 0 ? (ACC)IDENTITY : other;
}

KERNEL(256) scan_rows(const T* x, T* y, u64 rows, u32 n, u32 lanes) {
  const u32 rows_here = THREADS / lanes, me = lane() & (lanes - 1), step = lanes * ITEMS;
  for (u64 first = (u64)group_x() * rows_here; first < rows; first += (u64)group_count_x() * rows_here) {
    const u64 row = first + thread_x() / lanes;
    const u32 length = row < rows ? n : 0;
    const T* from = x + row * n;
    T* to = y + row * n;
    ACC carry = IDENTITY, next[ITEMS];
    load_items(from, me * ITEMS, length, next);
    for (u32 start = 0; start < n; start += step) {
      ACC v[ITEMS];
      UNROLL
      for (int i = 0; i < ITEMS; i++) v[i] = next[i];
      const u32 p = start + me * ITEMS;
      if (start + step < n) load_items(from, p + step, length, next);  // on its way during the scan
      const ACC sum = scan_lanes(scan_items(v), lanes);
      store_items(to, p, length, combine(carry, lane_before(sum, me)), v);
      carry = combine(carry, shuffle(sum, lane() | (lanes - 1)));
    }
  }
}

// Workgroups take pieces (a multiple of THREADS * ITEMS positions) in the order of memory. `starts`, one a
// piece, is null where rows are not cut.
KERNEL(256)
scan_pieces(const T* x, T* y, const ACC* starts, u64 rows, u32 n, u32 pieces, u32 piece) {
  SHARED ACC sums[2][THREADS / WAVE];
  const u32 wave = thread_x() / WAVE;
  for (u64 id = group_x(); id < rows * pieces; id += group_count_x()) {
    const u64 row = id / pieces;
    const u32 begin = (u32)(id % pieces) * piece, end = n - begin < piece ? n : begin + piece;
    const T* from = x + row * n;
    T* to = y + row * n;
    ACC carry = IDENTITY, next[ITEMS];
    if (starts != nullptr) carry = starts[id];
    load_items(from, begin + thread_x() * ITEMS, n, next);
    for (u32 start = begin, turn = 0; start < end; start += THREADS * ITEMS, turn ^= 1) {
      ACC v[ITEMS];
      UNROLL
      for (int i = 0; i < ITEMS; i++) v[i] = next[i];
      const u32 p = start + thread_x() * ITEMS;
      if (end - start > THREADS * ITEMS) load_items(from, p + THREADS * ITEMS, n, next);
      const ACC sum = scan_lanes(scan_items(v), WAVE);
      if (lane() == WAVE - 1) sums[turn][wave] = sum;
      barrier_lds();
      ACC before = carry;
      UNROLL
      for (u32 w = 0; w < THREADS / WAVE; w++) {
        if (w < wave) before = combine(before, sums[turn][w]);
        carry = combine(carry, sums[turn][w]);
      }
      store_items(to, p, n, combine(before, lane_before(sum, lane())), v);
    }
    barrier_lds();
  }
}

KERNEL(256)
piece_totals(const T* __restrict__ x, ACC* __restrict__ totals, u64 rows, u32 n, u32 pieces, u32 piece) {
  SHARED ACC scratch[THREADS / WAVE];
  for (u64 id = group_x(); id < rows * pieces; id += group_count_x()) {
    const T* from = x + id / pieces * n;
    const u32 begin = (u32)(id % pieces) * piece, end = n - begin < piece ? n : begin + piece;
    ACC total = IDENTITY;
    for (u32 p = begin + thread_x() * ITEMS; p < end; p += THREADS * ITEMS) {
      ACC v[ITEMS];
      load_items(from, p, n, v);
      total = combine(total, scan_items(v));
    }
    total = group_reduce<OP, THREADS>(total, scratch);
    if (thread_x() == 0) totals[id] = total;
    barrier_lds();
  }
}

