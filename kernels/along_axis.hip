// Each element has an index of its own along one axis, of `length` entries that are `stride` apart:
// gather_axis: y[..., j, ...] = x[..., index[..., j, ...], ...]
// scatter_axis: x[..., index[..., j, ...], ...] = combine(that, y[..., j, ...])
// Rows are all axes but the last. Moves index and y once, and as much of x as memory fetches for single
// elements: 32 to 128 bytes each, unless neighbours are near each other.
//
// Defines: INDEX; ROW type that counts rows; gather_axis: U of the size of an element, VECTOR; scatter_axis:
// T, MODE.
#include "combine.h"
#include "indices.h"

#ifndef INDEX
#define INDEX i32
#define ROW u32
#define U u32
#define T float
#define VECTOR 0
#define MODE SCATTER_SUM
#endif

#ifdef VECTOR
// Operands of `layout`: x (0 along the axis), y, index. Four columns a thread: neighbours when VECTOR, else
// `cols` apart.
KERNEL(256)
gather_axis(const U* __restrict__ x, U* __restrict__ y, const INDEX* __restrict__ index,
            STRUCT_ARGUMENT Layout<3> layout, STRUCT_ARGUMENT RowTiles tiles, i64 step_x, i64 step_y,
            i64 step_index, i64 length, i64 stride) {
  const u32 begin = tiles.begin(group_y(), thread_x()), end = tiles.end(group_y()), cols = tiles.cols();
  const u32 block = tiles.rows_of_group();
  for (u64 row = (u64)group_x() * block + tiles.row_of(thread_x()); row < tiles.rows;
       row += (u64)group_count_x() * block) {
    i64 at[3];
    layout.offsets<ROW>((ROW)row, at);
    const U* from = x + at[0];
    U* to = y + at[1];
    const INDEX* select = index + at[2];
#if VECTOR
    for (u32 c = begin; c < end; c += cols) {
      Vec<INDEX, 4> i = load<4>(select + (u64)c * 4);
      Vec<U, 4> v;
      UNROLL
      for (int k = 0; k < 4; k++) {
        v[k] = from[(i64)(c * 4 + k) * step_x + place((i64)i[k], length, length - 1).at * stride];
      }
      store<4>(to + (u64)c * 4, v);
    }
#else
    for (u32 c = begin; c < end; c += cols * 4) {
      U v[4];
      UNROLL
      for (int k = 0; k < 4; k++) {
        i64 col = c + k * cols < end ? c + k * cols : end - 1;
        v[k] = from[col * step_x + place((i64)select[col * step_index], length, length - 1).at * stride];
      }
      UNROLL
      for (int k = 0; k < 4; k++) {
        if (c + k * cols < end) to[(i64)(c + k * cols) * step_y] = v[k];
      }
    }
#endif
  }
}
#endif

#ifdef MODE
KERNEL(256)
scatter_axis(T* x, const T* __restrict__ y, const INDEX* __restrict__ index,
             STRUCT_ARGUMENT Layout<3> layout, STRUCT_ARGUMENT RowTiles tiles, i64 step_x, i64 step_y,
             i64 step_index, i64 length, i64 stride) {
  const u32 begin = tiles.begin(group_y(), thread_x()), end = tiles.end(group_y()), cols = tiles.cols();
  const u32 block = tiles.rows_of_group();
  for (u64 row = (u64)group_x() * block + tiles.row_of(thread_x()); row < tiles.rows;
       row += (u64)group_count_x() * block) {
    i64 at[3];
    layout.offsets<ROW>((ROW)row, at);
    T* to = x + at[0];
    const T* from = y + at[1];
    const INDEX* select = index + at[2];
    for (u32 c = begin; c < end; c += cols * 4) {
      T v[4];
      i64 target[4];
      bool inside[4];
      UNROLL
      for (int k = 0; k < 4; k++) {
        bool there = c + k * cols < end;
        i64 col = there ? c + k * cols : end - 1;
        v[k] = from[col * step_y];
        Place p = place((i64)select[col * step_index], length, length - 1);
        inside[k] = there && p.inside;
        target[k] = col * step_x + p.at * stride;
      }
      UNROLL
      for (int k = 0; k < 4; k++) {
        if (inside[k]) combine<MODE>(to + target[k], v[k]);
      }
    }
  }
}
#endif
