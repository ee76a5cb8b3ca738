#include "backend/ops/shape.h"

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/index.h"
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
    bool negative = std::any_of(shape.begin(), shape.end(), [](int32_t d) { return d < 0; });
    if (negative || !(broadcast_shapes(in[0].shape(), shape, "broadcast_to") == shape)) {
      value_error("[broadcast_to] Shape ", in[0].shape(), " cannot be broadcast to ", shape, ".");
    }
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].share(in[0], broadcast_strides(in[0].shape(), in[0].strides(), shape), in[0].offset());
  }
  bool is_view() const override { return true; }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {unbroadcast(cotangents[0], primals[0])};
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

// What all reshapes share: the output is a view wherever strides can express it.
template <class Self>
class ReshapeBase : public OpBase<Self> {
 public:
  void cpu(const Arrays& in, const Arrays& out) override { reshape_memory(in[0], out[0], cpu::contiguous); }
  void gpu(const Arrays& in, const Arrays& out) override { reshape_memory(in[0], out[0], gpu::contiguous); }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {reshape_like(cotangents[0], primals[0])};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return {apply(Ref<Op>(this), tangents)};
  }
};

class Reshape : public ReshapeBase<Reshape> {
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
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    array a = moveaxis(inputs[0], axes[0], 0);
    Shape to = shape;
    to.insert(to.begin(), a.shape(0));
    return {{reshape(a, to)}, {0}};
  }
};
REGISTER_OP(Reshape)

class ExpandDims : public ReshapeBase<ExpandDims> {
 public:
  static constexpr const char* kName = "expand_dims";
  Axes axes;  // sorted, of the output
  ExpandDims() = default;
  explicit ExpandDims(Axes a) : axes(std::move(a)) {}
  static auto fields(auto& self) { return std::tie(self.axes); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    for (int a : axes) shape.insert(shape.begin() + a, 1);
    return {{shape, in[0].dtype()}};
  }
  Arrays vjp(const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {squeeze(cotangents[0], axes)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes_in) override {
    Axes shifted;
    for (int a : axes) shifted.push_back(a + 1);
    return {{expand_dims(moveaxis(inputs[0], axes_in[0], 0), shifted)}, {0}};
  }
};
REGISTER_OP(ExpandDims)

class Squeeze : public ReshapeBase<Squeeze> {
 public:
  static constexpr const char* kName = "squeeze";
  Axes axes;  // sorted, of the input
  Squeeze() = default;
  explicit Squeeze(Axes a) : axes(std::move(a)) {}
  static auto fields(auto& self) { return std::tie(self.axes); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape;
    for (int i = 0; i < in[0].ndim(); ++i) {
      bool gone = std::find(axes.begin(), axes.end(), i) != axes.end();
      if (gone && in[0].shape(i) != 1) {
        value_error("[squeeze] Cannot squeeze axis ", i, " with size ", in[0].shape(i),
                    " which is not equal to 1.");
      }
      if (!gone) shape.push_back(in[0].shape(i));
    }
    return {{shape, in[0].dtype()}};
  }
  Arrays vjp(const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {expand_dims(cotangents[0], axes)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes_in) override {
    Axes shifted;
    for (int a : axes) shifted.push_back(a + 1);
    return {{squeeze(moveaxis(inputs[0], axes_in[0], 0), shifted)}, {0}};
  }
};
REGISTER_OP(Squeeze)

class Flatten : public ReshapeBase<Flatten> {
 public:
  static constexpr const char* kName = "flatten";
  int start = 0, end = 0;  // inclusive, normalised
  Flatten() = default;
  Flatten(int b, int e) : start(b), end(e) {}
  static auto fields(auto& self) { return std::tie(self.start, self.end); }

  std::vector<Spec> infer(const Arrays& in) const override {
    const Shape& from = in[0].shape();
    Shape shape(from.begin(), from.begin() + start);
    int64_t n = 1;
    for (int i = start; i <= end; ++i) n *= from[i];
    if (n > INT32_MAX) value_error("[flatten] The flattened axis of shape ", from, " exceeds 2^31 - 1 elements.");
    shape.push_back(int32_t(n));
    shape.append(from.begin() + end + 1, from.end());
    return {{shape, in[0].dtype()}};
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    if (in_shapeless_tracing()) return {reshape_like(cotangents[0], primals[0])};
    const Shape& from = primals[0].shape();
    return {unflatten(cotangents[0], start, Shape(from.begin() + start, from.begin() + end + 1))};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(op<Flatten>(start + 1, end + 1), {moveaxis(inputs[0], axes[0], 0)})}, {0}};
  }
};
REGISTER_OP(Flatten)

class Unflatten : public ReshapeBase<Unflatten> {
 public:
  static constexpr const char* kName = "unflatten";
  int axis = 0;
  Shape shape;  // at most one -1
  Unflatten() = default;
  Unflatten(int a, Shape s) : axis(a), shape(std::move(s)) {}
  static auto fields(auto& self) { return std::tie(self.axis, self.shape); }

  std::vector<Spec> infer(const Arrays& in) const override {
    const Shape& from = in[0].shape();
    Shape part = shape;
    int64_t known = 1;
    int unknown = -1;
    for (size_t i = 0; i < part.size(); ++i) {
      if (part[i] == -1 && unknown < 0) {
        unknown = int(i);
      } else if (part[i] < 0) {
        value_error("[unflatten] Invalid shape ", shape, ": only one dimension can be inferred.");
      } else {
        known *= part[i];
      }
    }
    if (unknown >= 0 && known > 0) part[unknown] = int32_t(from[axis] / known);
    if (num_elements(part) != from[axis]) {
      value_error("[unflatten] Cannot unflatten axis ", axis, " with size ", from[axis], " into shape ", shape, ".");
    }
    Shape to(from.begin(), from.begin() + axis);
    to.append(part.begin(), part.end());
    to.append(from.begin() + axis + 1, from.end());
    return {{to, in[0].dtype()}};
  }
  Arrays vjp(const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {flatten(cotangents[0], axis, axis + int(shape.size()) - 1)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(op<Unflatten>(axis + 1, shape), {moveaxis(inputs[0], axes[0], 0)})}, {0}};
  }
};
REGISTER_OP(Unflatten)

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
  bool is_view() const override { return true; }
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

class AsStrided : public OpBase<AsStrided> {
 public:
  static constexpr const char* kName = "as_strided";
  Shape shape;
  Strides strides;
  int64_t offset = 0;
  AsStrided() = default;
  AsStrided(Shape s, Strides t, int64_t o) : shape(std::move(s)), strides(std::move(t)), offset(o) {}
  static auto fields(auto& self) { return std::tie(self.shape, self.strides, self.offset); }

  std::vector<Spec> infer(const Arrays& in) const override {
    auto [low, high] = extent(shape, strides);
    if (high >= low && (offset + low < 0 || offset + high >= in[0].size())) {
      value_error("[as_strided] Elements ", offset + low, " to ", offset + high, " lie outside an array of ",
                  in[0].size(), " elements.");
    }
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override { run(cpu::contiguous(in[0]), out[0]); }
  void gpu(const Arrays& in, const Arrays& out) override { run(gpu::contiguous(in[0]), out[0]); }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    // Every element collects the cotangents of all places that show it: scatter-add by flat index.
    int64_t n = primals[0].size();
    array index = as_strided(arange(0, double(n), 1, int32), shape, strides, offset);
    array flat = scatter_add_axis(zeros({int32_t(n)}, cotangents[0].dtype()), reshape(index, {-1}),
                                  reshape(cotangents[0], {-1}), 0);
    return {reshape(flat, primals[0].shape())};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return {as_strided(tangents[0], shape, strides, offset)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    array a = moveaxis(inputs[0], axes[0], 0);
    Shape to = shape;
    Strides step = strides;
    to.insert(to.begin(), a.shape(0));
    step.insert(step.begin(), a.size() / std::max(1, a.shape(0)));
    return {{as_strided(a, to, step, offset)}, {0}};
  }

 private:
  void run(const array& a, const array& out) const {
    out.share(a, strides, a.offset() + offset * int64_t(a.itemsize()));
  }
};
REGISTER_OP(AsStrided)

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
  int forwards(int, int) const override { return 0; }
  void cpu(const Arrays& in, const Arrays& out) override { out[0].share(in[0]); }
  bool is_view() const override { return true; }
};
REGISTER_OP(Copy)

class StopGradient : public Identity<StopGradient> {
 public:
  static constexpr const char* kName = "stop_gradient";
  bool blocks_gradient() const override { return true; }
  int forwards(int, int) const override { return 0; }
  void cpu(const Arrays& in, const Arrays& out) override { out[0].share(in[0]); }
  bool is_view() const override { return true; }
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
    if (keeps(in[0])) return out[0].share(in[0]);
    out[0].allocate();
    cpu::copy(in[0], out[0]);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    if (keeps(in[0])) return out[0].share(in[0]);
    gpu::allocate(out[0]);
    gpu::copy(in[0], out[0]);
  }

 private:
  bool keeps(const array& a) const {
    Shape reversed(std::make_reverse_iterator(a.shape().end()), std::make_reverse_iterator(a.shape().begin()));
    Strides back(std::make_reverse_iterator(a.strides().end()), std::make_reverse_iterator(a.strides().begin()));
    return a.row_contiguous() || (allow_col_major && is_row_contiguous(reversed, back));
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
  if (b == e) return a;
  return apply(op<Flatten>(b, e), {a}, s);
}

array unflatten(const array& a, int axis, const Shape& shape, const StreamOrDevice& s) {
  if (shape.empty()) value_error("[unflatten] Shape to unflatten to cannot be empty.");
  return apply(op<Unflatten>(normalize_axis(axis, a.ndim(), "unflatten"), shape), {a}, s);
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

// Normalised, sorted and free of duplicates.
static Axes unique_axes(const Axes& axes, int ndim, const char* op) {
  Axes out;
  for (int ax : axes) out.push_back(normalize_axis(ax, ndim, op));
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end()) value_error("[", op, "] Received duplicate axes.");
  return out;
}

array expand_dims(const array& a, const Axes& axes, const StreamOrDevice& s) {
  if (axes.empty()) return a;
  return apply(op<ExpandDims>(unique_axes(axes, a.ndim() + int(axes.size()), "expand_dims")), {a}, s);
}
array squeeze(const array& a, const Axes& axes, const StreamOrDevice& s) {
  if (axes.empty()) return a;
  return apply(op<Squeeze>(unique_axes(axes, a.ndim(), "squeeze")), {a}, s);
}
array squeeze(const array& a, const StreamOrDevice& s) {
  Axes axes;
  for (int i = 0; i < a.ndim(); ++i) {
    if (a.shape(i) == 1) axes.push_back(i);
  }
  return squeeze(a, axes, s);
}

Arrays broadcast_arrays(const Arrays& arrays, const StreamOrDevice& s) {
  Shape shape;
  for (const array& a : arrays) shape = broadcast_shapes(shape, a.shape(), "broadcast_arrays");
  Arrays out;
  for (const array& a : arrays) out.push_back(broadcast_to(a, shape, s));
  return out;
}

array as_strided(const array& a, const Shape& shape, const Strides& strides, int64_t offset,
                 const StreamOrDevice& s) {
  if (shape.size() != strides.size()) {
    value_error("[as_strided] Got ", shape.size(), " dimensions and ", strides.size(), " strides.");
  }
  if (std::any_of(shape.begin(), shape.end(), [](int32_t d) { return d < 0; })) {
    value_error("[as_strided] Negative dimensions not allowed: ", shape, ".");
  }
  return apply(op<AsStrided>(shape, strides, offset), {a}, s);
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

array diagonal(const array& a, int offset, int axis1, int axis2, const StreamOrDevice& s) {
  if (a.ndim() < 2) value_error("[diagonal] Array must have at least two dimensions, but got ", a.ndim(), ".");
  int i = normalize_axis(axis1, a.ndim(), "diagonal"), j = normalize_axis(axis2, a.ndim(), "diagonal");
  if (i == j) value_error("[diagonal] axis1 and axis2 cannot be the same axis.");
  Axes order;
  for (int k = 0; k < a.ndim(); ++k) {
    if (k != i && k != j) order.push_back(k);
  }
  order.push_back(i);
  order.push_back(j);
  array t = transpose(a, order, s);  // (..., rows, columns)
  int64_t rows = a.shape(i), columns = a.shape(j);
  int64_t n = std::max<int64_t>(0, offset >= 0 ? std::min(rows, columns - offset) : std::min(rows + offset, columns));
  Shape shape(t.shape().begin(), t.shape().end() - 1);
  shape.back() = int32_t(n);
  Strides strides = row_major_strides(t.shape());
  strides.pop_back();
  strides.back() = columns + 1;
  if (n == 0) return zeros(shape, a.dtype(), s);
  return as_strided(t, shape, strides, offset >= 0 ? offset : -int64_t(offset) * columns, s);
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
