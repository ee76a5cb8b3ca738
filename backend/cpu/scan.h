// Cumulative operations over raw memory, compiled per instruction set.
#pragma once

#include <cstdint>

#include "backend/core/dtype.h"
#include "backend/cpu/isa.h"

namespace mlx_rocm::cpu {

enum class ScanKind : uint8_t { sum, prod, max, min, logaddexp };
constexpr int num_scans = 5;

// Half types accumulate in float: `carry` and `total` hold accumulators. A null carry means that the line starts here.
struct ScanKernels {
  // `lines` lines of n contiguous elements, `stride` elements apart; carry: one per line.
  void (*lines)(const void* x, void* y, int64_t n, int64_t stride, int64_t lines, bool reverse, bool inclusive,
                const void* carry);
  // `columns` neighbouring lines, whose entries lie `step` elements apart.
  void (*columns)(const void* x, void* y, int64_t n, int64_t step, int64_t columns, bool reverse, bool inclusive);
  // *total = the combination of n >= 1 contiguous elements.
  void (*total)(const void* x, int64_t n, void* total);
  // *a = a combined with b.
  void (*combine)(void* a, const void* b);
};

struct ScanTable {
  ScanKernels f32[num_scans], f16[num_scans], bf16[num_scans], i32[num_scans];
};

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(ScanTable, scan_table)
