#include "backend/ops/shape.h"

#include "backend/core/op.h"
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

}  // namespace

array broadcast_to(const array& a, const Shape& shape, const StreamOrDevice& s) {
  if (a.shape() == shape) return a;
  return apply(op<Broadcast>(shape), {a}, s);
}

Arrays broadcast_arrays(const Arrays& arrays, const StreamOrDevice& s) {
  Shape shape;
  for (const array& a : arrays) shape = broadcast_shapes(shape, a.shape(), "broadcast_arrays");
  Arrays out;
  for (const array& a : arrays) out.push_back(broadcast_to(a, shape, s));
  return out;
}

}  // namespace mlx_rocm
