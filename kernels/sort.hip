// Rows of up to a few thousand elements, each sorted by the threads of one workgroup or a part of it: x
// (rows, n) -> y (rows, n), values or (POSITIONS) the indices that sort them. n <= 2^log_row, ITEMS <=
// 2^log_row <= ITEMS * THREADS.
//
// A bitonic network over items in registers. The bits of an item's place in its row are, from the lowest:
// register, lane, wave. The lowest bits have the most stages, so most of the log_row (log_row + 1) / 2 stages
// stay inside a thread and most others inside a wave (DPP on AMD); only the wave bits go through LDS. A
// network is not stable, but items that carry their position are all different, so nothing is left to chance.
// Memory moves once: n * (sizeof(T) in + sizeof(Out) out); what limits it is arithmetic and shuffles: 4096
// floats take 42 stages in registers, 30 by shuffle and 6 by LDS (waves of 32, 16 items).
//
// Defines: T, POSITIONS (0, 1), THREADS, LOG_ITEMS, VEC (elements of an aligned store; divides n and ITEMS).
#include "sort_keys.h"

constexpr int ITEMS = 1 << LOG_ITEMS;
constexpr u32 LOG_WAVE = WAVE == 64 ? 6 : 5;
using Keys = SortKey<T>;

// What is sorted. For positions: the key above, the position below.
struct Wide {
  u64 key;
  u32 position;
};
DEVICE bool operator<(Wide a, Wide b) { return a.key < b.key || (a.key == b.key && a.position < b.position); }

#if POSITIONS
using Out = u32;
template <int KeyBytes>
struct ItemOf {
  using type = u32;
};
template <>
struct ItemOf<4> {
  using type = u64;
};
template <>
struct ItemOf<8> {
  using type = Wide;
};
#else
using Out = T;
template <int KeyBytes>
struct ItemOf {
  using type = u32;
};
template <>
struct ItemOf<8> {
  using type = u64;
};
#endif
using Item = ItemOf<sizeof(Keys::Key)>::type;

template <class To>
struct Make {
  static DEVICE To item(u64 key, u32 position) {
    if constexpr (!POSITIONS) return (To)key;
    return (To)(key << (sizeof(To) * 4) | position);
  }
  static DEVICE To last() { return (To)~0ull; }  // behind every element of the row
  static DEVICE u32 position(To item) { return (u32)(item & (To)(~(To)0 >> (sizeof(To) * 4))); }
};
template <>
struct Make<Wide> {
  static DEVICE Wide item(u64 key, u32 position) { return {key, position}; }
  static DEVICE Wide last() { return {~0ull, ~0u}; }
  static DEVICE u32 position(Wide item) { return item.position; }
};

DEVICE Out out_of(Item item) {
#if POSITIONS
  return Make<Item>::position(item);
#else
  return Keys::back((Keys::Key)item);
#endif
}

template <class Type>
DEVICE Type from_lane(Type x, u32 from) {
  return shuffle(x, from);
}
DEVICE Wide from_lane(Wide x, u32 from) { return {shuffle(x.key, from), shuffle(x.position, from)}; }
template <int Mask, class Type>
DEVICE Type across(Type x) {
  return shuffle_xor<Mask>(x);
}
template <int Mask>
DEVICE Wide across(Wide x) {
  return {shuffle_xor<Mask>(x.key), shuffle_xor<Mask>(x.position)};
}

template <class Type>
DEVICE Type choose(bool first, Type a, Type b) {
  return first ? a : b;
}
DEVICE Wide choose(bool first, Wide a, Wide b) {
  return {first ? a.key : b.key, first ? a.position : b.position};
}
DEVICE void order(Item& a, Item& b) {
  const bool swap = b < a;
  const Item low = choose(swap, b, a);
  b = choose(swap, a, b);
  a = low;
}
// The one of a pair that stays here: the larger one in the upper place.
DEVICE Item keep(Item mine, Item other, bool upper) { return choose((mine < other) != upper, mine, other); }

// The stages inside a thread that merge runs of 2^Log items: its first step compares i with its mirror image.
template <int Log>
DEVICE void merge_in_registers(Item (&x)[ITEMS], bool mirror) {
  if constexpr (Log > 0) {
    constexpr int half = 1 << (Log - 1);
    UNROLL
    for (int i = 0; i < ITEMS; i++) {
      const int partner = mirror ? i ^ (2 * half - 1) : i ^ half;
      if (!(i & half)) order(x[i], x[partner]);
    }
    merge_in_registers<Log - 1>(x, false);
  }
}
template <int Log>
DEVICE void sort_in_registers(Item (&x)[ITEMS]) {
  if constexpr (Log > 0) {
    sort_in_registers<Log - 1>(x);
    merge_in_registers<Log>(x, true);
  }
}

template <int Mask>
DEVICE void lane_stage(Item (&x)[ITEMS]) {
  const bool upper = lane() & Mask;
  UNROLL
  for (int i = 0; i < ITEMS; i++) x[i] = keep(x[i], across<Mask>(x[i]), upper);
}

// Pairs with thread ^ mask, register by register or (mirror) with the registers in reverse.
DEVICE void mirror_in_wave(Item (&x)[ITEMS], u32 mask, bool upper) {
  const u32 from = lane() ^ mask;
  UNROLL
  for (int i = 0; i < (ITEMS + 1) / 2; i++) {
    const int j = ITEMS - 1 - i;
    const Item a = from_lane(x[j], from), b = from_lane(x[i], from);
    x[i] = keep(x[i], a, upper);
    if (j != i) x[j] = keep(x[j], b, upper);
  }
}

// A few registers at a time, so that LDS holds several workgroups: some from below and their mirror images.
constexpr int TOGETHER = ITEMS < 4 ? ITEMS : 4;
DEVICE constexpr int register_of(int turn, int slot) {
  return slot < TOGETHER / 2 ? turn * (TOGETHER / 2) + slot : ITEMS - TOGETHER + slot - turn * (TOGETHER / 2);
}
DEVICE void stage_through_lds(Item (&x)[ITEMS], u32 mask, bool mirror, bool upper, Item* exchange) {
  const u32 me = thread_x(), from = me ^ mask;
  UNROLL
  for (int turn = 0; turn < ITEMS / TOGETHER; turn++) {
    UNROLL
    for (int slot = 0; slot < TOGETHER; slot++) exchange[slot * THREADS + me] = x[register_of(turn, slot)];
    barrier_lds();
    UNROLL
    for (int slot = 0; slot < TOGETHER; slot++) {
      const int theirs = mirror ? TOGETHER - 1 - slot : slot;
      Item& mine = x[register_of(turn, slot)];
      mine = keep(mine, exchange[theirs * THREADS + from], upper);
    }
    barrier_lds();
  }
}

// Sorts each aligned run of 2^log_row items.
DEVICE void sort_items(Item (&x)[ITEMS], u32 log_row, Item* exchange) {
  sort_in_registers<LOG_ITEMS>(x);
  const u32 me = thread_x();
  for (u32 log = 1; LOG_ITEMS + log <= log_row; log++) {
    const u32 mask = (1u << log) - 1;
    const bool upper = me >> (log - 1) & 1;
    if (log <= LOG_WAVE) {
      mirror_in_wave(x, mask, upper);
    } else {
      stage_through_lds(x, mask, true, upper, exchange);
    }
    for (u32 bit = log - 1; bit-- > LOG_WAVE;) {
      stage_through_lds(x, 1u << bit, false, me >> bit & 1, exchange);
    }
#if WAVE == 64
    if (log > 6) lane_stage<32>(x);
#endif
    if (log > 5) lane_stage<16>(x);
    if (log > 4) lane_stage<8>(x);
    if (log > 3) lane_stage<4>(x);
    if (log > 2) lane_stage<2>(x);
    if (log > 1) lane_stage<1>(x);
    merge_in_registers<LOG_ITEMS>(x, false);
  }
}

KERNEL(THREADS) sort_rows(const T* __restrict__ x, Out* __restrict__ y, u64 rows, u32 n, u32 log_row) {
  SHARED Item exchange[TOGETHER * THREADS];
  const u32 log_threads = log_row - LOG_ITEMS, threads = 1u << log_threads;  // of a row
  const u32 rows_here = (u32)THREADS >> log_threads;
  const u32 me = thread_x() & (threads - 1);
  for (u64 first = (u64)group_x() * rows_here; first < rows; first += (u64)group_count_x() * rows_here) {
    const u64 row = first + (thread_x() >> log_threads);
    const u32 length = row < rows ? n : 0;
    Item items[ITEMS];
    UNROLL
    for (int i = 0; i < ITEMS; i++) {
      const u32 at = i * threads + me;  // any order will do: neighbours read neighbours
      items[i] = Make<Item>::last();
      if (at < length) items[i] = Make<Item>::item(Keys::of<!POSITIONS>(x[row * n + at]), at);
    }
    sort_items(items, log_row, exchange);
    UNROLL
    for (int i = 0; i < ITEMS; i += VEC) {
      const u32 at = me * ITEMS + i;
      Vec<Out, VEC> out;
      UNROLL
      for (int j = 0; j < VEC; j++) out[j] = out_of(items[i + j]);
      if (at < length) store<VEC>(y + row * n + at, out);
    }
  }
}
