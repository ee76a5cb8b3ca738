#pragma once

#include <optional>
#include <string>

#include "backend/core/array.h"

namespace mlx_rocm::fast {

// softmax(scale * q k^T + mask) v with q (batch, heads, q_len, dim), k (batch, kv_heads, kv_len, dim) and v
// (batch, kv_heads, kv_len, v_dim); heads is a multiple of kv_heads. mask_mode is "" or "causal" (query i
// sees keys up to i + kv_len - q_len) or "array"; a mask is boolean or additive and broadcasts to (batch,
// heads, q_len, kv_len). sinks (heads,) are extra logits without a value. Returns (batch, heads, q_len,
// v_dim).
array scaled_dot_product_attention(const array& q, const array& k, const array& v, float scale,
                                   const std::string& mask_mode = "",
                                   const std::optional<array>& mask = std::nullopt,
                                   const std::optional<array>& sinks = std::nullopt,
                                   const StreamOrDevice& s = {});

}  // namespace mlx_rocm::fast
