#include "backend/ops/reduce.h"

#include <cstring>

#include "backend/core/op.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/reduce.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/reduce.h"
#include "backend/ops/axes.h"
#include "backend/ops/ops.h"
#include "backend/ops/scan.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using cpu::Reduction;
constexpr const char* kNames[] = {"sum", "prod", "max", "min", "all", "any"};
constexpr const char* kFunctors[] = {"Add", "Multiply", "Maximum", "Minimum", "All", "Any"};  // of kernels/reduce.h

// One reduction as raw loops: the axes that stay, the axes that go, and kernels for the accumulator type. Half types
// are widened to float a chunk at a time.
struct Plan {
  const array& x;
  Reduction kind;
  Shape outer, inner;
  Strides outer_strides, inner_strides;
  cpu::Compute compute;
  cpu::BlockFn load = nullptr;
  size_t item, acc_item;

  Plan(const array& x_, Reduction k, const Axes& axes) : x(x_), kind(k), compute(cpu::compute_type(x_.dtype())) {
    for (int i = 0; i < x.ndim(); ++i) {
      bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
      (reduced ? inner : outer).push_back(x.shape(i));
      (reduced ? inner_strides : outer_strides).push_back(x.strides()[i]);
    }
    collapse(outer, {&outer_strides, 1});
    collapse(inner, {&inner_strides, 1});
    if (x.dtype() == float16) load = cpu::elementwise_table().load_f16;
    if (x.dtype() == bfloat16) load = cpu::elementwise_table().load_bf16;
    item = x.itemsize();
    acc_item = cpu::compute_size(compute);
  }

  // f(pointer to contiguous elements in the accumulator's type, count) over a run of n elements.
  template <class F>
  void each_chunk(const char* at, int64_t n, int64_t stride, F f) const {
    constexpr int64_t kChunk = 512;
    if (stride == 1 && !load) return f(at, n, int64_t(0));
    alignas(64) char gathered[kChunk * 8], wide[kChunk * 4];
    for (int64_t done = 0; done < n; done += kChunk) {
      int64_t m = std::min(kChunk, n - done);
      const char* from = at + done * stride * int64_t(item);
      if (stride != 1) {
        for (int64_t i = 0; i < m; ++i) std::memcpy(gathered + i * item, from + i * stride * int64_t(item), item);
        from = gathered;
      }
      if (load) {
        const void* in[] = {from};
        load(in, wide, m);
        from = wide;
      }
      f(from, m, done);
    }
  }

  // Each output walks its own elements.
  void reduce_rows(int64_t begin, int64_t end, char* acc) const {
    auto row = cpu::reduce_table().row[int(kind)][int(compute)];
    auto fill = cpu::reduce_table().fill[int(kind)][int(compute)];
    const int last = int(inner.size()) - 1;
    const int64_t run = inner[last], runs = num_elements(inner) / std::max<int64_t>(1, run);
    Shape rest(inner.begin(), inner.begin() + last);
    Strides rest_strides(inner_strides.begin(), inner_strides.begin() + last);
    Walker at(outer, outer_strides, begin);
    for (int64_t i = begin; i < end; ++i, at.next()) {
      char* a = acc + i * int64_t(acc_item);
      fill(1, a);
      Walker w(rest, rest_strides);
      for (int64_t k = 0; k < runs && run > 0; ++k, w.next()) {
        each_chunk(x.bytes() + (at.offset() + w.offset()) * int64_t(item), run, inner_strides[last],
                   [&](const char* p, int64_t n, int64_t) { row(p, n, a); });
      }
    }
  }

  // Outputs that are neighbours in memory accumulate together, reading whole rows: outputs [begin, end) of the
  // innermost kept axis, for the row of outputs number `row`.
  void reduce_columns(int64_t row_index, int64_t begin, int64_t end, char* acc) const {
    auto columns = cpu::reduce_table().columns[int(kind)][int(compute)];
    auto fill = cpu::reduce_table().fill[int(kind)][int(compute)];
    const int last = int(outer.size()) - 1;
    Shape rest(outer.begin(), outer.begin() + last);
    Strides rest_strides(outer_strides.begin(), outer_strides.begin() + last);
    int64_t base = Walker(rest, rest_strides, row_index).offset() + begin * outer_strides[last];
    char* a = acc + (row_index * outer[last] + begin) * int64_t(acc_item);
    fill(end - begin, a);
    const int inmost = int(inner.size()) - 1;
    const int64_t rows = inner[inmost], stride = inner_strides[inmost], n = end - begin;
    Walker w(Shape(inner.begin(), inner.begin() + inmost), Strides(inner_strides.begin(), inner_strides.begin() + inmost));
    for (int64_t k = num_elements(inner) / std::max<int64_t>(1, rows); k > 0; --k, w.next()) {
      const char* from = x.bytes() + (base + w.offset()) * int64_t(item);
      if (x.dtype() == bfloat16) {
        cpu::reduce_table().columns_bf16[int(kind)](from, stride, rows, n, a);
      } else if (!load) {
        columns(from, stride, rows, n, a);
      } else {
        for (int64_t r = 0; r < rows; ++r) {
          each_chunk(from + r * stride * int64_t(item), n, 1, [&](const char* p, int64_t m, int64_t done) {
            columns(p, 0, 1, m, a + done * int64_t(acc_item));
          });
        }
      }
    }
  }

  // acc: one accumulator per output, in row-major order of the kept axes.
  void run(char* acc) const {
    const int64_t outputs = num_elements(outer), n = num_elements(inner);
    if (outputs == 0) return;
    const int last = int(outer.size()) - 1;
    constexpr int64_t kWork = 1 << 15;  // elements a thread takes at a time
    bool column_wise = outer_strides[last] == 1 && outer[last] >= 8 && inner_strides.back() != 1;
    if (column_wise) {
      // Wide enough for long reads, narrow enough to share out.
      const int64_t share = (outputs / cpu::num_threads() + 15) / 16 * 16;
      const int64_t width = std::clamp<int64_t>(std::max(kWork / std::max<int64_t>(1, n), share), 64, 4096);
      const int64_t per_row = (outer[last] + width - 1) / width;
      cpu::parallel_for(outputs / outer[last] * per_row, std::max<int64_t>(1, kWork / std::max<int64_t>(1, width * n)),
                        [&](int64_t begin, int64_t end) {
                          for (int64_t t = begin; t < end; ++t) {
                            int64_t b = t % per_row * width;
                            reduce_columns(t / per_row, b, std::min<int64_t>(b + width, outer[last]), acc);
                          }
                        });
    } else if (outputs == 1 && n >= 4 * kWork && inner.size() == 1 && inner_strides[0] == 1) {
      // One long sum: threads take pieces, the pieces combine at the end. Piece sizes are fixed, so the result does
      // not depend on the number of threads.
      const int64_t pieces = (n + kWork - 1) / kWork;
      std::vector<char> partial(pieces * acc_item);
      auto row = cpu::reduce_table().row[int(kind)][int(compute)];
      auto fill = cpu::reduce_table().fill[int(kind)][int(compute)];
      cpu::parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          char* a = partial.data() + p * acc_item;
          fill(1, a);
          each_chunk(x.bytes() + p * kWork * int64_t(item), std::min(kWork, n - p * kWork), 1,
                     [&](const char* at, int64_t m, int64_t) { row(at, m, a); });
        }
      });
      fill(1, acc);
      row(partial.data(), pieces, acc);
    } else {
      cpu::parallel_for(outputs, std::max<int64_t>(1, kWork / std::max<int64_t>(1, n)),
                        [&](int64_t begin, int64_t end) { reduce_rows(begin, end, acc); });
    }
  }
};

class Reduce : public OpBase<Reduce> {
 public:
  static constexpr const char* kName = "reduce";
  Reduction kind = Reduction::sum;
  Axes axes;
  Reduce() = default;
  Reduce(Reduction k, Axes a) : kind(k), axes(std::move(a)) {}
  static auto fields(auto& self) { return std::tie(self.kind, self.axes); }
  std::string describe() const override { return kNames[int(kind)]; }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    for (int a : axes) shape[a] = 1;
    return {{shape, in[0].dtype()}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    Plan plan(in[0], kind, axes);
    if (!is_half(in[0].dtype())) return plan.run(out[0].bytes());
    array acc = array::uninitialised(out[0].shape(), float32);
    plan.run(acc.bytes());
    const void* from[] = {acc.bytes()};
    const auto& t = cpu::elementwise_table();
    (in[0].dtype() == float16 ? t.store_f16 : t.store_bf16)(from, out[0].bytes(), acc.size());
  }
  void gpu(const Arrays& in, const Arrays& out) override { gpu::reduce(in[0], kFunctors[int(kind)], axes, out[0]); }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&,
             const Arrays& outputs) override {
    const array &x = primals[0], &g = cotangents[0];
    if (kind == Reduction::sum) return {broadcast_like(g, x)};
    if (kind == Reduction::max || kind == Reduction::min) {
      // Ties share the cotangent evenly.
      array mask = astype(equal(x, outputs[0]), g.dtype());
      return {mask * (g / sum(mask, axes, true))};
    }
    if (kind == Reduction::prod) return {conjugate(product_of_others(x)) * g};
    return {zeros_like(x)};
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>&) override {
    if (kind == Reduction::sum) return {sum(tangents[0], axes, true)};
    array y = apply(Ref<Op>(this), primals);
    if (kind == Reduction::max || kind == Reduction::min) {
      array mask = astype(equal(primals[0], y), tangents[0].dtype());
      return {sum(mask * tangents[0], axes, true) / sum(mask, axes, true)};
    }
    if (kind == Reduction::prod) return {sum(tangents[0] * product_of_others(primals[0]), axes, true)};
    return {zeros_like(y)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes_in) override {
    Axes shifted;
    for (int a : axes) shifted.push_back(a + (a >= axes_in[0]));
    return {{apply(op<Reduce>(kind, shifted), inputs)}, {axes_in[0]}};
  }

 private:
  // For every entry the product of all others: exclusive products from both ends, so that zeros are no special case.
  array product_of_others(const array& x) const {
    Axes order;
    for (int i = 0; i < x.ndim(); ++i) {
      if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
    }
    const int kept = int(order.size());
    order.insert(order.end(), axes.begin(), axes.end());
    array t = transpose(x, order);
    array lines = flatten(t, kept, -1);
    array others = cumprod(lines, -1, false, false) * cumprod(lines, -1, true, false);
    Axes inverse(order.size());
    for (size_t i = 0; i < order.size(); ++i) inverse[order[i]] = int(i);
    return transpose(reshape(others, t.shape()), inverse);
  }
};
REGISTER_OP(Reduce)

class ArgReduce : public OpBase<ArgReduce> {
 public:
  static constexpr const char* kName = "arg_reduce";
  bool largest = true;
  int axis = 0;
  ArgReduce() = default;
  ArgReduce(bool l, int a) : largest(l), axis(a) {}
  static auto fields(auto& self) { return std::tie(self.largest, self.axis); }
  std::string describe() const override { return largest ? "argmax" : "argmin"; }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    shape[axis] = 1;
    return {{shape, uint32}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    // Lines along the axis become rows: one gather of the whole array beats strided searches per line.
    const array& x = in[0];
    Shape outer = x.shape();
    Strides strides = x.strides();
    const int64_t n = x.shape(axis), stride = strides[axis];
    outer.erase(outer.begin() + axis);
    strides.erase(strides.begin() + axis);
    auto compute = cpu::compute_type(x.dtype());
    auto find = largest ? cpu::reduce_table().argmax[int(compute)] : cpu::reduce_table().argmin[int(compute)];
    Plan plan(x, Reduction::max, {axis});
    if (stride != 1 && !strides.empty() && strides.back() == 1 && outer.back() >= 16) {
      return column_wise(plan, outer, strides, n, stride, out[0].data<uint32_t>());
    }
    cpu::parallel_for(out[0].size(), std::max<int64_t>(1, 16384 / n), [&](int64_t begin, int64_t end) {
      std::vector<char> line;
      Walker at(outer, strides, begin);
      for (int64_t i = begin; i < end; ++i, at.next()) {
        const char* p = x.bytes() + at.offset() * int64_t(x.itemsize());
        if (stride != 1 || plan.load) {
          line.resize(n * plan.acc_item);
          plan.each_chunk(p, n, stride, [&](const char* chunk, int64_t m, int64_t done) {
            std::memcpy(line.data() + done * plan.acc_item, chunk, m * plan.acc_item);
          });
          p = line.data();
        }
        out[0].data<uint32_t>()[i] = find(p, n);
      }
    });
  }
  void gpu(const Arrays& in, const Arrays& out) override { gpu::arg_reduce(in[0], largest, axis, out[0]); }
  Arrays vjp(const Arrays& primals, const Arrays&, const std::vector<int>&, const Arrays&) override {
    return {zeros_like(primals[0])};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    Shape shape = tangents[0].shape();
    shape[axis] = 1;
    return {zeros(shape, uint32)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(op<ArgReduce>(largest, axis + (axis >= axes[0])), inputs)}, {axes[0]}};
  }

 private:
  // Neighbouring columns search together, reading whole rows.
  void column_wise(const Plan& plan, const Shape& outer, const Strides& strides, int64_t n, int64_t stride,
                   uint32_t* out) const {
    constexpr int64_t kWidth = 512;
    const auto& t = cpu::reduce_table();
    const auto update = (largest ? t.argmax_columns : t.argmin_columns)[int(plan.compute)];
    const int last = int(outer.size()) - 1;
    const Shape rest(outer.begin(), outer.begin() + last);
    const Strides rest_strides(strides.begin(), strides.begin() + last);
    const int64_t columns = outer[last], per_row = (columns + kWidth - 1) / kWidth;
    const int64_t grain = std::max<int64_t>(1, 32768 / (std::min(columns, kWidth) * n));
    cpu::parallel_for(num_elements(outer) / columns * per_row, grain, [&](int64_t begin, int64_t end) {
      alignas(64) char best[kWidth * 8];
      for (int64_t task = begin; task < end; ++task) {
        const int64_t row = task / per_row, c = task % per_row * kWidth, m = std::min(kWidth, columns - c);
        const int64_t base = offset_of(row, rest, rest_strides) + c;
        for (int64_t i = 0; i < n; ++i) {
          plan.each_chunk(plan.x.bytes() + (base + i * stride) * int64_t(plan.item), m, 1,
                          [&](const char* p, int64_t count, int64_t) {
                            update(p, uint32_t(i), count, best, out + row * columns + c);
                          });
        }
      }
    });
  }
};
REGISTER_OP(ArgReduce)

array arg_reduce(bool largest, const array& a, int axis, bool keepdims, const StreamOrDevice& s) {
  const char* name = largest ? "argmax" : "argmin";
  int ax = normalize_axis(axis, a.ndim(), name);
  if (a.shape(ax) == 0) value_error("[", name, "] Cannot ", name, " reduce zero size array.");
  array y = apply(op<ArgReduce>(largest, ax), {a}, s);
  return keepdims ? y : squeeze(y, {ax}, s);
}

array reduce(Reduction kind, array a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  const Axes sorted = unique_axes(axes, a.ndim(), kNames[int(kind)]);
  if (sorted.empty()) return a;
  array y = apply(op<Reduce>(kind, sorted), {a}, s);
  return keepdims ? y : squeeze(y, sorted, s);
}

// Sums and products of narrow integers widen to 32 bits.
Dtype widened(Dtype d) {
  if (d == bool_ || d == int8 || d == int16) return int32;
  if (d == uint8 || d == uint16) return uint32;
  return d;
}

void require_elements(const array& a, const Axes& axes, const char* op) {
  for (int ax : axes) {
    if (a.shape(ax) == 0) value_error("[", op, "] Cannot ", op, " reduce zero size array.");
  }
}

}  // namespace

Axes all_axes(const array& a) {
  Axes axes(a.ndim());
  for (int i = 0; i < a.ndim(); ++i) axes[i] = i;
  return axes;
}

Ref<Op> sum_op(const Axes& axes) { return op<Reduce>(Reduction::sum, axes); }

array sum(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  return reduce(Reduction::sum, astype(a, widened(a.dtype()), s), axes, keepdims, s);
}
array sum(const array& a) { return sum(a, all_axes(a)); }
array prod(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  return reduce(Reduction::prod, astype(a, widened(a.dtype()), s), axes, keepdims, s);
}
array max(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  require_elements(a, axes, "max");
  return reduce(Reduction::max, a, axes, keepdims, s);
}
array min(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  require_elements(a, axes, "min");
  return reduce(Reduction::min, a, axes, keepdims, s);
}
array all(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  return reduce(Reduction::all, astype(a, bool_, s), axes, keepdims, s);
}
array any(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  return reduce(Reduction::any, astype(a, bool_, s), axes, keepdims, s);
}

// 1 / (number of elements along the axes - ddof).
static array inverse_count(const array& a, const Axes& axes, int ddof, Dtype dtype, const StreamOrDevice& s) {
  if (in_shapeless_tracing()) {
    Dtype compute = dtype == float64 ? float64 : float32;
    array n = subtract(count_along(a, axes, compute, s), array::scalar(double(ddof), compute), s);
    return astype(reciprocal(maximum(n, array::scalar(0.0, compute), s), s), dtype, s);
  }
  double n = 1;
  for (int ax : axes) n *= a.shape(normalize_axis(ax, a.ndim(), "mean"));
  return array::scalar(1.0 / std::max(0.0, n - ddof), dtype);
}

array mean(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  array x = astype(a, at_least_float(a.dtype()), s);
  return multiply(sum(x, axes, keepdims, s), inverse_count(x, axes, 0, x.dtype(), s), s);
}

array var(const array& a, const Axes& axes, bool keepdims, int ddof, const StreamOrDevice& s) {
  array x = astype(a, at_least_float(a.dtype()), s);
  array d = subtract(x, mean(x, axes, true, s), s);
  d = is_complex(d.dtype()) ? add(square(real(d, s), s), square(imag(d, s), s), s) : square(d, s);
  array y = sum(d, axes, keepdims, s);
  return multiply(y, inverse_count(x, axes, ddof, y.dtype(), s), s);
}
array std(const array& a, const Axes& axes, bool keepdims, int ddof, const StreamOrDevice& s) {
  return sqrt(var(a, axes, keepdims, ddof, s), s);
}

array argmax(const array& a, int axis, bool keepdims, const StreamOrDevice& s) {
  return arg_reduce(true, a, axis, keepdims, s);
}
array argmin(const array& a, int axis, bool keepdims, const StreamOrDevice& s) {
  return arg_reduce(false, a, axis, keepdims, s);
}

}  // namespace mlx_rocm
