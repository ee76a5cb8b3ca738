// How workgroups of 256 threads walk rows: a kernel argument passed by value, filled by
// backend/gpu/row_tiles.h.
#pragma once
#if defined(__HIP__) || defined(__CUDACC__)
#include "device.h"
#define ROW_TILES_FN DEVICE
#else
#define ROW_TILES_FN inline
#endif

constexpr int ROW_TILES_THREADS = 256;

// `rows` rows of `n` units each. 2^log2_cols threads stand beside each other in a row, the others in the rows
// below, so that neither short nor long rows leave threads idle. group_x() loops over blocks of rows,
// group_y() owns `span` units.
struct RowTiles {
  unsigned long long rows;
  unsigned n, span;
  int log2_cols;

  ROW_TILES_FN unsigned cols() const { return 1u << log2_cols; }
  ROW_TILES_FN unsigned rows_of_group() const { return (unsigned)ROW_TILES_THREADS >> log2_cols; }
  ROW_TILES_FN unsigned row_of(unsigned thread) const { return thread >> log2_cols; }
  ROW_TILES_FN unsigned begin(unsigned group, unsigned thread) const {
    return group * span + (thread & (cols() - 1));
  }
  ROW_TILES_FN unsigned end(unsigned group) const {
    unsigned stop = group * span + span;
    return stop < n ? stop : n;
  }
};
