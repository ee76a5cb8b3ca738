#include "backend/ops/matmul.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <numeric>

#include "backend/core/op.h"
#include "backend/gpu/gemm.h"
#include "backend/ops/matmul_parts.h"
#include "backend/ops/jvp_rules.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using namespace products;

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
    Arrays of_matrices;
    std::vector<int> matrices;
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] > 1) continue;  // indices have no tangent
      of_matrices.push_back(tangents[i]);
      matrices.push_back(argnums[i]);
    }
    if (matrices.empty()) return {zeros_like(apply(op<GatherMM>(), primals))};
    return {product_rule(op<GatherMM>(), primals, of_matrices, matrices)};
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

// 0, 1, 2 ... as `shape`. Short ones on a GPU are kept: a layer of experts would launch a kernel for them each time.
array in_order(const Shape& shape, const StreamOrDevice& s) {
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

}  // namespace

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

}  // namespace mlx_rocm
