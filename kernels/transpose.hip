// dst[o][a][b] = src[o][a][b] where a is contiguous in src and b in dst; o stands for any other axes. T: an unsigned type of
// the element's size; W: neighbouring elements per access (W * sizeof(T) <= 4 bytes or W = 1).
// Every element is read and written once, in rows of 128 bytes; the tile turns in LDS. Memory is the limit.
#include "device.h"
#include "layout.h"

constexpr u32 TILE = 32 * W;
constexpr u32 ROWS = 256 / 32;  // rows that the workgroup moves at a time

KERNEL(256) transpose(const T* __restrict__ src, T* __restrict__ dst, u32 size_a, u32 size_b, i64 src_b, i64 dst_a,
                      u32 tiles_a, u32 tiles_b, Layout<2> outer) {
  SHARED T tile[TILE][TILE + W];
  u32 group = group_x();
  u32 tile_a = group % tiles_a, rest = group / tiles_a;
  u32 tile_b = rest % tiles_b, plane = rest / tiles_b;
  i64 from = outer.offset(plane, 0), to = outer.offset(plane, 1);
  u32 a0 = tile_a * TILE, b0 = tile_b * TILE;
  u32 column = thread_x() % 32 * W, row = thread_x() / 32;

  UNROLL
  for (u32 r = 0; r < TILE; r += ROWS) {
    u32 b = b0 + r + row, a = a0 + column;
    if (b < size_b) {
      const T* p = src + from + (i64)b * src_b + a;
      if (a + W <= size_a) {
        auto x = load<W>(p);
        UNROLL
        for (int k = 0; k < W; k++) tile[r + row][column + k] = x[k];
      } else {
        for (u32 k = 0; k < W && a + k < size_a; k++) tile[r + row][column + k] = p[k];
      }
    }
  }
  barrier_lds();
  UNROLL
  for (u32 r = 0; r < TILE; r += ROWS) {
    u32 a = a0 + r + row, b = b0 + column;
    if (a < size_a) {
      T* p = dst + to + (i64)a * dst_a + b;
      if (b + W <= size_b) {
        Vec<T, W> x;
        UNROLL
        for (int k = 0; k < W; k++) x[k] = tile[column + k][r + row];
        store<W>(p, x);
      } else {
        for (u32 k = 0; k < W && b + k < size_b; k++) p[k] = tile[column + k][r + row];
      }
    }
  }
}
