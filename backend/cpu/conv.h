// Convolutions on raw pointers. One and two spatial axes are three with leading ones.
#pragma once

#include <array>
#include <cstdint>

#include "backend/cpu/gemm.h"

namespace mlx_rocm::cpu {

// x (batch, in[0..2], channels), w (out_channels, kernel[0..2], channels / groups), y (batch, out[0..2],
// out_channels), all contiguous and of one type. Output position p and kernel tap t meet at p * stride + t *
// dilation - pad_lo of the input with input_dilation - 1 zeros between its elements. With flip, tap t uses
// the weights of kernel - 1 - t.
struct ConvShape {
  GemmType type = GemmType::f32;
  int64_t batch = 0;
  int64_t channels = 0;
  int64_t out_channels = 0;
  int64_t groups = 1;
  std::array<int64_t, 3> in{1, 1, 1};
  std::array<int64_t, 3> out{1, 1, 1};
  std::array<int64_t, 3> kernel{1, 1, 1};
  std::array<int64_t, 3> stride{1, 1, 1};
  std::array<int64_t, 3> pad_lo{0, 0, 0};
  std::array<int64_t, 3> dilation{1, 1, 1};
  std::array<int64_t, 3> input_dilation{1, 1, 1};
  bool flip = false;

  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t positions() const { return batch * out[0] * out[1] * out[2]; }
};

void convolve(const ConvShape& shape, const void* x, const void* w, void* y);

// dw, shaped like w, = the gradient of convolve by w for the cotangent g, shaped like y.
void convolve_weight_gradient(const ConvShape& shape, const void* x, const void* g, void* dw);

struct ConvTable {
  // y[c] = sum over taps of x[tap][c] * w[tap][c]; w is f32.
  void (*depthwise_f32)(const void* const* x, const float* const* w, int64_t taps, void* y, int64_t channels);
  void (*depthwise_bf16)(const void* const* x, const float* const* w, int64_t taps, void* y,
                         int64_t channels);
  void (*depthwise_f16)(const void* const* x, const float* const* w, int64_t taps, void* y, int64_t channels);
};

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(ConvTable, conv_table)
