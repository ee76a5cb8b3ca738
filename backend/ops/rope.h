#pragma once

#include <optional>

#include "backend/core/array.h"

namespace mlx_rocm::fast {

// Rotates the first `dims` values of the last axis of x (batch, ..., time, features) by angles that grow with
// the position: (offset + t) * scale * base^(-2 i / dims), or (offset + t) * scale / freqs[i]. offset is a
// scalar or one per batch item. Traditional rotates neighbours (2 i, 2 i + 1), otherwise (i, i + dims / 2).
array rope(const array& x, int dims, bool traditional, std::optional<float> base, float scale,
           const array& offset, const std::optional<array>& freqs = std::nullopt,
           const StreamOrDevice& s = {});

}  // namespace mlx_rocm::fast
