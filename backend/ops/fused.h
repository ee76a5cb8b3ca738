// Base of ops that run as one kernel but differentiate and batch as the expression they stand for.
#pragma once

#include "backend/core/op.h"
#include "backend/transforms/vmap.h"

namespace mlx_rocm {

class FusedOp : public Op {
 public:
  // The same result as a graph of other ops.
  virtual Arrays compose(const Arrays& in) const = 0;

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    return mlx_rocm::vjp([this](const Arrays& in) { return compose(in); }, primals, cotangents, argnums)
        .second;
  }

  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    // Inputs without a tangent are constants of the expression.
    Arrays varied;
    for (int arg : argnums) varied.push_back(primals[arg]);
    auto f = [&](const Arrays& in) {
      Arrays all = primals;
      for (size_t i = 0; i < argnums.size(); ++i) all[argnums[i]] = in[i];
      return compose(all);
    };
    return mlx_rocm::jvp(f, varied, tangents).second;
  }

  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    auto f = [this](const Arrays& in) { return compose(in); };
    auto all_first = [](const Arrays& outputs) { return std::vector<int>(outputs.size(), 0); };
    Arrays out = mlx_rocm::vmap(f, inputs, axes, all_first);
    std::vector<int> out_axes(out.size(), 0);
    return {std::move(out), std::move(out_axes)};
  }
};

}  // namespace mlx_rocm
