#pragma once

#include "backend/core/array.h"

namespace mlx_rocm {

// Converts values; `a` itself when it has the dtype already. Differentiable between inexact types.
array astype(const array& a, Dtype dtype, const StreamOrDevice& s = {});
// Reinterprets the bytes. The last axis shrinks or grows with the item size.
array view(const array& a, Dtype dtype, const StreamOrDevice& s = {});

}  // namespace mlx_rocm
