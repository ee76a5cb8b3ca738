// Loops over the rows (last axis) of arrays for the kernels of rows.h.
#pragma once

#include "backend/core/array.h"
#include "backend/core/layout.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/rows.h"
#include "backend/cpu/tile.h"

namespace mlx_rocm::cpu {

// The kernels of a floating type of at most 32 bits.
inline const RowKernels& row_kernels(Dtype d) {
  const RowTable& table = row_table();
  return d == float16 ? table.f16 : d == bfloat16 ? table.bf16 : table.f32;
}

// Calls f(row of x, row index) for every row; rows of x are contiguous, other axes may have any strides.
template <class F>
void for_rows(const array& x, F f) {
  const int64_t n = x.shape(-1);
  const array rows = x.strides().back() == 1 || n == 1 ? x : contiguous(x);
  const Shape outer(rows.shape().begin(), rows.shape().end() - 1);
  const Strides strides(rows.strides().begin(), rows.strides().end() - 1);
  const auto size = int64_t(rows.itemsize());
  parallel_for(num_elements(outer), std::max<int64_t>(1, 16384 / std::max<int64_t>(1, n)),
               [&](int64_t begin, int64_t end) {
                 Walker at(outer, strides, begin);
                 for (int64_t i = begin; i < end; ++i, at.next()) f(rows.bytes() + at.offset() * size, i);
               });
}

// Gives `out` memory, that of `x` when it may be overwritten row by row.
inline void allocate_rows(const array& x, const array& out) {
  if (x.donatable() && x.row_contiguous() && x.dtype() == out.dtype() && x.shape() == out.shape()) {
    out.share(x);
  } else {
    out.allocate();
  }
}

}  // namespace mlx_rocm::cpu
