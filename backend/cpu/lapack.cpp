#include "backend/cpu/lapack.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "backend/core/error.h"
#include "backend/cpu/lapack_library.h"

namespace mlx_rocm::cpu {
namespace {

template <class T>
constexpr bool is_complex_scalar = !std::is_same_v<T, typename RealOf<T>::type>;

template <class T>
constexpr char kLetter = is_complex_scalar<T> ? 'c' : std::is_same_v<T, double> ? 'd' : 's';

// A Fortran integer argument. The little-endian 64-bit cell reads and writes right for both widths: values
// are small, and results (`info`) are read from the low half.
struct Integer {
  int64_t cell = 0;
  Integer(int64_t value) : cell(value) {}
  int64_t* operator&() { return &cell; }
  int value() const { return int(int32_t(uint64_t(cell) & 0xffffffffu)); }
};

// A routine's name without its type letter, as a template argument.
template <size_t N>
struct Name {
  char text[N];
  constexpr Name(const char (&t)[N]) { std::copy(t, t + N, text); }
};

// Calls the routine of T, which is looked up once. Fortran passes the lengths of its character arguments
// behind the others; builds that do not expect them ignore them.
template <class T, Name name, class... Args>
void call(Args... args) {
  using Routine = void (*)(Args..., size_t, size_t, size_t);
  static const auto routine =
      reinterpret_cast<Routine>(LapackLibrary::get().routine(kLetter<T> + std::string(name.text)));
  routine(args..., 1, 1, 1);
}

template <class T>
std::unique_ptr<T[]> work_memory(int64_t count) {
  return std::make_unique_for_overwrite<T[]>(std::max<int64_t>(1, count));
}

template <class T>
int64_t work_size(T answer) {
  return int64_t(std::real(answer)) + 1;
}

void check(const char* op, const char* what, int info) {
  if (info != 0) runtime_error("[linalg::", op, "] ", what, " (LAPACK code ", info, ").");
}

// The matrix in row-major order, which Fortran sees as the transpose.
template <class T>
void copy_rows(MatrixView<T> a, T* out) {
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = 0; j < a.cols; ++j) out[i * a.cols + j] = a.data[i * a.row_stride + j * a.col_stride];
  }
}

template <class T>
MatrixView<T> transposed(MatrixView<T> a) {
  return {a.data, a.cols, a.rows, a.col_stride, a.row_stride};
}

// The matrix in column-major order.
template <class T>
void copy_columns(MatrixView<T> a, T* out) {
  copy_rows(transposed(a), out);
}

// Row-major (rows, cols) from column-major with leading dimension ld.
template <class T>
void store_columns(const T* columns, int64_t rows, int64_t cols, int64_t ld, T* out) {
  copy_rows(MatrixView<T>{columns, rows, cols, 1, ld}, out);
}

template <class T>
void clear_triangle(T* a, int64_t n, bool upper_half) {
  for (int64_t i = 0; i < n; ++i) {
    if (upper_half) std::fill(a + i * n + i + 1, a + (i + 1) * n, T(0));
    else std::fill(a + i * n, a + i * n + i, T(0));
  }
}

// Pivots as LAPACK writes them (1-based, either width).
class Pivots {
 public:
  explicit Pivots(int64_t count) : cells_(std::max<int64_t>(1, count)) {}
  int64_t* data() { return cells_.data(); }
  uint32_t operator[](int64_t i) const {
    return LapackLibrary::get().wide_integers() ? uint32_t(cells_[i])
                                                : reinterpret_cast<const uint32_t*>(cells_.data())[i];
  }

 private:
  std::vector<int64_t> cells_;
};

}  // namespace

template <class T>
void lu_factor(MatrixView<T> a, T* lu, uint32_t* pivots, uint32_t* row_index) {
  const int64_t m = a.rows, n = a.cols, k = std::min(m, n);
  std::iota(row_index, row_index + m, 0u);
  if (k == 0) return;
  const auto columns = work_memory<T>(m * n);
  copy_columns(a, columns.get());
  Pivots swaps(k);
  Integer rows = m, cols = n, info = 0;
  call<T, "getrf">(&rows, &cols, columns.get(), &rows, swaps.data(), &info);
  // A positive code only says that U is singular, which is a valid factorisation.
  if (info.value() < 0) check("lu", "LU factorisation failed", info.value());
  store_columns(columns.get(), m, n, m, lu);
  for (int64_t i = 0; i < k; ++i) pivots[i] = swaps[i] - 1;
  for (int64_t i = k - 1; i >= 0; --i) std::swap(row_index[i], row_index[pivots[i]]);
}

template <class T>
void inverse(MatrixView<T> a, T* out) {
  const int64_t n = a.rows;
  if (n == 0) return;
  // The inverse of the transpose is the transpose of the inverse.
  copy_rows(a, out);
  Pivots swaps(n);
  Integer order = n, info = 0, size = -1;
  call<T, "getrf">(&order, &order, out, &order, swaps.data(), &info);
  check("inv", "The matrix is singular or has illegal values", info.value());
  T answer{};
  call<T, "getri">(&order, out, &order, swaps.data(), &answer, &size, &info);
  size = work_size(answer);
  const auto work = work_memory<T>(size.cell);
  call<T, "getri">(&order, out, &order, swaps.data(), work.get(), &size, &info);
  check("inv", "The matrix is singular", info.value());
}

template <class T>
void triangular_inverse(MatrixView<T> a, bool upper, T* out) {
  const int64_t n = a.rows;
  if (n == 0) return;
  copy_rows(a, out);
  Integer order = n, info = 0;
  // Fortran sees the transpose, in which the triangles are exchanged.
  const char half = upper ? 'L' : 'U', diagonal = 'N';
  call<T, "trtri">(&half, &diagonal, &order, out, &order, &info);
  check("tri_inv", "The matrix is singular", info.value());
  clear_triangle(out, n, !upper);
}

template <class T>
void cholesky(MatrixView<T> a, bool upper, T* out) {
  const int64_t n = a.rows;
  if (n == 0) return;
  copy_rows(a, out);
  Integer order = n, info = 0;
  const char half = upper ? 'L' : 'U';
  call<T, "potrf">(&half, &order, out, &order, &info);
  check("cholesky", "The matrix is not positive definite", info.value());
  clear_triangle(out, n, !upper);
}

template <class T>
void qr(MatrixView<T> a, T* q, T* r) {
  const int64_t m = a.rows, n = a.cols, k = std::min(m, n);
  if (k == 0) return;
  const auto columns = work_memory<T>(m * n);
  copy_columns(a, columns.get());
  const auto tau = work_memory<T>(k);
  Integer rows = m, cols = n, inner = k, info = 0, size = -1;
  T answer{};
  call<T, "geqrf">(&rows, &cols, columns.get(), &rows, tau.get(), &answer, &size, &info);
  size = work_size(answer);
  auto work = work_memory<T>(size.cell);
  call<T, "geqrf">(&rows, &cols, columns.get(), &rows, tau.get(), work.get(), &size, &info);
  check("qr", "QR factorisation failed", info.value());
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t j = 0; j < n; ++j) r[i * n + j] = j < i ? T(0) : columns[j * m + i];
  }
  size = -1;
  call<T, "orgqr">(&rows, &inner, &inner, columns.get(), &rows, tau.get(), &answer, &size, &info);
  size = work_size(answer);
  work = work_memory<T>(size.cell);
  call<T, "orgqr">(&rows, &inner, &inner, columns.get(), &rows, tau.get(), work.get(), &size, &info);
  check("qr", "QR factorisation failed", info.value());
  store_columns(columns.get(), m, k, m, q);
}

template <class T>
void svd(MatrixView<T> a, T* u, typename RealOf<T>::type* s, T* vh) {
  using R = typename RealOf<T>::type;
  const int64_t m = a.rows, n = a.cols, k = std::min(m, n);
  if (k == 0) {
    // Nothing to decompose: the bases are any orthonormal ones.
    for (int64_t i = 0; u != nullptr && i < m * m; ++i) u[i] = T(i % (m + 1) == 0);
    for (int64_t i = 0; vh != nullptr && i < n * n; ++i) vh[i] = T(i % (n + 1) == 0);
    return;
  }
  // Fortran sees the transpose V' S U', so its first basis lands in vh and its second in u, both row-major.
  const auto matrix = work_memory<T>(m * n);
  copy_rows(a, matrix.get());
  const char job = u != nullptr ? 'A' : 'N';
  Integer rows = n, cols = m, info = 0, size = -1;
  const auto integers = work_memory<int64_t>(8 * k);
  const int64_t large = std::max(m, n);
  const auto reals = work_memory<R>(is_complex_scalar<T> ? k * std::max(5 * k + 7, 2 * large + 2 * k + 1) : 0);
  const auto run = [&](T* work) {
    if constexpr (is_complex_scalar<T>) {
      call<T, "gesdd">(&job, &rows, &cols, matrix.get(), &rows, s, vh, &rows, u, &cols, work, &size,
           reals.get(), integers.get(), &info);
    } else {
      call<T, "gesdd">(&job, &rows, &cols, matrix.get(), &rows, s, vh, &rows, u, &cols, work, &size,
           integers.get(), &info);
    }
  };
  T answer{};
  run(&answer);
  size = work_size(answer);
  const auto work = work_memory<T>(size.cell);
  run(work.get());
  check("svd", "The singular value decomposition did not converge", info.value());
}

template <class T>
void eigh(MatrixView<T> a, bool upper, typename RealOf<T>::type* values, T* vectors) {
  using R = typename RealOf<T>::type;
  const int64_t n = a.rows;
  if (n == 0) return;
  const auto columns = work_memory<T>(n * n);
  copy_columns(a, columns.get());
  const char job = vectors != nullptr ? 'V' : 'N', half = upper ? 'U' : 'L';
  Integer order = n, info = 0, size = -1, real_size = -1, integer_size = -1;
  T answer{};
  R real_answer{};
  int64_t integer_answer = 0;
  const auto run = [&](T* work, R* reals, int64_t* integers) {
    if constexpr (is_complex_scalar<T>) {
      call<T, "heevd">(&job, &half, &order, columns.get(), &order, values, work, &size, reals, &real_size,
           integers, &integer_size, &info);
    } else {
      call<T, "syevd">(&job, &half, &order, columns.get(), &order, values, work, &size, integers,
           &integer_size, &info);
    }
  };
  run(&answer, &real_answer, &integer_answer);
  size = work_size(answer);
  real_size = work_size(real_answer);
  integer_size = Integer(integer_answer).value();
  const auto work = work_memory<T>(size.cell);
  const auto reals = work_memory<R>(is_complex_scalar<T> ? real_size.cell : 0);
  const auto integers = work_memory<int64_t>(integer_size.cell);
  run(work.get(), reals.get(), integers.get());
  check("eigh", "The eigenvalue decomposition did not converge", info.value());
  if (vectors != nullptr) store_columns(columns.get(), n, n, n, vectors);
}

template <class T>
void eig(MatrixView<T> a, std::complex<float>* values, std::complex<float>* vectors) {
  using C = std::complex<float>;
  using R = typename RealOf<T>::type;
  const int64_t n = a.rows;
  if (n == 0) return;
  const auto columns = work_memory<T>(n * n);
  copy_columns(a, columns.get());
  const char left = 'N', right = vectors != nullptr ? 'V' : 'N';
  const auto right_vectors = work_memory<T>(vectors != nullptr ? n * n : 0);
  const auto reals = work_memory<R>(2 * n);
  const auto complexes = work_memory<T>(is_complex_scalar<T> ? n : 0);
  Integer order = n, one = 1, info = 0, size = -1;
  const auto run = [&](T* work) {
    T* none = nullptr;
    if constexpr (is_complex_scalar<T>) {
      call<T, "geev">(&left, &right, &order, columns.get(), &order, complexes.get(), none, &one,
           right_vectors.get(), &order, work, &size, reals.get(), &info);
    } else {
      call<T, "geev">(&left, &right, &order, columns.get(), &order, reals.get(), reals.get() + n, none,
           &one, right_vectors.get(), &order, work, &size, &info);
    }
  };
  T answer{};
  run(&answer);
  size = work_size(answer);
  const auto work = work_memory<T>(size.cell);
  run(work.get());
  check("eig", "The eigenvalue decomposition did not converge", info.value());

  const T* v = right_vectors.get();
  for (int64_t j = 0; j < n; ++j) {
    if constexpr (is_complex_scalar<T>) {
      values[j] = complexes[j];
      for (int64_t i = 0; vectors != nullptr && i < n; ++i) vectors[i * n + j] = v[j * n + i];
    } else {
      values[j] = C(float(reals[j]), float(reals[n + j]));
      // Complex pairs share two columns: real and imaginary part of the first; the second is its conjugate.
      const int sign = reals[n + j] > 0 ? 1 : reals[n + j] < 0 ? -1 : 0;
      const T* re = v + (sign < 0 ? j - 1 : j) * n;
      for (int64_t i = 0; vectors != nullptr && i < n; ++i) {
        vectors[i * n + j] = C(float(re[i]), sign == 0 ? 0.0f : float(sign) * float(re[n + i]));
      }
    }
  }
}

#define INSTANTIATE_REAL(T)                                                  \
  template void lu_factor(MatrixView<T>, T*, uint32_t*, uint32_t*);          \
  template void inverse(MatrixView<T>, T*);                                  \
  template void triangular_inverse(MatrixView<T>, bool, T*);                 \
  template void cholesky(MatrixView<T>, bool, T*);                           \
  template void qr(MatrixView<T>, T*, T*);
#define INSTANTIATE(T)                                                       \
  template void svd(MatrixView<T>, T*, RealOf<T>::type*, T*);                \
  template void eigh(MatrixView<T>, bool, RealOf<T>::type*, T*);             \
  template void eig(MatrixView<T>, std::complex<float>*, std::complex<float>*);
INSTANTIATE_REAL(float)
INSTANTIATE_REAL(double)
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(std::complex<float>)
#undef INSTANTIATE_REAL
#undef INSTANTIATE

}  // namespace mlx_rocm::cpu
