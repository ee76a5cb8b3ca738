// Batched and gathered products: which matrix of x meets which of w in product number `pair`. Passed by
// value; host code fills the very struct that kernels read.
#pragma once
#include "layout.h"

// PAIRS: one product; operands that broadcast along batch axes; operands picked by index arrays.
#define PAIRS_ONE 0
#define PAIRS_BATCH 1
#define PAIRS_GATHER 2

struct MatrixPairs {
  unsigned int count;             // of products
  unsigned int x_count, w_count;  // of matrices: indices are kept below these
  // Batch: numbers of matrices; gather: where the index arrays have this pair's.
  Layout<2> at;
};

#if defined(PAIRS)
struct Pair {
  u32 x, w;  // numbers of the matrices
};
DEVICE u32 clamped(u32 index, u32 count) { return index < count ? index : count - 1; }
DEVICE Pair pair_of(const MatrixPairs& pairs, const u32* lhs, const u32* rhs, u32 number) {
#if PAIRS == PAIRS_ONE
  return {0, 0};
#else
  i64 at[2];
  pairs.at.offsets(number, at);
#if PAIRS == PAIRS_BATCH
  return {(u32)at[0], (u32)at[1]};
#else
  return {clamped(lhs[at[0]], pairs.x_count), clamped(rhs[at[1]], pairs.w_count)};
#endif
#endif
}
// Products lie along y and z of the grid.
DEVICE u32 pair_number() { return group_z() * 65535 + group_y(); }
#endif
