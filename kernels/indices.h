// Index arrays and what they select, for gather and scatter. Host code fills the same structs.
#pragma once
#include "layout.h"
#include "row_tiles.h"

constexpr int MAX_INDICES = 8;

// For each index array: the entries along the axis that it selects from, the last place where the window
// fits, and the distance of neighbours, in units of the access.
struct IndexAxes {
  long long extent[MAX_INDICES], last[MAX_INDICES], stride[MAX_INDICES];
};

#if defined(__HIP__) || defined(__CUDACC__)
struct Place {
  i64 at;       // offset of the window, clamped into range
  bool inside;  // it needed no clamping
};

// A negative index counts from the end.
DEVICE Place place(i64 index, i64 extent, i64 last) {
  if (index < 0) index += extent;
  bool inside = index >= 0 && index <= last;
  i64 low = index < 0 ? 0 : index;
  return {low > last ? last : low, inside};
}

// The window that the index arrays select; at[2 + k] is the offset into index array k.
template <int Indices, class Index, int Operands>
DEVICE Place find_window(const Index* const (&index)[MAX_INDICES], const i64 (&at)[Operands],
                         const IndexAxes& axes) {
  Place sum = {0, true};
  UNROLL
  for (int k = 0; k < Indices; k++) {
    Place p = place((i64)index[k][at[2 + k]], axes.extent[k], axes.last[k]);
    sum.at += p.at * axes.stride[k];
    sum.inside = sum.inside && p.inside;
  }
  return sum;
}
#endif
