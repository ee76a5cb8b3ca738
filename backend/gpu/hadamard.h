// Hadamard transforms of rows of any supported length: one pass through LDS, or several for long rows.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/core/array.h"

namespace mlx_rocm::gpu {

struct HadamardPass {
  int64_t low;   // elements between those of the first butterfly; 1: rows lie one after the other
  int64_t high;  // elements between the halves of the last butterfly, times 2
  int m;         // order of the matrix across blocks of `high`
};
// The passes for rows of m * power elements, innermost butterflies first.
std::vector<HadamardPass> hadamard_passes(int m, int64_t power);

// out = scale * (block kron H_power) in, along the last axis of n = m * power elements; `block` is m x m, entries +-1.
void hadamard(const array& in, const array& out, int m, const std::vector<float>& block, float scale);

}  // namespace mlx_rocm::gpu
