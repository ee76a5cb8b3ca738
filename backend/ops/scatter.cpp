#include "backend/ops/index.h"

#include "backend/core/op.h"
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

  void gpu(const Arrays& in, const Arrays& out) override {
    gpu_copy_or_take(in[0], out[0]);
    gpu::scatter(out[0], Arrays(in.begin() + 1, in.end() - 1), axes, in.back(), mode);
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
    return {joint_rule(Ref<Op>(this), {0, int(primals.size()) - 1}, primals, tangents, argnums)};
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

}  // namespace

array scatter(const array& a, const Arrays& indices, const array& updates, const Axes& axes, ScatterMode mode,
              const StreamOrDevice& s) {
  check_indices(indices, "scatter");
  Arrays in{a};
  in.insert(in.end(), indices.begin(), indices.end());
  in.push_back(astype(updates, a.dtype(), s));
  return apply(op<Scatter>(axes, mode), std::move(in), s);
}

array scatter_add_axis(const array& a, const array& index, const array& updates, int axis, const StreamOrDevice& s) {
  // Updates as windows: index axis first, then a's axes with the scattered one of size 1.
  array u = expand_dims(moveaxis(updates, axis, 0, s), {axis + 1}, s);
  return scatter(a, {index}, u, {axis}, ScatterMode::sum, s);
}

}  // namespace mlx_rocm
