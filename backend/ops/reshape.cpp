#include "backend/ops/shape.h"

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/axes.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using Batched = std::pair<Arrays, std::vector<int>>;

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

}  // namespace

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

}  // namespace mlx_rocm
