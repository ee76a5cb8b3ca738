// Sorts the pairs of gather_mm by their matrix of b, so that gemm.hip can multiply each matrix with all its
// rows at once:
//   order[..]  the rows (pair * m + row), those of matrix 0 first; any order within one matrix
//   starts[e]  where the rows of matrix e start in it, starts[count] = all
//   tiles[e]   the first tile of BM rows of matrix e, tiles[count] = their number
// One workgroup, counters in LDS. Reads the indices twice and writes m * pairs words: microseconds beside the
// product.
#include "atomics.h"
#include "gemm_args.h"

#ifndef MATRICES
#define MATRICES 256
#endif

constexpr u32 THREADS = 1024, AHEAD = 8, NONE = ~0u;

// f(pair, its matrix) for all pairs, or NONE beyond the last, by whole waves. Several indices are read ahead: one
// workgroup would otherwise wait for memory most of the time.
template <class Function>
DEVICE void each_pair(const u32* rhs, const GemmIndices& index, u32 pairs, Function f) {
  const u32 last = (u32)index.b_count - 1;
  for (u32 base = 0; base < pairs; base += THREADS * AHEAD) {
    u32 which[AHEAD];
    UNROLL
    for (u32 i = 0; i < AHEAD; i++) {
      const u32 pair = base + i * THREADS + thread_x();
      which[i] = NONE;
      if (pair < pairs) {
        i64 at[2];
        index.pairs.offsets(pair, at);
        const u32 given = rhs[at[1]];
        which[i] = given < last ? given : last;
      }
    }
    UNROLL
    for (u32 i = 0; i < AHEAD; i++) f(base + i * THREADS + thread_x(), which[i]);
  }
}

// Adds m to the counter `which`, and returns what it was. Sorted indices would send a whole wave to one counter.
DEVICE u32 take(u32* counts, u32 which, u32 m) {
  const u64 all = WAVE == 64 ? ~0ull : 0xffffffffull;
  u32 at = 0;
  if (wave_ballot(which == shuffle(which, 0)) == all) {
    if (lane() == 0 && which != NONE) at = atomic_add(counts + which, (u32)WAVE * m);
    return shuffle(at, 0) + lane() * m;
  }
  if (which != NONE) at = atomic_add(counts + which, m);
  return at;
}

// The sum over the lanes up to this one.
DEVICE u32 scan(u32 x) {
  UNROLL
  for (u32 step = 1; step < WAVE; step *= 2) {
    u32 before = shuffle(x, lane() - step);
    if (lane() >= step) x += before;
  }
  return x;
}

KERNEL(1024)
group_rows(const u32* __restrict__ rhs, STRUCT_ARGUMENT GemmIndices index, u32 pairs, u32 m, u32 bm,
           u32* __restrict__ order, u32* __restrict__ starts, u32* __restrict__ tiles) {
  SHARED u32 counts[MATRICES];
  const u32 count = (u32)index.b_count;
  for (u32 i = thread_x(); i < count; i += THREADS) counts[i] = 0;
  barrier_lds();
  each_pair(rhs, index, pairs, [&](u32, u32 which) { take(counts, which, m); });
  barrier_lds();
  if (thread_x() < WAVE) {
    u32 rows_before = 0, tiles_before = 0;
    for (u32 base = 0; base < count; base += WAVE) {
      const u32 e = base + lane(), rows = e < count ? counts[e] : 0, needed = (rows + bm - 1) / bm;
      const u32 rows_to = rows_before + scan(rows), tiles_to = tiles_before + scan(needed);
      if (e < count) {
        starts[e] = counts[e] = rows_to - rows;
        tiles[e] = tiles_to - needed;
      }
      rows_before = shuffle(rows_to, WAVE - 1);
      tiles_before = shuffle(tiles_to, WAVE - 1);
    }
    if (lane() == 0) {
      starts[count] = rows_before;
      tiles[count] = tiles_before;
    }
  }
  barrier_lds();
  each_pair(rhs, index, pairs, [&](u32 pair, u32 which) {
    const u32 to = take(counts, which, m);
    if (which == NONE) return;
    for (u32 row = 0; row < m; row++) order[to + row] = pair * m + row;
  });
}
