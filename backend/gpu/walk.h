// Loops over strided operands as kernels want them: rows with a layout, and columns with a step.
#pragma once

#include <algorithm>
#include <vector>

#include "backend/gpu/row_tiles.h"

namespace mlx_rocm::gpu {

// The axes that a kernel loops over, outermost first, and how far each operand moves along them, in elements.
// Operands 0 and 1 are those that exchange elements; index arrays may follow.
struct Walk {
  Shape shape;
  std::vector<Strides> strides;

  explicit Walk(size_t operands) : strides(operands) {}
  void collapse() { mlx_rocm::collapse(shape, strides); }

  // After collapse(): the last axis is that of columns, the others are rows.
  uint32_t columns() const { return uint32_t(shape.back()); }
  int64_t step(size_t operand) const { return strides[operand].back(); }
  uint64_t rows() const { return uint64_t(num_elements(shape)) / uint64_t(shape.back()); }
  // All strides of an operand, the step too when `with_step`, or-ed: their common factors of two are seen in
  // it.
  int64_t factors(size_t operand, bool with_step = false) const {
    int64_t bits = 0;
    const Strides& s = strides[operand];
    for (size_t i = 0; i + (with_step ? 0 : 1) < s.size(); ++i) bits |= s[i];
    return bits;
  }
  bool fits() const { return shape.size() <= size_t(LAYOUT_MAX_DIMS) + 1; }
  // The layout of rows. Strides of operands 0 and 1 count units of `unit` elements.
  template <int N>
  Layout<N> rows_layout(int unit) const {
    Layout<N> to{};
    to.ndim = std::max(1, int(shape.size()) - 1);
    for (int i = 0; i < LAYOUT_MAX_DIMS; ++i) {
      const bool there = i + 1 < int(shape.size());
      to.shape[i] = there ? shape[i] : 1;
      for (int k = 0; k < N && there && k < int(strides.size()); ++k) {
        to.strides[k][i] = strides[k][i] / (k < 2 ? unit : 1);
      }
    }
    return to;
  }
};

inline const char* row_type(uint64_t rows) { return rows > UINT32_MAX ? "u64" : "u32"; }

// Elements that one access of up to 16 bytes moves, in x and in y. `also`: further element distances that it
// has to divide.
inline int elements_of_unit(const Walk& w, const array& x, const array& y, int64_t also = 0) {
  const int64_t size = int64_t(x.itemsize());
  if (w.columns() > 1 && (w.step(0) != 1 || w.step(1) != 1)) return 1;
  const int64_t elements = w.factors(0) | w.factors(1) | w.columns() | also;
  return std::max<int>(1, int(common_unit({elements * size, x.offset(), y.offset()}) / size));
}

}  // namespace mlx_rocm::gpu
