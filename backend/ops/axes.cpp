#include "backend/ops/axes.h"

#include <algorithm>

#include "backend/core/error.h"

namespace mlx_rocm {

Axes unique_axes(const Axes& axes, int ndim, const char* op) {
  Axes out;
  for (int ax : axes) out.push_back(normalize_axis(ax, ndim, op));
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end()) value_error("[", op, "] Received duplicate axes.");
  return out;
}

}  // namespace mlx_rocm
