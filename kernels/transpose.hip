// dst[o][a][b] = src[o][a][b] where a is contiguous in src and b in dst; o stands for any other axes. T: an
// unsigned type of the element's size; W: neighbouring elements per access, whose rows begin aligned for that.
// Every element is read and written once, in rows of 32 * W elements (128 to 256 bytes); the tile turns in LDS.
// Bandwidth of memory limits it.
//
// Element c of row r of the tile lies at column c ^ swizzle(r): lanes that read down a column then meet 32
// different banks.
#include "device.h"
#include "layout.h"

constexpr u32 TILE = 32 * W;
constexpr u32 ROWS = 256 / 32;  // rows that the workgroup moves at a time
constexpr u32 PASSES = TILE / ROWS;
constexpr u32 WORD = sizeof(T) < 4 && W > 1 ? (W * sizeof(T) < 4 ? W : 4 / sizeof(T)) : 1;  // elements

DEVICE u32 swizzle(u32 row) { return row / W % 32 * WORD; }

KERNEL(256)
transpose(const T* __restrict__ src, T* __restrict__ dst, u32 size_a, u32 size_b, i64 src_b, i64 dst_a, u32 tiles_a,
          u32 tiles_b, STRUCT_ARGUMENT Layout<2> outer) {
  SHARED alignas(16) T tile[TILE * TILE];
  // Workgroups beside each other write beside each other.
  u32 tile_b = group_x() % tiles_b, rest = group_x() / tiles_b;
  u32 tile_a = rest % tiles_a, plane = rest / tiles_a;
  u32 a0 = tile_a * TILE, b0 = tile_b * TILE;
  u32 column = thread_x() % 32 * W, row = thread_x() / 32;
  const T* from = src + outer.offset(plane, 0) + a0 + column;
  T* to = dst + outer.offset(plane, 1) + b0 + column;

  if (a0 + TILE <= size_a && b0 + TILE <= size_b) {
    Vec<T, W> x[PASSES];
    UNROLL
    for (u32 i = 0; i < PASSES; i++) x[i] = load<W>(from + (i64)(b0 + row + i * ROWS) * src_b);
    UNROLL
    for (u32 i = 0; i < PASSES; i++) {
      const u32 r = row + i * ROWS;
      UNROLL
      for (u32 k = 0; k < W; k += WORD) {
        Vec<T, WORD> word;
        UNROLL
        for (u32 j = 0; j < WORD; j++) word[j] = x[i][k + j];
        store(tile + r * TILE + ((column + k) ^ swizzle(r)), word);
      }
    }
    barrier_lds();
    UNROLL
    for (u32 i = 0; i < PASSES; i++) {
      const u32 r = row + i * ROWS;
      Vec<T, W> y;
      UNROLL
      for (u32 k = 0; k < W; k++) y[k] = tile[(column + k) * TILE + (r ^ swizzle(column + k))];
      store_streamed(to + (i64)(a0 + r) * dst_a, y);
    }
    return;
  }
  // A tile that the arrays end in: element by element.
  for (u32 r = row; r < TILE && b0 + r < size_b; r += ROWS) {
    for (u32 k = 0; k < W && a0 + column + k < size_a; k++) {
      tile[r * TILE + ((column + k) ^ swizzle(r))] = from[(i64)(b0 + r) * src_b + k];
    }
  }
  barrier_lds();
  for (u32 r = row; r < TILE && a0 + r < size_a; r += ROWS) {
    for (u32 k = 0; k < W && b0 + column + k < size_b; k++) {
      to[(i64)(a0 + r) * dst_a + k] = tile[(column + k) * TILE + (r ^ swizzle(column + k))];
    }
  }
}
