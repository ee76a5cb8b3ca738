#include "backend/ops/index_common.h"

#include "backend/core/error.h"
#include "backend/core/error.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile.h"
#include "backend/ops/ops.h"

namespace mlx_rocm::indexing {

void no_index_gradient(const char* op) {
  value_error("[", op, "] Cannot compute a gradient with respect to indices; wrap them in stop_gradient.");
}

array zeros_of(const array& primal, const array& cotangent) { return astype(zeros_like(primal), cotangent.dtype()); }

void check_indices(const Arrays& indices, const char* op) {
  for (const array& i : indices) {
    if (is_inexact(i.dtype()) && i.size() > 0) {
      value_error("[", op, "] Indices must be integral, got ", i.dtype(), ".");
    }
  }
}

void copy_or_take(const array& a, const array& out) {
  if (a.row_contiguous() && a.donatable()) {
    out.share(a);
  } else {
    out.allocate();
    cpu::copy(a, out);
  }
}

Offsets index_offsets(const Arrays& in, size_t first, size_t count, const Axes& axes, const Shape& source,
                      const Strides& strides, const Shape& slice_sizes) {
  Shape shape;
  for (size_t k = 0; k < count; ++k) shape = broadcast_shapes(shape, in[first + k].shape(), "gather");
  int64_t n = num_elements(shape);
  Offsets out{std::vector<int64_t>(n, 0), std::vector<char>(n, 1)};
  for (size_t k = 0; k < count; ++k) {
    const array& index = in[first + k];
    const int64_t extent = source[axes[k]], last = extent - slice_sizes[axes[k]], step = strides[axes[k]];
    Strides walk = broadcast_strides(index.shape(), index.strides(), shape);
    Shape dims = shape;
    collapse(dims, {&walk, 1});
    visit(index.dtype(), [&]<class T>(TypeTag<T>) {
      if constexpr (std::is_integral_v<T>) {
        const T* base = index.data<T>();
        cpu::parallel_for(n, 1 << 14, [&](int64_t begin, int64_t end) {
          Walker w(dims, walk, begin);
          for (int64_t i = begin; i < end; ++i, w.next()) {
            int64_t v = int64_t(base[w.offset()]);
            if (v < 0) v += extent;
            if (v < 0 || v > last) {
              out.valid[i] = 0;
              v = std::max<int64_t>(0, std::min(v, last));
            }
            out.at[i] += v * step;
          }
        });
      }
    });
  }
  return out;
}

}  // namespace mlx_rocm::indexing
