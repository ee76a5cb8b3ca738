#pragma once

#include "backend/core/array.h"

namespace mlx_rocm {

// Moves every batch axis to the front and pads ranks, so that batched inputs broadcast against each other and
// against unbatched ones (axes[i] < 0): the whole rule of an op that broadcasts.
Arrays align_batch_axes(const Arrays& inputs, const std::vector<int>& axes);
// The length of the batch axis.
int batch_size(const Arrays& inputs, const std::vector<int>& axes);
// Every input with its batch axis at the front; unbatched ones are broadcast to have one.
Arrays batch_all_to_front(const Arrays& inputs, const std::vector<int>& axes);

}  // namespace mlx_rocm
