#include "backend/gpu/reduce.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "backend/core/error.h"
#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {
namespace {

constexpr int64_t kThreads = 256;      // of a workgroup
constexpr int64_t kGroupsPerUnit = 8;  // keep a compute unit busy
constexpr int64_t kMostParts = 4096;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Axes are sorted by it. One that stays in place is as good as the slowest.
int64_t pace(const ReduceAxis& a) { return a.in == 0 ? INT64_MAX : std::abs(a.in); }
bool slower(const ReduceAxis& a, const ReduceAxis& b) { return pace(a) > pace(b); }

// Cuts the reduced axis into parts of `least` elements or more when `groups` workgroups would not fill the
// device.
void cut(ReducePass& p, int64_t n, int64_t groups, int64_t least, int64_t granule, int compute_units) {
  const int64_t wanted = kGroupsPerUnit * compute_units / std::max<int64_t>(1, groups);
  const int64_t parts = std::clamp<int64_t>(std::min(wanted, n / least), 1, kMostParts);
  p.chunk = std::max<int64_t>(1, ceil_div(ceil_div(n, parts), granule)) * granule;
  p.parts = std::max<int64_t>(1, ceil_div(n, p.chunk));
}

// The widest access along the columns to which everything is aligned.
int column_vec(const ReduceAxes& axes, size_t fast, uint64_t address, int64_t itemsize, int64_t widest) {
  auto fits = [&](int64_t v) {
    bool ok = axes[fast].in == 1 && axes[fast].size % v == 0 && address % uint64_t(v * itemsize) == 0;
    for (size_t i = 0; i < axes.size(); ++i) ok = ok && (i == fast || axes[i].in % v == 0);
    return ok;
  };
  for (int64_t bytes : {widest, int64_t(4)}) {
    const int64_t v = bytes / itemsize;
    if (v > 1 && fits(v)) return int(v);
  }
  return 1;
}

ReducePass rows_pass(const ReduceAxes& axes, size_t axis, int64_t items, int64_t itemsize,
                     int compute_units) {
  ReducePass p{.columns = false, .axis = axis, .vec = 0, .team = 1, .log_width = 0, .parts = 1, .chunk = 1};
  const int64_t n = axes[axis].size;
  if (axes[axis].in == 1 || n == 1) p.vec = int(std::max<int64_t>(1, 16 / itemsize));
  const int64_t per_access = std::max(1, p.vec), accesses = ceil_div(n, per_access);
  p.team = accesses <= 2 ? 1 : accesses <= 32 ? 8 : accesses <= 512 ? 32 : int(kThreads);
  if (p.team == kThreads) {
    cut(p, n, items, 4 * kThreads * per_access, kThreads * per_access, compute_units);
  } else {
    p.chunk = std::max<int64_t>(1, n);
  }
  return p;
}

ReducePass columns_pass(const ReduceAxes& axes, size_t axis, size_t fast, int64_t items, uint64_t address,
                        int64_t itemsize, int64_t widest, int compute_units) {
  ReducePass p{.columns = true, .axis = axis, .vec = 1, .team = 0, .log_width = 0, .parts = 1, .chunk = 1};
  p.vec = column_vec(axes, fast, address, itemsize, widest);
  const int64_t n = axes[axis].size, columns = items / p.vec;
  // 32 threads side by side read whole cache lines; fewer where there are no more columns, more where rows
  // are few.
  int64_t width = std::min<int64_t>(32, std::bit_ceil(uint64_t(std::max<int64_t>(1, columns))));
  while (width < kThreads && kThreads / width > std::max<int64_t>(1, n / 2)) width *= 2;
  p.log_width = std::countr_zero(uint64_t(width));
  const int64_t height = kThreads / width;
  cut(p, n, ceil_div(columns, width), 16 * height, height, compute_units);
  return p;
}

}  // namespace

void tidy(ReduceAxes& axes) {
  std::erase_if(axes, [](const ReduceAxis& a) { return a.size == 1; });
  std::stable_sort(axes.begin(), axes.end(), slower);
  size_t kept = 0;
  for (const ReduceAxis& a : axes) {
    if (kept > 0) {
      ReduceAxis& last = axes[kept - 1];
      if (last.reduced == a.reduced && last.in == a.in * a.size && last.result == a.result * a.size &&
          last.size * a.size <= INT32_MAX) {
        last = {last.size * a.size, a.in, a.result, a.reduced};
        continue;
      }
    }
    axes[kept++] = a;
  }
  axes.resize(kept);
  // Something to reduce, always: one element then.
  if (std::none_of(axes.begin(), axes.end(), [](const ReduceAxis& a) { return a.reduced; })) {
    axes.push_back({1, 1, 0, true});
  }
}

ReducePass reduce_pass(const ReduceAxes& axes, uint64_t address, size_t itemsize, size_t widest,
                       int compute_units) {
  size_t longest = axes.size();
  int64_t all = 1;
  for (size_t i = 0; i < axes.size(); ++i) {
    all *= axes[i].size;
    if (axes[i].reduced && (longest == axes.size() || axes[i].size >= axes[longest].size)) longest = i;
  }
  const size_t fast = axes.size() - 1;
  auto others = [&](size_t axis) { return all / std::max<int64_t>(1, axes[axis].size); };
  // Short rows of a long column are columns as well, and leave little for the next pass.
  if (axes[fast].reduced && (longest == fast || axes[fast].size >= 32)) {
    return rows_pass(axes, fast, others(fast), int64_t(itemsize), compute_units);
  }
  return columns_pass(axes, longest, fast, others(longest), address, int64_t(itemsize), int64_t(widest),
                      compute_units);
}

namespace {

// What is folded: the element read, what it is widened to, how.
struct Fold {
  const char* functor;
  bool places;  // argmax and argmin: states are values with their places
  Dtype acc;

  size_t state_size() const { return places ? 2 * std::max<size_t>(4, acc.size()) : acc.size(); }
  // Memory for states; those of places are pairs of words, whatever the dtype is called.
  array states(Shape shape) const {
    if (!places) return temporary(std::move(shape), acc);
    if (state_size() == 16) shape.push_back(2);
    return temporary(std::move(shape), complex64);
  }
};

Dtype accumulator(Dtype d) {
  if (is_half(d)) return float32;
  if (d == int8 || d == int16) return int32;
  if (d == bool_ || d == uint8 || d == uint16) return uint32;
  return d;
}

// An axis that stays for now, with its stride in what this pass writes.
struct Item {
  ReduceAxis axis;
  int64_t to;
  bool part;
};

template <class Index>
void launch_pass(const ReducePass& p, const Kernel& k, const Layout<2>& items, int64_t count,
                 const ReduceAxis& along, int64_t out_stride, int64_t part_stride, const array& x,
                 const array& y) {
  const auto n = uint32_t(along.size), chunk = uint32_t(p.chunk);
  const int64_t per_group = p.columns ? int64_t(1) << p.log_width : kThreads / p.team;
  const Grid groups(cover(ceil_div(count, per_group) * kThreads, kThreads).x, uint64_t(p.parts));
  if (p.columns) {
    launch(k, groups, kThreads, in(x), out(y), items, Index(count), n, chunk, along.in, out_stride,
           part_stride, uint32_t(p.log_width));
  } else {
    launch(k, groups, kThreads, in(x), out(y), items, Index(count), n, chunk, along.in, part_stride);
  }
}

void run_pass(const ReducePass& p, const Fold& fold, bool first, const std::vector<Item>& left,
              const ReduceAxis& along, const array& x, const array& y, bool last) {
  Shape shape;
  Strides strides[2];
  int64_t count = 1, out_stride = 0, part_stride = 0;
  for (const Item& i : left) {
    if (i.part) {
      part_stride = i.to;
      continue;
    }
    shape.push_back(int32_t(i.axis.size));
    strides[0].push_back(i.axis.in);
    strides[1].push_back(i.to);
    count *= i.axis.size;
  }
  if (p.columns) {  // counted in accesses; axes are sorted, so the last is the fastest
    out_stride = strides[1].back();
    shape.back() /= p.vec;
    strides[0].back() *= p.vec;
    strides[1].back() *= p.vec;
    count /= p.vec;
  }
  Layout<2> items;
  if (!make_layout(shape, strides, &items)) runtime_error("[reduce] A pass has too many axes.");
  const bool wide = count > INT32_MAX;
  Defines defines = {{"T", first ? x.dtype() : fold.acc},
                     {"ACC", fold.acc},
                     {"OP", fold.functor},
                     {"ARG", int(fold.places)},
                     {"AT", fold.acc.size() == 8 ? "u64" : "u32"},
                     {"PARTS", int(fold.places && !first)},
                     {"OUT", last ? type_name(y.dtype()) : "State"},
                     {"INDEX", wide ? "u64" : "u32"}};
  if (p.columns) {
    defines.push_back({"VEC", p.vec});
  } else {
    defines.push_back({"TEAM", p.team});
    defines.push_back({"STRIDED", int(p.vec == 0)});
  }
  const Kernel& k = p.columns ? kernel("reduce_columns.hip", "reduce_columns", std::move(defines))
                              : kernel("reduce_rows.hip", "reduce_rows", std::move(defines));
  if (wide) {
    launch_pass<uint64_t>(p, k, items, count, along, out_stride, part_stride, x, y);
  } else {
    launch_pass<uint32_t>(p, k, items, count, along, out_stride, part_stride, x, y);
  }
}

void run(array x, ReduceAxes axes, const Fold& fold, const array& out) {
  for (bool first = true;; first = false) {
    tidy(axes);
    const size_t itemsize = first ? x.itemsize() : fold.state_size();
    // A state is at most four words for each element of an access.
    const size_t widest = fold.places ? std::min<size_t>(16, 8 * itemsize) : 16;
    const ReducePass p = reduce_pass(axes, uint64_t(x.offset()), itemsize, widest, compute_units());
    const ReduceAxis along = axes[p.axis];
    std::vector<Item> left;
    for (size_t i = 0; i < axes.size(); ++i) {
      if (i != p.axis) left.push_back({axes[i], axes[i].result, false});
    }
    if (p.parts > 1) left.push_back({{p.parts, p.chunk * along.in, 0, true}, 0, true});
    const bool last = std::none_of(left.begin(), left.end(), [](const Item& i) { return i.axis.reduced; });
    array y = out;
    if (!last) {
      std::stable_sort(left.begin(), left.end(),
                       [](const Item& a, const Item& b) { return slower(a.axis, b.axis); });
      Shape shape;
      for (const Item& i : left) shape.push_back(int32_t(i.axis.size));
      const Strides to = row_major_strides(shape);
      for (size_t i = 0; i < left.size(); ++i) left[i].to = to[i];
      y = fold.states(shape);
    }
    run_pass(p, fold, first, left, along, x, y, last);
    if (last) return;
    axes.clear();
    for (const Item& i : left) axes.push_back({i.axis.size, i.to, i.axis.result, i.axis.reduced});
    x = y;
  }
}

// The axes of x for a reduction into row-major `result`. More of them than a layout holds: x is made
// contiguous, so that they merge.
ReduceAxes axes_of(array& x, const std::vector<int>& reduced, const Shape& result) {
  const Strides to = row_major_strides(result);
  auto list = [&] {
    ReduceAxes axes;
    for (int i = 0; i < x.ndim(); ++i) {
      const bool goes = std::find(reduced.begin(), reduced.end(), i) != reduced.end();
      if (!goes || x.size() > 0) axes.push_back({x.shape(i), x.strides()[i], goes ? 0 : to[i], goes});
    }
    if (x.size() == 0) axes.push_back({0, 1, 0, true});  // of several empty axes one is enough
    tidy(axes);
    return axes;
  };
  const ReduceAxes axes = list();
  if (axes.size() <= size_t(LAYOUT_MAX_DIMS)) return axes;
  x = contiguous(x);
  return list();
}

}  // namespace

void reduce(const array& in, const char* functor, const std::vector<int>& reduced, const array& out) {
  allocate(out);
  if (out.size() == 0) return;
  array x = in;
  ReduceAxes axes = axes_of(x, reduced, out.shape());
  // The order of what is reduced does not matter: walk it upwards.
  int64_t start = 0;
  for (ReduceAxis& a : axes) {
    if (!a.reduced || a.in >= 0) continue;
    start += (a.size - 1) * a.in;
    a.in = -a.in;
  }
  if (start != 0) {
    array flipped(make_ref<Node>(x.shape(), x.dtype()));
    flipped.share(x, x.strides(), x.offset() + start * int64_t(x.itemsize()));
    x = flipped;
  }
  run(x, axes, {functor, false, accumulator(x.dtype())}, out);
}

void arg_reduce(const array& in, bool largest, int axis, const array& out) {
  allocate(out);
  if (out.size() == 0) return;
  array x = in;
  const ReduceAxes axes = axes_of(x, {axis}, out.shape());
  run(x, axes, {largest ? "FirstMaximum" : "FirstMinimum", true, accumulator(x.dtype())}, out);
}

}  // namespace mlx_rocm::gpu
