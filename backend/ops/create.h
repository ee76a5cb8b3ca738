#pragma once

#include "backend/core/array.h"

namespace mlx_rocm {

array full(const Shape& shape, const array& value, Dtype dtype, const StreamOrDevice& s = {});
array zeros(const Shape& shape, Dtype dtype, const StreamOrDevice& s = {});
array ones(const Shape& shape, Dtype dtype, const StreamOrDevice& s = {});
array zeros_like(const array& a, const StreamOrDevice& s = {});
array ones_like(const array& a, const StreamOrDevice& s = {});
// start, start + step, ... below stop.
array arange(double start, double stop, double step, Dtype dtype, const StreamOrDevice& s = {});

}  // namespace mlx_rocm
