// What the ops of matrix products share.
#pragma once

#include <vector>

#include "backend/cpu/gemm.h"
#include "backend/ops/matmul.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm::products {

cpu::GemmType gemm_type(Dtype d);
// Of the axes before the last two.
Shape batch_shape(const array& a);
Strides batch_strides(const array& a);
// The last two axes swapped.
array transposed(const array& a);
// 0, step, 2 step ...
std::vector<int64_t> row_major_offsets(int64_t count, int64_t step);
// The uint32 indices, broadcast to `shape`.
std::vector<int64_t> index_values(const array& indices, const Shape& shape);

// Both operands as matrices of one type, after the checks that every product shares.
struct Operands {
  array a;
  array b;
  Axes squeezed;  // axes to drop from the result
};
Operands prepare(const char* op, const array& a, const array& b, Dtype type, const StreamOrDevice& s);
array finish(const array& out, const Axes& squeezed, const StreamOrDevice& s);
// ValueError unless `type`, that of a and b together, is a real floating one.
void require_real(const char* op, const array& a, const array& b, Dtype type);

}  // namespace mlx_rocm::products
