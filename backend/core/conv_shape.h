// The shape of a convolution. One and two spatial axes are three with leading ones.
#pragma once

#include <array>
#include <cstdint>

namespace mlx_rocm {

// x (batch, in[0..2], channels), w (out_channels, kernel[0..2], channels / groups), y (batch, out[0..2],
// out_channels), all contiguous and of one type. Output position p and kernel tap t meet at p * stride + t *
// dilation - pad of the input with input_dilation - 1 zeros between its elements. With flip, tap t uses
// the weights of kernel - 1 - t.
struct ConvShape {
  int64_t batch = 0;
  int64_t channels = 0;
  int64_t out_channels = 0;
  int64_t groups = 1;
  int axes = 1;  // that the caller has
  std::array<int64_t, 3> in{1, 1, 1};
  std::array<int64_t, 3> out{1, 1, 1};
  std::array<int64_t, 3> kernel{1, 1, 1};
  std::array<int64_t, 3> stride{1, 1, 1};
  std::array<int64_t, 3> pad{0, 0, 0};
  std::array<int64_t, 3> dilation{1, 1, 1};
  std::array<int64_t, 3> input_dilation{1, 1, 1};
  bool flip = false;

  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t positions() const { return batch * out[0] * out[1] * out[2]; }
  bool input_dilated() const { return input_dilation != std::array<int64_t, 3>{1, 1, 1}; }
};

}  // namespace mlx_rocm
