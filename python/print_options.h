#pragma once

namespace mlx_rocm::python {

struct PrintOptions {
  int precision = -1;  // decimals of floats; -1: six significant digits
  explicit PrintOptions(int p = -1) : precision(p) {}
};
PrintOptions& print_options();

}  // namespace mlx_rocm::python
