// Functions whose derivatives or batching are given by the user, and what is built on them.
#pragma once

#include <memory>

#include "backend/transforms/grad.h"

namespace mlx_rocm {

// Each rule may be empty, which means the ordinary one: differentiate or batch `f` itself.
struct CustomRules {
  Function f;
  std::function<Arrays(const Arrays& primals, const Arrays& cotangents, const Arrays& outputs)> vjp;
  std::function<Arrays(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums)> jvp;
  std::function<std::pair<Arrays, std::vector<int>>(const Arrays& inputs, const std::vector<int>& axes)> vmap;
};

// rules.f(inputs), to be transformed by the rules. Arrays that f captures get no gradient.
Arrays apply_custom(std::shared_ptr<const CustomRules> rules, const Arrays& inputs);

// f(inputs), recomputed from the inputs when it is differentiated instead of keeping what it computed.
Arrays checkpoint(const Function& f, const Arrays& inputs);

// The inputs, available once the dependencies have been computed.
Arrays depends(const Arrays& inputs, const Arrays& dependencies);

}  // namespace mlx_rocm
