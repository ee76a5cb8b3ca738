// Fourier transforms of any length along one axis, in single precision.
#pragma once

#include <cstdint>

#include "backend/core/layout.h"

namespace mlx_rocm::cpu {

enum class FftKind {
  complex_to_complex,  // n complex in, n complex out
  real_to_complex,     // n real in, n / 2 + 1 complex out
  complex_to_real,     // n / 2 + 1 complex in (a half spectrum), n real out
};

// X[k] = scale * sum_j x[j] exp(-+ 2 pi i j k / n), the sign being minus unless `inverse`. Strides are in
// elements of the side's own type. The axis of `shape` is ignored; the other axes count the transforms. Input
// and output may be the same memory when their strides are equal.
struct FftArgs {
  FftKind kind = FftKind::complex_to_complex;
  bool inverse = false;
  int64_t n = 0;
  float scale = 1.0f;
  Shape shape;
  int axis = 0;
  Strides in_strides;
  Strides out_strides;
};

void fft(const FftArgs& args, const void* in, void* out);

}  // namespace mlx_rocm::cpu
