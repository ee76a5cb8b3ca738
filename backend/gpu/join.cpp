#include "backend/gpu/join.h"

#include "backend/gpu/walk.h"
#include "kernels/join.h"

namespace mlx_rocm::gpu {
namespace {

struct Part {
  array x;
  Walk walk;
  int64_t start;  // in the output, in elements
};

Walk walk_part(const array& x, const array& out) {
  Walk w(2);
  w.shape = x.shape();
  w.strides[0] = x.strides();
  w.strides[1] = out.strides();
  w.collapse();
  return w;
}

std::vector<Part> parts_of(const Arrays& in, int axis, const array& out) {
  std::vector<Part> parts;
  int64_t start = 0;
  for (const array& a : in) {
    if (a.size() > 0) {
      Part p{a, walk_part(a, out), start * out.strides()[axis]};
      if (!p.walk.fits()) {
        p.x = contiguous(a);
        p.walk = walk_part(p.x, out);
      }
      parts.push_back(std::move(p));
    }
    start += a.shape(axis);
  }
  return parts;
}

// Parts [first, last), at most MAX_PARTS of them.
void launch_parts(const Part* first, const Part* last, const array& out) {
  int wide = 16;
  uint64_t rows = 0, units = 0;
  for (const Part* p = first; p != last; ++p) {
    wide = std::min(wide, elements_of_unit(p->walk, p->x, out, p->start));
  }
  // The largest part decides how much a thread has in flight.
  RowPlan main = plan_rows(1, 1, 1);
  for (const Part* p = first; p != last; ++p) {
    const uint32_t n = p->walk.columns() / uint32_t(wide);
    rows = std::max(rows, p->walk.rows());
    if (p->walk.rows() * n > units) {
      units = p->walk.rows() * n;
      main = plan_rows(p->walk.rows(), n, groups_wanted());
    }
  }
  JoinParts parts{};
  array x[MAX_PARTS];
  Grid grid(0, 0, uint64_t(last - first));
  for (const Part* p = first; p != last; ++p) {
    const uint32_t n = p->walk.columns() / uint32_t(wide);
    const RowPlan plan = plan_rows(p->walk.rows(), n, groups_wanted(), main.rows_each, main.cols_each);
    const int64_t step = wide > 1 ? 1 : p->walk.step(0), step_y = wide > 1 ? 1 : p->walk.step(1);
    parts.part[p - first] = {p->walk.rows_layout<2>(wide), plan.tiles, step, step_y, p->start / wide};
    x[p - first] = p->x;
    grid.x = std::max(grid.x, plan.grid.x);
    grid.y = std::max(grid.y, plan.grid.y);
  }
  const auto& k = kernel("join.hip", "concatenate",
                         {{"U", unit_name(int(out.itemsize()) * wide)}, {"ROW", row_type(rows)},
                          {"ROWS_EACH", main.rows_each}, {"COLS_EACH", main.cols_each}});
  launch(k, grid, ROW_TILES_THREADS, mlx_rocm::gpu::out(out), in(x[0]), in(x[1]), in(x[2]), in(x[3]),
         in(x[4]), in(x[5]), in(x[6]), in(x[7]), parts);
}

}  // namespace

void concatenate(const Arrays& in, int axis, const array& out) {
  const std::vector<Part> parts = parts_of(in, axis, out);
  for (size_t i = 0; i < parts.size(); i += MAX_PARTS) {
    launch_parts(parts.data() + i, parts.data() + std::min(parts.size(), i + MAX_PARTS), out);
  }
}

}  // namespace mlx_rocm::gpu
