#include "backend/gpu/row_tiles.h"

#include <algorithm>

namespace mlx_rocm::gpu {
namespace {

constexpr int64_t kThreads = ROW_TILES_THREADS;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Threads beside each other for a row of which each takes `cols_each` units: as few idle ones as may be, but
// not fewer than 32 where the row has as many, since neighbours make wide accesses.
int log2_cols(uint32_t n, int cols_each) {
  const int64_t wanted = ceil_div(n, cols_each);
  int best = 0;
  int64_t least = INT64_MAX;
  for (int log = 0; log <= 8; ++log) {
    const int64_t cols = int64_t(1) << log, lanes = ceil_div(wanted, cols) * cols;
    const bool wide_enough = cols >= std::min<int64_t>(32, wanted);
    if (wide_enough && lanes <= least) {
      least = lanes;
      best = log;
    }
    if (cols >= wanted) break;
  }
  return best;
}

}  // namespace

RowPlan plan_rows(uint64_t rows, uint32_t n, int64_t wanted) {
  // A thread has four units in flight: of one row, or of four short ones where there are very many of them.
  // Two variants of a kernel, not more: each costs a compilation.
  const bool much = double(rows) * n >= double(wanted) * kThreads * 4;
  return much && n < 1024 ? plan_rows(rows, n, wanted, 4, 1) : plan_rows(rows, n, wanted, 1, 4);
}

RowPlan plan_rows(uint64_t rows, uint32_t n, int64_t wanted, int rows_each, int cols_each) {
  RowPlan p{{rows, n, n, log2_cols(n, cols_each)}, Grid(1), rows_each, cols_each};
  const int64_t cols = p.tiles.cols(), row_block = kThreads / cols * rows_each;
  const int64_t row_groups = int64_t((rows + row_block - 1) / row_block);
  if (row_groups < wanted) {
    const int64_t step = cols * cols_each;
    const int64_t chunks = std::min({ceil_div(wanted, row_groups), ceil_div(n, step), int64_t(65535)});
    p.tiles.span = uint32_t(std::min<int64_t>(n, ceil_div(ceil_div(n, chunks), step) * step));
  }
  const int64_t most = int64_t(UINT32_MAX) / kThreads;  // further rows are the kernel's loop
  p.grid = Grid(uint64_t(std::min(row_groups, most)), uint64_t(ceil_div(n, p.tiles.span)));
  return p;
}
int64_t groups_wanted() { return int64_t(compute_units()) * 8; }

int common_unit(std::initializer_list<int64_t> bytes) {
  uint64_t all = 16;
  for (int64_t b : bytes) all |= uint64_t(b);
  return int(all & (~all + 1));
}

const char* unit_name(int bytes) {
  switch (bytes) {
    case 1: return "u8";
    case 2: return "u16";
    case 4: return "u32";
    case 8: return "u64";
    default: return "Words4";
  }
}

}  // namespace mlx_rocm::gpu
