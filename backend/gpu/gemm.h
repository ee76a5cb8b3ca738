// Matrix products on the GPU: out = alpha * a @ b + beta * c. What a product looks like, which kernel serves
// it, and the launches.
#pragma once

#include "backend/gpu/gpu.h"
#include "kernels/gemm_args.h"

namespace mlx_rocm::gpu {

// How an operand can be read: along k (or along its rows), `vector` elements at a time. Vector 1 allows any
// strides.
struct Access {
  bool along_k = true;
  int vector = 1;
};

// What the choice of a kernel depends on.
struct GemmProblem {
  Dtype dtype;
  int64_t m = 0, n = 0, k = 0, batch = 1;
  Access a, b;
  bool blas_layout = false;  // plain row- or column-major matrices at one distance
};

enum class GemmKernel { gemv_rows, gemv_columns, gemm, blas };
const char* name_of(GemmKernel k);

// A kernel with its geometry (see kernels/gemm.hip and gemv.hip).
struct GemmRoute {
  GemmKernel kernel = GemmKernel::gemm;
  bool swapped = false;  // computes out^T = b^T @ a^T
  bool fma = false;
  int bm = 0, bn = 0, waves_m = 0, waves_n = 0;                          // gemm
  int vector = 1, columns = 1, split_waves = 1, unroll = 1, lanes = 32;  // gemv
  int splits = 1;  // parts of k, summed by another kernel
};

// Pure: the same answer for the same facts, with or without a GPU.
GemmRoute gemm_route(const GemmProblem& p, const Target& target, int units, bool blas);
// The tile of gemm.hip for m x n; `rows` of a product may be fewer than m (gather_mm).
GemmRoute gemm_tile_route(Dtype dtype, int64_t m, int64_t n, int64_t k, int64_t batch, const Target& target,
                          int units);

// out has memory, row-contiguous, and the shape of the product; c may be null and broadcasts to it.
void matmul(const array& a, const array& b, const array* c, float alpha, float beta, const array& out);
// As the op: in = {a, b, lhs_indices, rhs_indices}, {a, b, segments}; out gets its memory here.
void gather_mm(const Arrays& in, const array& out);
void segmented_mm(const Arrays& in, const array& out);

namespace detail {

// An operand of a product on its way to a kernel. Strides in elements.
struct Matrix {
  array a;
  int64_t row = 0, col = 0;
};
Access access(const Matrix& x, int64_t rows, int64_t k, bool rows_first,
              const std::vector<int64_t>& item_strides);
template <int Operands, int Dims>
void fill_items(GemmItems<Operands, Dims>* to, const Shape& shape, const Strides* strides) {
  to->ndim = int(shape.size());
  for (int d = 0; d < Dims; ++d) {
    const int axis = to->ndim - 1 - d;
    to->shape[d] = axis >= 0 ? shape[axis] : 1;
    for (int k = 0; k < Operands; ++k) to->strides[k][d] = axis >= 0 ? strides[k][axis] : 0;
  }
}
// The defines of gemm.hip for a route.
Defines gemm_defines(const GemmRoute& r, Dtype dtype, Access a, Access b, int epilogue);
// Those of gemv.hip for `rows` vectors a with this stride along k, and the columns of b that one workgroup
// serves.
Defines gemv_defines(const GemmRoute& r, Dtype dtype, int64_t rows, Access a, int64_t a_col, int epilogue);
int64_t gemv_columns_of(const GemmRoute& r);

}  // namespace detail
}  // namespace mlx_rocm::gpu
