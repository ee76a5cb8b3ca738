// gather: y[i..., w...] = x[window w at the index vector (i0[i...], i1[i...], ...)], moved in units of 1 to
// 16 bytes.
//
// Moves the indices once, and each unit of y twice. Long rows run at the speed of a copy; single elements are
// limited by the 32 to 128 bytes that memory fetches for each of them. Several independent loads per thread
// hide the wait for an index and then for what it points to.
//
// Defines: U unit (u8, u16, u32, u64, Words4), INDEX type, INDICES number, OPERANDS of the layout, ROW type
// that counts rows, ROWS_EACH and COLS_EACH units of one thread.
#include "indices.h"

#ifndef U
#define U u32
#define INDEX i32
#define INDICES 1
#define OPERANDS 3
#define ROW u32
#define ROWS_EACH 4
#define COLS_EACH 1
#endif

// Operands of `at`: x, y, then the index arrays.
KERNEL(256)
gather(const U* __restrict__ x, U* __restrict__ y, const INDEX* __restrict__ i0, const INDEX* __restrict__ i1,
       const INDEX* __restrict__ i2, const INDEX* __restrict__ i3, const INDEX* __restrict__ i4,
       const INDEX* __restrict__ i5, const INDEX* __restrict__ i6, const INDEX* __restrict__ i7,
       STRUCT_ARGUMENT Layout<OPERANDS> layout, STRUCT_ARGUMENT IndexAxes axes,
       STRUCT_ARGUMENT RowTiles tiles, i64 step_x, i64 step_y) {
  // Units of 16 bytes are several elements, which are neighbours, so that nothing is multiplied.
  const i64 next_x = sizeof(U) == 16 ? 1 : step_x, next_y = sizeof(U) == 16 ? 1 : step_y;
  const INDEX* const index[MAX_INDICES] = {i0, i1, i2, i3, i4, i5, i6, i7};
  const u32 begin = tiles.begin(group_y(), thread_x()), end = tiles.end(group_y()), cols = tiles.cols();
  const u32 below = tiles.rows_of_group(), block = below * ROWS_EACH;
  for (u64 first = (u64)group_x() * block; first < tiles.rows; first += (u64)group_count_x() * block) {
    const U* from[ROWS_EACH];
    U* to[ROWS_EACH];
    bool inside[ROWS_EACH];
    UNROLL
    for (int r = 0; r < ROWS_EACH; r++) {
      u64 row = first + tiles.row_of(thread_x()) + (u64)r * below;
      inside[r] = row < tiles.rows;
      i64 at[OPERANDS];
      layout.offsets<ROW>((ROW)(inside[r] ? row : tiles.rows - 1), at);
      from[r] = x + at[0] + find_window<INDICES>(index, at, axes).at;
      to[r] = y + at[1];
    }
    for (u32 c = begin; c < end; c += cols * COLS_EACH) {
      U v[ROWS_EACH][COLS_EACH];
      UNROLL
      for (int r = 0; r < ROWS_EACH; r++) {
        UNROLL
        for (int k = 0; k < COLS_EACH; k++) {
          u32 at = c + k * cols;
          v[r][k] = from[r][(i64)(at < end ? at : end - 1) * next_x];
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
