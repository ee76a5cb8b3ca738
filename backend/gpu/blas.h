// The vendor's matrix products, where its library is there: hipBLASLt or cuBLASLt, opened at run time.
// Everything about them is optional; a product that they refuse goes to kernels/gemm.hip.
#pragma once

#include <cstdint>
#include <functional>

#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {

// A row-major matrix whose rows are `lead` elements apart, or a column-major one (`transposed`) whose columns
// are. `item`: from one matrix of the batch to the next.
struct BlasMatrix {
  int64_t lead = 0;
  bool transposed = false;
  int64_t item = 0;
};

// out = alpha * a @ b + beta * out, a (m, k), b (k, n); float32, float16 or bfloat16, sums in float.
struct BlasGemm {
  Dtype dtype;
  int64_t m = 0, n = 0, k = 0, batch = 1;
  BlasMatrix a, b, out;
  float alpha = 1.0f, beta = 0.0f;
};

// Whether there is a library for this device and MLX_ROCM_BLAS is not 0. Opens it at the first call.
bool blas_available();
// False: the library refused, or it was measured to be slower than `ours`, which launches the same product by our own
// kernels; nothing was launched that counts. A product that is used often is measured once: the library's algorithms and
// ours (tuning.h).
bool blas_gemm(const BlasGemm& g, const array& a, const array& b, const array& out, const std::function<void()>& ours);

}  // namespace mlx_rocm::gpu
