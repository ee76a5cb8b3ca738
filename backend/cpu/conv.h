// Convolutions on raw pointers.
#pragma once

#include "backend/core/conv_shape.h"
#include "backend/cpu/gemm.h"

namespace mlx_rocm::cpu {

struct ConvProblem : ConvShape {
  GemmType type = GemmType::f32;
};

void convolve(const ConvProblem& shape, const void* x, const void* w, void* y);

// dw, shaped like w, = the gradient of convolve by w for the cotangent g, shaped like y.
void convolve_weight_gradient(const ConvProblem& shape, const void* x, const void* g, void* dw);

struct ConvTable {
  // y[c] = sum over taps of x[tap][c] * w[tap][c]; w is f32.
  void (*depthwise_f32)(const void* const* x, const float* const* w, int64_t taps, void* y, int64_t channels);
  void (*depthwise_bf16)(const void* const* x, const float* const* w, int64_t taps, void* y,
                         int64_t channels);
  void (*depthwise_f16)(const void* const* x, const float* const* w, int64_t taps, void* y, int64_t channels);
};

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(ConvTable, conv_table)
