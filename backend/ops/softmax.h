#pragma once

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm {

// exp(a - max) / sum(exp(a - max)) over the axes. Half types compute in f32.
array softmax(const array& a, const Axes& axes, bool precise = false, const StreamOrDevice& s = {});
// log(sum(exp(a))) over the axes.
array logsumexp(const array& a, const Axes& axes, bool keepdims = false, const StreamOrDevice& s = {});

namespace fast {
// logsumexp(logits) - logits[target] over the last axis, in float32; targets has the shape of logits without
// it.
array cross_entropy(const array& logits, const array& targets, const StreamOrDevice& s = {});
}  // namespace fast

}  // namespace mlx_rocm
