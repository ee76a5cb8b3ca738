#include "backend/ops/like.h"

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using Batched = std::pair<Arrays, std::vector<int>>;

// Ops of (a, like): linear in a, and of the shape of like.
template <class Self>
class Like : public OpBase<Self> {
 public:
  std::vector<Spec> infer(const Arrays& in) const override { return {{in[1].shape(), in[0].dtype()}}; }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays result;
    for (int arg : argnums) {
      result.push_back(arg == 0 ? Self::transposed(cotangents[0], primals[0]) : zeros_like(primals[1]));
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] == 0) return {apply(Ref<Op>(this), {tangents[i], primals[1]})};
    }
    return {zeros_like(apply(Ref<Op>(this), primals))};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    Arrays in = batch_all_to_front(inputs, axes);
    // Equal ranks, so that the batch axes meet.
    int rank = std::max(in[0].ndim(), in[1].ndim());
    Axes added;
    for (int k = 1; k <= rank - in[1].ndim(); ++k) added.push_back(k);
    if (Self::kAligns) {
      for (array& a : in) {
        Axes pad;
        for (int k = 1; k <= rank - a.ndim(); ++k) pad.push_back(k);
        if (!pad.empty()) a = expand_dims(a, pad);
      }
    }
    array out = apply(Ref<Op>(this), in);
    return {{Self::kAligns && !added.empty() ? squeeze(out, added) : out}, {0}};
  }
};

class BroadcastLike : public Like<BroadcastLike> {
 public:
  static constexpr const char* kName = "broadcast_like";
  static constexpr bool kAligns = true;
  std::vector<Spec> infer(const Arrays& in) const override {
    if (!(broadcast_shapes(in[0].shape(), in[1].shape(), kName) == in[1].shape())) {
      value_error("[broadcast_to] Shape ", in[0].shape(), " cannot be broadcast to ", in[1].shape(), ".");
    }
    return {{in[1].shape(), in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].share(in[0], broadcast_strides(in[0].shape(), in[0].strides(), in[1].shape()), in[0].offset());
  }
  bool is_view() const override { return true; }
  static array transposed(const array& g, const array& primal) { return unbroadcast(g, primal); }
};
REGISTER_OP(BroadcastLike)

class ReshapeLike : public Like<ReshapeLike> {
 public:
  static constexpr const char* kName = "reshape_like";
  static constexpr bool kAligns = false;
  void cpu(const Arrays& in, const Arrays& out) override { reshape_memory(in[0], out[0], cpu::contiguous); }
  void gpu(const Arrays& in, const Arrays& out) override { reshape_memory(in[0], out[0], gpu::contiguous); }
  static array transposed(const array& g, const array& primal) { return reshape_like(g, primal); }
};
REGISTER_OP(ReshapeLike)

class SumLike : public Like<SumLike> {
 public:
  static constexpr const char* kName = "sum_like";
  static constexpr bool kAligns = true;
  void cpu(const Arrays& in, const Arrays& out) override {
    run(in, out, [](Op& sum, const array& x, const array& total) { sum.cpu({x}, {total}); });
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    run(in, out, [](Op& sum, const array& x, const array& total) { sum.gpu({x}, {total}); });
  }
  static array transposed(const array& g, const array& primal) { return broadcast_like(g, primal); }

 private:
  template <class Sum>
  static void run(const Arrays& in, const Arrays& out, Sum sum) {
    const Shape &from = in[0].shape(), &to = out[0].shape();
    const int lead = int(from.size()) - int(to.size());
    Axes axes;
    if (lead < 0) return out[0].share(in[0], broadcast_strides(from, in[0].strides(), to), in[0].offset());
    for (int i = 0; i < int(from.size()); ++i) {
      if (i < lead || (to[i - lead] == 1 && from[i] != 1)) axes.push_back(i);
    }
    if (axes.empty()) return out[0].share(in[0]);
    Shape kept = from;
    for (int a : axes) kept[a] = 1;
    array total(make_ref<Node>(kept, in[0].dtype()));
    sum(*sum_op(axes), in[0], total);
    out[0].share(total, row_major_strides(to), total.offset());
  }
};
REGISTER_OP(SumLike)

class CountAlong : public OpBase<CountAlong> {
 public:
  static constexpr const char* kName = "count_along";
  Axes axes;
  Dtype dtype;
  CountAlong() = default;
  CountAlong(Axes a, Dtype d) : axes(std::move(a)), dtype(d) {}
  static auto fields(auto& self) { return std::tie(self.axes, self.dtype); }

  std::vector<Spec> infer(const Arrays&) const override { return {{{}, dtype}}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    double n = 1;
    for (int a : axes) n *= in[0].shape(a);
    array value = array::scalar(n, dtype);
    out[0].share(value);
  }
  bool is_view() const override { return true; }
  Arrays vjp(const Arrays& primals, const Arrays&, const std::vector<int>&, const Arrays&) override {
    return {zeros_like(primals[0])};
  }
  Arrays jvp(const Arrays&, const Arrays&, const std::vector<int>&) override { return {array::scalar(0.0, dtype)}; }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes_in) override {
    Axes shifted;
    for (int a : axes) shifted.push_back(a + (a >= axes_in[0]));
    return {{apply(op<CountAlong>(shifted, dtype), inputs)}, {-1}};
  }
};
REGISTER_OP(CountAlong)

}  // namespace

array broadcast_like(const array& a, const array& like) {
  return in_shapeless_tracing() ? apply(op<BroadcastLike>(), {a, like}) : broadcast_to(a, like.shape());
}

array reshape_like(const array& a, const array& like) {
  return in_shapeless_tracing() ? apply(op<ReshapeLike>(), {a, like}) : reshape(a, like.shape());
}

array unbroadcast(const array& cotangent, const array& primal) {
  return in_shapeless_tracing() ? apply(op<SumLike>(), {cotangent, primal}) : unbroadcast(cotangent, primal.shape());
}

array count_along(const array& a, const Axes& axes, Dtype dtype, const StreamOrDevice& s) {
  Axes positive;
  for (int ax : axes) positive.push_back(normalize_axis(ax, a.ndim(), "mean"));
  if (in_shapeless_tracing()) return apply(op<CountAlong>(positive, dtype), {a}, s);
  double n = 1;
  for (int ax : positive) n *= a.shape(ax);
  return array::scalar(n, dtype);
}

}  // namespace mlx_rocm
