#include "backend/ops/conv.h"

#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

// An int for all spatial axes (`axes` of them, when the function's name says how many), or one per axis.
Axes to_spatial(nb::handle h, int axes = 1) {
  if (nb::isinstance<nb::int_>(h)) return Axes(axes, nb::cast<int>(h));
  return nb::cast<Axes>(h);
}

struct SpatialName {
  const char* conv;
  const char* transpose;
  int axes;
};
constexpr SpatialName kNames[] = {
    {"conv1d", "conv_transpose1d", 1}, {"conv2d", "conv_transpose2d", 2}, {"conv3d", "conv_transpose3d", 3}};

void def_conv(nb::module_& m, const SpatialName& name) {
  m.def(
      name.conv,
      [n = name.axes](const array& input, const array& weight, nb::handle stride, nb::handle padding,
                      nb::handle dilation, int groups, const StreamOrDevice& s) {
        const Axes pad = to_spatial(padding, n);
        const Axes steps = to_spatial(stride, n), spread = to_spatial(dilation, n);
        return conv_general(input, weight, {steps, pad, pad, spread, {}, groups, false}, s);
      },
      nb::arg(), nb::arg(), "stride"_a = 1, "padding"_a = 0, "dilation"_a = 1, "groups"_a = 1, nb::kw_only(),
      "stream"_a = nb::none(),
      "Convolution of input (batch, ..., channels) with weight (out_channels, ..., channels / groups). "
      "stride, padding "
      "and dilation are an int or one int per spatial axis.");
}

void def_transpose(nb::module_& m, const SpatialName& name) {
  m.def(
      name.transpose,
      [n = name.axes](const array& input, const array& weight, nb::handle stride, nb::handle padding,
                      nb::handle dilation, nb::handle output_padding, int groups, const StreamOrDevice& s) {
        return conv_transpose(input, weight, to_spatial(stride, n), to_spatial(padding, n),
                              to_spatial(dilation, n), to_spatial(output_padding, n), groups, s);
      },
      nb::arg(), nb::arg(), "stride"_a = 1, "padding"_a = 0, "dilation"_a = 1, "output_padding"_a = 0,
      "groups"_a = 1, nb::kw_only(), "stream"_a = nb::none(),
      "Transposed convolution of input (batch, ..., channels) with weight (out_channels, ..., channels / "
      "groups).");
}

}  // namespace

void init_conv(nb::module_& m) {
  for (const SpatialName& name : kNames) {
    def_conv(m, name);
    def_transpose(m, name);
  }
  m.def(
      "conv_general",
      [](const array& input, const array& weight, nb::handle stride, nb::handle padding,
         nb::handle kernel_dilation, nb::handle input_dilation, int groups, bool flip,
         const StreamOrDevice& s) {
        Axes low, high;
        // Two sequences give the padding of either side.
        if (nb::isinstance<nb::tuple>(padding) && nb::len(padding) == 2 &&
            !nb::isinstance<nb::int_>(padding[0])) {
          low = to_spatial(padding[0]);
          high = to_spatial(padding[1]);
        } else {
          low = high = to_spatial(padding);
        }
        return conv_general(input, weight,
                            {to_spatial(stride), low, high, to_spatial(kernel_dilation),
                             to_spatial(input_dilation), groups, flip},
                            s);
      },
      nb::arg(), nb::arg(), "stride"_a = 1, "padding"_a = 0, "kernel_dilation"_a = 1, "input_dilation"_a = 1,
      "groups"_a = 1, "flip"_a = false, nb::kw_only(), "stream"_a = nb::none(),
      "Convolution of input (batch, ..., channels) with weight (out_channels, ..., channels / groups) over 1 "
      "to 3 "
      "spatial axes. padding: an int, one per axis, or a pair of such for the low and high sides.");
  m.def("convolve", &convolve, nb::arg(), nb::arg(), "mode"_a = "full", nb::kw_only(),
        "stream"_a = nb::none(),
        "Discrete convolution of two 1-d arrays; mode is 'full', 'same' or 'valid'.");
}

}  // namespace mlx_rocm::python
