#include "backend/ops/index.h"

#include <cstring>

#include "backend/core/op.h"
#include "backend/cpu/pool.h"
#include "backend/ops/index_common.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using namespace indexing;
using Batched = std::pair<Arrays, std::vector<int>>;

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

}  // namespace mlx_rocm
