// What the kernels of matrix products get by value, filled by backend/gpu/gemm.cpp:
//   out[i] = alpha * a[i] @ b[i] + beta * c[i]   for i below batch; a[i] is (m, k), b[i] is (k, n).
// All strides count elements and may have any sign, 0 included (not those of out).
#pragma once
#include "layout.h"

constexpr int GEMM_DIMS = 4;  // axes of a batch after merging

// Where item i of a batch lies in each of `Operands` arrays. Axis 0 moves fastest.
template <int Operands, int Dims = GEMM_DIMS>
struct GemmItems {
  int ndim;
  int shape[Dims];
  long long strides[Operands][Dims];

  // Every index is known to the compiler: one that is not would put the struct in scratch memory on NVIDIA.
  LAYOUT_FN void offsets(unsigned item, long long (&at)[Operands]) const {
    for (int k = 0; k < Operands; k++) at[k] = 0;
#if defined(UNROLL)
    UNROLL
#endif
    for (int d = 0; d < Dims; d++) {
      if (d < ndim) {
        unsigned digit = item;
        if (d + 1 < ndim) {
          unsigned next = item / (unsigned)shape[d];
          digit = item - next * (unsigned)shape[d];
          item = next;
        }
        for (int k = 0; k < Operands; k++) at[k] += (long long)digit * strides[k][d];
      }
    }
  }
};

struct GemmArgs {
  int m, n, k, batch;
  int tiles;       // workgroups of one product
  int first_item;  // of this launch
  int k_split;     // how much of k one workgroup along y sums up
  float alpha, beta;
  long long a_row, a_col, b_row, b_col, c_row, c_col;
  long long out_row, out_col, out_item;
  GemmItems<3> items;  // of a, b and c
};

// gather_mm: product i takes matrix lhs[i] of a and rhs[i] of b.
struct GemmIndices {
  GemmItems<2, 2> pairs;     // of lhs and rhs
  long long a_item, b_item;  // from one matrix to the next
  int a_count, b_count;      // greater indices mean the last matrix
};

#if defined(__HIP__) || defined(__CUDACC__)
#ifndef BATCHED
#define BATCHED 1  // 0: one product, whose workgroups need not divide to find their place
#endif

// The part of k that the workgroup sums up, and where it finds its product.
struct GemmPlace {
  i64 a, b, c, out;
  int k;
};

DEVICE i64 gemm_indexed(const u32* index, i64 at, i64 item, int count) {
  u32 which = index[at], last = (u32)count - 1;
  return (i64)(which < last ? which : last) * item;
}

DEVICE GemmPlace gemm_part(const GemmArgs& g, GemmPlace p, u32 part) {
  i64 begin = (i64)part * g.k_split;
  i64 left = p.k - begin;
  p.k = (int)(left < g.k_split ? left : g.k_split);
  p.a += begin * g.a_col;
  p.b += begin * g.b_row;
  return p;
}

#if defined(INDEXED) && INDEXED
#define GEMM_EXTRA \
  , const u32* __restrict__ lhs, const u32* __restrict__ rhs, STRUCT_ARGUMENT GemmIndices index
DEVICE GemmPlace gemm_place(const GemmArgs& g, u32 item, const u32* lhs, const u32* rhs,
                            const GemmIndices& index) {
  i64 at[2];
  index.pairs.offsets(item, at);
  GemmPlace p = {gemm_indexed(lhs, at[0], index.a_item, index.a_count),
                 gemm_indexed(rhs, at[1], index.b_item, index.b_count), 0, (i64)item * g.out_item, g.k};
  return p;
}
#define GEMM_PLACE(item) gemm_place(g, item, lhs, rhs, index)
#elif defined(SEGMENTED) && SEGMENTED
#define GEMM_EXTRA , const u32* __restrict__ segments
// Product i sums k from segments[i][0] to segments[i][1].
DEVICE GemmPlace gemm_place(const GemmArgs& g, u32 item, const u32* segments) {
  u32 begin = segments[2 * item], end = segments[2 * item + 1], most = (u32)g.k;
  if (begin > most) begin = most;
  if (end > most) end = most;
  GemmPlace p = {begin * g.a_col, begin * g.b_row, 0, (i64)item * g.out_item,
                 end > begin ? (int)(end - begin) : 0};
  return p;
}
#define GEMM_PLACE(item) gemm_place(g, item, segments)
#elif !BATCHED
#define GEMM_EXTRA
#define GEMM_PLACE(item) \
  GemmPlace { 0, 0, 0, 0, g.k }
#else
#define GEMM_EXTRA
DEVICE GemmPlace gemm_place(const GemmArgs& g, u32 item) {
  i64 at[3];
  g.items.offsets(item, at);
  GemmPlace p = {at[0], at[1], at[2], (i64)item * g.out_item, g.k};
  return p;
}
#define GEMM_PLACE(item) gemm_place(g, item)
#endif

// Which product of the batch a workgroup works on, and at which of its tiles.
DEVICE u32 gemm_item(const GemmArgs& g) { return group_x() / (u32)g.tiles + (u32)g.first_item; }
DEVICE u32 gemm_tile_number(const GemmArgs& g) { return BATCHED ? group_x() % (u32)g.tiles : group_x(); }

struct GemmTile {
  int row, column;
};
// The corner of tile number x. Eight tiles down, then one across: neighbours in time share the cache.
DEVICE GemmTile gemm_tile(const GemmArgs& g, u32 x, int tile_m, int tile_n) {
  u32 down = ((u32)g.m + tile_m - 1) / tile_m, across = ((u32)g.n + tile_n - 1) / tile_n;
  u32 band = x / (8 * across), at = x - band * 8 * across;
  u32 height = down - band * 8 < 8 ? down - band * 8 : 8;
  return {(int)(band * 8 + at % height) * tile_m, (int)(at / height) * tile_n};
}
#endif
