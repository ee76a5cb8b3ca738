#include "backend/ops/matmul.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "backend/core/op.h"
#include "backend/cpu/functors.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/gemm.h"
#include "backend/gpu/indexing.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

cpu::GemmType gemm_type(Dtype d) {
  if (d == float32) return cpu::GemmType::f32;
  if (d == float64) return cpu::GemmType::f64;
  if (d == bfloat16) return cpu::GemmType::bf16;
  if (d == float16) return cpu::GemmType::f16;
  if (d == complex64) return cpu::GemmType::c64;
  type_error("[matmul] There is no product of ", d.name(), " matrices.");
}

Shape batch_shape(const array& a) { return Shape(a.shape().begin(), a.shape().end() - 2); }
Strides batch_strides(const array& a) { return Strides(a.strides().begin(), a.strides().end() - 2); }
array transposed(const array& a) { return swapaxes(a, -1, -2); }

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

std::vector<int64_t> row_major_offsets(int64_t count, int64_t step) {
  std::vector<int64_t> offsets(count);
  for (int64_t i = 0; i < count; ++i) offsets[i] = i * step;
  return offsets;
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
    array sum;
    for (size_t i = 0; i < argnums.size(); ++i) {
      const array term = argnums[i] == 0 ? matmul(tangents[i], primals[1]) : matmul(primals[0], tangents[i]);
      sum = sum.is_null() ? term : sum + term;
    }
    return {sum};
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

std::vector<int64_t> index_values(const array& indices, const Shape& shape) {
  std::vector<int64_t> values(num_elements(shape));
  Walker at(shape, broadcast_strides(indices.shape(), indices.strides(), shape));
  const auto* data = indices.data<uint32_t>();
  for (int64_t& v : values) {
    v = data[at.offset()];
    at.next();
  }
  return values;
}

class IndexSum : public OpBase<IndexSum> {
 public:
  static constexpr const char* kName = "sum_by_index";
  int count = 0;
  IndexSum() = default;
  explicit IndexSum(int n) : count(n) {}
  static auto fields(auto& self) { return std::tie(self.count); }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    shape[0] = count;
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    const array values = cpu::contiguous(in[0]);
    const std::vector<int64_t> index = index_values(in[1], in[1].shape());
    const int64_t n = count == 0 ? 0 : out[0].size() / count;
    visit(values.dtype(), [&]<class T>(TypeTag<T>) {
      if constexpr (std::is_same_v<T, complex64_t> || std::is_same_v<T, bool>) {
        type_error("[sum_by_index] Only real types are supported.");
      } else {
        // Sums in float for the half types: several values may meet in one place.
        using A = cpu::functors::Accumulator<T>;
        std::vector<A> sums(out[0].size());
        const T* x = values.data<T>();
        for (size_t i = 0; i < index.size(); ++i) {
          A* row = sums.data() + index[i] * n;
          for (int64_t j = 0; j < n; ++j) row[j] = A(row[j] + A(x[int64_t(i) * n + j]));
        }
        std::transform(sums.begin(), sums.end(), out[0].data<T>(), [](A v) { return T(v); });
      }
    });
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::allocate(out[0]);
    gpu::sum_by_index(in[0], in[1], out[0]);
  }
};
REGISTER_OP(IndexSum)

class GatherMM : public OpBase<GatherMM> {
 public:
  static constexpr const char* kName = "gather_mm";

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = broadcast_shapes(in[2].shape(), in[3].shape(), kName);
    shape.push_back(in[0].shape(-2));
    shape.push_back(in[1].shape(-1));
    return {{shape, in[0].dtype()}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    if (out[0].size() == 0) return;
    const Shape pairs_shape = batch_shape(out[0]);
    const std::vector<int64_t> lhs = offsets_of(in[0], index_values(in[2], pairs_shape));
    const std::vector<int64_t> rhs = offsets_of(in[1], index_values(in[3], pairs_shape));
    cpu::GemmArgs g;
    g.type = gemm_type(out[0].dtype());
    g.m = out[0].shape(-2);
    g.n = out[0].shape(-1);
    g.k = in[0].shape(-1);
    g.a = in[0].bytes();
    g.a_row = in[0].strides()[in[0].ndim() - 2];
    g.a_col = in[0].strides().back();
    g.b = in[1].bytes();
    g.b_row = in[1].strides()[in[1].ndim() - 2];
    g.b_col = in[1].strides().back();
    g.c = out[0].bytes();
    g.c_row = g.n;
    if (g.m <= 8 && g.a_col == 1) return grouped(g, out[0].itemsize(), lhs, rhs);
    const std::vector<int64_t> c = row_major_offsets(int64_t(lhs.size()), g.m * g.n);
    cpu::gemm_batched(g, int64_t(lhs.size()), {lhs.data(), rhs.data(), c.data(), nullptr});
  }
  void gpu(const Arrays& in, const Arrays& out) override { gpu::gather_mm(in, out[0]); }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    const array &a = primals[0], &b = primals[1];
    const Shape pairs = broadcast_shapes(primals[2].shape(), primals[3].shape(), kName);
    const array lhs = flatten(broadcast_to(primals[2], pairs));
    const array rhs = flatten(broadcast_to(primals[3], pairs));
    Shape flat = {int(lhs.size()), a.shape(-2), b.shape(-1)};
    const array g = reshape(cotangents[0], flat);
    const array order = arange(0, double(lhs.size()), 1, uint32);
    Arrays grads;
    for (int arg : argnums) {
      if (arg > 1) {
        value_error("[gather_mm] There is no gradient by the indices; use stop_gradient on them.");
      }
      if (arg == 1) {
        grads.push_back(reshape(by_matrix(a, g, lhs, rhs, int(num_elements(batch_shape(b)))), b.shape()));
        continue;
      }
      const array each = apply(op<GatherMM>(), {g, transposed(b), order, rhs});
      grads.push_back(reshape(sum_by_index(each, lhs, int(num_elements(batch_shape(a)))), a.shape()));
    }
    return grads;
  }

  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    array sum;
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] > 1) continue;
      Arrays in = primals;
      in[argnums[i]] = tangents[i];
      const array term = apply(op<GatherMM>(), in);
      sum = sum.is_null() ? term : sum + term;
    }
    return {sum.is_null() ? zeros_like(apply(op<GatherMM>(), primals)) : sum};
  }

  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    // Batches become more matrices: indices move on by the number of matrices per batch item.
    Arrays in = batch_all_to_front(inputs, axes);
    const int n = in[0].shape(0);
    const int rank = std::max(in[2].ndim(), in[3].ndim());
    for (int i = 0; i < 2; ++i) {
      array& index = in[2 + i];
      Shape shape = {n};
      for (int j = index.ndim(); j < rank; ++j) shape.push_back(1);
      shape.resize(rank, 1);
      std::copy(index.shape().begin() + 1, index.shape().end(), shape.end() - (index.ndim() - 1));
      Shape step_shape(rank, 1);
      step_shape[0] = n;
      const int64_t step = num_elements(batch_shape(in[i])) / std::max(1, n);
      index = reshape(index, shape) + reshape(arange(0, double(n * step), double(step), uint32), step_shape);
    }
    return {{apply(op<GatherMM>(), in)}, {0}};
  }

 private:
  // For each of `count` matrices the sum of a[lhs[i]]^T @ g[i] over the pairs i that meet it: pairs are
  // sorted by matrix, so that each is one product over their rows. A product for each pair would need as much
  // memory as pairs times matrix.
  static array by_matrix(const array& a, const array& g, const array& lhs, const array& rhs, int count) {
    const int m = a.shape(-2), k = a.shape(-1), n = g.shape(-1), rows = int(lhs.size()) * m;
    const array order = argsort(rhs, 0);
    const array x = reshape(a, {int(num_elements(batch_shape(a))), m, k});
    const array left = reshape(take(x, take(lhs, order, 0), 0), {rows, k});
    const array right = reshape(take(g, order, 0), {rows, n});
    const array matrices = arange(0, double(count), 1, uint32), sorted = take(rhs, order, 0);
    const array step = array::scalar(m, uint32);
    const array begin = astype(searchsorted(sorted, matrices, "left"), uint32) * step;
    const array end = astype(searchsorted(sorted, matrices, "right"), uint32) * step;
    return segmented_mm(transposed(left), right, stack({begin, end}, -1));
  }

  static std::vector<int64_t> offsets_of(const array& a, std::vector<int64_t> index) {
    const Shape batch = batch_shape(a);
    const Strides strides = batch_strides(a);
    for (int64_t& i : index) i = offset_of(i, batch, strides);
    return index;
  }

  // Few rows per pair (as in a mixture of experts): the rows that meet one matrix are collected into one
  // product.
  static void grouped(const cpu::GemmArgs& g, size_t size, const std::vector<int64_t>& lhs,
                      const std::vector<int64_t>& rhs) {
    std::vector<int64_t> order(lhs.size());
    std::iota(order.begin(), order.end(), int64_t{0});
    std::stable_sort(order.begin(), order.end(), [&](int64_t x, int64_t y) { return rhs[x] < rhs[y]; });
    std::vector<char> rows, products;
    const int64_t row_bytes = g.k * int64_t(size), out_bytes = g.m * g.n * int64_t(size);
    for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
      while (end < order.size() && rhs[order[end]] == rhs[order[begin]]) ++end;
      const auto count = int64_t(end - begin);
      rows.resize(count * g.m * row_bytes);
      products.resize(count * out_bytes);
      char* to = rows.data();
      for (size_t i = begin; i < end; ++i) {
        for (int64_t r = 0; r < g.m; ++r, to += row_bytes) {
          std::memcpy(to, static_cast<const char*>(g.a) + (lhs[order[i]] + r * g.a_row) * int64_t(size),
                      row_bytes);
        }
      }
      cpu::GemmArgs group = g;
      group.m = count * g.m;
      group.a = rows.data();
      group.a_row = g.k;
      group.b = static_cast<const char*>(g.b) + rhs[order[begin]] * int64_t(size);
      group.c = products.data();
      cpu::gemm(group);
      for (size_t i = begin; i < end; ++i) {
        std::memcpy(static_cast<char*>(g.c) + order[i] * out_bytes,
                    products.data() + int64_t(i - begin) * out_bytes, out_bytes);
      }
    }
  }
};
REGISTER_OP(GatherMM)

class SegmentedMM : public OpBase<SegmentedMM> {
 public:
  static constexpr const char* kName = "segmented_mm";

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape(in[2].shape().begin(), in[2].shape().end() - 1);
    shape.push_back(in[0].shape(0));
    shape.push_back(in[1].shape(1));
    return {{shape, in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    const std::vector<int64_t> bounds = index_values(in[2], in[2].shape());
    const auto size = int64_t(out[0].itemsize());
    cpu::GemmArgs g;
    g.type = gemm_type(out[0].dtype());
    g.m = out[0].shape(-2);
    g.n = out[0].shape(-1);
    g.a_row = in[0].strides()[0];
    g.a_col = in[0].strides()[1];
    g.b_row = in[1].strides()[0];
    g.b_col = in[1].strides()[1];
    g.c_row = g.n;
    for (size_t i = 0; i + 1 < bounds.size(); i += 2) {
      const int64_t begin = std::min<int64_t>(bounds[i], in[0].shape(1));
      const int64_t end = std::min<int64_t>(bounds[i + 1], in[0].shape(1));
      g.k = std::max<int64_t>(0, end - begin);
      g.a = in[0].bytes() + begin * g.a_col * size;
      g.b = in[1].bytes() + begin * g.b_row * size;
      g.c = out[0].bytes() + int64_t(i / 2) * g.m * g.n * size;
      cpu::gemm(g);
    }
  }
  void gpu(const Arrays& in, const Arrays& out) override { gpu::segmented_mm(in, out[0]); }
};
REGISTER_OP(SegmentedMM)

// Both operands as matrices of one type, after the checks that every product shares.
struct Operands {
  array a;
  array b;
  Axes squeezed;  // axes to drop from the result
};

Operands prepare(const char* name, const array& a, const array& b, Dtype type, const StreamOrDevice& s) {
  if (a.ndim() == 0 || b.ndim() == 0) {
    value_error("[", name, "] Got a 0-dimensional input; inputs must have at least one dimension.");
  }
  Operands o{a, b, {}};
  if (a.ndim() == 1) {
    o.a = expand_dims(a, {0}, s);
    o.squeezed.push_back(-2);
  }
  if (b.ndim() == 1) {
    o.b = expand_dims(b, {1}, s);
    o.squeezed.push_back(-1);
  }
  if (o.a.shape(-1) != o.b.shape(-2)) {
    value_error("[", name, "] The last dimension of the first input with shape ", o.a.shape(),
                " must match the second to last dimension of the second input with shape ", o.b.shape(), ".");
  }
  o.a = astype(o.a, type, s);
  o.b = astype(o.b, type, s);
  return o;
}

array finish(const array& out, const Axes& squeezed, const StreamOrDevice& s) {
  return squeezed.empty() ? out : squeeze(out, squeezed, s);
}

void require_real(const char* name, const array& a, const array& b, Dtype type) {
  if (is_floating(type)) return;
  value_error("[", name, "] Only real floating types are supported but ", a.dtype().name(), " and ",
              b.dtype().name(), " give ", type.name(), ".");
}

// A mask of blocks as a mask of elements of the last two axes (rows, cols).
array expand_mask(const array& mask, int rows, int cols, int block, const StreamOrDevice& s) {
  Shape shape = mask.shape();
  const int n = mask.ndim();
  const int down = (rows + block - 1) / block;
  const int across = (cols + block - 1) / block;
  shape[n - 2] = down;
  shape[n - 1] = across;
  array m = expand_dims(broadcast_to(mask, shape, s), {n - 1, n + 1}, s);
  Shape wide(shape.begin(), shape.end() - 2);
  for (int extent : {down, block, across, block}) wide.push_back(extent);
  shape[n - 2] = down * block;
  shape[n - 1] = across * block;
  m = reshape(broadcast_to(m, wide, s), shape, s);
  Shape start(n, 0), step(n, 1);
  Shape stop = shape;
  stop[n - 2] = rows;
  stop[n - 1] = cols;
  return slice(m, start, stop, step, s);
}

array masked(const array& x, const std::optional<array>& mask, int block, const StreamOrDevice& s) {
  if (!mask) return x;
  array m = *mask;
  while (m.ndim() < 2) m = expand_dims(m, {0}, s);
  m = expand_mask(m, x.shape(-2), x.shape(-1), block, s);
  if (m.dtype() == bool_) return where(m, x, zeros_like(x, s), s);
  return multiply(x, astype(m, x.dtype(), s), s);
}

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

// 0, 1, 2 ... as `shape`. Short ones on a GPU are kept: a layer of experts would launch a kernel for them each time.
static array in_order(const Shape& shape, const StreamOrDevice& s) {
  const int64_t count = num_elements(shape);
  const Device device = to_stream(s).device;
  if (device.type != Device::gpu || count > 1024) return reshape(arange(0, double(count), 1, uint32, s), shape, s);
  using Kept = std::vector<std::pair<std::pair<int, Shape>, array>>;
  static std::mutex mutex;
  static Kept& kept = *new Kept;  // outlives the devices
  std::lock_guard lock(mutex);
  for (const auto& [key, value] : kept) {
    if (key.first == device.index && key.second == shape) return value;
  }
  std::vector<uint32_t> values(count);
  std::iota(values.begin(), values.end(), 0u);
  const array flat = array::from_values(values, uint32);
  const array made(flat.buffer(), shape, uint32);
  if (kept.size() < 256) kept.push_back({{device.index, shape}, made});
  return made;
}

array matrix_indices(const char* name, const std::optional<array>& indices, const array& x,
                     const StreamOrDevice& s) {
  if (x.ndim() < 2) {
    value_error("[", name, "] The input must have at least two dimensions but has shape ", x.shape(), ".");
  }
  if (indices) {
    if (!is_integer(indices->dtype())) {
      value_error("[", name, "] Indices must be integers but are ", indices->dtype().name(), ".");
    }
    return astype(*indices, uint32, s);
  }
  const Shape batch(x.shape().begin(), x.shape().end() - 2);
  return in_order(batch, s);
}

array sum_by_index(const array& values, const array& index, int count) {
  return apply(op<IndexSum>(count), {values, index});
}

array gather_mm(const array& a, const array& b, const std::optional<array>& lhs_indices,
                const std::optional<array>& rhs_indices, bool, const StreamOrDevice& s) {
  if (!lhs_indices && !rhs_indices) return matmul(a, b, s);
  const Dtype type = promote_types(a.dtype(), b.dtype());
  const Operands o = prepare("gather_mm", a, b, type, s);
  require_real("gather_mm", a, b, type);
  const array lhs = matrix_indices("gather_mm", lhs_indices, o.a, s);
  const array rhs = matrix_indices("gather_mm", rhs_indices, o.b, s);
  return finish(apply(op<GatherMM>(), {o.a, o.b, lhs, rhs}, s), o.squeezed, s);
}

array block_masked_mm(const array& a, const array& b, int block_size, const std::optional<array>& mask_out,
                      const std::optional<array>& mask_lhs, const std::optional<array>& mask_rhs,
                      const StreamOrDevice& s) {
  if (!mask_out && !mask_lhs && !mask_rhs) return matmul(a, b, s);
  if (block_size != 32 && block_size != 64) {
    value_error("[block_masked_mm] Block sizes are 32 and 64, not ", block_size, ".");
  }
  const Dtype type = promote_types(a.dtype(), b.dtype());
  const Operands o = prepare("block_masked_mm", a, b, type, s);
  require_real("block_masked_mm", a, b, type);
  auto with_axis = [&](std::optional<array> mask, bool vector, int axis) {
    if (mask && vector) mask = expand_dims(*mask, {axis}, s);
    return mask;
  };
  const array x = masked(o.a, with_axis(mask_lhs, a.ndim() == 1, -2), block_size, s);
  const array y = masked(o.b, with_axis(mask_rhs, b.ndim() == 1, -1), block_size, s);
  const auto out_mask = with_axis(with_axis(mask_out, b.ndim() == 1, -1), a.ndim() == 1, -2);
  const array product = apply(op<Matmul>(), {x, y}, s);
  return finish(masked(product, out_mask, block_size, s), o.squeezed, s);
}

array segmented_mm(const array& a, const array& b, const array& segments, const StreamOrDevice& s) {
  if (a.ndim() != 2 || b.ndim() != 2) value_error("[segmented_mm] Both inputs must be matrices.");
  if (segments.ndim() < 1 || segments.shape(-1) != 2) {
    value_error("[segmented_mm] Segments must have shape (..., 2) but have ", segments.shape(), ".");
  }
  const Dtype type = promote_types(a.dtype(), b.dtype());
  require_real("segmented_mm", a, b, type);
  if (!is_integer(segments.dtype())) value_error("[segmented_mm] Segments must be integers.");
  if (a.shape(1) != b.shape(0)) {
    value_error("[segmented_mm] Shapes ", a.shape(), " and ", b.shape(), " have no common inner dimension.");
  }
  return apply(op<SegmentedMM>(), {astype(a, type, s), astype(b, type, s), astype(segments, uint32, s)}, s);
}

}  // namespace mlx_rocm
