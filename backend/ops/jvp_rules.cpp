#include "backend/ops/jvp_rules.h"

#include <algorithm>

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

array joint_rule(const Ref<Op>& op, const std::vector<int>& linear, const Arrays& primals, const Arrays& tangents,
                 const std::vector<int>& argnums) {
  Arrays in = primals;
  for (int i : linear) in[i] = zeros_like(primals[i]);
  for (size_t i = 0; i < argnums.size(); ++i) {
    if (std::find(linear.begin(), linear.end(), argnums[i]) != linear.end()) in[argnums[i]] = tangents[i];
  }
  return apply(op, in);
}

}  // namespace mlx_rocm
