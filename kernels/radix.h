// What the two kernels of a radix sort share: radix_count.hip and radix.hip.
#pragma once
#include "atomics.h"
#include "sort_keys.h"

constexpr u32 THREADS = 256, DIGITS = 256, WAVES = THREADS / WAVE, TILE = THREADS * ITEMS;
using Keys = SortKey<T>;
using Key = Keys::Key;

#if FIRST
using Source = T;
DEVICE Key key_of(T x) { return Keys::of<!POSITIONS>(x); }
#else
using Source = Key;
DEVICE Key key_of(Key x) { return x; }
#endif
DEVICE u32 digit_of(Key key, u32 shift) { return (u32)(key >> shift) & (DIGITS - 1); }

// Workgroup number -> row and tile.
struct Place {
  u64 row;
  u32 tile;
  DEVICE Place(u64 group, u32 tiles) : row(group / tiles), tile((u32)(group % tiles)) {}
};
