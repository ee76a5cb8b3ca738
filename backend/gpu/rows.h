// Rows (the last axis) for kernels that give a row to a team of threads: softmax and the norms.
#pragma once

#include <initializer_list>

#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {

// Rows of contiguous elements; where they start follows the layout.
struct Rows {
  array x;
  Layout<1> starts;
  int64_t count;
  int n;

  const char* index() const { return count > INT32_MAX ? "u64" : "u32"; }
};
// The rows of `a`, which has at least one element; a copy when its elements do not lie side by side.
Rows rows_of(const array& a);

// Elements of an access to which every row, every array in `others` and the row's length are aligned.
int row_vec(const Rows& rows, std::initializer_list<const array*> others);

// How a row lies in registers (kernels/rows.h), at most `most` values a thread of a workgroup of 1024. vecs == 0: it does
// not fit.
struct RowTeam {
  int team, threads, vecs;
};
RowTeam row_team(int64_t n, int vec, int most);

// Defines of kernels/rows.h.
Defines row_defines(const Rows& rows, int vec, const RowTeam& team);

// Calls f(count) with the type that the kernel's INDEX has.
template <class F>
void with_index(const Rows& rows, F f) {
  if (rows.count > INT32_MAX) {
    f(uint64_t(rows.count));
  } else {
    f(uint32_t(rows.count));
  }
}

}  // namespace mlx_rocm::gpu
