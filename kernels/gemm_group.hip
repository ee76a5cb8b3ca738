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

constexpr u32 THREADS = 1024;

DEVICE u32 matrix_of(const u32* rhs, const GemmIndices& index, u32 pair) {
  i64 at[2];
  index.pairs.offsets(pair, at);
  u32 which = rhs[at[1]], last = (u32)index.b_count - 1;
  return which < last ? which : last;
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
  for (u32 pair = thread_x(); pair < pairs; pair += THREADS)
    atomic_add(counts + matrix_of(rhs, index, pair), m);
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
  for (u32 pair = thread_x(); pair < pairs; pair += THREADS) {
    const u32 to = atomic_add(counts + matrix_of(rhs, index, pair), m);
    for (u32 row = 0; row < m; row++) order[to + row] = pair * m + row;
  }
}
