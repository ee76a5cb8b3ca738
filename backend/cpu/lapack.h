// Factorisations of one matrix at a time, through LAPACK. T is float, double or (where said)
// std::complex<float>.
//
// Inputs are strided views, outputs are row-major and dense. Failures (no convergence, not positive definite,
// singular) throw RuntimeError.
#pragma once

#include <complex>
#include <cstdint>

namespace mlx_rocm::cpu {

template <class T>
struct MatrixView {
  const T* data = nullptr;
  int64_t rows = 0, cols = 0;
  int64_t row_stride = 0, col_stride = 0;
};

template <class T>
struct RealOf {
  using type = T;
};
template <class T>
struct RealOf<std::complex<T>> {
  using type = T;
};

// A = P L U with partial pivoting: lu (rows, cols) holds L below the diagonal and U on and above it; step i
// exchanged rows i and pivots[i] (min(rows, cols) of them); row i of A is row row_index[i] of L times U (rows
// of them).
template <class T>
void lu_factor(MatrixView<T> a, T* lu, uint32_t* pivots, uint32_t* row_index);

template <class T>
void inverse(MatrixView<T> a, T* out);

// Only the lower (or upper) triangle is read; the other one of the result is zero.
template <class T>
void triangular_inverse(MatrixView<T> a, bool upper, T* out);

// A = L L^T, or U^T U with `upper`. Only that triangle of A is read; the other one of the result is zero.
template <class T>
void cholesky(MatrixView<T> a, bool upper, T* out);

// A = Q R with q (rows, k), r (k, cols), k = min(rows, cols).
template <class T>
void qr(MatrixView<T> a, T* q, T* r);

// A = U diag(s) Vh with u (rows, rows), s descending (k), vh (cols, cols); u and vh may be null. Also
// complex.
template <class T>
void svd(MatrixView<T> a, T* u, typename RealOf<T>::type* s, T* vh);

// Ascending eigenvalues of a symmetric (Hermitian) matrix of which one triangle is read; columns of `vectors`
// (may be null) are the eigenvectors. Also complex.
template <class T>
void eigh(MatrixView<T> a, bool upper, typename RealOf<T>::type* values, T* vectors);

// Eigenvalues of a general matrix; columns of `vectors` (may be null) are the right eigenvectors, of unit
// length. Also complex.
template <class T>
void eig(MatrixView<T> a, std::complex<float>* values, std::complex<float>* vectors);

}  // namespace mlx_rocm::cpu
