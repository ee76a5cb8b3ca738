#include "backend/ops/product_rule.h"

#include "backend/ops/ops.h"

namespace mlx_rocm {

array product_rule(const Ref<Op>& op, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) {
  array sum;
  for (size_t i = 0; i < argnums.size(); ++i) {
    Arrays in = primals;
    in[argnums[i]] = tangents[i];
    const array term = apply(op, in);
    sum = sum.is_null() ? term : sum + term;
  }
  return sum;
}

}  // namespace mlx_rocm
