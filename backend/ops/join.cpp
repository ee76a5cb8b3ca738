#include "backend/ops/join.h"

#include <numeric>

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/ops/index.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using Batched = std::pair<Arrays, std::vector<int>>;

// A computed dimension that must fit an int32.
int32_t checked_dimension(const char* op, int64_t n) {
  if (n > INT32_MAX) {
    throw OverflowError(concat_text("[", op, "] Dimension ", n, " is outside the supported range [", INT32_MIN, ", ",
                                    INT32_MAX, "]."));
  }
  return int32_t(n);
}

// A window of `whole` that starts at `start` along `axis` and has `extent` entries there, as an evaluated view.
array window_of(const array& whole, int axis, int64_t start, int32_t extent) {
  Shape shape = whole.shape();
  shape[axis] = extent;
  array w(make_ref<Node>(shape, whole.dtype()));
  int64_t at = extent == 0 ? 0 : start * whole.strides()[axis];
  w.share(whole, whole.strides(), whole.offset() + at * int64_t(whole.itemsize()));
  return w;
}

class Concatenate : public OpBase<Concatenate> {
 public:
  static constexpr const char* kName = "concatenate";
  int axis = 0;
  Concatenate() = default;
  explicit Concatenate(int a) : axis(a) {}
  static auto fields(auto& self) { return std::tie(self.axis); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    int64_t total = 0;
    for (const array& a : in) {
      bool fits = a.ndim() == int(shape.size());
      for (int i = 0; fits && i < a.ndim(); ++i) fits = i == axis || a.shape(i) == shape[i];
      if (!fits) {
        value_error("[concatenate] All the input array dimensions must match exactly except for the concatenation "
                    "axis; got shapes ", in[0].shape(), " and ", a.shape(), " with axis ", axis, ".");
      }
      total += a.shape(axis);
    }
    shape[axis] = checked_dimension("concatenate", total);
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    int64_t start = 0;
    for (const array& a : in) {
      if (a.size() > 0) cpu::copy_into(a, window_of(out[0], axis, start, a.shape(axis)));
      start += a.shape(axis);
    }
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    std::vector<int> ends;
    int at = 0;
    for (const array& p : primals) ends.push_back(at += p.shape(axis));
    ends.pop_back();
    Arrays parts = split(cotangents[0], ends, axis), result;
    for (int i : argnums) result.push_back(parts[i]);
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    Arrays parts;
    parts.resize(primals.size());
    for (size_t i = 0; i < argnums.size(); ++i) parts[argnums[i]] = tangents[i];
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].is_null()) parts[i] = zeros_like(primals[i]);
    }
    return {concatenate(parts, axis)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{concatenate(batch_all_to_front(inputs, axes), axis + 1)}, {0}};
  }
};
REGISTER_OP(Concatenate)

class Split : public OpBase<Split> {
 public:
  static constexpr const char* kName = "split";
  std::vector<int> indices;  // of the cuts; may exceed the axis
  int sections = 0;          // > 0: that many equal parts instead
  int axis = 0;
  Split() = default;
  Split(std::vector<int> i, int n, int a) : indices(std::move(i)), sections(n), axis(a) {}
  static auto fields(auto& self) { return std::tie(self.indices, self.sections, self.axis); }

  std::vector<int> cuts(int32_t extent) const {
    std::vector<int> c{0};
    if (sections > 0) {
      for (int i = 1; i < sections; ++i) c.push_back(extent / sections * i);
    } else {
      for (int i : indices) c.push_back(std::clamp(i < 0 ? i + extent : i, 0, int(extent)));
    }
    c.push_back(extent);
    return c;
  }
  std::vector<Spec> infer(const Arrays& in) const override {
    int32_t extent = in[0].shape(axis);
    if (sections > 0 && extent % sections != 0) {
      value_error("[split] An array of shape ", in[0].shape(), " cannot be split into ", sections,
                  " equal parts along axis ", axis, ".");
    }
    std::vector<Spec> specs;
    auto c = cuts(extent);
    for (size_t i = 0; i + 1 < c.size(); ++i) {
      Shape shape = in[0].shape();
      shape[axis] = std::max(0, c[i + 1] - c[i]);
      specs.push_back({shape, in[0].dtype()});
    }
    return specs;
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    auto c = cuts(in[0].shape(axis));
    for (size_t i = 0; i < out.size(); ++i) {
      int64_t at = out[i].size() == 0 ? 0 : c[i] * in[0].strides()[axis];
      out[i].share(in[0], in[0].strides(), in[0].offset() + at * int64_t(in[0].itemsize()));
    }
  }
  bool is_view() const override { return true; }
  Arrays vjp(const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {concatenate(cotangents, axis)};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return apply_multi(Ref<Op>(this), tangents);
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    Arrays out = apply_multi(op<Split>(indices, sections, axis + 1), {moveaxis(inputs[0], axes[0], 0)});
    std::vector<int> out_axes(out.size(), 0);
    return {std::move(out), out_axes};
  }
};
REGISTER_OP(Split)

// Index order that extends an axis of n entries by low and high mirrored ones.
array mirror_indices(int n, int low, int high, bool repeat_edge) {
  std::vector<int32_t> index;
  int period = repeat_edge ? 2 * n : std::max(1, 2 * n - 2);
  for (int i = -low; i < n + high; ++i) {
    int k = ((i % period) + period) % period;
    index.push_back(k < n ? k : repeat_edge ? period - 1 - k : period - k);
  }
  return array::from_values(index, int32);
}

}  // namespace

array concatenate(const Arrays& arrays, int axis, const StreamOrDevice& s) {
  if (arrays.empty()) value_error("[concatenate] No arrays provided for concatenation.");
  int ax = normalize_axis(axis, arrays[0].ndim(), "concatenate");
  if (arrays.size() == 1) return arrays[0];
  Dtype d = arrays[0].dtype();
  for (const array& a : arrays) d = promote_types(d, a.dtype());
  Arrays in;
  for (const array& a : arrays) in.push_back(astype(a, d, s));
  return apply(op<Concatenate>(ax), std::move(in), s);
}
array concatenate(const Arrays& arrays, const StreamOrDevice& s) {
  Arrays flat;
  for (const array& a : arrays) flat.push_back(flatten(a, 0, -1, s));
  return concatenate(flat, 0, s);
}

array stack(const Arrays& arrays, int axis, const StreamOrDevice& s) {
  if (arrays.empty()) value_error("[stack] No arrays provided for stacking.");
  int ax = normalize_axis(axis, arrays[0].ndim() + 1, "stack");
  Arrays in;
  for (const array& a : arrays) {
    if (!(a.shape() == arrays[0].shape())) {
      value_error("[stack] All arrays must have the same shape; got ", arrays[0].shape(), " and ", a.shape(), ".");
    }
    in.push_back(expand_dims(a, {ax}, s));
  }
  return concatenate(in, ax, s);
}

Arrays split(const array& a, const std::vector<int>& indices, int axis, const StreamOrDevice& s) {
  int ax = normalize_axis(axis, a.ndim(), "split");
  if (indices.empty()) return {a};
  return apply_multi(op<Split>(indices, 0, ax), {a}, s);
}
Arrays split(const array& a, int sections, int axis, const StreamOrDevice& s) {
  int ax = normalize_axis(axis, a.ndim(), "split");
  if (sections <= 0) value_error("[split] The number of sections must be positive, got ", sections, ".");
  if (sections == 1) return {a};
  return apply_multi(op<Split>(std::vector<int>{}, sections, ax), {a}, s);
}
Arrays unstack(const array& a, int axis, const StreamOrDevice& s) {
  int ax = normalize_axis(axis, a.ndim(), "unstack");
  if (a.shape(ax) == 0) return {};
  Arrays out;
  for (const array& part : split(a, a.shape(ax), ax, s)) out.push_back(squeeze(part, {ax}, s));
  return out;
}

array pad(const array& a, const Axes& axes, const std::vector<int>& low, const std::vector<int>& high,
          const array& value, PadMode mode, const StreamOrDevice& s) {
  Shape shape = a.shape(), start(a.ndim(), 0), stop, step(a.ndim(), 1);
  bool nothing = true;
  for (size_t i = 0; i < axes.size(); ++i) {
    int ax = normalize_axis(axes[i], a.ndim(), "pad");
    if (low[i] < 0 || high[i] < 0) {
      value_error("[pad] Invalid padding size (", low[i], ", ", high[i], ") for axis ", ax,
                  ": it must be non-negative.");
    }
    nothing = nothing && low[i] == 0 && high[i] == 0;
    start[ax] += low[i];
    shape[ax] += low[i] + high[i];
  }
  if (nothing) return a;
  if (mode == PadMode::constant) {
    if (value.size() != 1) value_error("[pad] constant_values must be a scalar, got shape ", value.shape(), ".");
    for (int i = 0; i < a.ndim(); ++i) stop.push_back(start[i] + a.shape(i));
    array filled = full(shape, reshape(value, {}, s), a.dtype(), s);
    return slice_update(filled, a, start, stop, step, s);
  }
  array out = a;
  for (size_t i = 0; i < axes.size(); ++i) {
    int ax = normalize_axis(axes[i], a.ndim(), "pad"), n = a.shape(ax);
    if (low[i] == 0 && high[i] == 0) continue;
    if (n == 0) value_error("[pad] Cannot extend the empty axis ", ax, ".");
    if (mode == PadMode::edge) {
      std::vector<int32_t> index;
      for (int k = -low[i]; k < n + high[i]; ++k) index.push_back(std::clamp(k, 0, n - 1));
      out = take(out, array::from_values(index, int32), ax, s);
    } else {
      out = take(out, mirror_indices(n, low[i], high[i], mode == PadMode::symmetric), ax, s);
    }
  }
  return out;
}

array tile(const array& a, std::vector<int> reps, const StreamOrDevice& s) {
  Shape shape = a.shape();
  while (reps.size() < shape.size()) reps.insert(reps.begin(), 1);
  while (shape.size() < reps.size()) shape.insert(shape.begin(), 1);
  // (1, n) per axis, broadcast to (reps, n), then merged.
  Shape split_shape, broad, final_shape;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (reps[i] < 0) value_error("[tile] Repetitions must be non-negative, got ", reps[i], ".");
    if (reps[i] != 1) {
      split_shape.push_back(1);
      broad.push_back(reps[i]);
    }
    split_shape.push_back(shape[i]);
    broad.push_back(shape[i]);
    final_shape.push_back(checked_dimension("tile", int64_t(shape[i]) * reps[i]));
  }
  return reshape(broadcast_to(reshape(a, split_shape, s), broad, s), final_shape, s);
}

array repeat(const array& a, int repeats, int axis, const StreamOrDevice& s) {
  int ax = normalize_axis(axis, a.ndim(), "repeat");
  if (repeats < 0) value_error("[repeat] Number of repeats cannot be negative, got ", repeats, ".");
  if (repeats == 1) return a;
  checked_dimension("repeat", int64_t(a.shape(ax)) * repeats);
  array e = expand_dims(a, {ax + 1}, s);
  Shape broad = e.shape();
  broad[ax + 1] = repeats;
  if (repeats == 0 || a.size() == 0) {
    Shape empty = a.shape();
    empty[ax] *= repeats;
    return zeros(empty, a.dtype(), s);
  }
  return flatten(broadcast_to(e, broad, s), ax, ax + 1, s);
}

array roll(const array& a, int64_t shift, int axis, const StreamOrDevice& s) {
  int ax = normalize_axis(axis, a.ndim(), "roll");
  int64_t n = a.shape(ax);
  if (n == 0) return a;
  int64_t k = ((shift % n) + n) % n;
  if (k == 0) return a;
  Arrays parts = split(a, std::vector<int>{int(n - k)}, ax, s);
  return concatenate({parts[1], parts[0]}, ax, s);
}
array roll_flat(const array& a, int64_t shift, const StreamOrDevice& s) {
  return reshape(roll(flatten(a, 0, -1, s), shift, 0, s), a.shape(), s);
}

Arrays meshgrid(const Arrays& arrays, bool sparse, bool xy, const StreamOrDevice& s) {
  Arrays out;
  Shape shape;
  int n = int(arrays.size());
  for (int i = 0; i < n; ++i) {
    if (arrays[i].ndim() > 1) value_error("[meshgrid] Expected 1-d or 0-d arrays, got shape ", arrays[i].shape(), ".");
    shape.push_back(int32_t(arrays[i].size()));
  }
  for (int i = 0; i < n; ++i) {
    Shape own(n, 1);
    int at = xy && n > 1 && i < 2 ? 1 - i : i;
    own[at] = shape[i];
    out.push_back(reshape(arrays[i], own, s));
  }
  return sparse ? out : broadcast_arrays(out, s);
}

array kron(const array& a, const array& b, const StreamOrDevice& s) {
  if (a.size() == 0 || b.size() == 0) value_error("[kron] Input arrays cannot be empty.");
  int n = std::max(a.ndim(), b.ndim());
  Shape sa(n - a.ndim(), 1), sb(n - b.ndim(), 1), xa, xb, out;
  sa.append(a.shape().begin(), a.shape().end());
  sb.append(b.shape().begin(), b.shape().end());
  for (int i = 0; i < n; ++i) {
    xa.push_back(sa[i]);
    xa.push_back(1);
    xb.push_back(1);
    xb.push_back(sb[i]);
    out.push_back(checked_dimension("kron", int64_t(sa[i]) * sb[i]));
  }
  return reshape(multiply(reshape(a, xa, s), reshape(b, xb, s), s), out, s);
}

}  // namespace mlx_rocm
