#include "backend/ops/linalg.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/core/error.h"
#include "backend/ops/factorise.h"
#include "backend/ops/ops.h"

namespace mlx_rocm::linalg {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_cpu(const StreamOrDevice& s, const char* name) {
  if (to_stream(s).device.type == Device::gpu) {
    value_error("[linalg::", name,
                "] This op is not yet supported on the GPU. Explicitly pass a CPU stream to run it.");
  }
}

void check_rank(const array& a, const char* name) {
  if (a.ndim() < 2) {
    value_error("[linalg::", name, "] Arrays must have >= 2 dimensions. Received array with ", a.ndim(),
                " dimensions.");
  }
}

void check_square(const array& a, const char* name) {
  check_rank(a, name);
  if (a.shape(-1) != a.shape(-2)) {
    value_error("[linalg::", name, "] Only defined for square matrices. Received array with shape ", a.shape(), ".");
  }
}

// On a CPU stream and of a type that LAPACK knows.
void check_factorisable(const array& a, const StreamOrDevice& s, bool complex, const char* name) {
  check_cpu(s, name);
  const bool known = a.dtype() == float32 || a.dtype() == float64 || (complex && a.dtype() == complex64);
  if (!known) {
    value_error("[linalg::", name, "] Arrays must have type float32", complex ? ", float64 or complex64" : " or float64",
                ". Received array with type ", a.dtype(), ".");
  }
  check_rank(a, name);
}

array constant(double value, const array& like) { return array::scalar(value, like.dtype()); }

// --- norms

array l2_norm(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  const array magnitude = is_complex(a.dtype()) ? abs(a, s) : a;
  return sqrt(sum(square(magnitude, s), axes, keepdims, s), s);
}

array vector_norm(const array& a, double ord, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  const Dtype dtype = at_least_float(a.dtype());
  if (ord == 0.0) return astype(sum(not_equal(a, constant(0, a), s), axes, keepdims, s), dtype, s);
  if (ord == 1.0) return astype(sum(abs(a, s), axes, keepdims, s), dtype, s);
  if (ord == 2.0) return l2_norm(a, axes, keepdims, s);
  if (ord == kInfinity) return astype(max(abs(a, s), axes, keepdims, s), dtype, s);
  if (ord == -kInfinity) return astype(min(abs(a, s), axes, keepdims, s), dtype, s);
  const array powers = power(abs(a, s), array::scalar(ord, dtype), s);
  return power(sum(powers, axes, keepdims, s), array::scalar(1.0 / ord, dtype), s);
}

// Singular values of the matrices on two axes, in the last axis of the result.
array singular_values(const array& a, int row, int col, const StreamOrDevice& s) {
  Axes order;
  for (int i = 0; i < a.ndim(); ++i) {
    if (i != row && i != col) order.push_back(i);
  }
  order.push_back(row);
  order.push_back(col);
  return svd(transpose(a, order, s), false, s)[0];
}

array restore_axes(const array& a, int row, int col, bool keepdims, const StreamOrDevice& s) {
  return keepdims ? expand_dims(a, {std::min(row, col), std::max(row, col)}, s) : a;
}

array matrix_norm(const array& a, double ord, int row, int col, bool keepdims, const StreamOrDevice& s) {
  const Dtype dtype = at_least_float(a.dtype());
  const bool largest = ord > 0;
  if (std::abs(ord) == 1.0 || std::abs(ord) == kInfinity) {
    // Sums of magnitudes along columns (1) or rows (infinity); then the extreme one.
    const bool columns = std::abs(ord) == 1.0;
    const array sums = sum(abs(a, s), {columns ? row : col}, true, s);
    const Axes rest = {columns ? col : row};
    const array extreme = largest ? max(sums, rest, true, s) : min(sums, rest, true, s);
    return astype(keepdims ? extreme : squeeze(extreme, {row, col}, s), dtype, s);
  }
  if (std::abs(ord) == 2.0) {
    const array values = singular_values(a, row, col, s);
    const array extreme = largest ? max(values, {-1}, false, s) : min(values, {-1}, false, s);
    return astype(restore_axes(extreme, row, col, keepdims, s), dtype, s);
  }
  value_error("[linalg::norm] Invalid ord ", ord, " for matrix norm.");
}

array named_norm(const array& a, const std::string& ord, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  if (axes.size() != 2) {
    value_error("[linalg::norm] Norm '", ord, "' is only supported for matrices, but received ", axes.size(), " axes.");
  }
  if (ord == "f" || ord == "fro") return l2_norm(a, axes, keepdims, s);
  if (ord == "nuc") {
    const array total = sum(singular_values(a, axes[0], axes[1], s), {-1}, false, s);
    return restore_axes(total, axes[0], axes[1], keepdims, s);
  }
  value_error("[linalg::norm] Invalid ord value '", ord, "' for matrix norm.");
}

// --- systems

void check_system(const array& a, const array& b, const StreamOrDevice& s, const char* name) {
  check_cpu(s, name);
  if (a.ndim() < 2) {
    value_error("[linalg::", name, "] First input must have >= 2 dimensions. Received array with ", a.ndim(),
                " dimensions.");
  }
  if (b.ndim() < 1) {
    value_error("[linalg::", name, "] Second input must have >= 1 dimensions. Received array with ", b.ndim(),
                " dimensions.");
  }
  if (a.shape(-1) != a.shape(-2)) {
    value_error("[linalg::", name, "] First input must be a square matrix. Received array with shape ", a.shape(), ".");
  }
  if (a.shape(-1) != b.shape(b.ndim() > 1 ? -2 : -1)) {
    value_error("[linalg::", name, "] Last dimension of first input with shape ", a.shape(),
                " must match second to last dimension of second input with shape ", b.shape(), ".");
  }
  const Dtype dtype = promote_types(a.dtype(), b.dtype());
  if (dtype != float32 && dtype != float64) {
    value_error("[linalg::", name, "] Input arrays must promote to float32 or float64. Received arrays with type ",
                a.dtype(), " and ", b.dtype(), ".");
  }
}

array slice_last(const array& a, int axis_from_end, int stop, const StreamOrDevice& s) {
  Shape end = a.shape();
  end[a.ndim() - axis_from_end] = stop;
  return slice(a, Shape(a.ndim(), 0), end, Shape(a.ndim(), 1), s);
}

// --- determinants

array element(const array& a, int i, int j, const StreamOrDevice& s) {
  Shape start(a.ndim(), 0), stop = a.shape();
  const int row = a.ndim() - 2, col = a.ndim() - 1;
  start[row] = i;
  stop[row] = i + 1;
  start[col] = j;
  stop[col] = j + 1;
  return squeeze(slice(a, start, stop, Shape(a.ndim(), 1), s), {row, col}, s);
}

// By the formula, for matrices up to 3 x 3.
array small_det(const array& a, const StreamOrDevice& s) {
  const int n = a.shape(-1);
  if (n == 0) return broadcast_to(constant(1, a), Shape(a.shape().begin(), a.shape().end() - 2), s);
  const auto at = [&](int i, int j) { return element(a, i, j, s); };
  if (n == 1) return at(0, 0);
  const auto minor = [&](int r, int c0, int c1) {
    return subtract(multiply(at(r, c0), at(r + 1, c1), s), multiply(at(r, c1), at(r + 1, c0), s), s);
  };
  if (n == 2) return minor(0, 0, 1);
  return add(subtract(multiply(at(0, 0), minor(1, 1, 2), s), multiply(at(0, 1), minor(1, 0, 2), s), s),
             multiply(at(0, 2), minor(1, 0, 1), s), s);
}

std::pair<array, array> signed_log_det(const array& a, const StreamOrDevice& s) {
  const int n = a.shape(-1);
  if (n <= 3) {
    const array value = small_det(a, s);
    return {sign(value, s), log(abs(value, s), s)};
  }
  const auto [packed, pivots] = lu_factor(a, s);
  const array diagonals = diagonal(packed, 0, -2, -1, s);
  const array zero = constant(0, a);
  // Each exchanged row and each negative diagonal element turns the sign.
  const array exchanged = not_equal(pivots, arange(0, n, 1, uint32, s), s);
  const array turns = add(sum(astype(exchanged, int32, s), {-1}, false, s),
                          sum(astype(less(diagonals, zero, s), int32, s), {-1}, false, s), s);
  const array odd = remainder(turns, array::scalar(2), s);
  const array unit = astype(subtract(array::scalar(1), multiply(array::scalar(2), odd, s), s), a.dtype(), s);
  const array logs = sum(log(abs(diagonals, s), s), {-1}, false, s);
  const array singular = any(equal(diagonals, zero, s), {-1}, false, s);
  return {where(singular, zero, unit, s), where(singular, constant(-kInfinity, a), logs, s)};
}

array det_input(const array& a, const StreamOrDevice& s, const char* name) {
  check_cpu(s, name);
  if (is_complex(a.dtype())) value_error("[linalg::", name, "] Complex inputs are not supported.");
  check_square(a, name);
  return astype(a, at_least_float(a.dtype()), s);
}

bool parse_upper(const std::string& uplo, const char* name) {
  if (uplo == "U" || uplo == "u") return true;
  if (uplo == "L" || uplo == "l") return false;
  value_error("[linalg::", name, "] UPLO must be 'L' or 'U' but is '", uplo, "'.");
}

array symmetric_input(const array& a, const StreamOrDevice& s, const char* name) {
  check_factorisable(a, s, true, name);
  check_square(a, name);
  return a;
}

}  // namespace

array norm(const array& a, const NormOrder& ord, const std::optional<Axes>& axes, bool keepdims,
           const StreamOrDevice& s) {
  Axes chosen = all_axes(a);
  if (axes) {
    chosen.clear();
    for (int axis : *axes) chosen.push_back(normalize_axis(axis, a.ndim(), "linalg::norm"));
  }
  if (std::holds_alternative<std::monostate>(ord)) {
    if (axes && chosen.size() > 2) value_error("[linalg::norm] Received too many axes for norm.");
    return l2_norm(a, chosen, keepdims, s);
  }
  if (const auto* name = std::get_if<std::string>(&ord)) return named_norm(a, *name, chosen, keepdims, s);
  const double order = std::get<double>(ord);
  if (chosen.size() == 1) return vector_norm(a, order, chosen, keepdims, s);
  if (chosen.size() == 2) return matrix_norm(a, order, chosen[0], chosen[1], keepdims, s);
  value_error("[linalg::norm] Norms of an order take one or two axes, but received ", chosen.size(), ".");
}

array cross(const array& a, const array& b, int axis, const StreamOrDevice& s) {
  const Dtype dtype = promote_types(a.dtype(), b.dtype());
  // Vectors of length 2 get a zero third component.
  const auto components = [&](const array& v) {
    const int at = normalize_axis(axis, v.ndim(), "linalg::cross");
    const int n = v.shape(at);
    if (n < 2 || n > 3) value_error("[linalg::cross] The specified axis must have size 2 or 3 but has ", n, ".");
    Arrays parts = split(astype(v, dtype, s), n, at, s);
    return parts;
  };
  Arrays x = components(a), y = components(b);
  const bool flat = x.size() == 2 && y.size() == 2;
  if (x.size() == 2) x.push_back(zeros_like(x[0], s));
  if (y.size() == 2) y.push_back(zeros_like(y[0], s));
  const auto component = [&](int i, int j) {
    return subtract(multiply(x[i], y[j], s), multiply(x[j], y[i], s), s);
  };
  const array last = component(0, 1);
  const int out_axis = axis < 0 ? axis + last.ndim() : axis;
  if (flat) return concatenate({zeros_like(last, s), zeros_like(last, s), last}, out_axis, s);
  return concatenate({component(1, 2), component(2, 0), last}, out_axis, s);
}

std::pair<array, array> qr(const array& a, const StreamOrDevice& s) {
  check_factorisable(a, s, false, "qr");
  const Arrays out = apply_qr(a, s);
  return {out[0], out[1]};
}

Arrays svd(const array& a, bool compute_uv, const StreamOrDevice& s) {
  check_factorisable(a, s, true, "svd");
  return apply_svd(a, compute_uv, s);
}

array inv(const array& a, const StreamOrDevice& s) {
  check_factorisable(a, s, false, "inv");
  check_square(a, "inv");
  return apply_inverse(a, s);
}

array tri_inv(const array& a, bool upper, const StreamOrDevice& s) {
  check_factorisable(a, s, false, "tri_inv");
  check_square(a, "tri_inv");
  return apply_triangular_inverse(a, upper, s);
}

array cholesky(const array& a, bool upper, const StreamOrDevice& s) {
  check_factorisable(a, s, false, "cholesky");
  check_square(a, "cholesky");
  return apply_cholesky(a, upper, s);
}

array cholesky_inv(const array& factor, bool upper, const StreamOrDevice& s) {
  check_factorisable(factor, s, false, "cholesky_inv");
  check_square(factor, "cholesky_inv");
  const array inverse = tri_inv(factor, upper, s), turned = swapaxes(inverse, -1, -2, s);
  return upper ? matmul(inverse, turned, s) : matmul(turned, inverse, s);
}

array pinv(const array& a, const StreamOrDevice& s) {
  check_factorisable(a, s, false, "pinv");
  const int m = a.shape(-2), n = a.shape(-1), k = std::min(m, n);
  if (a.size() == 0) return swapaxes(a, -1, -2, s);
  const Arrays usv = svd(a, true, s);
  const array u = swapaxes(slice_last(usv[0], 1, k, s), -1, -2, s);
  const array v = swapaxes(slice_last(usv[2], 2, k, s), -1, -2, s);
  const array values = expand_dims(usv[1], {-2}, s);
  // Singular values that are rounding noise count as zero.
  const double epsilon = a.dtype() == float64 ? std::numeric_limits<double>::epsilon() : double(0x1p-23f);
  const array cutoff = multiply(constant(10.0 * std::max(m, n) * epsilon, a), max(values, {-1}, true, s), s);
  const array inverse = where(greater(values, cutoff, s), reciprocal(values, s), constant(0, a), s);
  return matmul(multiply(v, inverse, s), u, s);
}

array eigvalsh(const array& a, const std::string& uplo, const StreamOrDevice& s) {
  return apply_eigh(symmetric_input(a, s, "eigvalsh"), parse_upper(uplo, "eigvalsh"), false, s)[0];
}

std::pair<array, array> eigh(const array& a, const std::string& uplo, const StreamOrDevice& s) {
  const Arrays out = apply_eigh(symmetric_input(a, s, "eigh"), parse_upper(uplo, "eigh"), true, s);
  return {out[0], out[1]};
}

array eigvals(const array& a, const StreamOrDevice& s) {
  return apply_eig(symmetric_input(a, s, "eigvals"), false, s)[0];
}

std::pair<array, array> eig(const array& a, const StreamOrDevice& s) {
  const Arrays out = apply_eig(symmetric_input(a, s, "eig"), true, s);
  return {out[0], out[1]};
}

Arrays lu(const array& a, const StreamOrDevice& s) {
  check_factorisable(a, s, false, "lu");
  const Arrays out = apply_lu(a, s);
  const int m = a.shape(-2), n = a.shape(-1), k = std::min(m, n);
  array lower = tril(out[0], -1, s), upper = triu(out[0], 0, s);
  if (n != k) lower = slice_last(lower, 1, k, s);
  if (m != k) upper = slice_last(upper, 2, k, s);
  return {out[2], add(lower, eye(m, k, 0, a.dtype(), s), s), upper};
}

std::pair<array, array> lu_factor(const array& a, const StreamOrDevice& s) {
  check_factorisable(a, s, false, "lu_factor");
  const Arrays out = apply_lu(a, s);
  return {out[0], out[1]};
}

array solve(const array& a, const array& b, const StreamOrDevice& s) {
  check_system(a, b, s, "solve");
  const Arrays plu = lu(astype(a, promote_types(a.dtype(), b.dtype()), s), s);
  // The order of rows is locally constant.
  array order = stop_gradient(argsort(plu[0], -1, s), s);
  const bool vector = b.ndim() == 1;
  if (!vector) order = expand_dims(order, {-1}, s);
  const array rows = take_along_axis(b, order, vector ? -1 : -2, s);
  return solve_triangular(plu[2], solve_triangular(plu[1], rows, false, s), true, s);
}

array solve_triangular(const array& a, const array& b, bool upper, const StreamOrDevice& s) {
  check_system(a, b, s, "solve_triangular");
  return matmul(tri_inv(astype(a, promote_types(a.dtype(), b.dtype()), s), upper, s), b, s);
}

array det(const array& a, const StreamOrDevice& s) {
  const array input = det_input(a, s, "det");
  if (input.shape(-1) <= 3) return small_det(input, s);
  const auto [unit, logarithm] = signed_log_det(input, s);
  return multiply(unit, exp(logarithm, s), s);
}

std::pair<array, array> slogdet(const array& a, const StreamOrDevice& s) {
  return signed_log_det(det_input(a, s, "slogdet"), s);
}

}  // namespace mlx_rocm::linalg
