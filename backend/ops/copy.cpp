#include "backend/ops/shape.h"

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

using Batched = std::pair<Arrays, std::vector<int>>;

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

array contiguous(const array& a, bool allow_col_major, const StreamOrDevice& s) {
  return apply(op<Contiguous>(allow_col_major), {a}, s);
}
array copy(const array& a, const StreamOrDevice& s) { return apply(op<Copy>(), {a}, s); }
array stop_gradient(const array& a, const StreamOrDevice& s) { return apply(op<StopGradient>(), {a}, s); }

}  // namespace mlx_rocm
