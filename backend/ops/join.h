// Ops that put arrays together or take them apart.
#pragma once

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm {

array concatenate(const Arrays& arrays, int axis, const StreamOrDevice& s = {});
array concatenate(const Arrays& arrays, const StreamOrDevice& s = {});  // of the flattened arrays
array stack(const Arrays& arrays, int axis, const StreamOrDevice& s = {});
// Pieces before, between and after `indices` along the axis (indices clip to the axis).
Arrays split(const array& a, const std::vector<int>& indices, int axis, const StreamOrDevice& s = {});
Arrays split(const array& a, int sections, int axis, const StreamOrDevice& s = {});
Arrays unstack(const array& a, int axis, const StreamOrDevice& s = {});

enum class PadMode { constant, edge, reflect, symmetric };
// low[i] and high[i] entries before and after axes[i].
array pad(const array& a, const Axes& axes, const std::vector<int>& low, const std::vector<int>& high,
          const array& value, PadMode mode, const StreamOrDevice& s = {});
array tile(const array& a, std::vector<int> reps, const StreamOrDevice& s = {});
array repeat(const array& a, int repeats, int axis, const StreamOrDevice& s = {});
array roll(const array& a, int64_t shift, int axis, const StreamOrDevice& s = {});
array roll_flat(const array& a, int64_t shift, const StreamOrDevice& s = {});
Arrays meshgrid(const Arrays& arrays, bool sparse, bool xy, const StreamOrDevice& s = {});
array kron(const array& a, const array& b, const StreamOrDevice& s = {});

}  // namespace mlx_rocm
