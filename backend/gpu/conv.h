// Convolutions of one to three spatial axes on the GPU, and their gradients by the weights.
#pragma once

#include "backend/core/array.h"
#include "backend/core/conv_shape.h"
#include "backend/gpu/target.h"

namespace mlx_rocm::gpu {

enum class ConvKind { product, depthwise, tiles, general };

// How a convolution runs. Tiles: those of kernels/conv.hip; a product is one of backend/gpu/gemm.h.
struct ConvRoute {
  ConvKind kind = ConvKind::general;
  int pixels = 1;                     // outputs of a thread (depthwise)
  int tile_m = 64, tile_n = 64, step = 32, threads = 128;
  int64_t m_tiles = 1, n_tiles = 1;
  int64_t parts = 1, steps = 1;       // ranges of the sum, and steps in each

  bool operator==(const ConvRoute&) const = default;
};
ConvRoute conv_route(const ConvShape& shape, Dtype dtype, const Target& target, int compute_units);
ConvRoute conv_gradient_route(const ConvShape& shape, Dtype dtype, const Target& target, int compute_units);

// y = convolution of x with w; allocates y.
void convolve(const ConvShape& shape, const array& x, const array& w, const array& y);
// dw = the gradient of convolve by w for the cotangent g, which is shaped like y; allocates dw.
void convolve_weight_gradient(const ConvShape& shape, const array& x, const array& g, const array& dw);

}  // namespace mlx_rocm::gpu
