// rms_norm and layer_norm over the last axis.
#pragma once

#include "backend/core/array.h"

namespace mlx_rocm::gpu {

enum class NormKind { rms, layer };
// weight and bias are vectors or null arrays. `out` gets the memory of x when it may be overwritten.
void norm(NormKind kind, const array& x, const array& weight, const array& bias, float eps, const array& out);

}  // namespace mlx_rocm::gpu
