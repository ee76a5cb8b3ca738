// Matrix products on raw pointers: C = alpha * A @ B + beta * D.
#pragma once

#include <cstdint>

#include "backend/cpu/isa.h"

namespace mlx_rocm::cpu {

enum class GemmType { f32, f64, bf16, f16, c64 };

// A is (m, k), B is (k, n), C and D are (m, n). Strides are in elements and may have any sign, 0 included
// (not for C). Half types accumulate in f32 and round once. With addend == nullptr, beta is ignored.
struct GemmArgs {
  GemmType type = GemmType::f32;
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  const void* a = nullptr;
  int64_t a_row = 0;
  int64_t a_col = 0;
  const void* b = nullptr;
  int64_t b_row = 0;
  int64_t b_col = 0;
  void* c = nullptr;
  int64_t c_row = 0;
  int64_t c_col = 1;
  double alpha = 1.0;
  double beta = 0.0;
  const void* addend = nullptr;
  int64_t d_row = 0;
  int64_t d_col = 0;
  // Instead of b: gives the columns [first, first + count) (first a multiple of 32) of B when they are
  // needed, as (count, k) contiguous, or as (k, count) when b_row_major. The memory belongs to the calling
  // thread.
  const void* (*b_columns)(const void* context, int64_t first, int64_t count) = nullptr;
  const void* b_context = nullptr;
  bool b_row_major = false;
};

void gemm(const GemmArgs& args);

// One product per i in [0, count), with element offsets added to the pointers of `args`; a null offset list
// means that all products share that matrix.
struct GemmOffsets {
  const int64_t* a = nullptr;
  const int64_t* b = nullptr;
  const int64_t* c = nullptr;
  const int64_t* addend = nullptr;
};

void gemm_batched(const GemmArgs& args, int64_t count, const GemmOffsets& offsets);

struct GemmTable {
  void (*f32)(const GemmArgs&);
  void (*f64)(const GemmArgs&);
  void (*bf16)(const GemmArgs&);
  void (*f16)(const GemmArgs&);
};

// Kernels for vdpbf16ps; call only when isa() is v4bf16.
#if defined(__x86_64__)
namespace isa_v4bf16 {
void gemm_bf16(const GemmArgs& args);
}
#endif

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(GemmTable, gemm_table)
