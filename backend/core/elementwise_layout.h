// What the outputs of an elementwise op may take over from its inputs: their order in memory, and the memory.
#pragma once

#include <algorithm>

#include "backend/core/array.h"

namespace mlx_rocm {

struct CommonLayout {
  bool found = false;                // memory order serves all operands as well as row-major order
  const Strides* strides = nullptr;  // that of the inputs of more than one element; null where there are none
};

// Whether every input has either one element or `shape` and the same dense layout as the others of that shape. The
// strides belong to an element of `in`.
CommonLayout common_layout(const Arrays& in, const Shape& shape);

// The index of an input whose memory `out` may take, or -1. It is added to `taken`, whose inputs are not offered;
// neither are those that `usable` refuses.
template <class Usable>
int find_donor(const Arrays& in, const array& out, const CommonLayout& layout, SmallVector<int, 8>& taken,
               Usable usable) {
  for (size_t i = 0; i < in.size(); ++i) {
    const array& a = in[i];
    if (a.itemsize() != out.itemsize() || a.shape() != out.shape()) continue;
    if (!(layout.found || a.row_contiguous()) || !a.donatable() || !usable(a)) continue;
    if (std::find(taken.begin(), taken.end(), int(i)) != taken.end()) continue;
    taken.push_back(int(i));
    return int(i);
  }
  return -1;
}

}  // namespace mlx_rocm
