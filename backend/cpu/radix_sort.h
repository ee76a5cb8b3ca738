// Sorting of contiguous items: radix passes on one thread, merged chunks on several.
//
// An item is a key (values only) or a key with the position it came from. Items with positions are ordered by
// (key, position), which makes every algorithm here stable.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

#include "backend/cpu/pool.h"

namespace mlx_rocm::cpu {

// A key of at most 32 bits in the upper half, its position in the lower.
struct PackedItem {
  uint64_t bits;
  uint32_t position() const { return uint32_t(bits); }
  friend bool operator<(PackedItem a, PackedItem b) { return a.bits < b.bits; }
};

struct WideItem {
  uint64_t key;
  uint32_t at;
  uint32_t position() const { return at; }
  friend bool operator<(const WideItem& a, const WideItem& b) {
    return a.key < b.key || (a.key == b.key && a.at < b.at);
  }
};

template <class Key>
using ArgItem = std::conditional_t<sizeof(Key) == 8, WideItem, PackedItem>;

template <class Item, class Key>
Item make_item(Key key, uint32_t position) {
  if constexpr (std::is_same_v<Item, WideItem>) return {uint64_t(key), position};
  else if constexpr (std::is_same_v<Item, PackedItem>) return {uint64_t(key) << 32 | position};
  else return key;
}

template <class Item>
inline uint64_t key_of(const Item& item) {
  if constexpr (std::is_same_v<Item, WideItem>) return item.key;
  else if constexpr (std::is_same_v<Item, PackedItem>) return item.bits >> 32;
  else return item;
}

constexpr int64_t kSmallSort = 64;         // below: comparisons
constexpr int64_t kWideDigitItems = 6000;  // from here on 11-bit digits pay for their 2048 counters

// One stable pass over the digit; returns false (and moves nothing) when all items share it.
template <int kBits, class Item>
bool radix_pass(const Item* from, Item* to, int64_t n, int shift, uint32_t* counts) {
  constexpr int kBuckets = 1 << kBits;
  constexpr uint64_t mask = kBuckets - 1;
  if (counts[(key_of(from[0]) >> shift) & mask] == uint32_t(n)) return false;
  uint32_t at = 0;
  for (int b = 0; b < kBuckets; ++b) {
    const uint32_t count = counts[b];
    counts[b] = at;
    at += count;
  }
  for (int64_t i = 0; i < n; ++i) to[counts[(key_of(from[i]) >> shift) & mask]++] = from[i];
  return true;
}

// Sorts items by the low `key_bits` bits of their keys; `spare` holds n items.
template <int kBits, class Item>
void radix_sort_digits(Item* items, Item* spare, int64_t n, int key_bits) {
  constexpr int kBuckets = 1 << kBits;
  constexpr int kMaxPasses = (64 + kBits - 1) / kBits;
  const int passes = (key_bits + kBits - 1) / kBits;
  uint32_t counts[kMaxPasses][kBuckets];
  std::memset(counts, 0, sizeof(uint32_t) * kBuckets * passes);
  for (int64_t i = 0; i < n; ++i) {
    uint64_t key = key_of(items[i]);
    for (int p = 0; p < passes; ++p, key >>= kBits) ++counts[p][key & (kBuckets - 1)];
  }
  Item* from = items;
  Item* to = spare;
  for (int p = 0; p < passes; ++p) {
    if (radix_pass<kBits>(from, to, n, p * kBits, counts[p])) std::swap(from, to);
  }
  if (from != items) std::memcpy(static_cast<void*>(items), from, n * sizeof(Item));
}

template <class Item>
void sort_items(Item* items, Item* spare, int64_t n, int key_bits) {
  if (n < kSmallSort) {
    std::sort(items, items + n);
  } else if (key_bits > 16 && n >= kWideDigitItems) {
    radix_sort_digits<11>(items, spare, n, key_bits);
  } else {
    radix_sort_digits<8>(items, spare, n, key_bits);
  }
}

// How many of the first `rank` items of the merged sequence come from a.
template <class Item>
int64_t merge_split(const Item* a, int64_t na, const Item* b, int64_t nb, int64_t rank) {
  int64_t low = std::max<int64_t>(0, rank - nb), high = std::min(rank, na);
  while (low < high) {
    const int64_t from_a = low + (high - low) / 2;
    if (b[rank - from_a - 1] < a[from_a]) high = from_a;
    else low = from_a + 1;
  }
  return low;
}

// Sorts with all threads: chunks by radix, then pairwise merges cut into equal parts.
template <class Item>
void sort_items_parallel(Item* items, Item* spare, int64_t n, int key_bits) {
  constexpr int64_t kWorthThreads = 1 << 16;
  const int threads = num_threads();
  if (n < kWorthThreads || threads == 1 || in_parallel_region()) return sort_items(items, spare, n, key_bits);
  int64_t chunks = 1;
  while (chunks < threads) chunks *= 2;
  const int64_t width = (n + chunks - 1) / chunks;
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const int64_t first = std::min(n, c * width), last = std::min(n, first + width);
      if (first < last) sort_items(items + first, spare + first, last - first, key_bits);
    }
  });
  Item* from = items;
  Item* to = spare;
  for (int64_t run = width; run < n; run *= 2) {
    const int64_t pairs = (n + 2 * run - 1) / (2 * run);
    const int64_t parts = std::max<int64_t>(1, 2 * chunks / pairs);
    parallel_for(pairs * parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t first = task / parts * 2 * run;
        const Item* a = from + first;
        const int64_t na = std::min(run, n - first), nb = std::min(run, n - first - na);
        const Item* b = a + na;
        const int64_t low = (na + nb) * (task % parts) / parts, high = (na + nb) * (task % parts + 1) / parts;
        const int64_t a0 = merge_split(a, na, b, nb, low), a1 = merge_split(a, na, b, nb, high);
        std::merge(a + a0, a + a1, b + (low - a0), b + (high - a1), to + first + low);
      }
    });
    std::swap(from, to);
  }
  if (from != items) std::memcpy(static_cast<void*>(items), from, n * sizeof(Item));
}

}  // namespace mlx_rocm::cpu
