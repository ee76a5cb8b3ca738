// x[window at the index vector (i0[i...], i1[i...], ...)] = combine(that, y[i..., w...]): rows of windows, as
// in gather.hip. An index out of range writes nothing (CLAMP: goes to the nearest place where the window
// fits).
//
// Moves y once and the touched part of x. Assignments run at the speed of a copy. The others are atomic:
// their speed is that of the cache that does the arithmetic, or of compare and swap where there is no such
// instruction.
//
// Defines: T (of x), U (of y), INDEX, INDICES, OPERANDS, ROW, ROWS_EACH, COLS_EACH as in gather.hip; MODE;
// CLAMP; PAIRS: two neighbours of a half type are added by one instruction, and columns count pairs.
#include "combine.h"
#include "indices.h"

#ifndef T
#define T float
#define U float
#define INDEX i32
#define INDICES 1
#define OPERANDS 3
#define ROW u32
#define ROWS_EACH 4
#define COLS_EACH 1
#define MODE SCATTER_SUM
#define CLAMP 0
#define PAIRS 0
#endif

#if PAIRS
constexpr int WIDTH = 2;
#else
constexpr int WIDTH = 1;
#endif
using Update = Vec<U, WIDTH>;

DEVICE void write(T* p, Update v) {
#if PAIRS
  atomic_add_pair(p, v);
#else
  combine<MODE>(p, cast<T>(v[0]));
#endif
}

// Operands of `layout`: x, y, then the index arrays. Offsets and steps count elements, columns count WIDTH of
// them.
KERNEL(256)
scatter(T* x, const U* __restrict__ y, const INDEX* __restrict__ i0, const INDEX* __restrict__ i1,
        const INDEX* __restrict__ i2, const INDEX* __restrict__ i3, const INDEX* __restrict__ i4,
        const INDEX* __restrict__ i5, const INDEX* __restrict__ i6, const INDEX* __restrict__ i7,
        STRUCT_ARGUMENT Layout<OPERANDS> layout, STRUCT_ARGUMENT IndexAxes axes,
        STRUCT_ARGUMENT RowTiles tiles, i64 step_x, i64 step_y) {
  // Units of 16 bytes and pairs are several elements, which are neighbours, so that nothing is multiplied.
  constexpr bool beside = sizeof(T) == 16 || WIDTH > 1;
  const i64 next_x = beside ? WIDTH : step_x, next_y = beside ? WIDTH : step_y;
  const INDEX* const index[MAX_INDICES] = {i0, i1, i2, i3, i4, i5, i6, i7};
  const u32 begin = tiles.begin(group_y(), thread_x()), end = tiles.end(group_y()), cols = tiles.cols();
  const u32 below = tiles.rows_of_group(), block = below * ROWS_EACH;
  for (u64 first = (u64)group_x() * block; first < tiles.rows; first += (u64)group_count_x() * block) {
    T* to[ROWS_EACH];
    const U* from[ROWS_EACH];
    bool inside[ROWS_EACH];
    UNROLL
    for (int r = 0; r < ROWS_EACH; r++) {
      u64 row = first + tiles.row_of(thread_x()) + (u64)r * below;
      bool there = row < tiles.rows;
      i64 at[OPERANDS];
      layout.offsets<ROW>((ROW)(there ? row : tiles.rows - 1), at);
      Place window = find_window<INDICES>(index, at, axes);
      inside[r] = there && (CLAMP || window.inside);
      to[r] = x + at[0] + window.at;
      from[r] = y + at[1];
    }
    for (u32 c = begin; c < end; c += cols * COLS_EACH) {
      Update v[ROWS_EACH][COLS_EACH];
      UNROLL
      for (int r = 0; r < ROWS_EACH; r++) {
        UNROLL
        for (int k = 0; k < COLS_EACH; k++) {
          u32 at = c + k * cols;
          v[r][k] = load<WIDTH>(from[r] + (i64)(at < end ? at : end - 1) * next_y);
        }
      }
      UNROLL
      for (int r = 0; r < ROWS_EACH; r++) {
        UNROLL
        for (int k = 0; k < COLS_EACH; k++) {
          u32 at = c + k * cols;
          if (inside[r] && at < end) write(to[r] + (i64)at * next_x, v[r][k]);
        }
      }
    }
  }
}
