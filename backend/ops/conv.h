// Convolutions with 1 to 3 spatial axes, channels last: input (batch, ..., channels), weight (out_channels,
// ..., channels / groups).
#pragma once

#include <string>

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm {

// Each list has one entry per spatial axis, or one for all, or none (the default). A negative padding crops.
// flip reverses the weights, as in signal processing.
struct ConvOptions {
  Axes stride;
  Axes padding_lo;
  Axes padding_hi;
  Axes kernel_dilation;
  Axes input_dilation;
  int groups = 1;
  bool flip = false;
};

array conv_general(const array& input, const array& weight, const ConvOptions& options = {},
                   const StreamOrDevice& s = {});
// The transpose of a convolution with these options, as an upsampling layer; one entry per spatial axis.
array conv_transpose(const array& input, const array& weight, const Axes& stride, const Axes& padding,
                     const Axes& dilation, const Axes& output_padding, int groups = 1,
                     const StreamOrDevice& s = {});
// 1-d convolution of signals; mode is "full", "same" or "valid".
array convolve(const array& a, const array& v, const std::string& mode = "full",
               const StreamOrDevice& s = {});

}  // namespace mlx_rocm
