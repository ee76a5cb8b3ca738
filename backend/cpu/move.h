// Moving elements between layouts: strided runs, constant runs, transposition of a plane. By item size only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/isa.h"

namespace mlx_rocm::cpu {

struct MoveKernels {
  // dst[i * dst_stride] = src[i * src_stride] for i in [0, n); strides in elements.
  void (*run)(const void* src, int64_t src_stride, void* dst, int64_t dst_stride, int64_t n);
  // dst[r * dst_stride + c] = src[r + c * src_stride]. `stream`: the destination will not be read soon.
  void (*transpose)(const void* src, int64_t src_stride, void* dst, int64_t dst_stride, int64_t rows, int64_t columns,
                    bool stream);
};

struct MoveTable {
  MoveKernels items[4];  // of 1, 2, 4 and 8 bytes
  // memcpy past the caches, for results that do not fit them.
  void (*stream)(const void* src, void* dst, size_t bytes);
  // dst[i] = start + i * step.
  void (*arange_f32)(float start, float step, int64_t first, float* dst, int64_t n);
  void (*arange_i32)(int32_t start, int32_t step, int64_t first, int32_t* dst, int64_t n);
};

// Outputs of more bytes than this are written past the caches: half of the last-level cache.
size_t stream_threshold();

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(MoveTable, move_table)

namespace mlx_rocm::cpu {

inline const MoveKernels& move_kernels(size_t item) {
  return move_table().items[item == 1 ? 0 : item == 2 ? 1 : item == 4 ? 2 : 3];
}

}  // namespace mlx_rocm::cpu
