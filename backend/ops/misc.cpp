#include "backend/ops/misc.h"

#include <cmath>
#include <limits>

#include "backend/core/error.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

array constant(double v, const array& like) { return array::scalar(v, like.dtype()); }
array all_false(const array& a, const StreamOrDevice& s) { return zeros(a.shape(), bool_, s); }

// The largest finite value of a floating dtype.
double largest(Dtype d) {
  if (d == float16) return 65504.0;
  if (d == bfloat16) return 0x1.fep127;
  return d == float64 ? std::numeric_limits<double>::max() : double(std::numeric_limits<float>::max());
}

}  // namespace

array isnan(const array& a, const StreamOrDevice& s) {
  return is_inexact(a.dtype()) ? not_equal(a, a, s) : all_false(a, s);
}
array isinf(const array& a, const StreamOrDevice& s) {
  if (is_complex(a.dtype())) return logical_or(isinf(real(a, s), s), isinf(imag(a, s), s), s);
  return is_inexact(a.dtype()) ? equal(abs(a, s), constant(kInf, a), s) : all_false(a, s);
}
array isposinf(const array& a, const StreamOrDevice& s) {
  return is_inexact(a.dtype()) ? equal(a, constant(kInf, a), s) : all_false(a, s);
}
array isneginf(const array& a, const StreamOrDevice& s) {
  return is_inexact(a.dtype()) ? equal(a, constant(-kInf, a), s) : all_false(a, s);
}
array isfinite(const array& a, const StreamOrDevice& s) {
  if (is_complex(a.dtype())) return logical_and(isfinite(real(a, s), s), isfinite(imag(a, s), s), s);
  if (!is_inexact(a.dtype())) return ones(a.shape(), bool_, s);
  return less(abs(a, s), constant(kInf, a), s);  // false for NaN
}

array isclose(const array& a0, const array& b0, double rtol, double atol, bool equal_nan, const StreamOrDevice& s) {
  Dtype d = at_least_float(promote_types(a0.dtype(), b0.dtype()));
  array a = astype(a0, d, s), b = astype(b0, d, s);
  array size = abs(b, s);
  array bound = add(array::scalar(atol, size.dtype()), multiply(array::scalar(rtol, size.dtype()), size, s), s);
  array close = less_equal(abs(subtract(a, b, s), s), bound, s);
  // Infinities: equal ones are close; one-sided ones are not, although the bound is infinite.
  array finite = logical_and(isfinite(a, s), isfinite(b, s), s);
  close = logical_or(logical_and(close, finite, s), equal(a, b, s), s);
  return equal_nan ? logical_or(close, logical_and(isnan(a, s), isnan(b, s), s), s) : close;
}
array allclose(const array& a, const array& b, double rtol, double atol, bool equal_nan, const StreamOrDevice& s) {
  array close = isclose(a, b, rtol, atol, equal_nan, s);
  return all(close, all_axes(close), false, s);
}
array array_equal(const array& a, const array& b, bool equal_nan, const StreamOrDevice& s) {
  if (!(a.shape() == b.shape())) return array::scalar(false, bool_);
  Dtype d = promote_types(a.dtype(), b.dtype());
  bool nans = equal_nan && is_inexact(d);
  array same = nans ? nan_equal(astype(a, d, s), astype(b, d, s), s) : equal(a, b, s);
  return all(same, all_axes(same), false, s);
}

array round(const array& a, int decimals, const StreamOrDevice& s) {
  if (decimals == 0) return round_half_even(a, s);
  // The scale is a float even for integers, whose type comes back afterwards.
  Dtype d = at_least_float(a.dtype());
  array x = astype(a, d, s), scale = array::scalar(std::pow(10.0, std::abs(decimals)), d);
  array y = decimals > 0 ? divide(round_half_even(multiply(x, scale, s), s), scale, s)
                         : multiply(round_half_even(divide(x, scale, s), s), scale, s);
  return astype(y, a.dtype(), s);
}
array degrees(const array& a, const StreamOrDevice& s) {
  array x = astype(a, at_least_float(a.dtype()), s);
  return multiply(x, constant(180.0 / M_PI, x), s);
}
array radians(const array& a, const StreamOrDevice& s) {
  array x = astype(a, at_least_float(a.dtype()), s);
  return multiply(x, constant(M_PI / 180.0, x), s);
}

array nan_to_num(const array& a, double nan, std::optional<double> posinf, std::optional<double> neginf,
                 const StreamOrDevice& s) {
  if (!is_inexact(a.dtype())) return a;
  if (is_complex(a.dtype())) value_error("[nan_to_num] Not supported for complex64.");
  array y = where(isnan(a, s), constant(nan, a), a, s);
  y = where(isposinf(y, s), constant(posinf.value_or(largest(a.dtype())), a), y, s);
  return where(isneginf(y, s), constant(neginf.value_or(-largest(a.dtype())), a), y, s);
}

array clip(const array& a, const array& low, const array& high, const StreamOrDevice& s) {
  if (low.is_null() && high.is_null()) value_error("[clip] At most one of a_min and a_max may be None.");
  array y = a;
  if (!low.is_null()) y = maximum(y, low, s);
  if (!high.is_null()) y = minimum(y, high, s);
  return y;
}

array diff(const array& a, int n, int axis, const StreamOrDevice& s) {
  if (n < 0) value_error("[diff] Order must be non-negative but got ", n, ".");
  if (a.ndim() == 0) value_error("[diff] Input must have at least one dimension.");
  int ax = normalize_axis(axis, a.ndim(), "diff");
  array y = a;
  for (int i = 0; i < n && y.shape(ax) > 0; ++i) {
    Shape zero(y.ndim(), 0), one(y.ndim(), 0), stop = y.shape(), short_stop = y.shape(), step(y.ndim(), 1);
    one[ax] = 1;
    short_stop[ax] -= 1;
    array right = slice(y, one, stop, step, s), left = slice(y, zero, short_stop, step, s);
    y = y.dtype() == bool_ ? not_equal(right, left, s) : subtract(right, left, s);
  }
  return y;
}

array trace(const array& a, int offset, int axis1, int axis2, Dtype dtype, const StreamOrDevice& s) {
  if (a.ndim() < 2) value_error("[trace] Array must have at least two dimensions, but got ", a.ndim(), ".");
  return sum(astype(diagonal(a, offset, axis1, axis2, s), dtype, s), {-1}, false, s);
}

array count_nonzero(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  return sum(astype(astype(a, bool_, s), int32, s), axes, keepdims, s);
}

}  // namespace mlx_rocm
