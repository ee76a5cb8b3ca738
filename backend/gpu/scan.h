// Cumulative operations on the GPU: which kernel, how axes are cut, and the launches.
#pragma once

#include <cstdint>
#include <string>

#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {

struct ScanSpec {
  const char* op;        // functor of kernels/scalar.h or scan.h
  std::string identity;  // of it, as source text
  Dtype accumulator;     // of 4 or 8 bytes
  bool reverse = false, inclusive = true;
  int most_items = 16;  // of a thread: fewer where `op` is long code
};

enum class ScanRoute { rows, pieces, columns };
struct ScanPlan {
  ScanRoute route;
  int lanes = 0;       // of a row, on the route `rows`
  int64_t pieces = 1;  // that each row or line is cut into
  int64_t piece = 0;   // positions in one
};
// For `outer` x n x `inner` elements: `items` consecutive ones a thread on rows, `vec` neighbouring lines a
// thread otherwise, on a device of `units` compute units with waves of `wave` lanes.
ScanPlan scan_plan(int64_t outer, int64_t n, int64_t inner, int items, int vec, int wave, int units);

// y = scan of x along n, both laid out as (outer, n, inner) without gaps; y may have x's memory.
void scan(const ScanSpec& spec, const array& x, const array& y, int64_t outer, int64_t n, int64_t inner);

// The most elements of an aligned access of up to 16 bytes that divide `length` and every array's offset.
int aligned_elements(std::initializer_list<const array*> arrays, int64_t length, int most);

}  // namespace mlx_rocm::gpu
