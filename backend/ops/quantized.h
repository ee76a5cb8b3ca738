// Group-quantised matrices: packing, unpacking and products with them. Modes: "affine" (2 to 6 and 8 bits,
// groups of 32, 64 or 128, scale and bias per group), "mxfp4", "mxfp8" (groups of 32, power-of-two scale) and
// "nvfp4" (groups of 16, e4m3 scale). group_size and bits default to what the mode usually has.
#pragma once

#include <optional>
#include <string>

#include "backend/core/array.h"

namespace mlx_rocm {

struct QuantOptions {
  std::optional<int> group_size;
  std::optional<int> bits;
  std::string mode = "affine";
};

// w (..., n) -> codes (..., n * bits / 32) uint32, scales (..., n / group_size) and, for affine, biases like
// scales.
Arrays quantize(const array& w, const QuantOptions& options = {},
                const std::optional<array>& global_scale = {}, const StreamOrDevice& s = {});
array dequantize(const array& w, const array& scales, const std::optional<array>& biases,
                 const QuantOptions& options = {}, const std::optional<array>& global_scale = {},
                 std::optional<Dtype> dtype = {}, const StreamOrDevice& s = {});
// x (..., m, k) times w^T (w of n rows of k values), or times w (k rows of n values) when not transposed.
array quantized_matmul(const array& x, const array& w, const array& scales,
                       const std::optional<array>& biases, bool transpose = true,
                       const QuantOptions& options = {}, const StreamOrDevice& s = {});
// quantized_matmul of the matrices that the indices pick from the flattened batch axes of x and w.
array gather_qmm(const array& x, const array& w, const array& scales, const std::optional<array>& biases,
                 const std::optional<array>& lhs_indices, const std::optional<array>& rhs_indices,
                 bool transpose = true, const QuantOptions& options = {}, bool sorted_indices = false,
                 const StreamOrDevice& s = {});
// x @ w^T with x quantised first, and w too unless it comes quantised, with its scales.
array qqmm(const array& x, const array& w, const std::optional<array>& scales, const QuantOptions& options,
           const std::optional<array>& global_scale_x = {}, const std::optional<array>& global_scale_w = {},
           const StreamOrDevice& s = {});
// qqmm of the matrices that the indices pick.
array gather_qqmm(const array& x, const array& w, const std::optional<array>& scales,
                  const std::optional<array>& lhs_indices, const std::optional<array>& rhs_indices,
                  const QuantOptions& options, const std::optional<array>& global_scale_x = {},
                  const std::optional<array>& global_scale_w = {}, const StreamOrDevice& s = {});
// Bytes of e4m3 floats, saturating at 448.
array to_fp8(const array& x, const StreamOrDevice& s = {});
array from_fp8(const array& x, Dtype dtype = bfloat16, const StreamOrDevice& s = {});

}  // namespace mlx_rocm
