#include "backend/ops/index.h"

#include "backend/core/op.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/indexing.h"
#include "backend/ops/index_common.h"
#include "backend/ops/jvp_rules.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using namespace indexing;
using Batched = std::pair<Arrays, std::vector<int>>;

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
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    gpu::gather_axis(in[0], in[1], axis, out[0]);
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
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu_copy_or_take(in[0], out[0]);
    gpu::scatter_axis(out[0], in[1], axis, in[2], accumulate ? ScatterMode::sum : ScatterMode::assign);
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
    return {joint_rule(Ref<Op>(this), {0, 2}, primals, tangents, argnums)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(op<ScatterAxis>(axis + 1, accumulate), batch_all_to_front(inputs, axes))}, {0}};
  }
};
REGISTER_OP(ScatterAxis)

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

}  // namespace mlx_rocm
