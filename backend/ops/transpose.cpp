#include "backend/ops/shape.h"

#include "backend/core/op.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using Batched = std::pair<Arrays, std::vector<int>>;

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

}  // namespace

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

}  // namespace mlx_rocm
