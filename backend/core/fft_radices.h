#pragma once

#include <cstdint>
#include <vector>

namespace mlx_rocm {

// The radices of a Fourier transform of length n in the order of its passes, from 13, 11, 7, 5, 3, 8, 4, 2; empty when
// n has another prime factor.
std::vector<int> fft_radices(int64_t n);

}  // namespace mlx_rocm
