// y = the parts x0, x1, ... one after the other along an axis: each goes straight to its place, all in one
// launch (up to 8).
//
// Moves each unit (1 to 16 bytes) twice; the limit is memory bandwidth. group_z() is the part; parts with
// fewer rows or columns leave some workgroups without work.
//
// Defines: U unit, ROW type that counts rows, ROWS_EACH and COLS_EACH units of one thread.
#include "join.h"

#ifndef U
#define U u32
#define ROW u32
#define ROWS_EACH 1
#define COLS_EACH 4
#endif

KERNEL(256)
concatenate(U* __restrict__ y, const U* __restrict__ x0, const U* __restrict__ x1, const U* __restrict__ x2,
            const U* __restrict__ x3, const U* __restrict__ x4, const U* __restrict__ x5,
            const U* __restrict__ x6, const U* __restrict__ x7, STRUCT_ARGUMENT JoinParts parts) {
  const u32 number = group_z();
  // No array of pointers: NVIDIA's compiler would put it into memory to index it.
  const U* low = number < 2 ? (number == 0 ? x0 : x1) : (number == 2 ? x2 : x3);
  const U* high = number < 6 ? (number == 4 ? x4 : x5) : (number == 6 ? x6 : x7);
  const U* x = number < 4 ? low : high;
  const JoinPart& part = parts.part[number];
  const RowTiles& tiles = part.tiles;
  // Units of 16 bytes are several elements, which are neighbours, so that nothing is multiplied.
  const i64 next = sizeof(U) == 16 ? 1 : part.step, next_y = sizeof(U) == 16 ? 1 : part.step_y;
  const u32 begin = tiles.begin(group_y(), thread_x()), end = tiles.end(group_y()), cols = tiles.cols();
  const u32 below = tiles.rows_of_group(), block = below * ROWS_EACH;
  if (begin >= end) return;
  for (u64 first = (u64)group_x() * block; first < tiles.rows; first += (u64)group_count_x() * block) {
    const U* from[ROWS_EACH];
    U* to[ROWS_EACH];
    bool inside[ROWS_EACH];
    UNROLL
    for (int r = 0; r < ROWS_EACH; r++) {
      u64 row = first + tiles.row_of(thread_x()) + (u64)r * below;
      inside[r] = row < tiles.rows;
      i64 at[2];
      part.layout.offsets<ROW>((ROW)(inside[r] ? row : tiles.rows - 1), at);
      from[r] = x + at[0];
      to[r] = y + part.start + at[1];
    }
    for (u32 c = begin; c < end; c += cols * COLS_EACH) {
      U v[ROWS_EACH][COLS_EACH];
      UNROLL
      for (int r = 0; r < ROWS_EACH; r++) {
        UNROLL
        for (int k = 0; k < COLS_EACH; k++) {
          u32 at = c + k * cols;
          v[r][k] = from[r][(i64)(at < end ? at : end - 1) * next];
        }
      }
      UNROLL
      for (int r = 0; r < ROWS_EACH; r++) {
        UNROLL
        for (int k = 0; k < COLS_EACH; k++) {
          u32 at = c + k * cols;
          if (inside[r] && at < end) to[r][(i64)at * next_y] = v[r][k];
        }
      }
    }
  }
}
