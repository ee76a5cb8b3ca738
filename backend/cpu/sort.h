// Sorting along an axis, on raw pointers.
//
// Elements become unsigned keys of the same order (NaN above everything, as MLX and NumPy sort), keys are
// sorted by radix, and come back as elements. Inputs have any strides; outputs are row-major and may not
// alias the input.
#pragma once

#include <cstdint>

#include "backend/core/dtype.h"
#include "backend/core/layout.h"

namespace mlx_rocm::cpu {

struct SortArgs {
  Dtype dtype;
  Shape shape;      // at least one axis
  Strides strides;  // of the input, in elements
  int axis = 0;     // in [0, ndim)
};

// out: elements in ascending order along the axis.
void sort(const SortArgs& args, const void* in, void* out);

// out: the positions that sort the axis; equal elements keep their order.
void argsort(const SortArgs& args, const void* in, uint32_t* out);

// out: element `kth` (in [0, n)) is where sort puts it, nothing before it is larger, nothing after it
// smaller.
void partition(const SortArgs& args, int kth, const void* in, void* out);
void argpartition(const SortArgs& args, int kth, const void* in, uint32_t* out);

// For each value the first position in the sorted sequence (n elements, `stride` apart) that keeps it sorted:
// before equal elements, or after them when `right`.
void searchsorted(Dtype dtype, const void* sequence, int64_t n, int64_t stride, const Shape& value_shape,
                  const Strides& value_strides, const void* values, bool right, uint32_t* out);

}  // namespace mlx_rocm::cpu
