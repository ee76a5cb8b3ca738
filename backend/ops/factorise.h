// The factorisation ops behind mlx_rocm::linalg. Arguments have been checked: at least two axes, the right
// dtypes.
#pragma once

#include "backend/core/array.h"

namespace mlx_rocm::linalg {

Arrays apply_lu(const array& a, const StreamOrDevice& s);  // LU packed, pivots, row indices
array apply_inverse(const array& a, const StreamOrDevice& s);
array apply_triangular_inverse(const array& a, bool upper, const StreamOrDevice& s);
array apply_cholesky(const array& a, bool upper, const StreamOrDevice& s);
Arrays apply_qr(const array& a, const StreamOrDevice& s);
Arrays apply_svd(const array& a, bool vectors, const StreamOrDevice& s);
Arrays apply_eigh(const array& a, bool upper, bool vectors, const StreamOrDevice& s);
Arrays apply_eig(const array& a, bool vectors, const StreamOrDevice& s);

}  // namespace mlx_rocm::linalg
