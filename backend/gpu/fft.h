// Fourier transforms of any length along one axis on the GPU, in single precision.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/core/array.h"
#include "backend/core/fft_radices.h"

namespace mlx_rocm::gpu {

// half: bins 0 to n / 2 of a real side.
enum class FftSide { complex, real, half };

struct FftArgs {
  int axis = 0;
  int64_t n = 0;  // length of the transform
  bool inverse = false;
  float scale = 1;
  FftSide from = FftSide::complex;
  FftSide to = FftSide::complex;
};

// How a transform of length n (with radices) is split: factors of at most kLargestLine, one for each pass through memory.
std::vector<int64_t> fft_factors(int64_t n);
inline constexpr int64_t kLargestLine = 4096;

// `out` has memory; row-contiguous. `in` is row-contiguous, and may be `out` when their lengths agree.
void fft(const FftArgs& args, const array& in, const array& out);

}  // namespace mlx_rocm::gpu
