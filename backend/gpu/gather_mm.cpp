// gather_mm and segmented_mm: products whose operands or sizes are known on the device only.
#include <algorithm>

#include "backend/core/error.h"
#include "backend/gpu/gemm.h"

namespace mlx_rocm::gpu {
namespace {

using detail::Matrix;

int64_t tiles_of(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

// An array whose leading axes walk as one, at the distance *item from matrix to matrix; a copy where they do
// not.
array with_one_item_stride(const array& x, long long* item) {
  array a = x;
  for (;;) {
    Shape shape(a.shape().begin(), a.shape().end() - 2);
    Strides strides[1] = {Strides(a.strides().begin(), a.strides().end() - 2)};
    collapse(shape, strides);
    if (shape.size() == 1) {
      *item = strides[0][0];
      return a;
    }
    a = contiguous(a);
  }
}

array broadcast_copy(const array& x, const Shape& shape) {
  return contiguous(
      array(x.buffer(), shape, x.dtype(), broadcast_strides(x.shape(), x.strides(), shape), x.offset()));
}

// What gather_mm's kernels get, and the arrays behind it.
struct Gather {
  Matrix a, b;
  array lhs, rhs;
  GemmIndices index{};
  int64_t pairs = 0, m = 0, n = 0, k = 0;
};

Gather gather_of(const Arrays& in, const array& out) {
  Gather g;
  g.m = out.shape(-2);
  g.n = out.shape(-1);
  g.k = in[0].shape(-1);
  const array a = with_one_item_stride(in[0], &g.index.a_item),
              b = with_one_item_stride(in[1], &g.index.b_item);
  auto matrix = [](const array& x) {
    return Matrix{x, x.strides()[x.ndim() - 2], x.strides()[x.ndim() - 1]};
  };
  g.a = matrix(a);
  g.b = matrix(b);
  auto matrices = [](const array& x) {
    return int(num_elements(Shape(x.shape().begin(), x.shape().end() - 2)));
  };
  g.index.a_count = matrices(a);
  g.index.b_count = matrices(b);
  Shape shape(out.shape().begin(), out.shape().end() - 2);
  g.pairs = num_elements(shape);
  g.lhs = in[2];
  g.rhs = in[3];
  Strides strides[2];
  for (;;) {
    Shape merged = shape;
    strides[0] = broadcast_strides(g.lhs.shape(), g.lhs.strides(), shape);
    strides[1] = broadcast_strides(g.rhs.shape(), g.rhs.strides(), shape);
    collapse(merged, strides);
    if (merged.size() <= 2) {
      detail::fill_items(&g.index.pairs, merged, strides);
      return g;
    }
    g.lhs = broadcast_copy(g.lhs, shape);
    g.rhs = broadcast_copy(g.rhs, shape);
  }
}

GemmArgs arguments(const Gather& x) {
  GemmArgs g{};
  g.m = int(x.m);
  g.n = int(x.n);
  g.k = int(x.k);
  g.batch = int(x.pairs);
  g.k_split = int(std::max<int64_t>(x.k, 1));
  g.alpha = 1.0f;
  g.a_row = x.a.row;
  g.a_col = x.a.col;
  g.b_row = x.b.row;
  g.b_col = x.b.col;
  g.out_row = x.n;
  g.out_col = 1;
  g.out_item = x.m * x.n;
  g.items.ndim = 1;
  return g;
}

// Launches `tiles` workgroups for each item in [0, g.batch).
template <class... Extra>
void launch_items(const Kernel& k, GemmArgs g, int64_t tiles, uint32_t threads, const Matrix& a,
                  const Matrix& b, const array& out, const Extra&... extra) {
  const int64_t most = std::max<int64_t>((int64_t(1) << 32) / threads / tiles - 1, 1);
  const array none;
  g.tiles = int(tiles);
  for (int64_t first = 0; first < g.batch; first += most) {
    g.first_item = int(first);
    const int64_t items = std::min<int64_t>(most, g.batch - first);
    launch(k, Grid(uint64_t(tiles * items)), threads, in(a.a), in(b.a), in(none), gpu::out(out), g, extra...);
  }
}

// Rows that meet one matrix in one product each: every matrix is read once a tile of rows, not once a row.
void run_grouped(const Gather& x, const array& out, Access a, Access b) {
  const int64_t rows = x.pairs * x.m, matrices = x.index.b_count;
  const int64_t average = std::max<int64_t>(rows / matrices, 1);
  GemmRoute r = gemm_tile_route(out.dtype(), average, x.n, x.k, matrices, target(), compute_units());
  const array order = temporary(Shape{int(rows)}, uint32),
              starts = temporary(Shape{int(matrices + 1)}, uint32);
  const array tiles = temporary(Shape{int(matrices + 1)}, uint32);
  int64_t room = 256;  // powers of two: few variants of the kernel
  while (room < matrices) room *= 2;
  const Kernel& group = kernel("gemm_group.hip", "group_rows", {{"MATRICES", room}});
  launch(group, 1, 1024, in(x.rhs), x.index, uint32_t(x.pairs), uint32_t(x.m), uint32_t(r.bm),
         gpu::out(order), gpu::out(starts), gpu::out(tiles));
  Defines defines = detail::gemm_defines(r, out.dtype(), a, b, 0);
  defines.push_back({"GROUPED", 1});
  const Kernel& k = kernel("gemm.hip", "gemm", defines);
  const int64_t most_tiles = rows / r.bm + std::min(rows, matrices);
  const array none;
  launch(k, Grid(uint64_t(most_tiles * tiles_of(x.n, r.bn))), uint32_t(r.waves_m * r.waves_n * target().wave),
         in(x.a.a), in(x.b.a), in(none), gpu::out(out), arguments(x), in(x.lhs), x.index, in(order),
         in(starts), in(tiles));
}

constexpr int64_t kGroupedPairs = 32;       // below, the sorting costs more than reading matrices again
constexpr int64_t kGroupedMatrices = 8192;  // counters in LDS

bool worth_grouping(const Gather& x) {
  return x.m <= 8 && x.pairs >= kGroupedPairs && x.pairs * x.m >= x.index.b_count &&
         x.index.b_count <= kGroupedMatrices && x.pairs * x.m <= INT32_MAX;
}

}  // namespace

void gather_mm(const Arrays& in, const array& out) {
  allocate(out);
  if (out.size() == 0) return;
  if (in[0].size() == 0 || in[1].size() == 0) return fill_bytes(out, 0);
  const Gather x = gather_of(in, out);
  const Access a = detail::access(x.a, x.m, x.k, true, {x.index.a_item});
  const Access b = detail::access(x.b, x.n, x.k, false, {x.index.b_item});
  if (worth_grouping(x)) {
    // Rows of a are scattered here, so only accesses along k make sense.
    Gather y = x;
    Access rows = a;
    if (!a.along_k) {
      y.a.a = contiguous(in[0]);
      y.a.row = x.k;
      y.a.col = 1;
      y.index.a_item = x.m * x.k;
      rows = detail::access(y.a, x.m, x.k, true, {y.index.a_item});
      if (!rows.along_k) rows = {true, 1};
    }
    return run_grouped(y, out, rows, b);
  }
  GemmProblem problem{out.dtype(), x.m, x.n, x.k, x.pairs, a, b, false};
  GemmRoute r = gemm_route(problem, target(), compute_units(), false);
  // Swapped operands would need swapped indices, and parts of k memory for every pair.
  if (r.swapped) r = gemm_tile_route(out.dtype(), x.m, x.n, x.k, x.pairs, target(), compute_units());
  r.splits = 1;
  const GemmArgs g = arguments(x);
  if (r.kernel == GemmKernel::gemm) {
    Defines defines = detail::gemm_defines(r, out.dtype(), a, b, 0);
    defines.push_back({"INDEXED", 1});
    const uint32_t threads = uint32_t(r.waves_m * r.waves_n * target().wave);
    launch_items(kernel("gemm.hip", "gemm", defines), g, tiles_of(x.m, r.bm) * tiles_of(x.n, r.bn), threads,
                 x.a, x.b, out, gpu::in(x.lhs), gpu::in(x.rhs), x.index);
    return;
  }
  Defines defines = detail::gemv_defines(r, out.dtype(), x.m, a, x.a.col, 0);
  defines.push_back({"INDEXED", 1});
  launch_items(kernel("gemv.hip", name_of(r.kernel), defines), g, tiles_of(x.n, detail::gemv_columns_of(r)),
               256, x.a, x.b, out, gpu::in(x.lhs), gpu::in(x.rhs), x.index);
}

void segmented_mm(const Arrays& in, const array& out) {
  allocate(out);
  if (out.size() == 0) return;
  const array segments = contiguous(in[2]);
  Gather x;
  x.a = {in[0], in[0].strides()[0], in[0].strides()[1]};
  x.b = {in[1], in[1].strides()[0], in[1].strides()[1]};
  x.m = out.shape(-2);
  x.n = out.shape(-1);
  x.k = in[0].shape(1);
  x.pairs = segments.size() / 2;
  Access a = detail::access(x.a, x.m, x.k, true, {}), b = detail::access(x.b, x.n, x.k, false, {});
  // A segment may start at any k: accesses along k cannot be wide.
  if (a.along_k) a.vector = 1;
  if (b.along_k) b.vector = 1;
  GemmRoute r = gemm_tile_route(out.dtype(), x.m, x.n, x.k, x.pairs, target(), compute_units());
  Defines defines = detail::gemm_defines(r, out.dtype(), a, b, 0);
  defines.push_back({"SEGMENTED", 1});
  launch_items(kernel("gemm.hip", "gemm", defines), arguments(x), tiles_of(x.m, r.bm) * tiles_of(x.n, r.bn),
               uint32_t(r.waves_m * r.waves_n * target().wave), x.a, x.b, out, gpu::in(segments));
}

}  // namespace mlx_rocm::gpu
