// x[i] = values[number of true mask entries before i] where mask[i], over n mask entries; an entry is `chunk`
// elements. Entries beyond the last value keep what they are.
//
// Three launches: count (a workgroup each 2048 entries), scan of the counts (one workgroup), place. Moves the
// mask twice, and the values and x's true entries once. With chunk > 1 the third launch only writes which
// value each entry takes (u32, or ~0), and copy_chunks moves rows.
//
// Define: U (u8, u16, u32, u64), of the size of an element, or of the unit of a chunk.
#include "row_tiles.h"

#ifndef U
#define U u32
#endif

constexpr int PER = 8, BLOCK = 256 * PER, WAVES = 256 / WAVE;

// The sum of the values that threads before this one have. 256 threads.
DEVICE u32 exclusive_sum(u32 x, u32* scratch) {
  u32 t = thread_x();
  scratch[t] = x;
  barrier_lds();
  u32 sum = x;
  for (u32 d = 1; d < 256; d *= 2) {
    u32 before = t >= d ? scratch[t - d] : 0;
    barrier_lds();
    sum += before;
    scratch[t] = sum;
    barrier_lds();
  }
  return sum - x;
}

KERNEL(256) mask_count(const u8* __restrict__ mask, u32* __restrict__ counts, u64 n) {
  SHARED u32 total[WAVES];
  u64 first = (u64)group_x() * BLOCK;
  u32 sum = 0;
  UNROLL
  for (int k = 0; k < PER; k++) {
    u64 i = first + (u32)k * 256 + thread_x();
    sum += count_bits(wave_ballot(i < n && mask[i < n ? i : 0] != 0));
  }
  if (lane() == 0) total[thread_x() / WAVE] = sum;
  barrier_lds();
  if (thread_x() == 0) {
    u32 all = 0;
    for (int w = 0; w < WAVES; w++) all += total[w];
    counts[group_x()] = all;
  }
}

// counts[i] becomes the sum of those before it. One workgroup.
KERNEL(256) mask_scan(u32* counts, u32 n) {
  SHARED u32 scratch[256];
  SHARED u32 carry;
  if (thread_x() == 0) carry = 0;
  for (u32 base = 0; base < n; base += BLOCK) {
    u32 first = base + thread_x() * PER, own[PER], sum = 0;
    UNROLL
    for (int k = 0; k < PER; k++) {
      own[k] = sum;
      sum += first + k < n ? counts[first + k] : 0;
    }
    u32 before = exclusive_sum(sum, scratch) + carry;
    UNROLL
    for (int k = 0; k < PER; k++) {
      if (first + k < n) counts[first + k] = before + own[k];
    }
    barrier_lds();
    if (thread_x() == 255) carry = before + sum;
    barrier_lds();
  }
}

// before: the scanned counts. limit: number of values (of chunks of them). chosen: null, or which value each
// entry takes.
KERNEL(256)
mask_place(const u8* __restrict__ mask, const u32* __restrict__ before, const U* __restrict__ values, U* x,
           u32* __restrict__ chosen, u64 n, u32 limit) {
  SHARED u32 scratch[256];
  const u32 wave = thread_x() / WAVE;
  const u64 first = (u64)group_x() * BLOCK, lower = ((u64)1 << lane()) - 1;
  u32 rank[PER];
  scratch[thread_x()] = 0;
  barrier_lds();
  UNROLL
  for (int k = 0; k < PER; k++) {
    u64 i = first + (u32)k * 256 + thread_x();
    bool set = i < n && mask[i < n ? i : 0] != 0;
    u64 lanes = wave_ballot(set);
    rank[k] = set ? count_bits(lanes & lower) : ~0u;
    if (lane() == 0) scratch[k * WAVES + wave] = count_bits(lanes);
  }
  barrier_lds();
  u32 own = scratch[thread_x()];
  barrier_lds();
  u32 sum = exclusive_sum(own, scratch);
  barrier_lds();
  scratch[thread_x()] = sum;
  barrier_lds();
  u32 base = before[group_x()];
  UNROLL
  for (int k = 0; k < PER; k++) {
    u64 i = first + (u32)k * 256 + thread_x();
    u32 at = base + scratch[k * WAVES + wave] + rank[k];
    bool takes = rank[k] != ~0u && at < limit;
    if (chosen) {
      if (i < n) chosen[i] = takes ? at : ~0u;
    } else if (takes) {
      x[i] = values[at];
    }
  }
}

// x[i][:] = values[chosen[i]][:] unless that is ~0: rows of `tiles`.
KERNEL(256)
copy_chunks(const u32* __restrict__ chosen, const U* __restrict__ values, U* __restrict__ x,
            STRUCT_ARGUMENT RowTiles tiles) {
  const u32 begin = tiles.begin(group_y(), thread_x()), end = tiles.end(group_y()), cols = tiles.cols();
  const u32 block = tiles.rows_of_group();
  for (u64 row = (u64)group_x() * block + tiles.row_of(thread_x()); row < tiles.rows;
       row += (u64)group_count_x() * block) {
    u32 from = chosen[row];
    if (from == ~0u) continue;
    for (u32 c = begin; c < end; c += cols) x[row * tiles.n + c] = values[(u64)from * tiles.n + c];
  }
}
