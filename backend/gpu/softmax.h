// Softmax and logsumexp over the last axis.
#pragma once

#include "backend/core/array.h"

namespace mlx_rocm::gpu {

void softmax(const array& x, const array& out);    // the memory of x when it may be overwritten
void logsumexp(const array& x, const array& out);  // out has a last axis of length 1

}  // namespace mlx_rocm::gpu
