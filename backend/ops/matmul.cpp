#include "backend/ops/matmul.h"

#include <algorithm>

#include "backend/core/op.h"
#include "backend/gpu/gemm.h"
#include "backend/ops/matmul_parts.h"
#include "backend/ops/jvp_rules.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using namespace products;

// A matrix operand of a batched product: its strides, and where each item of the batch starts.
struct Operand {
  const void* data;
  int64_t row;
  int64_t col;
  std::vector<int64_t> offsets;
};

Operand operand(const array& a, const Shape& batch) {
  Operand o{a.bytes(), a.strides()[a.ndim() - 2], a.strides().back(), {}};
  Walker at(batch, broadcast_strides(batch_shape(a), batch_strides(a), batch));
  o.offsets.resize(num_elements(batch));
  for (int64_t& offset : o.offsets) {
    offset = at.offset();
    at.next();
  }
  return o;
}

// Whether batch item i of the operand is its row i * m, so that the batch is one tall matrix.
bool stacks(const Operand& o, int64_t m) {
  for (size_t i = 0; i < o.offsets.size(); ++i) {
    if (o.offsets[i] != int64_t(i) * m * o.row) return false;
  }
  return true;
}

bool shared(const Operand& o) {
  return std::all_of(o.offsets.begin(), o.offsets.end(), [](int64_t x) { return x == 0; });
}

Shape product_shape(const array& a, const array& b, const char* name) {
  Shape shape = broadcast_shapes(batch_shape(a), batch_shape(b), name);
  shape.push_back(a.shape(-2));
  shape.push_back(b.shape(-1));
  return shape;
}

// out = alpha * a @ b + beta * c; c may be null.
void multiply_matrices(const array& a, const array& b, const array* c, double alpha, double beta,
                       const array& out) {
  out.allocate();
  if (out.size() == 0) return;
  const Shape batch = batch_shape(out);
  const int64_t count = num_elements(batch);
  Operand x = operand(a, batch);
  Operand y = operand(b, batch);
  cpu::GemmArgs g;
  g.type = gemm_type(out.dtype());
  g.m = out.shape(-2);
  g.n = out.shape(-1);
  g.k = a.shape(-1);
  g.a = x.data;
  g.a_row = x.row;
  g.a_col = x.col;
  g.b = y.data;
  g.b_row = y.row;
  g.b_col = y.col;
  g.c = out.bytes();
  g.c_row = g.n;
  g.alpha = alpha;
  Operand d{};
  if (c != nullptr) {
    const Strides strides = broadcast_strides(c->shape(), c->strides(), out.shape());
    d = {c->bytes(), strides[out.ndim() - 2], strides.back(), std::vector<int64_t>(count)};
    Walker at(batch, Strides(strides.begin(), strides.end() - 2));
    for (int64_t i = 0; i < count; ++i, at.next()) d.offsets[i] = at.offset();
    g.beta = beta;
    g.addend = d.data;
    g.d_row = d.row;
    g.d_col = d.col;
  }
  if (count == 1 || (shared(y) && stacks(x, g.m) && (c == nullptr || stacks(d, g.m)))) {
    g.m *= count;
    return cpu::gemm(g);
  }
  const std::vector<int64_t> c_offsets = row_major_offsets(count, g.m * g.n);
  cpu::gemm_batched(
      g, count,
      {x.offsets.data(), y.offsets.data(), c_offsets.data(), c == nullptr ? nullptr : d.offsets.data()});
}

class Matmul : public OpBase<Matmul> {
 public:
  static constexpr const char* kName = "matmul";

  std::vector<Spec> infer(const Arrays& in) const override {
    return {{product_shape(in[0], in[1], kName), in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    multiply_matrices(in[0], in[1], nullptr, 1.0, 0.0, out[0]);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    gpu::matmul(in[0], in[1], nullptr, 1.0f, 0.0f, out[0]);
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    const array& g = cotangents[0];
    Arrays grads;
    for (int arg : argnums) {
      const array grad = arg == 0 ? matmul(g, transposed(primals[1])) : matmul(transposed(primals[0]), g);
      grads.push_back(unbroadcast(grad, primals[arg]));
    }
    return grads;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    return {product_rule(Ref<Op>(this), primals, tangents, argnums)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), align_batch_axes(inputs, axes))}, {0}};
  }
};
REGISTER_OP(Matmul)

class AddMM : public OpBase<AddMM> {
 public:
  static constexpr const char* kName = "addmm";
  float alpha = 1.0f;
  float beta = 1.0f;
  AddMM() = default;
  AddMM(float a, float b) : alpha(a), beta(b) {}
  static auto fields(auto& self) { return std::tie(self.alpha, self.beta); }

  std::vector<Spec> infer(const Arrays& in) const override {
    const Shape shape = product_shape(in[0], in[1], kName);
    if (broadcast_shapes(shape, in[2].shape(), kName) != shape) {
      value_error("[addmm] c of shape ", in[2].shape(), " does not broadcast to the product's shape ", shape,
                  ".");
    }
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    multiply_matrices(in[0], in[1], &in[2], alpha, beta, out[0]);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    gpu::matmul(in[0], in[1], &in[2], alpha, beta, out[0]);
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays grads;
    for (int arg : argnums) {
      const array g = scaled(cotangents[0], arg == 2 ? beta : alpha);
      const array grad = arg == 0   ? matmul(g, transposed(primals[1]))
                         : arg == 1 ? matmul(transposed(primals[0]), g)
                                    : g;
      grads.push_back(unbroadcast(grad, primals[arg]));
    }
    return grads;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    array sum;
    for (size_t i = 0; i < argnums.size(); ++i) {
      const array term = argnums[i] == 0   ? scaled(matmul(tangents[i], primals[1]), alpha)
                         : argnums[i] == 1 ? scaled(matmul(primals[0], tangents[i]), alpha)
                                           : scaled(tangents[i], beta);
      sum = sum.is_null() ? term : sum + term;
    }
    return {broadcast_to(sum, infer(primals)[0].shape)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    Arrays aligned = align_batch_axes(inputs, axes);
    if (axes[0] < 0 && axes[1] < 0) {  // the product itself must have the batch of c
      array& a = aligned[0];
      Shape shape(aligned[2].ndim() - a.ndim(), 1);
      for (int d : a.shape()) shape.push_back(d);
      shape[0] = batch_size(inputs, axes);
      a = broadcast_to(a, shape);
    }
    return {{apply(Ref<Op>(this), aligned)}, {0}};
  }

 private:
  static array scaled(const array& a, float factor) { return factor == 1.0f ? a : a * double(factor); }
};
REGISTER_OP(AddMM)

}  // namespace

array matmul(const array& a, const array& b, const StreamOrDevice& s) {
  const Dtype type = promote_types(a.dtype(), b.dtype());
  const Operands o = prepare("matmul", a, b, type, s);
  if (!is_inexact(type)) {
    value_error("[matmul] Only inexact types are supported but ", a.dtype().name(), " and ", b.dtype().name(),
                " give ", type.name(), ".");
  }
  return finish(apply(op<Matmul>(), {o.a, o.b}, s), o.squeezed, s);
}

array addmm(const array& c, const array& a, const array& b, float alpha, float beta,
            const StreamOrDevice& s) {
  const Dtype type = promote_types(promote_types(a.dtype(), b.dtype()), c.dtype());
  if (is_complex(type)) {
    const array scale = array::scalar(alpha), shift = array::scalar(beta);
    return add(multiply(matmul(a, b, s), scale, s), multiply(shift, c, s), s);
  }
  Operands o = prepare("addmm", a, b, type, s);
  require_real("addmm", a, b, type);
  array addend = astype(c, type, s);
  // The addend has the rank of the result as the caller sees it: give it the axes that the operands were
  // given.
  if (b.ndim() == 1 && addend.ndim() > 0) addend = expand_dims(addend, {-1}, s);
  if (a.ndim() == 1 && addend.ndim() > 0) addend = expand_dims(addend, {-2}, s);
  return finish(apply(op<AddMM>(alpha, beta), {o.a, o.b, addend}, s), o.squeezed, s);
}

}  // namespace mlx_rocm
