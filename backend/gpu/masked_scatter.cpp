#include "backend/gpu/masked_scatter.h"

#include <algorithm>

#include "backend/core/error.h"
#include "backend/gpu/row_tiles.h"

namespace mlx_rocm::gpu {
namespace {

constexpr int64_t kBlock = 2048;  // mask entries of a workgroup, as in the kernel

// How many true entries there are before each block of the mask.
array entries_before_blocks(const array& mask, int64_t blocks) {
  array counts = temporary({int32_t(blocks)}, uint32);
  if (blocks == 1) {
    fill_bytes(counts, 0);
    return counts;
  }
  launch(kernel("masked_scatter.hip", "mask_count", {{"U", "u32"}}), Grid(blocks), 256, in(mask), out(counts),
         uint64_t(mask.size()));
  launch(kernel("masked_scatter.hip", "mask_scan", {{"U", "u32"}}), Grid(1), 256, out(counts),
         uint32_t(blocks));
  return counts;
}

}  // namespace

void masked_scatter(const array& x, const array& mask, const array& values) {
  const int64_t n = mask.size(), chunk = n == 0 ? 0 : x.size() / n;
  if (chunk == 0) return;
  if (n > int64_t(UINT32_MAX) || chunk > int64_t(UINT32_MAX)) {
    runtime_error("[masked_scatter] The GPU takes masks of at most 2^32 - 1 entries, not ", n, ".");
  }
  const int64_t blocks = (n + kBlock - 1) / kBlock;
  const int64_t limit = std::min<int64_t>(values.size() / chunk, UINT32_MAX - 1);
  const array before = entries_before_blocks(mask, blocks);
  const auto place = [&](const char* unit, const array& chosen) {
    const auto& k = kernel("masked_scatter.hip", "mask_place", {{"U", unit}});
    launch(k, Grid(blocks), 256, in(mask), in(before), in(values), out(x), out(chosen), uint64_t(n),
           uint32_t(limit));
  };
  const int size = int(x.itemsize());
  if (chunk == 1) return place(unit_name(size), array());
  const array chosen = temporary({int32_t(blocks), int32_t(kBlock)}, uint32);
  place("u32", chosen);
  const int unit = common_unit({chunk * size, x.offset(), values.offset()});
  const RowPlan p = plan_rows(uint64_t(n), uint32_t(chunk * size / unit), groups_wanted(), 1, 1);
  launch(kernel("masked_scatter.hip", "copy_chunks", {{"U", unit_name(unit)}}), p.grid, ROW_TILES_THREADS,
         in(chosen), in(values), out(x), p.tiles);
}

}  // namespace mlx_rocm::gpu
