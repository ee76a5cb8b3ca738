#pragma once

#include <optional>

#include "backend/core/array.h"

namespace mlx_rocm::fast {

// The gated delta rule, a linear recurrence with a matrix state per value head. For q, k (batch, time, key_heads, dk),
// v (batch, time, value_heads, dv), gamma, beta (batch, time, value_heads) and every step t:
//   S = gamma_t S;  S += beta_t (v_t - S k_t) k_t^T;  y_t = S q_t
// value_heads is a multiple of key_heads. state (batch, value_heads, dv, dk) starts at zero when not given. Steps that
// mask (batch, time) excludes leave the state as it is and give zeros. Returns y in v's type and the state in float32.
Arrays gated_delta_update(const array& q, const array& k, const array& v, const array& gamma, const array& beta,
                          const std::optional<array>& state = std::nullopt,
                          const std::optional<array>& mask = std::nullopt, const StreamOrDevice& s = {});

}  // namespace mlx_rocm::fast
