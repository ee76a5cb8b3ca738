#include "backend/ops/index.h"

#include <cstring>

#include "backend/core/op.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using Batched = std::pair<Arrays, std::vector<int>>;

[[noreturn]] void no_index_gradient(const char* op) {
  value_error("[", op, "] Cannot compute a gradient with respect to indices; wrap them in stop_gradient.");
}

// Zeros in the shape of an array and the dtype of its cotangent.
array zeros_of(const array& primal, const array& cotangent) { return astype(zeros_like(primal), cotangent.dtype()); }

// Element offsets into an array for every position of the broadcast index arrays.
// valid[i] is false where an index is out of range (the offset is then clamped).
struct Offsets {
  std::vector<int64_t> at;
  std::vector<char> valid;
};

Offsets index_offsets(const Arrays& in, size_t first, size_t count, const Axes& axes, const Shape& source,
                      const Strides& strides, const Shape& slice_sizes) {
  Shape shape;
  for (size_t k = 0; k < count; ++k) shape = broadcast_shapes(shape, in[first + k].shape(), "gather");
  int64_t n = num_elements(shape);
  Offsets out{std::vector<int64_t>(n, 0), std::vector<char>(n, 1)};
  for (size_t k = 0; k < count; ++k) {
    const array& index = in[first + k];
    const int64_t extent = source[axes[k]], last = extent - slice_sizes[axes[k]], step = strides[axes[k]];
    Strides walk = broadcast_strides(index.shape(), index.strides(), shape);
    Shape dims = shape;
    collapse(dims, {&walk, 1});
    visit(index.dtype(), [&]<class T>(TypeTag<T>) {
      if constexpr (std::is_integral_v<T>) {
        const T* base = index.data<T>();
        cpu::parallel_for(n, 1 << 14, [&](int64_t begin, int64_t end) {
          Walker w(dims, walk, begin);
          for (int64_t i = begin; i < end; ++i, w.next()) {
            int64_t v = int64_t(base[w.offset()]);
            if (v < 0) v += extent;
            if (v < 0 || v > last) {
              out.valid[i] = 0;
              v = std::max<int64_t>(0, std::min(v, last));
            }
            out.at[i] += v * step;
          }
        });
      }
    });
  }
  return out;
}

void check_indices(const Arrays& indices, const char* op) {
  for (const array& i : indices) {
    if (is_inexact(i.dtype()) && i.size() > 0) value_error("[", op, "] Indices must be integral, got ", i.dtype(), ".");
  }
}

template <class F>
void by_item_size(size_t item, F f) {
  switch (item) {
    case 1: return f(TypeTag<uint8_t>{});
    case 2: return f(TypeTag<uint16_t>{});
    case 4: return f(TypeTag<uint32_t>{});
    default: return f(TypeTag<uint64_t>{});
  }
}

class Gather : public OpBase<Gather> {
 public:
  static constexpr const char* kName = "gather";
  Axes axes;
  Shape slice_sizes;
  Gather() = default;
  Gather(Axes a, Shape s) : axes(std::move(a)), slice_sizes(std::move(s)) {}
  static auto fields(auto& self) { return std::tie(self.axes, self.slice_sizes); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape;
    for (size_t k = 1; k < in.size(); ++k) shape = broadcast_shapes(shape, in[k].shape(), "gather");
    shape.append(slice_sizes.begin(), slice_sizes.end());
    return {{shape, in[0].dtype()}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    const array& a = in[0];
    Offsets offsets = index_offsets(in, 1, axes.size(), axes, a.shape(), a.strides(), slice_sizes);
    Shape window = slice_sizes;
    Strides strides = a.strides();
    collapse(window, {&strides, 1});
    const int64_t n = num_elements(window), inner = window.back(), step = strides.back();
    Shape rest(window.begin(), window.end() - 1);
    Strides rest_strides(strides.begin(), strides.end() - 1);
    by_item_size(a.itemsize(), [&]<class T>(TypeTag<T>) {
      const T* from = reinterpret_cast<const T*>(a.bytes());
      T* to = reinterpret_cast<T*>(out[0].bytes());
      cpu::parallel_for(int64_t(offsets.at.size()), std::max<int64_t>(1, 8192 / n), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T* src = from + offsets.at[i];
          T* dst = to + i * n;
          if (n == 1) {
            *dst = *src;
          } else if (n == inner && step == 1) {
            std::memcpy(dst, src, n * sizeof(T));
          } else {
            Walker w(rest, rest_strides);
            for (int64_t k = 0; k < n; k += inner, w.next()) {
              for (int64_t j = 0; j < inner; ++j) dst[k + j] = src[w.offset() + j * step];
            }
          }
        }
      });
    });
  }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays result, indices(primals.begin() + 1, primals.end());
    for (int arg : argnums) {
      if (arg > 0) no_index_gradient(kName);
      result.push_back(scatter(zeros_of(primals[0], cotangents[0]), indices, cotangents[0], axes, ScatterMode::sum));
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] == 0) {
        return {gather(tangents[i], Arrays(primals.begin() + 1, primals.end()), axes, slice_sizes)};
      }
    }
    auto spec = infer(primals)[0];
    return {zeros(spec.shape, spec.dtype)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& in_axes) override {
    Arrays indices(inputs.begin() + 1, inputs.end());
    std::vector<int> index_axes(in_axes.begin() + 1, in_axes.end());
    bool batched_index = false;
    for (int ax : index_axes) batched_index = batched_index || ax >= 0;
    indices = align_batch_axes(indices, index_axes);
    if (in_axes[0] < 0) return {{gather(inputs[0], indices, axes, slice_sizes)}, {0}};
    array a = moveaxis(inputs[0], in_axes[0], 0);
    Axes shifted;
    for (int ax : axes) shifted.push_back(ax + 1);
    Shape sizes = slice_sizes;
    if (!batched_index) {
      sizes.insert(sizes.begin(), a.shape(0));
      array y = gather(a, indices, shifted, sizes);
      return {{y}, {y.ndim() - int(sizes.size())}};
    }
    // Both batched: the batch number becomes one more index.
    int rank = 0;
    for (const array& i : indices) rank = std::max(rank, i.ndim());
    Shape along(rank, 1);
    along[0] = a.shape(0);
    indices.insert(indices.begin(), reshape(arange(0, a.shape(0), 1, int32), along));
    shifted.insert(shifted.begin(), 0);
    sizes.insert(sizes.begin(), 1);
    return {{squeeze(gather(a, indices, shifted, sizes), {rank})}, {0}};
  }
};
REGISTER_OP(Gather)

template <class T>
struct Wide {
  using type = T;
};
template <>
struct Wide<float16_t> {
  using type = float;
};
template <>
struct Wide<bfloat16_t> {
  using type = float;
};

template <class T>
T merge(ScatterMode mode, T old, T update) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    bool less = old.re < update.re || (old.re == update.re && old.im < update.im);
    switch (mode) {
      case ScatterMode::assign: return update;
      case ScatterMode::sum: return {old.re + update.re, old.im + update.im};
      case ScatterMode::prod:
        return {old.re * update.re - old.im * update.im, old.re * update.im + old.im * update.re};
      case ScatterMode::max: return less ? update : old;
      case ScatterMode::min: return less ? old : update;
    }
  } else {
    using A = typename Wide<T>::type;
    A a = A(old), b = A(update);
    switch (mode) {
      case ScatterMode::assign: return update;
      case ScatterMode::sum: return T(a + b);
      case ScatterMode::prod: return T(a * b);
      case ScatterMode::max: return (a > b || a != a) ? old : update;
      case ScatterMode::min: return (a < b || a != a) ? old : update;
    }
  }
  return update;
}

// Gives out[0] a row-major copy of `a`, or a's own memory when it may be overwritten.
void copy_or_take(const array& a, const array& out) {
  if (a.row_contiguous() && a.donatable()) {
    out.share(a);
  } else {
    out.allocate();
    cpu::copy(a, out);
  }
}

class Scatter : public OpBase<Scatter> {
 public:
  static constexpr const char* kName = "scatter";
  Axes axes;
  ScatterMode mode = ScatterMode::assign;
  Scatter() = default;
  Scatter(Axes a, ScatterMode m) : axes(std::move(a)), mode(m) {}
  static auto fields(auto& self) { return std::tie(self.axes, self.mode); }

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }

  void cpu(const Arrays& in, const Arrays& out) override {
    copy_or_take(in[0], out[0]);
    array updates = cpu::contiguous(in.back());
    if (updates.size() == 0 || out[0].size() == 0) return;
    const int nd = out[0].ndim();
    Shape window(updates.shape().end() - nd, updates.shape().end());
    Offsets offsets = index_offsets(in, 1, axes.size(), axes, out[0].shape(), out[0].strides(), window);
    Strides strides = out[0].strides();
    Shape dims = window;
    collapse(dims, {&strides, 1});
    const int64_t n = num_elements(dims), inner = dims.back(), step = strides.back();
    Shape rest(dims.begin(), dims.end() - 1);
    Strides rest_strides(strides.begin(), strides.end() - 1);
    visit(out[0].dtype(), [&]<class T>(TypeTag<T>) {
      T* to = out[0].data<T>();
      const T* from = updates.data<T>();
      for (size_t i = 0; i < offsets.at.size(); ++i) {
        if (!offsets.valid[i]) continue;
        T* dst = to + offsets.at[i];
        const T* src = from + int64_t(i) * n;
        Walker w(rest, rest_strides);
        for (int64_t k = 0; k < n; k += inner, w.next()) {
          T* line = dst + w.offset();
          for (int64_t j = 0; j < inner; ++j) line[j * step] = merge(mode, line[j * step], src[k + j]);
        }
      }
    });
  }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays& outputs) override {
    const array &g = cotangents[0], &y = outputs[0], &updates = primals.back();
    Arrays indices(primals.begin() + 1, primals.end() - 1), result;
    Shape window(updates.shape().end() - primals[0].ndim(), updates.shape().end());
    auto at = [&](const array& a) { return gather(a, indices, axes, window); };
    for (int arg : argnums) {
      bool source = arg == 0;
      if (!source && arg + 1 != int(primals.size())) no_index_gradient(kName);
      switch (mode) {
        case ScatterMode::assign:
          result.push_back(source ? scatter(g, indices, zeros_like(updates), axes, ScatterMode::assign) : at(g));
          break;
        case ScatterMode::sum: result.push_back(source ? g : at(g)); break;
        case ScatterMode::prod:
          result.push_back(source ? scatter(g, indices, updates, axes, ScatterMode::prod) : at(g * y) / updates);
          break;
        case ScatterMode::max:
        case ScatterMode::min:
          result.push_back(source ? where(equal(y, primals[0]), g, zeros_like(g))
                                  : where(equal(at(y), updates), at(g), zeros_like(updates)));
          break;
      }
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    if (mode != ScatterMode::assign && mode != ScatterMode::sum) {
      throw NotImplemented("[scatter] has no forward derivative (jvp) for this mode.");
    }
    array ta = zeros_like(primals[0]), tu = zeros_like(primals.back());
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] == 0) ta = tangents[i];
      if (argnums[i] + 1 == int(primals.size())) tu = tangents[i];
    }
    return {scatter(ta, Arrays(primals.begin() + 1, primals.end() - 1), tu, axes, mode)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& in_axes) override {
    // The batch number becomes one more index into a batched source.
    int n = batch_size(inputs, in_axes);
    Arrays all = batch_all_to_front({inputs[0], inputs.back()}, {in_axes[0], in_axes.back()});
    if (in_axes[0] < 0 && in_axes.back() < 0) {
      for (array* a : {&all[0], &all[1]}) {
        Shape shape = a->shape();
        shape[0] = n;
        *a = broadcast_to(*a, shape);
      }
    }
    int rank = all[1].ndim() - all[0].ndim();  // of the indices
    Arrays indices;
    Shape along(rank + 1, 1);
    along[0] = n;
    indices.push_back(reshape(arange(0, n, 1, int32), along));
    for (size_t k = 1; k + 1 < inputs.size(); ++k) {
      array i = inputs[k];
      if (in_axes[k] >= 0) i = moveaxis(i, in_axes[k], 0);
      Axes padding;
      for (int d = 0; d < rank - (i.ndim() - (in_axes[k] >= 0)); ++d) padding.push_back(in_axes[k] >= 0 ? d + 1 : d);
      indices.push_back(padding.empty() ? i : expand_dims(i, padding));
    }
    Axes shifted{0};
    for (int ax : axes) shifted.push_back(ax + 1);
    return {{scatter(all[0], indices, expand_dims(all[1], {rank + 1}), shifted, mode)}, {0}};
  }
};
REGISTER_OP(Scatter)

// Lines along an axis: index and data have the same shape but for that axis.
struct Lines {
  int64_t count, length_a, length_i, inner;
  Lines(const Shape& a, const Shape& index, int axis) : count(1), length_a(a[axis]), length_i(index[axis]), inner(1) {
    for (int i = 0; i < axis; ++i) count *= index[i];
    for (size_t i = axis + 1; i < index.size(); ++i) inner *= index[i];
  }
};

// Counts negative indices from the end; what is out of range goes to the nearest end.
template <class I>
inline int64_t clamp_index(I index, int64_t length) {
  int64_t v = int64_t(index);
  v += v < 0 ? length : 0;
  return std::max<int64_t>(0, std::min(v, length - 1));
}

template <class T, class I>
void gather_line(const T* line, int64_t step, const I* index, T* out, int64_t n, int64_t length) {
  for (int64_t i = 0; i < n; ++i) {
    int64_t v = int64_t(index[i]);
    if (uint64_t(v) >= uint64_t(length)) [[unlikely]] v = clamp_index(v, length);
    out[i] = line[v * step];
  }
}

// Sets (or adds to) the entries of a line; indices out of range are ignored.
template <bool add, class T, class I>
void scatter_line(T* line, int64_t step, const I* index, const T* values, int64_t between, int64_t n, int64_t length) {
  for (int64_t i = 0; i < n; ++i) {
    int64_t v = int64_t(index[i * between]);
    v += v < 0 ? length : 0;
    if (uint64_t(v) >= uint64_t(length)) continue;
    T& target = line[v * step];
    if constexpr (add) {
      target = merge(ScatterMode::sum, target, values[i * between]);
    } else {
      target = values[i * between];
    }
  }
}

class GatherAxis : public OpBase<GatherAxis> {
 public:
  static constexpr const char* kName = "gather_axis";
  int axis = 0;
  GatherAxis() = default;
  explicit GatherAxis(int a) : axis(a) {}
  static auto fields(auto& self) { return std::tie(self.axis); }

  std::vector<Spec> infer(const Arrays& in) const override { return {{in[1].shape(), in[0].dtype()}}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    array index = cpu::contiguous(in[1]);
    const array& a = in[0];
    Lines l(a.shape(), index.shape(), axis);
    const int64_t step = a.strides()[axis];
    // Everything but the axis, walked in row-major order alongside the index.
    Shape rest = index.shape();
    rest[axis] = 1;
    visit(index.dtype(), [&]<class I>(TypeTag<I>) {
      if constexpr (std::is_integral_v<I>) {
        by_item_size(a.itemsize(), [&]<class T>(TypeTag<T>) {
          const T* from = reinterpret_cast<const T*>(a.bytes());
          T* to = reinterpret_cast<T*>(out[0].bytes());
          const I* at = index.data<I>();
          const int64_t length = l.length_a, n = l.length_i, inner = l.inner;
          cpu::parallel_for(l.count, std::max<int64_t>(1, 8192 / (n * inner)), [&](int64_t begin, int64_t end) {
            if (inner == 1) {
              Walker w(rest, a.strides(), begin);
              for (int64_t o = begin; o < end; ++o, w.next()) gather_line(from + w.offset(), step, at + o * n, to + o * n, n, length);
              return;
            }
            // Lines side by side share a row of the index: offsets of one row serve all rows.
            std::vector<int64_t> lines(inner);
            for (int64_t o = begin; o < end; ++o) {
              Walker w(rest, a.strides(), o * inner);
              for (int64_t k = 0; k < inner; ++k, w.next()) lines[k] = w.offset();
              const I* i = at + o * n * inner;
              T* y = to + o * n * inner;
              for (int64_t r = 0; r < n; ++r, i += inner, y += inner) {
                for (int64_t k = 0; k < inner; ++k) y[k] = from[lines[k] + clamp_index(i[k], length) * step];
              }
            }
          });
        });
      }
    });
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays result;
    for (int arg : argnums) {
      if (arg > 0) no_index_gradient(kName);
      result.push_back(scatter_add_along_axis(zeros_of(primals[0], cotangents[0]), primals[1], cotangents[0], axis));
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] == 0) return {take_along_axis(tangents[i], primals[1], axis)};
    }
    return {zeros(primals[1].shape(), primals[0].dtype())};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    Arrays in = batch_all_to_front(inputs, axes);
    return {{take_along_axis(in[0], in[1], axis + 1)}, {0}};
  }
};
REGISTER_OP(GatherAxis)

class ScatterAxis : public OpBase<ScatterAxis> {
 public:
  static constexpr const char* kName = "scatter_axis";
  int axis = 0;
  bool accumulate = false;
  ScatterAxis() = default;
  ScatterAxis(int a, bool add) : axis(a), accumulate(add) {}
  static auto fields(auto& self) { return std::tie(self.axis, self.accumulate); }

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    copy_or_take(in[0], out[0]);
    if (in[1].size() == 0 || out[0].size() == 0) return;
    array index = cpu::contiguous(in[1]), values = cpu::contiguous(in[2]);
    Lines l(out[0].shape(), index.shape(), axis);
    Shape rest = index.shape();
    rest[axis] = 1;
    const Strides& strides = out[0].strides();
    const int64_t step = strides[axis];
    visit(index.dtype(), [&]<class I>(TypeTag<I>) {
      if constexpr (std::is_integral_v<I>) {
        visit(out[0].dtype(), [&]<class T>(TypeTag<T>) {
          const I* at = index.data<I>();
          cpu::parallel_for(l.count, std::max<int64_t>(1, 8192 / (l.length_i * l.inner)),
                            [&](int64_t begin, int64_t end) {
            const T* given = values.data<T>();
            const int64_t length = l.length_a, n = l.length_i;
            for (int64_t o = begin; o < end; ++o) {
              Walker w(rest, strides, o * l.inner);
              for (int64_t k = 0; k < l.inner; ++k, w.next()) {
                T* line = out[0].data<T>() + w.offset();
                const int64_t p = o * n * l.inner + k;
                auto put = accumulate ? scatter_line<true, T, I> : scatter_line<false, T, I>;
                put(line, step, at + p, given + p, l.inner, n, length);
              }
            }
          });
        });
      }
    });
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays result;
    const array& g = cotangents[0];
    for (int arg : argnums) {
      if (arg == 1) no_index_gradient(kName);
      if (arg == 2) {
        result.push_back(take_along_axis(g, primals[1], axis));
      } else {
        result.push_back(accumulate ? g : put_along_axis(g, primals[1], zeros_like(primals[2]), axis));
      }
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    array ta = zeros_like(primals[0]), tv = zeros_like(primals[2]);
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] == 0) ta = tangents[i];
      if (argnums[i] == 2) tv = tangents[i];
    }
    return {apply(op<ScatterAxis>(axis, accumulate), {ta, primals[1], tv})};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(op<ScatterAxis>(axis + 1, accumulate), batch_all_to_front(inputs, axes))}, {0}};
  }
};
REGISTER_OP(ScatterAxis)

class MaskedScatter : public OpBase<MaskedScatter> {
 public:
  static constexpr const char* kName = "masked_scatter";
  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    copy_or_take(in[0], out[0]);
    array mask = cpu::contiguous(in[1]), values = cpu::contiguous(in[2]);
    const bool* m = mask.data<bool>();
    const int64_t n = mask.size();
    const size_t chunk = n == 0 ? 0 : out[0].nbytes() / size_t(n);
    size_t used = 0;
    for (int64_t i = 0; i < n; ++i) {
      if (!m[i]) continue;
      if (used + chunk > values.nbytes()) {
        runtime_error("[masked_scatter] The mask selects more entries than the ", values.size(), " values given.");
      }
      std::memcpy(out[0].bytes() + i * chunk, values.bytes() + used, chunk);
      used += chunk;
    }
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    const array &mask = primals[1], &g = cotangents[0];
    Shape tail(primals[0].shape().begin() + mask.ndim(), primals[0].shape().end());
    Shape mask_shape = mask.shape();
    for (size_t i = 0; i < tail.size(); ++i) mask_shape.push_back(1);
    array wide = broadcast_to(reshape(mask, mask_shape), primals[0].shape());
    Arrays result;
    for (int arg : argnums) {
      if (arg == 0) {
        result.push_back(where(wide, zeros_like(g), g));
      } else if (arg == 1) {
        result.push_back(zeros_like(mask));
      } else {
        // Value number k went where the k-th true entry is: scatter the cotangents back by rank.
        array flat = flatten(wide), rank = cumsum(astype(flat, int32), 0) - 1.0;
        array target = where(flat, rank, array::scalar(int(primals[2].size()), int32));
        array zero = zeros({int32_t(primals[2].size())}, g.dtype());
        result.push_back(reshape(scatter_add_axis(zero, target, flatten(g), 0), primals[2].shape()));
      }
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    array ta = zeros_like(primals[0]), tv = zeros_like(primals[2]);
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] == 0) ta = tangents[i];
      if (argnums[i] == 2) tv = tangents[i];
    }
    return {apply(Ref<Op>(this), {ta, primals[1], tv})};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    Arrays in = batch_all_to_front(inputs, axes), rows;
    for (int i = 0; i < in[0].shape(0); ++i) {
      array k = array::scalar(i);
      rows.push_back(masked_scatter(take(in[0], k, 0), take(in[1], k, 0), take(in[2], k, 0)));
    }
    return {{stack(rows, 0)}, {0}};
  }
};
REGISTER_OP(MaskedScatter)

// Corner of a window, clamped so that the window fits.
Shape corner(const array& start, const Axes& axes, const Shape& whole, const Shape& window) {
  Shape at(whole.size(), 0);
  array s = cpu::contiguous(start, int64);
  for (size_t k = 0; k < axes.size(); ++k) {
    int64_t v = s.data<int64_t>()[k];
    int32_t extent = whole[axes[k]], room = extent - window[axes[k]];
    if (v < 0) v += extent;
    at[axes[k]] = int32_t(std::max<int64_t>(0, std::min<int64_t>(v, room)));
  }
  return at;
}
void window_view(const array& from, const Shape& at, const array& to) {
  int64_t offset = 0;
  for (size_t i = 0; i < at.size(); ++i) offset += at[i] * from.strides()[i];
  to.share(from, from.strides(), from.offset() + (to.size() ? offset : 0) * int64_t(from.itemsize()));
}

class DynamicSlice : public OpBase<DynamicSlice> {
 public:
  static constexpr const char* kName = "dynamic_slice";
  Axes axes;
  Shape sizes;
  DynamicSlice() = default;
  DynamicSlice(Axes a, Shape s) : axes(std::move(a)), sizes(std::move(s)) {}
  static auto fields(auto& self) { return std::tie(self.axes, self.sizes); }

  std::vector<Spec> infer(const Arrays& in) const override { return {{sizes, in[0].dtype()}}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    window_view(in[0], corner(in[1], axes, in[0].shape(), sizes), out[0]);
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays result;
    for (int arg : argnums) {
      result.push_back(arg == 0 ? dynamic_slice_update(zeros_of(primals[0], cotangents[0]),
                                                       cotangents[0], primals[1], axes)
                                : zeros_like(primals[1]));
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    return {argnums[0] == 0 ? dynamic_slice(tangents[0], primals[1], axes, sizes) : zeros(sizes, primals[0].dtype())};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& in_axes) override {
    if (in_axes[1] < 0) {
      array a = moveaxis(inputs[0], in_axes[0], 0);
      Axes shifted;
      for (int ax : axes) shifted.push_back(ax + 1);
      Shape window = sizes;
      window.insert(window.begin(), a.shape(0));
      return {{dynamic_slice(a, inputs[1], shifted, window)}, {0}};
    }
    // One corner per batch entry: a gather of windows, whose start coordinates are the columns of `start`.
    Arrays in = batch_all_to_front(inputs, in_axes), indices;
    const int n = in[0].shape(0);
    indices.push_back(arange(0, n, 1, int32));
    Axes all_axes_in{0};
    for (size_t k = 0; k < axes.size(); ++k) {
      indices.push_back(astype(take(in[1], array::scalar(int(k)), 1), int32));
      all_axes_in.push_back(axes[k] + 1);
    }
    Shape window = sizes;
    window.insert(window.begin(), 1);
    return {{squeeze(gather(in[0], indices, all_axes_in, window), {1})}, {0}};
  }
};
REGISTER_OP(DynamicSlice)

class DynamicSliceUpdate : public OpBase<DynamicSliceUpdate> {
 public:
  static constexpr const char* kName = "dynamic_slice_update";
  Axes axes;
  DynamicSliceUpdate() = default;
  explicit DynamicSliceUpdate(Axes a) : axes(std::move(a)) {}
  static auto fields(auto& self) { return std::tie(self.axes); }

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }
  void cpu(const Arrays& in, const Arrays& out) override {  // a, update, start
    copy_or_take(in[0], out[0]);
    array window(make_ref<Node>(in[1].shape(), in[1].dtype()));
    window_view(out[0], corner(in[2], axes, out[0].shape(), in[1].shape()), window);
    cpu::copy_into(in[1], window);
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays result;
    for (int arg : argnums) {
      if (arg == 0) {
        result.push_back(dynamic_slice_update(cotangents[0], zeros_like(primals[1]), primals[2], axes));
      } else if (arg == 1) {
        result.push_back(dynamic_slice(cotangents[0], primals[2], axes, primals[1].shape()));
      } else {
        result.push_back(zeros_like(primals[2]));
      }
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    array ta = zeros_like(primals[0]), tu = zeros_like(primals[1]);
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] == 0) ta = tangents[i];
      if (argnums[i] == 1) tu = tangents[i];
    }
    return {dynamic_slice_update(ta, tu, primals[2], axes)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& in_axes) override {
    Arrays in = batch_all_to_front(inputs, in_axes);
    if (in_axes[2] < 0) {
      Axes shifted;
      for (int ax : axes) shifted.push_back(ax + 1);
      return {{dynamic_slice_update(in[0], in[1], inputs[2], shifted)}, {0}};
    }
    Arrays indices{arange(0, in[0].shape(0), 1, int32)};
    Axes all_axes_in{0};
    for (size_t k = 0; k < axes.size(); ++k) {
      indices.push_back(astype(take(in[2], array::scalar(int(k)), 1), int32));
      all_axes_in.push_back(axes[k] + 1);
    }
    return {{scatter(in[0], indices, expand_dims(in[1], {1}), all_axes_in, ScatterMode::assign)}, {0}};
  }
};
REGISTER_OP(DynamicSliceUpdate)

// Index and data agree but for the axis, by broadcasting.
void align_for_axis(array& a, array& index, int axis, const StreamOrDevice& s) {
  Shape sa = a.shape(), si = index.shape();
  sa[axis] = si[axis] = 1;
  Shape common = broadcast_shapes(sa, si, "take_along_axis"), ta = common, ti = common;
  ta[axis] = a.shape(axis);
  ti[axis] = index.shape(axis);
  a = broadcast_to(a, ta, s);
  index = broadcast_to(index, ti, s);
}

array scatter_axis(const array& a, const array& index, const array& values, int axis, bool accumulate,
                   const StreamOrDevice& s) {
  const char* name = "put_along_axis";
  check_indices({index}, name);
  if (index.ndim() != a.ndim()) {
    value_error("[", name, "] Indices of dimension ", index.ndim(), " does not match array of dimension ", a.ndim(),
                ".");
  }
  int ax = normalize_axis(axis, a.ndim(), name);
  array i = index;
  if (index.size() == 0) return a;
  Shape target = a.shape();
  target[ax] = index.shape(ax);
  i = broadcast_to(index, target, s);
  array v = broadcast_to(astype(values, a.dtype(), s), target, s);
  return apply(op<ScatterAxis>(ax, accumulate), {a, i, v}, s);
}

}  // namespace

array gather(const array& a, const Arrays& indices, const Axes& axes, const Shape& slice_sizes,
             const StreamOrDevice& s) {
  check_indices(indices, "gather");
  for (int i = 0; i < a.ndim(); ++i) {
    if (slice_sizes[i] > a.shape(i)) {
      value_error("[gather] Slice sizes ", slice_sizes, " exceed the shape ", a.shape(), ".");
    }
  }
  Arrays in{a};
  in.insert(in.end(), indices.begin(), indices.end());
  return apply(op<Gather>(axes, slice_sizes), std::move(in), s);
}

array scatter(const array& a, const Arrays& indices, const array& updates, const Axes& axes, ScatterMode mode,
              const StreamOrDevice& s) {
  check_indices(indices, "scatter");
  Arrays in{a};
  in.insert(in.end(), indices.begin(), indices.end());
  in.push_back(astype(updates, a.dtype(), s));
  return apply(op<Scatter>(axes, mode), std::move(in), s);
}

array take(const array& a, const array& index, int axis, const StreamOrDevice& s) {
  int ax = normalize_axis(axis, a.ndim(), "take");
  if (a.shape(ax) == 0 && index.size() > 0) value_error("[take] Cannot do a non-empty take from an empty axis.");
  if (index.size() == 0 || a.size() == 0) {
    Shape shape(a.shape().begin(), a.shape().begin() + ax);
    shape.append(index.shape().begin(), index.shape().end());
    shape.append(a.shape().begin() + ax + 1, a.shape().end());
    return zeros(shape, a.dtype(), s);
  }
  Shape sizes = a.shape();
  sizes[ax] = 1;
  // (index..., slice...) with the taken axis of size 1: drop it and put the index's axes in its place.
  array y = gather(a, {index}, {ax}, sizes, s);
  y = squeeze(y, {index.ndim() + ax}, s);
  if (ax == 0) return y;
  Axes order;
  for (int i = 0; i < ax; ++i) order.push_back(index.ndim() + i);
  for (int i = 0; i < index.ndim(); ++i) order.push_back(i);
  for (int i = index.ndim() + ax; i < y.ndim(); ++i) order.push_back(i);
  return transpose(y, order, s);
}

array take_along_axis(const array& a, const array& index, int axis, const StreamOrDevice& s) {
  check_indices({index}, "take_along_axis");
  if (index.ndim() != a.ndim()) {
    value_error("[take_along_axis] Indices of dimension ", index.ndim(), " does not match array of dimension ",
                a.ndim(), ".");
  }
  int ax = normalize_axis(axis, a.ndim(), "take_along_axis");
  array x = a, i = index;
  align_for_axis(x, i, ax, s);
  return apply(op<GatherAxis>(ax), {x, i}, s);
}

array put_along_axis(const array& a, const array& index, const array& values, int axis, const StreamOrDevice& s) {
  return scatter_axis(a, index, values, axis, false, s);
}
array scatter_add_along_axis(const array& a, const array& index, const array& values, int axis,
                             const StreamOrDevice& s) {
  return scatter_axis(a, index, values, axis, true, s);
}

array scatter_add_axis(const array& a, const array& index, const array& updates, int axis, const StreamOrDevice& s) {
  // Updates as windows: index axis first, then a's axes with the scattered one of size 1.
  array u = expand_dims(moveaxis(updates, axis, 0, s), {axis + 1}, s);
  return scatter(a, {index}, u, {axis}, ScatterMode::sum, s);
}

array masked_scatter(const array& a, const array& mask, const array& values, const StreamOrDevice& s) {
  if (mask.dtype() != bool_) value_error("[masked_scatter] The mask must be bool, got ", mask.dtype(), ".");
  bool fits = mask.ndim() <= a.ndim();
  for (int i = 0; fits && i < mask.ndim(); ++i) fits = mask.shape(i) == a.shape(i);
  if (!fits) {
    value_error("[masked_scatter] Boolean mask of shape ", mask.shape(), " must match the leading axes of shape ",
                a.shape(), ".");
  }
  array v = astype(values, a.dtype(), s);
  if (v.size() == 1) {
    Shape wide = mask.shape();
    for (int i = mask.ndim(); i < a.ndim(); ++i) wide.push_back(1);
    return where(reshape(mask, wide, s), reshape(v, {}, s), a, s);
  }
  return apply(op<MaskedScatter>(), {a, mask, v}, s);
}

array dynamic_slice(const array& a, const array& start, const Axes& axes, const Shape& sizes,
                    const StreamOrDevice& s) {
  Axes at;
  for (int ax : axes) at.push_back(normalize_axis(ax, a.ndim(), "slice"));
  check_indices({start}, "slice");
  if (start.size() != int64_t(axes.size())) {
    value_error("[slice] Got ", start.size(), " start indices for ", axes.size(), " axes.");
  }
  if (int(sizes.size()) != a.ndim()) {
    value_error("[slice] slice_size ", sizes, " must have one entry per axis of shape ", a.shape(), ".");
  }
  for (int i = 0; i < a.ndim(); ++i) {
    if (sizes[i] < 0 || sizes[i] > a.shape(i)) {
      value_error("[slice] slice_size ", sizes, " exceeds shape ", a.shape(), ".");
    }
  }
  return apply(op<DynamicSlice>(at, sizes), {a, start}, s);
}

array dynamic_slice_update(const array& a, const array& update, const array& start, const Axes& axes,
                           const StreamOrDevice& s) {
  Axes at;
  for (int ax : axes) at.push_back(normalize_axis(ax, a.ndim(), "slice_update"));
  check_indices({start}, "slice_update");
  if (start.size() != int64_t(axes.size())) {
    value_error("[slice_update] Got ", start.size(), " start indices for ", axes.size(), " axes.");
  }
  // The update keeps its own size on the given axes and broadcasts to a's elsewhere.
  Shape shape = update.shape();
  while (int(shape.size()) < a.ndim()) shape.insert(shape.begin(), 1);
  Shape window = a.shape();
  for (int ax : at) window[ax] = shape[ax];
  for (int i = 0; i < a.ndim(); ++i) {
    if (window[i] > a.shape(i)) {
      value_error("[slice_update] Update of shape ", update.shape(), " does not fit into shape ", a.shape(), ".");
    }
  }
  array u = broadcast_to(astype(update, a.dtype(), s), window, s);
  return apply(op<DynamicSliceUpdate>(at), {a, u, start}, s);
}

}  // namespace mlx_rocm
