#include "backend/ops/vmap_rules.h"

#include "backend/ops/ops.h"

namespace mlx_rocm {

Arrays align_batch_axes(const Arrays& inputs, const std::vector<int>& axes) {
  int rank = 0;  // of the unbatched problem
  for (size_t i = 0; i < inputs.size(); ++i) rank = std::max(rank, inputs[i].ndim() - (axes[i] >= 0));
  Arrays out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    array a = inputs[i];
    if (axes[i] >= 0) {
      a = moveaxis(a, axes[i], 0);
      Axes pad;
      for (int k = 1; k <= rank - (a.ndim() - 1); ++k) pad.push_back(k);
      if (!pad.empty()) a = expand_dims(a, pad);
    }
    out.push_back(a);
  }
  return out;
}

int batch_size(const Arrays& inputs, const std::vector<int>& axes) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (axes[i] >= 0) return inputs[i].shape(axes[i]);
  }
  return 1;
}

Arrays batch_all_to_front(const Arrays& inputs, const std::vector<int>& axes) {
  int n = batch_size(inputs, axes);
  Arrays out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (axes[i] >= 0) {
      out.push_back(moveaxis(inputs[i], axes[i], 0));
    } else {
      Shape shape = inputs[i].shape();
      shape.insert(shape.begin(), n);
      out.push_back(broadcast_to(inputs[i], shape));
    }
  }
  return out;
}

}  // namespace mlx_rocm
