// The digits of each tile of a radix sort, counted: x (rows, n) -> counts (rows, tiles, 256); see radix.hip.
// Reads the keys once: memory limits it, or atomics in LDS where neighbours have the same digit (each wave
// has a histogram of its own).
//
// Defines: T, POSITIONS, FIRST (0, 1), ITEMS (of a thread).
#include "radix.h"

KERNEL(256)
radix_count(const Source* __restrict__ x, u32* __restrict__ counts, u64 rows, u32 n, u32 tiles, u32 shift) {
  SHARED u32 histogram[WAVES][DIGITS];
  u32* own = histogram[thread_x() / WAVE];
  for (u64 group = group_x(); group < rows * tiles; group += group_count_x()) {
    const Place place(group, tiles);
    const Source* row = x + place.row * n;
    const u32 first = place.tile * TILE;
    UNROLL
    for (u32 w = 0; w < WAVES; w++) histogram[w][thread_x()] = 0;
    barrier_lds();
    UNROLL
    for (int i = 0; i < ITEMS; i++) {
      const u32 at = first + i * THREADS + thread_x();
      if (at < n) atomic_add(own + digit_of(key_of(row[at]), shift), 1u);
    }
    barrier_lds();
    u32 sum = 0;
    UNROLL
    for (u32 w = 0; w < WAVES; w++) sum += histogram[w][thread_x()];
    counts[group * DIGITS + thread_x()] = sum;
    barrier_lds();
  }
}
