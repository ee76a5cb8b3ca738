// Cumulative ops.
#pragma once

#include "backend/core/array.h"

namespace mlx_rocm {

// Entry i combines entries 0..i along the axis (from the end with reverse; without entry i when exclusive).
array cumsum(const array& a, int axis, bool reverse = false, bool inclusive = true, const StreamOrDevice& s = {});
array cumprod(const array& a, int axis, bool reverse = false, bool inclusive = true, const StreamOrDevice& s = {});
array cummax(const array& a, int axis, bool reverse = false, bool inclusive = true, const StreamOrDevice& s = {});
array cummin(const array& a, int axis, bool reverse = false, bool inclusive = true, const StreamOrDevice& s = {});
array logcumsumexp(const array& a, int axis, bool reverse = false, bool inclusive = true,
                   const StreamOrDevice& s = {});

}  // namespace mlx_rocm
