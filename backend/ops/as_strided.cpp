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

}  // namespace

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

}  // namespace mlx_rocm
