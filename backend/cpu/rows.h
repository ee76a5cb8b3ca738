// Normalisations over contiguous rows, computed in f32.
#pragma once

#include <cstdint>

#include "backend/cpu/isa.h"

namespace mlx_rocm::cpu {

// x, y: n contiguous elements of the table's type (y may be x). Norms round the normalised value to that type
// before they scale it; weight and bias may be null.
struct RowKernels {
  void (*softmax)(const void* x, void* y, int64_t n);
  float (*logsumexp)(const void* x, int64_t n);
  void (*rms_norm)(const void* x, const void* weight, float eps, void* y, int64_t n);
  void (*layer_norm)(const void* x, const void* weight, const void* bias, float eps, void* y, int64_t n);
  // Rotates `half` pairs: (x[i], x[i + half]), or (x[2i], x[2i + 1]) when interleaved.
  void (*rope)(const void* x, void* y, const float* cos, const float* sin, int64_t half, bool interleaved);
  // Widens to f32 and rounds back.
  void (*to_f32)(const void* x, float* y, int64_t n);
  void (*from_f32)(const float* x, void* y, int64_t n);
};

struct RowTable {
  RowKernels f32;
  RowKernels bf16;
  RowKernels f16;
  // sin and cos of position * rate[i]; sin times sign.
  void (*sincos)(const float* rate, float position, float sign, float* sin, float* cos, int64_t n);
};

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(RowTable, row_table)
