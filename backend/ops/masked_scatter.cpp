#include "backend/ops/index.h"

#include <cstring>

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/masked_scatter.h"
#include "backend/ops/index_common.h"
#include "backend/ops/jvp_rules.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

using namespace indexing;
using Batched = std::pair<Arrays, std::vector<int>>;

class MaskedScatter : public OpBase<MaskedScatter> {
 public:
  static constexpr const char* kName = "masked_scatter";
  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    copy_or_take(in[0], out[0]);
    array mask = cpu::contiguous(in[1]), values = cpu::contiguous(in[2]);
    const bool* m = mask.data<bool>();
    const int64_t n = mask.size();
    const size_t chunk = n == 0 ? 0 : out[0].nbytes() / size_t(n);
    size_t used = 0;
    for (int64_t i = 0; i < n; ++i) {
      if (!m[i]) continue;
      if (used + chunk > values.nbytes()) {
        runtime_error("[masked_scatter] The mask selects more entries than the ", values.size(), " values given.");
      }
      std::memcpy(out[0].bytes() + i * chunk, values.bytes() + used, chunk);
      used += chunk;
    }
  }
  // Whether there are enough values only the GPU knows: entries beyond the last one stay as they are.
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu_copy_or_take(in[0], out[0]);
    gpu::masked_scatter(out[0], gpu::contiguous(in[1]), gpu::contiguous(in[2]));
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    const array &mask = primals[1], &g = cotangents[0];
    Shape tail(primals[0].shape().begin() + mask.ndim(), primals[0].shape().end());
    Shape mask_shape = mask.shape();
    for (size_t i = 0; i < tail.size(); ++i) mask_shape.push_back(1);
    array wide = broadcast_to(reshape(mask, mask_shape), primals[0].shape());
    Arrays result;
    for (int arg : argnums) {
      if (arg == 0) {
        result.push_back(where(wide, zeros_like(g), g));
      } else if (arg == 1) {
        result.push_back(zeros_like(mask));
      } else {
        // Value number k went where the k-th true entry is: scatter the cotangents back by rank.
        array flat = flatten(wide), rank = cumsum(astype(flat, int32), 0) - 1.0;
        array target = where(flat, rank, array::scalar(int(primals[2].size()), int32));
        array zero = zeros({int32_t(primals[2].size())}, g.dtype());
        result.push_back(reshape(scatter_add_axis(zero, target, flatten(g), 0), primals[2].shape()));
      }
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    return {joint_rule(Ref<Op>(this), {0, 2}, primals, tangents, argnums)};
  }
  Batched vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    Arrays in = batch_all_to_front(inputs, axes), rows;
    for (int i = 0; i < in[0].shape(0); ++i) {
      array k = array::scalar(i);
      rows.push_back(masked_scatter(take(in[0], k, 0), take(in[1], k, 0), take(in[2], k, 0)));
    }
    return {{stack(rows, 0)}, {0}};
  }
};
REGISTER_OP(MaskedScatter)

}  // namespace

array masked_scatter(const array& a, const array& mask, const array& values, const StreamOrDevice& s) {
  if (mask.dtype() != bool_) value_error("[masked_scatter] The mask must be bool, got ", mask.dtype(), ".");
  bool fits = mask.ndim() <= a.ndim();
  for (int i = 0; fits && i < mask.ndim(); ++i) fits = mask.shape(i) == a.shape(i);
  if (!fits) {
    value_error("[masked_scatter] Boolean mask of shape ", mask.shape(), " must match the leading axes of shape ",
                a.shape(), ".");
  }
  array v = astype(values, a.dtype(), s);
  if (v.size() == 1) {
    Shape wide = mask.shape();
    for (int i = mask.ndim(); i < a.ndim(); ++i) wide.push_back(1);
    return where(reshape(mask, wide, s), reshape(v, {}, s), a, s);
  }
  return apply(op<MaskedScatter>(), {a, mask, v}, s);
}

}  // namespace mlx_rocm
