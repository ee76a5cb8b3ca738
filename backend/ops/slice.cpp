#include "backend/ops/shape.h"

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/axes.h"
#include "backend/ops/jvp_rules.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using Batched = std::pair<Arrays, std::vector<int>>;

class Slice : public OpBase<Slice> {
 public:
  static constexpr const char* kName = "slice";
  Shape start, stop, step;
  Slice() = default;
  Slice(Shape a, Shape b, Shape c) : start(std::move(a)), stop(std::move(b)), step(std::move(c)) {}
  static auto fields(auto& self) { return std::tie(self.start, self.stop, self.step); }

  static Shape shape_of(const Shape& start, const Shape& stop, const Shape& step) {
    Shape shape;
    for (size_t i = 0; i < start.size(); ++i) {
      int64_t span = int64_t(stop[i]) - start[i];
      int64_t n = step[i] > 0 ? (span + step[i] - 1) / step[i] : (span + step[i] + 1) / step[i];
      shape.push_back(int32_t(std::max<int64_t>(0, n)));
    }
    return shape;
  }
  std::vector<Spec> infer(const Arrays& in) const override { return {{shape_of(start, stop, step), in[0].dtype()}}; }
  void cpu(const Arrays& in, const Arrays& out) override { view_of(in[0], start, step, out[0]); }
  bool is_view() const override { return true; }
  static void view_of(const array& from, const Shape& start, const Shape& step, const array& to) {
    Strides strides = from.strides();
    int64_t offset = 0;
    for (size_t i = 0; i < start.size(); ++i) {
      offset += start[i] * strides[i];
      strides[i] *= step[i];
    }
    if (to.size() == 0) offset = 0;
    to.share(from, strides, from.offset() + offset * int64_t(from.itemsize()));
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {slice_update(astype(zeros_like(primals[0]), cotangents[0].dtype()), cotangents[0], start, stop, step)};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return {slice(tangents[0], start, stop, step)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    int ax = axes[0];
    Shape b = start, e = stop, t = step;
    b.insert(b.begin() + ax, 0);
    e.insert(e.begin() + ax, inputs[0].shape(ax));
    t.insert(t.begin() + ax, 1);
    return {{slice(inputs[0], b, e, t)}, {ax}};
  }
};
REGISTER_OP(Slice)

class SliceUpdate : public OpBase<SliceUpdate> {
 public:
  static constexpr const char* kName = "slice_update";
  Shape start, stop, step;
  SliceUpdate() = default;
  SliceUpdate(Shape a, Shape b, Shape c) : start(std::move(a)), stop(std::move(b)), step(std::move(c)) {}
  static auto fields(auto& self) { return std::tie(self.start, self.stop, self.step); }

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }
  void gpu(const Arrays& in, const Arrays& out) override {
    if (!gpu::donate_or_allocate(in[0], out[0])) gpu::copy(in[0], out[0]);
    if (in[1].size() == 0) return;
    array window(make_ref<Node>(in[1].shape(), in[1].dtype()));
    Slice::view_of(out[0], start, step, window);
    gpu::copy(in[1], window);
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    const array &x = in[0], &update = in[1];
    if (x.donatable() && x.row_contiguous()) {
      out[0].share(x);
    } else {
      out[0].allocate();
      cpu::copy(x, out[0]);
    }
    if (update.size() == 0) return;
    // The target window as an array of its own over the output's memory.
    array window(make_ref<Node>(update.shape(), update.dtype()));
    Slice::view_of(out[0], start, step, window);
    cpu::copy_into(update, window);
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays result;
    for (int arg : argnums) {
      if (arg == 0) {
        array zero = zeros(primals[1].shape(), cotangents[0].dtype());
        result.push_back(slice_update(cotangents[0], zero, start, stop, step));
      } else {
        result.push_back(slice(cotangents[0], start, stop, step));
      }
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    return {joint_rule(Ref<Op>(this), {0, 1}, primals, tangents, argnums)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    Arrays in = batch_all_to_front(inputs, axes);
    Shape b = start, e = stop, t = step;
    b.insert(b.begin(), 0);
    e.insert(e.begin(), in[0].shape(0));
    t.insert(t.begin(), 1);
    return {{slice_update(in[0], in[1], b, e, t)}, {0}};
  }
};
REGISTER_OP(SliceUpdate)

}  // namespace

array slice(const array& a, const Shape& start, const Shape& stop, const Shape& strides, const StreamOrDevice& s) {
  return apply(op<Slice>(start, stop, strides), {a}, s);
}
array slice_update(const array& a, const array& update, const Shape& start, const Shape& stop, const Shape& strides,
                   const StreamOrDevice& s) {
  Shape window = Slice::shape_of(start, stop, strides);
  array u = broadcast_to(astype(update, a.dtype(), s), window, s);
  return apply(op<SliceUpdate>(start, stop, strides), {a, u}, s);
}

array flip(const array& a, const Axes& axes, const StreamOrDevice& s) {
  Shape start(a.ndim(), 0), stop = a.shape(), step(a.ndim(), 1);
  for (int ax : unique_axes(axes, a.ndim(), "flip")) {
    start[ax] = a.shape(ax) - 1;
    stop[ax] = -1;
    step[ax] = -1;
  }
  return axes.empty() ? a : slice(a, start, stop, step, s);
}

}  // namespace mlx_rocm
