#include "backend/ops/matmul.h"

#include <algorithm>

#include "backend/core/op.h"
#include "backend/gpu/gemm.h"
#include "backend/ops/matmul_parts.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

using namespace products;

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

}  // namespace

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
