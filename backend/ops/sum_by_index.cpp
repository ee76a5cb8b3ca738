#include "backend/ops/matmul.h"

#include <algorithm>

#include "backend/core/op.h"
#include "backend/cpu/functors.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/indexing.h"
#include "backend/ops/matmul_parts.h"

namespace mlx_rocm {
namespace {

using namespace products;

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

}  // namespace

array sum_by_index(const array& values, const array& index, int count) {
  return apply(op<IndexSum>(count), {values, index});
}

}  // namespace mlx_rocm
