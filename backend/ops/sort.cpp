#include "backend/ops/sort.h"

#include <algorithm>
#include <limits>

#include "backend/core/op.h"
#include "backend/cpu/sort.h"
#include "backend/gpu/sort.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

// sort, argsort, partition and argpartition: one op with two switches.
class Sort : public OpBase<Sort> {
 public:
  static constexpr const char* kName = "sort";
  int axis = 0;
  bool positions = false;  // give indices instead of values
  int kth = -1;            // >= 0: only partition around this rank
  Sort() = default;
  Sort(int axis, bool positions, int kth) : axis(axis), positions(positions), kth(kth) {}
  static auto fields(auto& self) { return std::tie(self.axis, self.positions, self.kth); }
  std::string describe() const override {
    return std::string(positions ? "arg" : "") + (kth < 0 ? "sort" : "partition");
  }

  std::vector<Spec> infer(const Arrays& in) const override {
    return {{in[0].shape(), positions ? uint32 : in[0].dtype()}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    const cpu::SortArgs args{in[0].dtype(), in[0].shape(), in[0].strides(), axis};
    const void* from = in[0].bytes();
    if (positions && kth < 0) return cpu::argsort(args, from, out[0].data<uint32_t>());
    if (positions) return cpu::argpartition(args, kth, from, out[0].data<uint32_t>());
    if (kth < 0) return cpu::sort(args, from, out[0].bytes());
    cpu::partition(args, kth, from, out[0].bytes());
  }

  // Partitions are sorted: selecting a rank takes as many passes over the data as sorting by radix.
  void gpu(const Arrays& in, const Arrays& out) override {
    if (out[0].size() == 0) return gpu::allocate(out[0]);
    array x = in[0];
    const int64_t n = x.shape(axis);
    if (x.dense() && (n == 1 || x.strides()[axis] == 1)) {
      gpu::allocate(out[0], x.strides());
    } else {
      // Rows to the end of the shape; the output keeps them there in memory.
      Shape shape = x.shape();
      Strides from = x.strides(), to;
      shape.erase(shape.begin() + axis);
      shape.push_back(int32_t(n));
      from.erase(from.begin() + axis);
      from.push_back(x.strides()[axis]);
      to = row_major_strides(shape);
      to.pop_back();
      to.insert(to.begin() + axis, 1);
      x = gpu::contiguous(array(x.buffer(), shape, x.dtype(), from, x.offset()));
      gpu::allocate(out[0], to);
    }
    gpu::sort_rows(x, out[0], x.size() / n, n, positions);
  }

  // Values move by a permutation that is locally constant; its transpose takes cotangents back.
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    if (positions) return {zeros_like(primals[0])};
    return {put_along_axis(zeros_like(primals[0]), permutation(primals[0]), cotangents[0], axis)};
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>&) override {
    if (positions) return {zeros(primals[0].shape(), uint32)};
    return {take_along_axis(tangents[0], permutation(primals[0]), axis)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    const int shifted = axis + (axes[0] >= 0 && axes[0] <= axis);
    return {{apply(op<Sort>(shifted, positions, kth), inputs)}, axes};
  }

 private:
  array permutation(const array& a) const { return stop_gradient(apply(op<Sort>(axis, true, kth), {a})); }
};
REGISTER_OP(Sort)

class SearchSorted : public OpBase<SearchSorted> {
 public:
  static constexpr const char* kName = "searchsorted";
  bool right = false;
  SearchSorted() = default;
  explicit SearchSorted(bool right) : right(right) {}
  static auto fields(auto& self) { return std::tie(self.right); }

  std::vector<Spec> infer(const Arrays& in) const override { return {{in[1].shape(), uint32}}; }

  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    const array &sequence = in[0], &values = in[1];
    cpu::searchsorted(sequence.dtype(), sequence.bytes(), sequence.size(), sequence.strides()[0], values.shape(),
                      values.strides(), values.bytes(), right, out[0].data<uint32_t>());
  }

  void gpu(const Arrays& in, const Arrays& out) override {
    const array &sequence = in[0], values = gpu::contiguous(in[1]);
    gpu::allocate(out[0]);
    if (out[0].size() == 0) return;
    const auto& k = gpu::kernel("search.hip", "searchsorted", {{"T", values.dtype()}, {"RIGHT", int(right)}});
    gpu::launch(k, gpu::cover(values.size(), 256), 256, gpu::in(sequence), gpu::in(values), gpu::out(out[0]),
                uint32_t(sequence.size()), int64_t(sequence.strides()[0]), uint64_t(values.size()));
  }

  Arrays vjp(const Arrays& primals, const Arrays&, const std::vector<int>& argnums, const Arrays&) override {
    Arrays gradients;
    for (int i : argnums) gradients.push_back(zeros_like(primals[i]));
    return gradients;
  }
  Arrays jvp(const Arrays& primals, const Arrays&, const std::vector<int>&) override {
    return {zeros(primals[1].shape(), uint32)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    if (axes[0] >= 0) {
      value_error("[searchsorted] Cannot vmap over the sorted sequence, only over the values being searched for.");
    }
    return {{apply(op<SearchSorted>(right), inputs)}, {axes[1]}};
  }
};
REGISTER_OP(SearchSorted)

int normalize_rank(int kth, const array& a, int axis, const char* name) {
  const int rank = kth < 0 ? kth + a.shape(axis) : kth;
  if (rank < 0 || rank >= a.shape(axis)) {
    value_error("[", name, "] kth ", kth, " is out of range along axis ", axis, " for shape ", a.shape(), ".");
  }
  return rank;
}

}  // namespace

array sort(const array& a, int axis, const StreamOrDevice& s) {
  return apply(op<Sort>(normalize_axis(axis, a.ndim(), "sort"), false, -1), {a}, s);
}

array argsort(const array& a, int axis, const StreamOrDevice& s) {
  return apply(op<Sort>(normalize_axis(axis, a.ndim(), "argsort"), true, -1), {a}, s);
}

array partition(const array& a, int kth, int axis, const StreamOrDevice& s) {
  axis = normalize_axis(axis, a.ndim(), "partition");
  return apply(op<Sort>(axis, false, normalize_rank(kth, a, axis, "partition")), {a}, s);
}

array argpartition(const array& a, int kth, int axis, const StreamOrDevice& s) {
  axis = normalize_axis(axis, a.ndim(), "argpartition");
  return apply(op<Sort>(axis, true, normalize_rank(kth, a, axis, "argpartition")), {a}, s);
}

array topk(const array& a, int k, int axis, const StreamOrDevice& s) {
  axis = normalize_axis(axis, a.ndim(), "topk");
  const int n = a.shape(axis);
  if (k < 0 || k > n) value_error("[topk] k = ", k, " is out of range along axis ", axis, " for shape ", a.shape(), ".");
  if (k == n) return a;
  Shape start(a.ndim(), 0), stop = a.shape();
  start[axis] = n - k;
  if (k == 0) return slice(a, start, stop, Shape(a.ndim(), 1), s);
  return slice(partition(a, n - k, axis, s), start, stop, Shape(a.ndim(), 1), s);
}

array searchsorted(const array& sequence, const array& values, const std::string& side, const StreamOrDevice& s) {
  if (side != "left" && side != "right") {
    value_error("[searchsorted] side '", side, "' is invalid: expected 'left' or 'right'.");
  }
  if (sequence.ndim() != 1) {
    value_error("[searchsorted] The sorted sequence must be 1-D but has ", sequence.ndim(), " dimensions.");
  }
  const Dtype dtype = promote_types(sequence.dtype(), values.dtype());
  return apply(op<SearchSorted>(side == "right"), {astype(sequence, dtype, s), astype(values, dtype, s)}, s);
}

array median(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  Axes over, order;
  for (int axis : axes) over.push_back(normalize_axis(axis, a.ndim(), "median"));
  std::sort(over.begin(), over.end());
  if (std::adjacent_find(over.begin(), over.end()) != over.end()) value_error("[median] An axis was given twice.");
  Shape kept;
  for (int i = 0; i < a.ndim(); ++i) {
    if (std::binary_search(over.begin(), over.end(), i)) continue;
    order.push_back(i);
    kept.push_back(a.shape(i));
  }
  order.insert(order.end(), over.begin(), over.end());
  int64_t n = 1;
  for (int axis : over) n *= a.shape(axis);
  if (n == 0) value_error("[median] The axes of shape ", a.shape(), " hold no element to take the median of.");
  Shape flat_shape = kept;
  flat_shape.push_back(int32_t(n));
  const array flat = reshape(transpose(a, order, s), flat_shape, s);

  const Dtype dtype = at_least_float(a.dtype());
  const int last = flat.ndim() - 1;
  const array sorted = sort(flat, last, s);
  const auto element = [&](int64_t i) {
    Shape start(flat.ndim(), 0), stop = flat_shape;
    start[last] = int32_t(i);
    stop[last] = int32_t(i + 1);
    return astype(slice(sorted, start, stop, Shape(flat.ndim(), 1), s), dtype, s);
  };
  array middle = element(n / 2);
  if (n % 2 == 0) middle = multiply(add(middle, element(n / 2 - 1), s), array::scalar(0.5, dtype), s);
  if (is_inexact(a.dtype())) {
    const array nan = array::scalar(std::numeric_limits<double>::quiet_NaN(), dtype);
    middle = where(any(isnan(flat, s), {last}, true, s), nan, middle, s);
  }
  middle = squeeze(middle, {last}, s);
  return keepdims && !over.empty() ? expand_dims(middle, over, s) : middle;
}

Unique unique(const array& a, int size, const std::optional<array>& fill, const StreamOrDevice& s) {
  if (size < 0) value_error("[unique] size must not be negative but is ", size, ".");
  if (fill && fill->size() != 1) {
    value_error("[unique] The fill value must have one element, but has shape ", fill->shape(), ".");
  }
  const int32_t n = int32_t(a.size());
  const std::optional<array> padding =
      fill ? std::optional(reshape(astype(*fill, a.dtype(), s), {}, s)) : std::nullopt;
  if (n == 0) {
    if (size > 0 && !fill) value_error("[unique] An empty input with a size above zero needs a fill value.");
    const array values = size > 0 ? broadcast_to(*padding, {size}, s) : zeros({0}, a.dtype(), s);
    return {values, zeros({size}, uint32, s), zeros(a.shape(), uint32, s), zeros({size}, int32, s)};
  }
  const array flat = reshape(a, {n}, s);
  const array order = stop_gradient(argsort(flat, 0, s), s);
  const array sorted = stop_gradient(take(flat, order, 0, s), s);

  // Which sorted elements begin a new value, and the number of the value that each one has. Numbers from
  // `size` on share one last slot, which is cut off.
  const auto part = [&](int start, int stop) { return slice(sorted, {start}, {stop}, {1}, s); };
  const array begins = concatenate(
      {broadcast_to(array::scalar(true), {1}, s), not_equal(part(1, n), part(0, n - 1), s)}, 0, s);
  const array number = subtract(cumsum(astype(begins, int32, s), 0, false, true, s), array::scalar(1), s);
  const array slot = minimum(number, array::scalar(size), s);
  const auto cut = [&](const array& x) { return slice(x, {0}, {size}, {1}, s); };
  const array first_slot = where(begins, slot, array::scalar(size), s);
  const array none = broadcast_to(array::scalar(n), {size + 1}, s);
  const array start = cut(put_along_axis(none, first_slot, arange(0, n, 1, int32, s), 0, s));
  const array present = less(start, array::scalar(n), s);

  Unique out;
  out.index = take(order, where(present, start, array::scalar(0), s), 0, s);
  out.values = take(flat, out.index, 0, s);
  if (padding) out.values = where(present, out.values, *padding, s);
  out.counts = cut(scatter_add_along_axis(zeros({size + 1}, int32, s), slot, ones({n}, int32, s), 0, s));
  const array value_of = astype(minimum(number, array::scalar(std::max(size - 1, 0)), s), uint32, s);
  out.inverse = reshape(put_along_axis(zeros({n}, uint32, s), order, value_of, 0, s), a.shape(), s);
  return out;
}

}  // namespace mlx_rocm
