// Sorting on the GPU: which kernels, and their launches.
#pragma once

#include <cstdint>

#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {

// How rows of n elements are sorted. Short ones by kernels/sort.hip, each inside a workgroup; others by
// radix.
struct SortPlan {
  bool short_rows;
  int threads = 256, log_items = 0, log_row = 0;  // short: see kernels/sort.hip
  int items = 8;                                  // radix: of a thread
  int passes = 0;
  int64_t tiles = 0;                              // of a row
  bool sum_tiles = false;                         // in the scatter kernel, without a scan
};
// `key_bytes` of the type, `key_bits` that differ; for positions when `positions`.
SortPlan sort_plan(int64_t rows, int64_t n, int key_bytes, int key_bits, bool positions, int units);

// y = the sorted rows of x, or the positions that sort them (uint32); both (rows, n) without gaps.
void sort_rows(const array& x, const array& y, int64_t rows, int64_t n, bool positions);

}  // namespace mlx_rocm::gpu
