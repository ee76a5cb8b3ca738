// Derivatives of functions from arrays to arrays, by tracing them.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "backend/core/array.h"

namespace mlx_rocm {

using Function = std::function<Arrays(const Arrays&)>;

// Outputs of f(primals), and one vector-Jacobian product per entry of argnums (which index primals). An output that
// is the result of stop_gradient takes no cotangent. Arrays that f captures are constants.
std::pair<Arrays, Arrays> vjp(const Function& f, const Arrays& primals, const Arrays& cotangents,
                              const std::vector<int>& argnums);
std::pair<Arrays, Arrays> vjp(const Function& f, const Arrays& primals, const Arrays& cotangents);

// Outputs of f(primals), and one Jacobian-vector product per output.
std::pair<Arrays, Arrays> jvp(const Function& f, const Arrays& primals, const Arrays& tangents);

// Outputs of f(inputs), and the gradients of the first output (a scalar) by inputs[argnums].
std::pair<Arrays, Arrays> value_and_grad(const Function& f, const Arrays& inputs, const std::vector<int>& argnums);

}  // namespace mlx_rocm
