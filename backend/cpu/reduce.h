// Reductions over raw memory, compiled per instruction set.
#pragma once

#include <cstdint>

#include "backend/cpu/isa.h"
#include "backend/cpu/tile.h"

namespace mlx_rocm::cpu {

enum class Reduction : uint8_t { sum, prod, max, min, all, any };
constexpr int num_reductions = 6;

struct ReduceTable {
  // *acc = *acc combined with n contiguous elements.
  void (*row[num_reductions][num_computes])(const void* x, int64_t n, void* acc);
  // acc[i] = acc[i] combined with x[i + r * stride] for r in [0, rows).
  void (*columns[num_reductions][num_computes])(const void* x, int64_t stride, int64_t rows, int64_t n, void* acc);
  // The same for bfloat16, accumulated in float.
  void (*columns_bf16[num_reductions])(const void* x, int64_t stride, int64_t rows, int64_t n, void* acc);
  // acc[0, n) = the neutral element.
  void (*fill[num_reductions][num_computes])(int64_t n, void* acc);
  // Index of the first largest (argmin: smallest) of n contiguous elements; NaN counts as the extreme.
  uint32_t (*argmax[num_computes])(const void* x, int64_t n);
  uint32_t (*argmin[num_computes])(const void* x, int64_t n);
  // Takes row number `row` of n neighbouring columns into account: best[i] and its row at[i]. Row 0 starts.
  void (*argmax_columns[num_computes])(const void* x, uint32_t row, int64_t n, void* best, uint32_t* at);
  void (*argmin_columns[num_computes])(const void* x, uint32_t row, int64_t n, void* best, uint32_t* at);
};

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(ReduceTable, reduce_table)
