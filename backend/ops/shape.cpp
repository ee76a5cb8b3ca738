#include "backend/ops/shape.h"

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using Batched = std::pair<Arrays, std::vector<int>>;

class Broadcast : public OpBase<Broadcast> {
 public:
  static constexpr const char* kName = "broadcast";
  Shape shape;
  Broadcast() = default;
  explicit Broadcast(Shape s) : shape(std::move(s)) {}
  static auto fields(auto& self) { return std::tie(self.shape); }

  std::vector<Spec> infer(const Arrays& in) const override {
    if (!(broadcast_shapes(in[0].shape(), shape, "broadcast_to") == shape)) {
      value_error("[broadcast_to] Shape ", in[0].shape(), " cannot be broadcast to ", shape, ".");
    }
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].share(in[0], broadcast_strides(in[0].shape(), in[0].strides(), shape), in[0].offset());
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {unbroadcast(cotangents[0], primals[0].shape())};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return {broadcast_to(tangents[0], shape)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    array a = moveaxis(inputs[0], axes[0], 0);
    Axes pad;
    for (int k = 1; k <= int(shape.size()) - (a.ndim() - 1); ++k) pad.push_back(k);
    if (!pad.empty()) a = expand_dims(a, pad);
    Shape to = shape;
    to.insert(to.begin(), a.shape(0));
    return {{broadcast_to(a, to)}, {0}};
  }
};
REGISTER_OP(Broadcast)

class Reshape : public OpBase<Reshape> {
 public:
  static constexpr const char* kName = "reshape";
  Shape shape;
  Reshape() = default;
  explicit Reshape(Shape s) : shape(std::move(s)) {}
  static auto fields(auto& self) { return std::tie(self.shape); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape to = shape;
    int64_t known = 1;
    int unknown = -1;
    for (size_t i = 0; i < to.size(); ++i) {
      if (to[i] == -1) {
        if (unknown >= 0) value_error("[reshape] Can only infer one dimension, got ", shape, ".");
        unknown = int(i);
      } else if (to[i] < -1) {
        value_error("[reshape] Negative dimension in ", shape, ".");
      } else {
        known *= to[i];
      }
    }
    if (unknown >= 0 && known > 0) to[unknown] = int32_t(in[0].size() / known);
    if (unknown >= 0 && known == 0) value_error("[reshape] Cannot infer the shape of an empty array.");
    if (num_elements(to) != in[0].size()) {
      value_error("[reshape] Cannot reshape array of size ", in[0].size(), " into shape ", shape, ".");
    }
    return {{to, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    Strides strides;
    if (reshape_strides(in[0].shape(), in[0].strides(), out[0].shape(), &strides)) {
      out[0].share(in[0], strides, in[0].offset());
    } else {
      array a = cpu::contiguous(in[0]);
      out[0].share(a, row_major_strides(out[0].shape()), a.offset());
    }
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {reshape(cotangents[0], primals[0].shape())};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return {reshape(tangents[0], shape)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    array a = moveaxis(inputs[0], axes[0], 0);
    Shape to = shape;
    to.insert(to.begin(), a.shape(0));
    return {{reshape(a, to)}, {0}};
  }
};
REGISTER_OP(Reshape)

class Transpose : public OpBase<Transpose> {
 public:
  static constexpr const char* kName = "transpose";
  Axes axes;
  Transpose() = default;
  explicit Transpose(Axes a) : axes(std::move(a)) {}
  static auto fields(auto& self) { return std::tie(self.axes); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape;
    for (int a : axes) shape.push_back(in[0].shape(a));
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    Strides strides;
    for (int a : axes) strides.push_back(in[0].strides()[a]);
    out[0].share(in[0], strides, in[0].offset());
  }
  Arrays vjp(const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    Axes inverse(axes.size());
    for (size_t i = 0; i < axes.size(); ++i) inverse[axes[i]] = int(i);
    return {transpose(cotangents[0], inverse)};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return {transpose(tangents[0], axes)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes_in) override {
    Axes with_batch{axes_in[0]};
    for (int a : axes) with_batch.push_back(a + (a >= axes_in[0]));
    return {{transpose(inputs[0], with_batch)}, {0}};
  }
};
REGISTER_OP(Transpose)

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
    return {slice_update(zeros(primals[0].shape(), cotangents[0].dtype()), cotangents[0], start, stop, step)};
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
    array tx = zeros_like(primals[0]), tu = zeros_like(primals[1]);
    for (size_t i = 0; i < argnums.size(); ++i) (argnums[i] == 0 ? tx : tu) = tangents[i];
    return {slice_update(tx, tu, start, stop, step)};
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

// Ops that pass values through unchanged.
template <class Self>
class Identity : public OpBase<Self> {
 public:
  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }
  Arrays vjp(const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {cotangents[0]};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override { return {tangents[0]}; }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), inputs)}, {axes[0]}};
  }
};

class Copy : public Identity<Copy> {
 public:
  static constexpr const char* kName = "copy";
  void cpu(const Arrays& in, const Arrays& out) override { out[0].share(in[0]); }
};
REGISTER_OP(Copy)

class StopGradient : public Identity<StopGradient> {
 public:
  static constexpr const char* kName = "stop_gradient";
  bool blocks_gradient() const override { return true; }
  void cpu(const Arrays& in, const Arrays& out) override { out[0].share(in[0]); }
  Arrays vjp(const Arrays& primals, const Arrays&, const std::vector<int>&, const Arrays&) override {
    return {zeros_like(primals[0])};
  }
  Arrays jvp(const Arrays& primals, const Arrays&, const std::vector<int>&) override {
    return {zeros_like(primals[0])};
  }
};
REGISTER_OP(StopGradient)

class Contiguous : public Identity<Contiguous> {
 public:
  static constexpr const char* kName = "contiguous";
  bool allow_col_major = false;
  Contiguous() = default;
  explicit Contiguous(bool allow) : allow_col_major(allow) {}
  static auto fields(auto& self) { return std::tie(self.allow_col_major); }

  void cpu(const Arrays& in, const Arrays& out) override {
    const array& a = in[0];
    Shape reversed(std::make_reverse_iterator(a.shape().end()), std::make_reverse_iterator(a.shape().begin()));
    Strides back(std::make_reverse_iterator(a.strides().end()), std::make_reverse_iterator(a.strides().begin()));
    if (a.row_contiguous() || (allow_col_major && is_row_contiguous(reversed, back))) {
      out[0].share(a);
    } else {
      out[0].allocate();
      cpu::copy(a, out[0]);
    }
  }
};
REGISTER_OP(Contiguous)

}  // namespace

array broadcast_to(const array& a, const Shape& shape, const StreamOrDevice& s) {
  if (a.shape() == shape) return a;
  return apply(op<Broadcast>(shape), {a}, s);
}

array reshape(const array& a, const Shape& shape, const StreamOrDevice& s) {
  if (a.shape() == shape) return a;
  return apply(op<Reshape>(shape), {a}, s);
}

array flatten(const array& a, int start_axis, int end_axis, const StreamOrDevice& s) {
  int nd = std::max(a.ndim(), 1);
  int b = start_axis < 0 ? start_axis + nd : start_axis, e = end_axis < 0 ? end_axis + nd : end_axis;
  b = std::max(b, 0);
  e = std::min(e, nd - 1);
  if (e < b) value_error("[flatten] start_axis ", start_axis, " must not come after end_axis ", end_axis, ".");
  if (b >= nd || e < 0) value_error("[flatten] Invalid axes for an array with ", a.ndim(), " dimensions.");
  if (a.ndim() == 0) return reshape(a, {1}, s);
  Shape shape(a.shape().begin(), a.shape().begin() + b);
  int64_t n = 1;
  for (int i = b; i <= e; ++i) n *= a.shape(i);
  shape.push_back(int32_t(n));
  for (int i = e + 1; i < a.ndim(); ++i) shape.push_back(a.shape(i));
  return reshape(a, shape, s);
}

array transpose(const array& a, const Axes& axes, const StreamOrDevice& s) {
  if (int(axes.size()) != a.ndim()) {
    value_error("[transpose] Received ", axes.size(), " axes for array with ", a.ndim(), " dimensions.");
  }
  Axes order;
  std::vector<bool> seen(a.ndim(), false);
  bool identity = true;
  for (int ax : axes) {
    int n = normalize_axis(ax, a.ndim(), "transpose");
    if (seen[n]) value_error("[transpose] Repeat axes not allowed.");
    seen[n] = true;
    identity = identity && n == int(order.size());
    order.push_back(n);
  }
  return identity ? a : apply(op<Transpose>(order), {a}, s);
}
array transpose(const array& a, const StreamOrDevice& s) {
  Axes axes;
  for (int i = a.ndim(); i-- > 0;) axes.push_back(i);
  return transpose(a, axes, s);
}
array swapaxes(const array& a, int axis1, int axis2, const StreamOrDevice& s) {
  Axes axes = all_axes(a);
  std::swap(axes[normalize_axis(axis1, a.ndim(), "swapaxes")], axes[normalize_axis(axis2, a.ndim(), "swapaxes")]);
  return transpose(a, axes, s);
}
array moveaxis(const array& a, int source, int destination, const StreamOrDevice& s) {
  int from = normalize_axis(source, a.ndim(), "moveaxis"), to = normalize_axis(destination, a.ndim(), "moveaxis");
  Axes axes = all_axes(a);
  axes.erase(axes.begin() + from);
  axes.insert(axes.begin() + to, from);
  return transpose(a, axes, s);
}

array expand_dims(const array& a, const Axes& axes, const StreamOrDevice& s) {
  int nd = a.ndim() + int(axes.size());
  std::vector<bool> fresh(nd, false);
  for (int ax : axes) {
    int n = normalize_axis(ax, nd, "expand_dims");
    if (fresh[n]) value_error("[expand_dims] Received duplicate axes.");
    fresh[n] = true;
  }
  Shape shape;
  int from = 0;
  for (int i = 0; i < nd; ++i) shape.push_back(fresh[i] ? 1 : a.shape()[from++]);
  return reshape(a, shape, s);
}
array squeeze(const array& a, const Axes& axes, const StreamOrDevice& s) {
  std::vector<bool> gone(a.ndim(), false);
  for (int ax : axes) {
    int n = normalize_axis(ax, a.ndim(), "squeeze");
    if (gone[n]) value_error("[squeeze] Received duplicate axes.");
    if (a.shape(n) != 1) {
      value_error("[squeeze] Cannot squeeze axis ", ax, " with size ", a.shape(n), " which is not equal to 1.");
    }
    gone[n] = true;
  }
  Shape shape;
  for (int i = 0; i < a.ndim(); ++i) {
    if (!gone[i]) shape.push_back(a.shape(i));
  }
  return reshape(a, shape, s);
}

array slice(const array& a, const Shape& start, const Shape& stop, const Shape& strides, const StreamOrDevice& s) {
  return apply(op<Slice>(start, stop, strides), {a}, s);
}
array slice_update(const array& a, const array& update, const Shape& start, const Shape& stop, const Shape& strides,
                   const StreamOrDevice& s) {
  Shape window = Slice::shape_of(start, stop, strides);
  array u = broadcast_to(astype(update, a.dtype(), s), window, s);
  return apply(op<SliceUpdate>(start, stop, strides), {a, u}, s);
}

array contiguous(const array& a, bool allow_col_major, const StreamOrDevice& s) {
  return apply(op<Contiguous>(allow_col_major), {a}, s);
}
array copy(const array& a, const StreamOrDevice& s) { return apply(op<Copy>(), {a}, s); }
array stop_gradient(const array& a, const StreamOrDevice& s) { return apply(op<StopGradient>(), {a}, s); }

}  // namespace mlx_rocm
