#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/core/small_vector.h"

namespace mlx_rocm {

using Shape = SmallVector<int32_t, 6>;
using Strides = SmallVector<int64_t, 6>;

std::ostream& operator<<(std::ostream& os, const Shape& s);  // "(2, 3)" as Python prints a tuple

int64_t num_elements(const Shape& shape);
Strides row_major_strides(const Shape& shape);  // in elements
// Index of an axis counted from the front; throws AxisError that names `op`.
int normalize_axis(int axis, int ndim, const char* op);
// The shape both broadcast to; throws ValueError that names `op`.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op = "broadcast_shapes");
// Strides that make an array of `shape`/`strides` look like `to`; shapes must be compatible.
Strides broadcast_strides(const Shape& shape, const Strides& strides, const Shape& to);

bool is_row_contiguous(const Shape& shape, const Strides& strides);
// Every element has a memory cell of its own and the cells have no gaps, in whatever order of axes.
bool is_dense(const Shape& shape, const Strides& strides);
// [lowest, highest] element offset that a view touches, relative to its first element; {0, -1} when empty.
std::pair<int64_t, int64_t> extent(const Shape& shape, const Strides& strides);

// Strides of the same memory under `to`, or nothing when the reshape needs a copy.
bool reshape_strides(const Shape& from, const Strides& strides, const Shape& to, Strides* out);

// Merges neighbouring axes that all operands walk as one and drops axes of size 1, in place. The result has at
// least one axis.
void collapse(Shape& shape, std::span<Strides> operands);

// Element offset of the `linear`-th element in row-major order.
inline int64_t offset_of(int64_t linear, const Shape& shape, const Strides& strides) {
  int64_t at = 0;
  for (size_t i = shape.size(); i-- > 0;) {
    at += (linear % shape[i]) * strides[i];
    linear /= shape[i];
  }
  return at;
}

// Walks a strided view in row-major order without a division per step.
class Walker {
 public:
  Walker(const Shape& shape, const Strides& strides, int64_t linear = 0);
  int64_t offset() const { return offset_; }
  void next() {
    for (int i = int(shape_.size()) - 1; i >= 0; --i) {
      offset_ += strides_[i];
      if (++index_[i] < shape_[i]) return;
      offset_ -= int64_t(shape_[i]) * strides_[i];
      index_[i] = 0;
    }
  }

 private:
  Shape shape_, index_;
  Strides strides_;
  int64_t offset_ = 0;
};

}  // namespace mlx_rocm
