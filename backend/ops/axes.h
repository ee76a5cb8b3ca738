#pragma once

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm {

// Axes counted from the front, in order; throws where one is given twice.
Axes unique_axes(const Axes& axes, int ndim, const char* op);

}  // namespace mlx_rocm
