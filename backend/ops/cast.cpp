#include "backend/ops/cast.h"

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

class AsType : public OpBase<AsType> {
 public:
  static constexpr const char* kName = "astype";
  Dtype dtype;
  AsType() = default;
  explicit AsType(Dtype d) : dtype(d) {}
  static auto fields(auto& self) { return std::tie(self.dtype); }

  std::vector<Spec> infer(const Arrays& in) const override { return {{in[0].shape(), dtype}}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    cpu::TileProgram p;
    int r = p.input(in[0].dtype());
    auto from = cpu::compute_type(in[0].dtype()), to = cpu::compute_type(dtype);
    if (from != to) r = p.emit(cpu::convert_fn(from, to), {r});
    p.outputs.push_back({r, dtype});
    cpu::run_tiles(p, in, out);
  }
  void gpu(const Arrays& in, const Arrays& out) override { gpu::astype(in[0], out[0]); }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {is_inexact(primals[0].dtype()) && is_inexact(dtype) ? astype(cotangents[0], primals[0].dtype())
                                                                : zeros_like(primals[0])};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return {astype(tangents[0], dtype)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{astype(inputs[0], dtype)}, {axes[0]}};
  }
};
REGISTER_OP(AsType)

class View : public OpBase<View> {
 public:
  static constexpr const char* kName = "view";
  Dtype dtype;
  View() = default;
  explicit View(Dtype d) : dtype(d) {}
  static auto fields(auto& self) { return std::tie(self.dtype); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    size_t from = in[0].itemsize(), to = dtype.size();
    if (from != to) {
      if (shape.empty()) {
        value_error("[view] Changing the item size of a 0-d array from ", from, " to ", to, " is not possible.");
      }
      int64_t bytes = int64_t(shape.back()) * int64_t(from);
      if (bytes % int64_t(to) != 0) {
        value_error("[view] The last axis of shape ", shape, " holds ", bytes, " bytes, not a multiple of ", dtype,
                    "'s ", to, ".");
      }
      shape.back() = int32_t(bytes / int64_t(to));
    }
    return {{shape, dtype}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    run(in[0], out[0], cpu::contiguous, [](const array& from, const array& to) {
      to.allocate();
      cpu::copy(from, to);
    });
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    run(in[0], out[0], gpu::contiguous, [](const array& from, const array& to) {
      gpu::allocate(to);
      gpu::copy(from, to);
    });
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {view(cotangents[0], primals[0].dtype())};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return {view(tangents[0], dtype)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{view(moveaxis(inputs[0], axes[0], 0), dtype)}, {0}};
  }

 private:
  static void run(const array& in, const array& out, array (*contiguous)(const array&), void (*copy)(const array&, const array&)) {
    if (in.itemsize() == out.itemsize()) return out.share(in);
    array a = contiguous(in);
    if (a.offset() % int64_t(out.itemsize()) != 0) {
      // A part of smaller elements begins anywhere; accesses of the larger ones are aligned.
      array aligned(make_ref<Node>(a.shape(), a.dtype()));
      copy(a, aligned);
      a = aligned;
    }
    out.share(a, row_major_strides(out.shape()), a.offset());
  }
};
REGISTER_OP(View)

}  // namespace

array astype(const array& a, Dtype dtype, const StreamOrDevice& s) {
  if (a.dtype() == dtype) return a;
  return apply(op<AsType>(dtype), {a}, s);
}
array view(const array& a, Dtype dtype, const StreamOrDevice& s) {
  if (a.dtype() == dtype) return a;
  return apply(op<View>(dtype), {a}, s);
}

}  // namespace mlx_rocm
