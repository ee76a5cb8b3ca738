// One pass of a stable radix sort of long rows by a digit of 8 bits: (rows, n) elements become keys in the
// first pass (FIRST), move as keys, and come out of the last one (LAST) as elements or as the positions that
// sort them (POSITIONS).
//
//   radix_count      (radix_count.hip) how often each tile has each digit: counts[row][tile][256]
//   (scan_columns)   counts summed over the tiles up to each one; few tiles (SUM_TILES) do that themselves
//   radix_scatter    (here) each tile ranks its elements and moves them to their places
//
// All rows of a batch go in one launch of each. A pass reads the keys twice and writes them once (positions
// move once more each way), so 4-byte keys take 4 * 12 bytes an element; memory limits it.
//
// A tile is ranked in the order of the row: wave after wave has a stretch of it, and within a stretch step
// after step of WAVE neighbours. Lanes of a step with the same digit find each other by eight ballots;
// counters in LDS, one set a wave, hold what earlier steps had. Then the tile is put in order in LDS, from
// where runs of equal digits leave side by side.
//
// Defines: T (a type of its size will do where no element goes in or out), POSITIONS, FIRST, LAST, SUM_TILES
// (0, 1), ITEMS (of a thread).
#include "radix.h"

#if !LAST || POSITIONS
using Moved = Key;
DEVICE Key moved(Key key) { return key; }
#else
using Moved = T;
DEVICE T moved(Key key) { return Keys::back(key); }
#endif

// The lanes whose digit equals this lane's.
DEVICE u64 lanes_like(u32 digit) {
  u64 same = wave_ballot(true);
  UNROLL
  for (int bit = 0; bit < 8; bit++) {
    const bool set = digit >> bit & 1;
    const u64 with = wave_ballot(set);
    same &= set ? with : ~with;
  }
  return same;
}

// Sum over the threads before this one.
DEVICE u32 sum_before(u32 x, u32* wave_sums) {
  u32 sum = x;
  UNROLL
  for (u32 step = 1; step < WAVE; step *= 2) {
    const u32 other = shuffle(sum, (lane() - step) & (WAVE - 1));
    if (lane() >= step) sum += other;
  }
  const u32 wave = thread_x() / WAVE;
  if (lane() == WAVE - 1) wave_sums[wave] = sum;
  barrier_lds();
  UNROLL
  for (u32 w = 0; w < WAVES; w++) {
    if (w < wave) sum += wave_sums[w];
  }
  return sum - x;
}

struct Scratch {
  u32 start[DIGITS];  // where a digit's elements begin in the sorted tile
  u32 place[DIGITS];  // and in the row, less `start`
  u32 wave_sums[2][WAVES];
  union {
    u32 seen[WAVES][DIGITS];  // of each wave: elements with the digit so far, then those in waves before it
    Key keys[TILE];
    u32 positions[POSITIONS ? TILE : 1];
  };
};

// Ranks of this thread's keys in the sorted tile. Keys from `n` on are the highest and the last of the tile.
DEVICE void rank_tile(Scratch& s, const Key (&keys)[ITEMS], u32 shift, u32 (&rank)[ITEMS]) {
  u32* seen = s.seen[thread_x() / WAVE];
  const u64 below = ((u64)1 << lane()) - 1;
  UNROLL
  for (int i = 0; i < ITEMS; i++) {
    const u32 digit = digit_of(keys[i], shift);
    const u64 same = lanes_like(digit);
    const u32 leader = lowest_bit(same);
    u32 before = 0;
    if (lane() == leader) before = atomic_add(seen + digit, count_bits(same));
    rank[i] = shuffle(before, leader) + count_bits(same & below);
  }
  barrier_lds();
  u32 total = 0;
  UNROLL
  for (u32 w = 0; w < WAVES; w++) {
    const u32 count = s.seen[w][thread_x()];
    s.seen[w][thread_x()] = total;
    total += count;
  }
  s.start[thread_x()] = sum_before(total, s.wave_sums[0]);
  barrier_lds();
  UNROLL
  for (int i = 0; i < ITEMS; i++) {
    const u32 digit = digit_of(keys[i], shift);
    rank[i] += s.start[digit] + seen[digit];
  }
  barrier_lds();
}

// Of one digit: how many there are in the row, and in the tiles before this one.
DEVICE void sum_tiles(const u32* counts, u32 tile, u32 tiles, u32& all, u32& earlier) {
#if SUM_TILES
  constexpr u32 TOGETHER = 8;
  all = earlier = 0;
  for (u32 first = 0; first < tiles; first += TOGETHER) {
    u32 count[TOGETHER];
    UNROLL
    for (u32 i = 0; i < TOGETHER; i++) count[i] = first + i < tiles ? counts[(first + i) * DIGITS] : 0;
    UNROLL
    for (u32 i = 0; i < TOGETHER; i++) {
      all += count[i];
      if (first + i < tile) earlier += count[i];
    }
  }
#else
  all = counts[(u64)(tiles - 1) * DIGITS];
  earlier = tile > 0 ? counts[(u64)(tile - 1) * DIGITS] : 0;
#endif
}

KERNEL(256)
radix_scatter(const Source* __restrict__ x, const u32* __restrict__ x_positions, const u32* __restrict__ sums,
              Moved* __restrict__ y, u32* __restrict__ y_positions, u64 rows, u32 n, u32 tiles,
            u32 shift) {
  SHARED Scratch s;
  for (u64 group = group_x(); group < rows * tiles; group += group_count_x()) {
    const Place at(group, tiles);
    const u64 row = at.row * n;
    const u32 first = at.tile * TILE, length = n - first < TILE ? n - first : TILE;
    const u32 stretch = thread_x() / WAVE * (WAVE * ITEMS) + lane();
    Key keys[ITEMS];
    UNROLL
    for (int i = 0; i < ITEMS; i++) {
      const u32 local = stretch + i * WAVE;
      keys[i] = (Key)~(Key)0;
      if (local < length) keys[i] = key_of(x[row + first + local]);
    }
    // A digit's place in the row: after all smaller digits, and after its own in the tiles before this one.
    u32 all, earlier;
    sum_tiles(sums + at.row * tiles * DIGITS + thread_x(), at.tile, tiles, all, earlier);
    UNROLL
    for (u32 w = 0; w < WAVES; w++) s.seen[w][thread_x()] = 0;
    barrier_lds();
    u32 rank[ITEMS];
    rank_tile(s, keys, shift, rank);
    s.place[thread_x()] = sum_before(all, s.wave_sums[1]) + earlier - s.start[thread_x()];

    UNROLL
    for (int i = 0; i < ITEMS; i++) s.keys[rank[i]] = keys[i];
    barrier_lds();
    u32 to[ITEMS];
    UNROLL
    for (int i = 0; i < ITEMS; i++) {
      const u32 local = i * THREADS + thread_x();
      const Key key = s.keys[local];
      to[i] = s.place[digit_of(key, shift)] + local;
#if !LAST || !POSITIONS
      if (local < length) y[row + to[i]] = moved(key);
#endif
    }
    barrier_lds();
#if POSITIONS
    UNROLL
    for (int i = 0; i < ITEMS; i++) {
      const u32 local = stretch + i * WAVE;
      u32 position = first + local;
#if !FIRST
      if (local < length) position = x_positions[row + position];
#endif
      s.positions[rank[i]] = position;
    }
    barrier_lds();
    UNROLL
    for (int i = 0; i < ITEMS; i++) {
      const u32 local = i * THREADS + thread_x();
      if (local < length) y_positions[row + to[i]] = s.positions[local];
    }
    barrier_lds();
#endif
  }
}
