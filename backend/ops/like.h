// Shapes taken from another array. In a shapeless trace that array becomes an input of the op, so that the op follows
// when shapes change; otherwise its shape is a constant.
#pragma once

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm {

// `a` broadcast to the shape of `like`.
array broadcast_like(const array& a, const array& like);
// `a` in the shape of `like`, which has as many elements.
array reshape_like(const array& a, const array& like);
// A cotangent summed over the axes along which `primal` was broadcast to it.
array unbroadcast(const array& cotangent, const array& primal);
// As a 0-d array of a floating dtype: the number of elements of `a` along these axes.
array count_along(const array& a, const Axes& axes, Dtype dtype, const StreamOrDevice& s = {});

}  // namespace mlx_rocm
