#include "backend/gpu/indexing.h"

#include <algorithm>

#include "backend/core/error.h"
#include "backend/gpu/row_tiles.h"
#include "backend/gpu/walk.h"
#include "kernels/indices.h"

namespace mlx_rocm::gpu {
namespace {

const char* mode_name(ScatterMode mode) {
  switch (mode) {
    case ScatterMode::assign: return "SCATTER_ASSIGN";
    case ScatterMode::sum: return "SCATTER_SUM";
    case ScatterMode::prod: return "SCATTER_PROD";
    case ScatterMode::max: return "SCATTER_MAX";
    case ScatterMode::min: return "SCATTER_MIN";
  }
  return "";
}

Shape common_shape(const Arrays& indices) {
  Shape shape;
  for (const array& i : indices) shape = broadcast_shapes(shape, i.shape(), "gather");
  return shape;
}

// The index arrays in one type.
Arrays of_one_type(Arrays indices) {
  bool same = true;
  for (const array& i : indices) same = same && i.dtype() == indices[0].dtype();
  if (!same) {
    for (array& i : indices) i = contiguous(i, int64);
  }
  return indices;
}

// The loops of gather and scatter, `leading` window axes before those of the indices. y has the shape
// (index..., window...).
Walk walk_windows(const Strides& x, const Strides& y, const Arrays& indices, const Shape& places,
                  const Shape& window, size_t leading) {
  Walk w(2 + indices.size());
  auto add_window = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      w.shape.push_back(window[i]);
      w.strides[0].push_back(x[i]);
      w.strides[1].push_back(y[places.size() + i]);
      for (size_t k = 0; k < indices.size(); ++k) w.strides[2 + k].push_back(0);
    }
  };
  add_window(0, leading);
  std::vector<Strides> own;
  for (const array& i : indices) own.push_back(broadcast_strides(i.shape(), i.strides(), places));
  for (size_t i = 0; i < places.size(); ++i) {
    w.shape.push_back(places[i]);
    w.strides[0].push_back(0);
    w.strides[1].push_back(y[i]);
    for (size_t k = 0; k < indices.size(); ++k) w.strides[2 + k].push_back(own[k][i]);
  }
  add_window(leading, window.size());
  w.collapse();
  return w;
}

IndexAxes index_axes(const array& x, const Axes& axes, const Shape& window, int unit) {
  IndexAxes a{};
  for (size_t k = 0; k < axes.size(); ++k) {
    a.extent[k] = x.shape(axes[k]);
    a.last[k] = x.shape(axes[k]) - window[axes[k]];
    a.stride[k] = x.strides()[axes[k]] / unit;
  }
  return a;
}

// The last axis is one of the indices: each column has an index of its own. With one index array that is the
// kernel of gather_axis; with several, every element becomes a row.
bool index_varies_by_column(const Walk& w) {
  for (size_t k = 2; k < w.strides.size(); ++k) {
    if (w.columns() > 1 && w.step(k) != 0) return true;
  }
  return false;
}
void columns_to_rows(Walk& w) {
  w.shape.push_back(1);
  for (Strides& s : w.strides) s.push_back(0);
}

// Elements that one access moves: neighbours in x and in y, whose indexed axes must keep the alignment too.
int elements_of_unit(const Walk& w, const array& x, const array& y, const Axes& axes, int limit) {
  int64_t along = limit;
  for (int a : axes) along |= x.strides()[a];
  return elements_of_unit(w, x, y, along);
}

// Calls f with the number of layout operands as a constant: few variants are compiled.
template <class F>
void by_operands(size_t indices, F f) {
  if (indices <= 1) return f(std::integral_constant<int, 3>{});
  if (indices <= 3) return f(std::integral_constant<int, 5>{});
  f(std::integral_constant<int, 2 + MAX_INDICES>{});
}

void check(const char* op, const Walk& w, size_t indices) {
  if (indices > size_t(MAX_INDICES)) {
    runtime_error("[", op, "] The GPU takes at most ", MAX_INDICES, " index arrays, not ", indices, ".");
  }
  if (!w.fits()) runtime_error("[", op, "] The GPU cannot walk ", w.shape.size(), " axes that do not merge.");
}

struct Pointers {
  array a[MAX_INDICES];
  explicit Pointers(const Arrays& indices) {
    for (size_t k = 0; k < indices.size(); ++k) a[k] = indices[k];
  }
};

void launch_gather_axis(const Walk& w, const array& x, const array& index, const array& y, int64_t length,
                        int64_t stride) {
  const int64_t size = int64_t(x.itemsize()), index_size = int64_t(index.itemsize());
  const bool vector = w.step(1) == 1 && w.step(2) == 1 &&
                      ((w.factors(1) | w.factors(2) | w.columns()) & 3) == 0 &&
                      y.offset() % std::min<int64_t>(16, 4 * size) == 0 &&
                      index.offset() % std::min<int64_t>(16, 4 * index_size) == 0;
  const RowPlan p = vector ? plan_rows(w.rows(), w.columns() / 4, groups_wanted(), 1, 1)
                           : plan_rows(w.rows(), w.columns(), groups_wanted(), 1, 4);
  const auto& k = kernel("along_axis.hip", "gather_axis",
                         {{"U", unit_name(int(size))}, {"INDEX", index.dtype()}, {"ROW", row_type(w.rows())},
                          {"VECTOR", int(vector)}});
  launch(k, p.grid, ROW_TILES_THREADS, in(x), out(y), in(index), w.rows_layout<3>(1), p.tiles, w.step(0),
         w.step(1), w.step(2), length, stride);
}

void launch_scatter_axis(const Walk& w, const array& x, const array& index, const array& y, ScatterMode mode,
                         int64_t length, int64_t stride) {
  const RowPlan p = plan_rows(w.rows(), w.columns(), groups_wanted(), 1, 4);
  const char* type = mode == ScatterMode::assign ? unit_name(int(x.itemsize())) : type_name(x.dtype());
  const auto& k = kernel("along_axis.hip", "scatter_axis",
                         {{"T", type}, {"INDEX", index.dtype()}, {"ROW", row_type(w.rows())},
                          {"MODE", mode_name(mode)}});
  launch(k, p.grid, ROW_TILES_THREADS, out(x), in(y), in(index), w.rows_layout<3>(1), p.tiles, w.step(0),
         w.step(1), w.step(2), length, stride);
}

void launch_gather(Walk w, const array& x, const Arrays& indices, const Axes& axes, const Shape& window,
                   const array& y) {
  if (index_varies_by_column(w)) columns_to_rows(w);
  const int wide = elements_of_unit(w, x, y, axes, 0);
  const RowPlan p = plan_rows(w.rows(), w.columns() / uint32_t(wide), groups_wanted());
  const Pointers i(indices);
  const Dtype index_type = indices.empty() ? int32 : indices[0].dtype();
  by_operands(indices.size(), [&]<int N>(std::integral_constant<int, N>) {
    const auto& k = kernel("gather.hip", "gather",
                           {{"U", unit_name(int(x.itemsize()) * wide)}, {"INDEX", index_type},
                            {"INDICES", indices.size()}, {"OPERANDS", N}, {"ROW", row_type(w.rows())},
                            {"ROWS_EACH", p.rows_each}, {"COLS_EACH", p.cols_each}});
    // A step of 1 where units are neighbours; with a single column it does not matter.
    const int64_t step_x = wide > 1 ? 1 : w.step(0), step_y = wide > 1 ? 1 : w.step(1);
    launch(k, p.grid, ROW_TILES_THREADS, in(x), out(y), in(i.a[0]), in(i.a[1]), in(i.a[2]), in(i.a[3]),
           in(i.a[4]), in(i.a[5]), in(i.a[6]), in(i.a[7]), w.rows_layout<N>(wide),
           index_axes(x, axes, window, wide), p.tiles, step_x, step_y);
  });
}

void launch_scatter(Walk w, const array& x, const Arrays& indices, const Axes& axes, const Shape& window,
                    const array& y, ScatterMode mode, bool clamp) {
  if (index_varies_by_column(w)) columns_to_rows(w);
  const bool assign = mode == ScatterMode::assign, half = x.dtype() == float16 || x.dtype() == bfloat16;
  // Assignments move units of several elements; sums of half types may go in pairs.
  int wide = 1;
  if (assign || (mode == ScatterMode::sum && half && x.dtype() == y.dtype())) {
    wide = elements_of_unit(w, x, y, axes, assign ? 0 : 2);
  }
  const char* type = assign ? unit_name(int(x.itemsize()) * wide) : type_name(x.dtype());
  const RowPlan p = plan_rows(w.rows(), w.columns() / uint32_t(wide), groups_wanted());
  const Pointers i(indices);
  const Dtype index_type = indices.empty() ? int32 : indices[0].dtype();
  const int unit = assign ? wide : 1;
  by_operands(indices.size(), [&]<int N>(std::integral_constant<int, N>) {
    const auto& k = kernel("scatter.hip", "scatter",
                           {{"T", type}, {"U", assign ? type : type_name(y.dtype())}, {"INDEX", index_type},
                            {"INDICES", indices.size()}, {"OPERANDS", N}, {"ROW", row_type(w.rows())},
                            {"ROWS_EACH", p.rows_each}, {"COLS_EACH", p.cols_each}, {"MODE", mode_name(mode)},
                            {"CLAMP", int(clamp)}, {"PAIRS", int(!assign && wide == 2)}});
    const int64_t step_x = wide > 1 ? 1 : w.step(0), step_y = wide > 1 ? 1 : w.step(1);
    launch(k, p.grid, ROW_TILES_THREADS, out(x), in(y), in(i.a[0]), in(i.a[1]), in(i.a[2]), in(i.a[3]),
           in(i.a[4]), in(i.a[5]), in(i.a[6]), in(i.a[7]), w.rows_layout<N>(unit),
           index_axes(x, axes, window, unit), p.tiles, step_x, step_y);
  });
}

// x, y and the index along one axis; the shape is the index's.
Walk walk_axis(const array& x, const array& y, const array& index, int axis) {
  Walk w(3);
  w.shape = index.shape();
  w.strides[0] = x.strides();
  w.strides[0][axis] = 0;
  w.strides[1] = y.strides();
  w.strides[2] = index.strides();
  w.collapse();
  return w;
}

array materialised(const array& a, const Shape& shape) {
  return contiguous(view(a, shape, broadcast_strides(a.shape(), a.strides(), shape)));
}

// Strides of a dense array of the shape (places..., window...) whose memory has `leading` window axes
// outermost.
Strides window_major_strides(const Shape& places, const Shape& window, size_t leading) {
  Strides s(places.size() + window.size(), 0);
  int64_t step = 1;
  auto take = [&](size_t axis, int32_t size) {
    s[axis] = step;
    step *= size;
  };
  for (size_t i = window.size(); i-- > leading;) take(places.size() + i, window[i]);
  for (size_t i = places.size(); i-- > 0;) take(i, places[i]);
  for (size_t i = leading; i-- > 0;) take(places.size() + i, window[i]);
  return s;
}

}  // namespace

array view(const array& a, Shape shape, Strides strides, int64_t offset_elements) {
  array v(make_ref<Node>(std::move(shape), a.dtype()));
  v.share(a, std::move(strides), a.offset() + offset_elements * int64_t(a.itemsize()));
  return v;
}

Arrays corner_indices(const array& start) {
  array s = start.ndim() == 1 ? start : contiguous(start);
  const int64_t step = start.ndim() == 1 ? start.strides()[0] : 1;
  Arrays each;
  for (int64_t k = 0; k < s.size(); ++k) each.push_back(view(s, {}, {}, k * step));
  return each;
}

void gather(const array& x, const Arrays& index_arrays, const Axes& axes, const Shape& window,
            const array& out) {
  const size_t leading = axes.size() == 1 ? size_t(axes[0]) : 0;
  const Shape places = common_shape(index_arrays);
  allocate(out, window_major_strides(places, window, leading));
  if (out.size() == 0) return;
  Arrays indices = of_one_type(index_arrays);
  array source = x;
  Walk w = walk_windows(x.strides(), out.strides(), indices, places, window, leading);
  if (!w.fits()) {
    for (array& i : indices) i = materialised(i, places);
    source = contiguous(x);
    w = walk_windows(source.strides(), out.strides(), indices, places, window, leading);
  }
  check("gather", w, indices.size());
  if (indices.size() == 1 && index_varies_by_column(w) && window[axes[0]] == 1) {
    return launch_gather_axis(w, source, indices[0], out, x.shape(axes[0]), source.strides()[axes[0]]);
  }
  launch_gather(w, source, indices, axes, window, out);
}

void scatter(const array& x, const Arrays& index_arrays, const Axes& axes, const array& updates,
             ScatterMode mode, bool clamp) {
  if (updates.size() == 0 || x.size() == 0) return;
  const size_t leading = axes.size() == 1 ? size_t(axes[0]) : 0;
  const Shape places = common_shape(index_arrays);
  const Shape window(updates.shape().end() - x.ndim(), updates.shape().end());
  Arrays indices = of_one_type(index_arrays);
  array y = updates;
  Walk w = walk_windows(x.strides(), y.strides(), indices, places, window, leading);
  if (!w.fits()) {
    for (array& i : indices) i = materialised(i, places);
    y = contiguous(updates);
    w = walk_windows(x.strides(), y.strides(), indices, places, window, leading);
  }
  check("scatter", w, indices.size());
  const bool by_column = indices.size() == 1 && index_varies_by_column(w) && window[axes[0]] == 1;
  if (by_column && y.dtype() == x.dtype() && !clamp) {
    return launch_scatter_axis(w, x, indices[0], y, mode, x.shape(axes[0]), x.strides()[axes[0]]);
  }
  launch_scatter(w, x, indices, axes, window, y, mode, clamp);
}

void gather_axis(const array& x, const array& index, int axis, const array& out) {
  if (out.size() == 0) return;
  if (x.size() == 0) return fill_bytes(out, 0);  // there is no nearest entry
  array source = x, i = index;
  Walk w = walk_axis(source, out, i, axis);
  if (!w.fits()) {
    source = contiguous(x);
    i = contiguous(index);
    w = walk_axis(source, out, i, axis);
  }
  check("gather_axis", w, 1);
  launch_gather_axis(w, source, i, out, x.shape(axis), source.strides()[axis]);
}

void scatter_axis(const array& x, const array& index, int axis, const array& updates, ScatterMode mode) {
  if (index.size() == 0 || x.size() == 0) return;
  array y = updates, i = index;
  Walk w = walk_axis(x, y, i, axis);
  if (!w.fits()) {
    y = contiguous(updates);
    i = contiguous(index);
    w = walk_axis(x, y, i, axis);
  }
  check("scatter_axis", w, 1);
  launch_scatter_axis(w, x, i, y, mode, x.shape(axis), x.strides()[axis]);
}

void sum_by_index(const array& values, const array& index, const array& out) {
  if (out.size() == 0) return;
  const bool half = out.dtype() == float16 || out.dtype() == bfloat16;
  const array sums = half ? temporary(out.shape(), float32) : out;
  fill_bytes(sums, 0);
  const array flat = contiguous(index);
  const auto count = int32_t(flat.size());
  // Each value is a window with one entry along axis 0.
  Shape shape = values.shape();
  Strides strides = values.strides();
  shape.insert(shape.begin() + 1, 1);
  strides.insert(strides.begin() + 1, 0);
  scatter(sums, {view(flat, {count}, {1})}, {0}, view(values, shape, strides), ScatterMode::sum);
  if (half) copy(sums, out);
}

}  // namespace mlx_rocm::gpu
