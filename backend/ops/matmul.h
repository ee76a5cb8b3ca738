// Matrix products. Leading axes are batches and broadcast.
#pragma once

#include <optional>

#include "backend/core/array.h"

namespace mlx_rocm {

// (..., m, k) @ (..., k, n); a 1-d operand is a row (left) or a column (right) and loses that axis in the
// result.
array matmul(const array& a, const array& b, const StreamOrDevice& s = {});
// alpha * (a @ b) + beta * c, where c broadcasts to the product's shape.
array addmm(const array& c, const array& a, const array& b, float alpha = 1.0f, float beta = 1.0f,
            const StreamOrDevice& s = {});
// a[lhs_indices[i]] @ b[rhs_indices[i]] for every i, where indices count the matrices of the flattened batch
// axes.
array gather_mm(const array& a, const array& b, const std::optional<array>& lhs_indices,
                const std::optional<array>& rhs_indices, bool sorted_indices = false,
                const StreamOrDevice& s = {});
// A product in which blocks of a, b and of the result are scaled (or, with boolean masks, kept or zeroed).
array block_masked_mm(const array& a, const array& b, int block_size, const std::optional<array>& mask_out,
                      const std::optional<array>& mask_lhs, const std::optional<array>& mask_rhs,
                      const StreamOrDevice& s = {});
// a[:, start:end] @ b[start:end, :] for every (start, end) of segments (..., 2).
array segmented_mm(const array& a, const array& b, const array& segments, const StreamOrDevice& s = {});

// uint32 indices into the flattened batch axes of x: the given ones, or all of them in order.
array matrix_indices(const char* op, const std::optional<array>& indices, const array& x,
                     const StreamOrDevice& s);
// (count, ...) with out[index[i]] += values[i]: the gradient of taking matrices by index.
array sum_by_index(const array& values, const array& index, int count);

}  // namespace mlx_rocm
