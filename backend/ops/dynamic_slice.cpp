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
  // A gather of one window: only the GPU knows where it is, so it is no view here.
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::gather(in[0], gpu::corner_indices(in[1]), axes, sizes, out[0]);
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
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu_copy_or_take(in[0], out[0]);
    gpu::scatter(out[0], gpu::corner_indices(in[2]), axes, in[1], ScatterMode::assign, true);
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
    return {joint_rule(Ref<Op>(this), {0, 1}, primals, tangents, argnums)};
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

}  // namespace

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
