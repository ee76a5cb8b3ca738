// Groups gathered products by their matrix of w, for qmm.hip: one workgroup, a counting sort in LDS.
//
//   order   for each place: the product's number, its matrix of x
//   tiles   their number, then for each: the matrix of w, the first row, the end of that matrix's rows
//
// A product has m rows; a tile at most BM of one matrix. MATRICES is how many counters there are, at least
// those of w. The order of the products of one matrix may differ from run to run; no result depends on it.
// Runs of equal indices in neighbouring lanes take one atomic operation, so that sorted indices do not queue
// for a counter.
#define PAIRS PAIRS_GATHER
#include "atomics.h"
#include "pairs.h"

constexpr int THREADS = 1024, MINE = (MATRICES + THREADS - 1) / THREADS;  // counters of a thread

// Where this lane's run of equal values starts among the lanes, and how many it has; lanes that are not
// `there` are alone.
struct Same {
  u32 head, count;
};
DEVICE Same same_as_neighbours(u32 value, bool there) {
  u32 before = shuffle(value, lane() ? lane() - 1 : 0);
  u64 heads = wave_ballot(lane() == 0 || value != before || !there);
  u64 below = heads & (~0ull >> (63 - lane())), above = lane() == 63 ? 0 : heads >> (lane() + 1);
  u32 head = highest_bit(below);
  u32 next = above ? lane() + 1 + lowest_bit(above) : WAVE;
  return {head, next - head};
}

// The sum of the values of the threads before this one. All threads of the workgroup take part.
DEVICE u32 sum_before(u32 value, u32* scratch) {
  const u32 t = thread_x();
  u32 total = value;
  scratch[t] = total;
  barrier_lds();
  for (u32 step = 1; step < THREADS; step *= 2) {
    u32 other = t >= step ? scratch[t - step] : 0;
    barrier_lds();
    total += other;
    scratch[t] = total;
    barrier_lds();
  }
  return total - value;
}

KERNEL(1024)
qmm_group(const u32* __restrict__ lhs, const u32* __restrict__ rhs, u32* __restrict__ order,
          u32* __restrict__ tiles, STRUCT_ARGUMENT MatrixPairs pairs, u32 m) {
  SHARED u32 counts[MINE * THREADS], scratch[THREADS];
  const u32 t = thread_x();
  for (u32 i = t; i < MINE * THREADS; i += THREADS) counts[i] = 0;
  barrier_lds();
  for (u32 base = 0; base < pairs.count; base += THREADS) {
    bool there = base + t < pairs.count;
    u32 matrix = there ? pair_of(pairs, lhs, rhs, base + t).w : 0;
    Same same = same_as_neighbours(matrix, there);
    if (there && same.head == lane()) atomic_add(&counts[matrix], same.count);
  }
  barrier_lds();

  u32 products = 0, parts = 0;
  for (u32 i = t * MINE; i < (t + 1) * MINE; i++) {
    products += counts[i];
    parts += (counts[i] * m + BM - 1) / BM;
  }
  u32 place = sum_before(products, scratch);
  barrier_lds();
  u32 tile = sum_before(parts, scratch);
  if (t == THREADS - 1) tiles[0] = tile + parts;
  for (u32 i = t * MINE; i < (t + 1) * MINE; i++) {
    u32 count = counts[i], end = (place + count) * m;
    for (u32 row = place * m; row < end; row += BM, tile++) {
      tiles[1 + 3 * tile] = i;
      tiles[2 + 3 * tile] = row;
      tiles[3 + 3 * tile] = end;
    }
    counts[i] = place;
    place += count;
  }
  barrier_lds();

  for (u32 base = 0; base < pairs.count; base += THREADS) {
    bool there = base + t < pairs.count;
    Pair pair = there ? pair_of(pairs, lhs, rhs, base + t) : Pair{0, 0};
    Same same = same_as_neighbours(pair.w, there);
    u32 first = 0;
    if (there && same.head == lane()) first = atomic_add(&counts[pair.w], same.count);
    first = shuffle(first, same.head) + lane() - same.head;
    if (there) {
      order[2 * first] = base + t;
      order[2 * first + 1] = pair.x;
    }
  }
}
