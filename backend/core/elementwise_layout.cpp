#include "backend/core/elementwise_layout.h"

namespace mlx_rocm {

CommonLayout common_layout(const Arrays& in, const Shape& shape) {
  const array* first = nullptr;
  for (const array& a : in) {
    if (a.size() == 1) continue;
    if (a.shape() != shape) return {};
    if (!first) {
      if (!a.dense()) return {};
      first = &a;
    } else if (!(a.row_contiguous() && first->row_contiguous()) && !(a.strides() == first->strides())) {
      return {};
    }
  }
  return {true, first ? &first->strides() : nullptr};
}

}  // namespace mlx_rocm
