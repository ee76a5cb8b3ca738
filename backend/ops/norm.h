#pragma once

#include <optional>

#include "backend/core/array.h"

namespace mlx_rocm::fast {

// x / sqrt(mean(x^2) + eps) * weight over the last axis; computed in f32, rounded before the scaling.
array rms_norm(const array& x, const std::optional<array>& weight, float eps, const StreamOrDevice& s = {});
// (x - mean) / sqrt(variance + eps) * weight + bias over the last axis.
array layer_norm(const array& x, const std::optional<array>& weight, const std::optional<array>& bias,
                 float eps, const StreamOrDevice& s = {});

}  // namespace mlx_rocm::fast
