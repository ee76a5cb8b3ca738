#pragma once

#include "backend/core/op.h"

namespace mlx_rocm {

// The tangent of an op that is linear in each input by itself, as products are: the sum over `argnums` of the op with
// that input replaced by its tangent. At least one input has a tangent.
array product_rule(const Ref<Op>& op, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums);
// The tangent of an op that is linear in the inputs `linear` together, as updates are in what is updated and what with:
// the op with each of them replaced by its tangent, or by zeros.
array joint_rule(const Ref<Op>& op, const std::vector<int>& linear, const Arrays& primals, const Arrays& tangents,
                 const std::vector<int>& argnums);

}  // namespace mlx_rocm
