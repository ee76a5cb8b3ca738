// Launch geometry for kernels that walk rows (kernels/row_tiles.h).
#pragma once

#include "backend/gpu/gpu.h"
#include "kernels/row_tiles.h"

namespace mlx_rocm::gpu {

struct RowPlan {
  RowTiles tiles;
  Grid grid;
  int rows_each, cols_each;  // units of one thread that are in flight together
};

// How to cover `rows` rows of `n` units with `wanted` workgroups or more. A pure function.
RowPlan plan_rows(uint64_t rows, uint32_t n, int64_t wanted);
// Like it, for a kernel whose threads have that many units of that many rows in flight.
RowPlan plan_rows(uint64_t rows, uint32_t n, int64_t wanted, int rows_each, int cols_each);
// Enough workgroups that every compute unit has several to switch between.
int64_t groups_wanted();

// The widest access, of 1 to 16 bytes, that divides all of these byte counts (0 is divided by everything).
int common_unit(std::initializer_list<int64_t> bytes);
// The unsigned type of that many bytes, as kernels name it.
const char* unit_name(int bytes);

}  // namespace mlx_rocm::gpu
