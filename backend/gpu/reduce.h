// Reductions on the GPU: a sequence of passes, each over one axis.
#pragma once

#include <vector>

#include "backend/core/array.h"

namespace mlx_rocm::gpu {

// An axis of what a pass reads. Strides in elements.
struct ReduceAxis {
  int64_t size;
  int64_t in;
  int64_t result;  // of the final output; 0 for a reduced axis
  bool reduced;
};
using ReduceAxes = std::vector<ReduceAxis>;

// Drops axes of one element, sorts from the longest stride to the shortest and merges what is walked as one.
void tidy(ReduceAxes& axes);

// What one launch does with tidy axes.
struct ReducePass {
  bool columns;          // threads lie along the fastest axis that stays; else along the reduced one
  size_t axis;           // the one that is reduced
  int vec;               // elements of an access; rows: 0 when they are strided
  int team;              // rows: threads of an item
  int log_width;         // columns: log2 of the threads along them
  int64_t parts, chunk;  // the axis in pieces: workgroups of their own, folded by a later pass
};

// `address` is where the first element lies (its low bits are looked at), `widest` the most bytes of an
// access. At least one axis is reduced.
ReducePass reduce_pass(const ReduceAxes& axes, uint64_t address, size_t itemsize, size_t widest,
                       int compute_units);

// out = x reduced over `axes`, which stay with size 1, by a functor of kernels/reduce.h: "Add", "Multiply",
// "Maximum", "Minimum", "All" or "Any". Allocates out.
void reduce(const array& x, const char* functor, const std::vector<int>& axes, const array& out);
// The first index of the largest or smallest element along an axis that is not empty.
void arg_reduce(const array& x, bool largest, int axis, const array& out);

}  // namespace mlx_rocm::gpu
