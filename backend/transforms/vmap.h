#pragma once

#include "backend/transforms/grad.h"

namespace mlx_rocm {

using OutAxes = std::function<std::vector<int>(const Arrays& outputs)>;

// f mapped over axis in_axes[i] of inputs[i] (-1: the whole input goes to every call). out_axes is asked, with the
// outputs of one call, where the mapped axis of each output shall be (-1: the output is not to be mapped).
Arrays vmap(const Function& f, const Arrays& inputs, const std::vector<int>& in_axes, const OutAxes& out_axes);

}  // namespace mlx_rocm
