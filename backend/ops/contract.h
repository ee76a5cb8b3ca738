// Contractions built on matmul, and the Walsh-Hadamard transform.
#pragma once

#include <optional>
#include <string>

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm {

// Sum of products over the last axes; a 0-d operand scales.
array inner(const array& a, const array& b, const StreamOrDevice& s = {});
array outer(const array& a, const array& b, const StreamOrDevice& s = {});
// Contracts axes_a[i] of a with axes_b[i] of b.
array tensordot(const array& a, const array& b, const Axes& axes_a, const Axes& axes_b, const StreamOrDevice& s = {});
// Sum of conj(a) * b along an axis.
array vecdot(const array& a, const array& b, int axis, const StreamOrDevice& s = {});

// Einstein summation; repeated letters in an operand take diagonals, "..." broadcasts.
array einsum(const std::string& subscripts, const Arrays& operands, const StreamOrDevice& s = {});
struct EinsumPath {
  std::vector<std::vector<int>> steps;  // positions among the operands that are left; the result goes to the end
  std::string report;
};
EinsumPath einsum_path(const std::string& subscripts, const Arrays& operands);

// Product with the Hadamard matrix of order m * 2^k (m in 1, 12, 20, 28) along the last axis, times scale.
array hadamard_transform(const array& a, std::optional<float> scale, const StreamOrDevice& s = {});

}  // namespace mlx_rocm
