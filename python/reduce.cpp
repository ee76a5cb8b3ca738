// Bindings of reductions, scans and the functions composed of elementwise ops.
#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

using ReduceFn = array (*)(const array&, const Axes&, bool, const StreamOrDevice&);
using ArgFn = array (*)(const array&, int, bool, const StreamOrDevice&);
using ScanFn = array (*)(const array&, int, bool, bool, const StreamOrDevice&);
using SpreadFn = array (*)(const array&, const Axes&, bool, int, const StreamOrDevice&);

array arg_any(ArgFn f, const array& a, std::optional<int> axis, bool keepdims, const StreamOrDevice& s) {
  if (axis) return f(a, *axis, keepdims, s);
  array y = f(flatten(a, 0, -1, s), 0, keepdims, s);
  return keepdims ? reshape(y, Shape(a.ndim(), 1), s) : y;
}

array scan_any(ScanFn f, const array& a, std::optional<int> axis, bool reverse, bool inclusive,
               const StreamOrDevice& s) {
  if (axis) return f(a, *axis, reverse, inclusive, s);
  return f(flatten(a, 0, -1, s), 0, reverse, inclusive, s);
}

// Functions and methods with one and the same tail of parameters.
void def_reduction(nb::module_& m, nb::class_<array>& cls, const char* name, ReduceFn f, const char* doc) {
  auto call = [f](const array& a, nb::handle axis, bool keepdims, const StreamOrDevice& s) {
    return f(a, to_axes(axis, a), keepdims, s);
  };
  m.def(name, call, nb::arg(), "axis"_a = nb::none(), "keepdims"_a = false, nb::kw_only(), "stream"_a = nb::none(), doc);
  cls.def(name, call, "axis"_a = nb::none(), "keepdims"_a = false, nb::kw_only(), "stream"_a = nb::none(), doc);
}

void def_spread(nb::module_& m, nb::class_<array>& cls, const char* name, SpreadFn f, const char* doc) {
  m.def(
      name,
      [f](const array& a, nb::handle axis, bool keepdims, int ddof, std::optional<int> correction,
          const StreamOrDevice& s) { return f(a, to_axes(axis, a), keepdims, correction.value_or(ddof), s); },
      nb::arg(), "axis"_a = nb::none(), "keepdims"_a = false, "ddof"_a = 0, nb::kw_only(),
      "correction"_a = nb::none(), "stream"_a = nb::none(), doc);
  cls.def(
      name,
      [f](const array& a, nb::handle axis, bool keepdims, int ddof, std::optional<int> correction,
          const StreamOrDevice& s) { return f(a, to_axes(axis, a), keepdims, correction.value_or(ddof), s); },
      "axis"_a = nb::none(), "keepdims"_a = false, "ddof"_a = 0, nb::kw_only(), "correction"_a = nb::none(),
      "stream"_a = nb::none(), doc);
}

void def_arg(nb::module_& m, nb::class_<array>& cls, const char* name, ArgFn f, const char* doc) {
  auto call = [f](const array& a, std::optional<int> axis, bool keepdims, const StreamOrDevice& s) {
    return arg_any(f, a, axis, keepdims, s);
  };
  m.def(name, call, nb::arg(), "axis"_a = nb::none(), "keepdims"_a = false, nb::kw_only(), "stream"_a = nb::none(), doc);
  cls.def(name, call, "axis"_a = nb::none(), "keepdims"_a = false, nb::kw_only(), "stream"_a = nb::none(), doc);
}

void def_scan(nb::module_& m, nb::class_<array>& cls, const char* name, ScanFn f, const char* doc) {
  auto call = [f](const array& a, std::optional<int> axis, bool reverse, bool inclusive, const StreamOrDevice& s) {
    return scan_any(f, a, axis, reverse, inclusive, s);
  };
  m.def(name, call, nb::arg(), "axis"_a = nb::none(), nb::kw_only(), "reverse"_a = false, "inclusive"_a = true,
        "stream"_a = nb::none(), doc);
  cls.def(name, call, "axis"_a = nb::none(), nb::kw_only(), "reverse"_a = false, "inclusive"_a = true,
          "stream"_a = nb::none(), doc);
}

// cumsum and cumprod also take the dtype to accumulate in.
void def_typed_scan(nb::module_& m, nb::class_<array>& cls, const char* name, ScanFn f, const char* doc) {
  auto call = [f](const array& a, std::optional<int> axis, bool reverse, bool inclusive, std::optional<Dtype> dtype,
                  const StreamOrDevice& s) {
    return scan_any(f, dtype ? astype(a, *dtype, s) : a, axis, reverse, inclusive, s);
  };
  m.def(name, call, nb::arg(), "axis"_a = nb::none(), nb::kw_only(), "reverse"_a = false, "inclusive"_a = true,
        "dtype"_a = nb::none(), "stream"_a = nb::none(), doc);
  cls.def(
      name,
      [f](const array& a, std::optional<int> axis, bool reverse, bool inclusive, const StreamOrDevice& s) {
        return scan_any(f, a, axis, reverse, inclusive, s);
      },
      "axis"_a = nb::none(), nb::kw_only(), "reverse"_a = false, "inclusive"_a = true, "stream"_a = nb::none(), doc);
}

using Unary = array (*)(const array&, const StreamOrDevice&);
void def_method(nb::class_<array>& cls, const char* name, Unary f) {
  cls.def(
      name, [f](const array& a, const StreamOrDevice& s) { return f(a, s); }, nb::kw_only(), "stream"_a = nb::none());
}

}  // namespace

void init_reduce(nb::module_& m) {
  auto cls = nb::borrow<nb::class_<array>>(m.attr("array"));
  def_reduction(m, cls, "sum", sum, "Sum over axes; narrow integers widen to 32 bits.");
  def_reduction(m, cls, "prod", prod, "Product over axes; narrow integers widen to 32 bits.");
  def_reduction(m, cls, "max", max, "Largest entry over axes; NaN wins.");
  def_reduction(m, cls, "min", min, "Smallest entry over axes; NaN wins.");
  def_reduction(m, cls, "all", all, "Whether all entries over axes are true.");
  def_reduction(m, cls, "any", any, "Whether any entry over axes is true.");
  def_reduction(m, cls, "mean", mean, "Mean over axes; integers give float32.");
  def_spread(m, cls, "var", var, "Variance over axes with divisor n - ddof.");
  def_spread(m, cls, "std", std, "Standard deviation over axes with divisor n - ddof.");
  def_arg(m, cls, "argmax", argmax, "Index (uint32) of the largest entry, the first of equals.");
  def_arg(m, cls, "argmin", argmin, "Index (uint32) of the smallest entry, the first of equals.");
  def_typed_scan(m, cls, "cumsum", cumsum, "Cumulative sum along an axis (None: of the flattened array).");
  def_typed_scan(m, cls, "cumprod", cumprod, "Cumulative product along an axis.");
  def_scan(m, cls, "cummax", cummax, "Cumulative maximum along an axis.");
  def_scan(m, cls, "cummin", cummin, "Cumulative minimum along an axis.");
  def_scan(m, cls, "logcumsumexp", logcumsumexp, "log of the cumulative sum of exp along an axis.");
  m.attr("cumulative_sum") = m.attr("cumsum");
  m.attr("cumulative_prod") = m.attr("cumprod");
  m.def(
      "minmax",
      [](const array& a, nb::handle axis, bool keepdims, const StreamOrDevice& s) {
        Axes axes = to_axes(axis, a);
        return nb::make_tuple(min(a, axes, keepdims, s), max(a, axes, keepdims, s));
      },
      nb::arg(), "axis"_a = nb::none(), "keepdims"_a = false, nb::kw_only(), "stream"_a = nb::none(),
      "Smallest and largest entry over axes.");
  m.def(
      "count_nonzero",
      [](const array& a, nb::handle axis, bool keepdims, const StreamOrDevice& s) {
        return count_nonzero(a, to_axes(axis, a), keepdims, s);
      },
      nb::arg(), nb::kw_only(), "axis"_a = nb::none(), "keepdims"_a = false, "stream"_a = nb::none(),
      "How many entries over axes are not zero.");
  m.def(
      "trace",
      [](const array& a, int offset, int axis1, int axis2, std::optional<Dtype> d, const StreamOrDevice& s) {
        return trace(a, offset, axis1, axis2, d.value_or(a.dtype()), s);
      },
      nb::arg(), "offset"_a = 0, "axis1"_a = 0, "axis2"_a = 1, "dtype"_a = nb::none(), nb::kw_only(),
      "stream"_a = nb::none(), "Sum of a diagonal.");
  m.def("diff", diff, nb::arg(), "n"_a = 1, "axis"_a = -1, nb::kw_only(), "stream"_a = nb::none(),
        "The n-th differences of neighbours along an axis.");

  for (auto [name, f] : {std::pair<const char*, Unary>{"isnan", isnan}, {"isinf", isinf}, {"isfinite", isfinite},
                         {"isposinf", isposinf}, {"isneginf", isneginf}}) {
    m.def(
        name, [f = f](const Operand& a, const StreamOrDevice& s) { return f(to_array(a), s); }, "a"_a,
        "stream"_a = nb::none(), "Elementwise test, bool.");
  }
  m.def(
      "isclose",
      [](const Operand& a, const Operand& b, double rtol, double atol, bool nan, const StreamOrDevice& s) {
        auto [x, y] = to_arrays(a, b);
        return isclose(x, y, rtol, atol, nan, s);
      },
      nb::arg(), nb::arg(), "rtol"_a = 1e-5, "atol"_a = 1e-8, nb::kw_only(), "equal_nan"_a = false,
      "stream"_a = nb::none(), "Elementwise |a - b| <= atol + rtol |b|.");
  m.def(
      "allclose",
      [](const Operand& a, const Operand& b, double rtol, double atol, bool nan, const StreamOrDevice& s) {
        auto [x, y] = to_arrays(a, b);
        return allclose(x, y, rtol, atol, nan, s);
      },
      nb::arg(), nb::arg(), "rtol"_a = 1e-5, "atol"_a = 1e-8, nb::kw_only(), "equal_nan"_a = false,
      "stream"_a = nb::none(), "Whether isclose holds everywhere.");
  m.def(
      "array_equal",
      [](const Operand& a, const Operand& b, bool nan, const StreamOrDevice& s) {
        auto [x, y] = to_arrays(a, b);
        return array_equal(x, y, nan, s);
      },
      "a"_a, "b"_a, "equal_nan"_a = false, "stream"_a = nb::none(), "Whether shape and all entries are equal.");
  m.def("round", mlx_rocm::round, nb::arg(), "decimals"_a = 0, "stream"_a = nb::none(),
        "Rounds to decimals, halves to even.");
  m.def(
      "degrees", [](const Operand& a, const StreamOrDevice& s) { return degrees(to_array(a), s); }, nb::arg(),
      nb::kw_only(), "stream"_a = nb::none(), "Radians to degrees.");
  m.def(
      "radians", [](const Operand& a, const StreamOrDevice& s) { return radians(to_array(a), s); }, nb::arg(),
      nb::kw_only(), "stream"_a = nb::none(), "Degrees to radians.");
  m.def(
      "nan_to_num",
      [](const Operand& a, double nan, std::optional<double> pos, std::optional<double> neg, const StreamOrDevice& s) {
        return nan_to_num(to_array(a), nan, pos, neg, s);
      },
      "a"_a, "nan"_a = 0.0, "posinf"_a = nb::none(), "neginf"_a = nb::none(), nb::kw_only(), "stream"_a = nb::none(),
      "Replaces NaN and infinities (default: by 0 and the largest finite numbers).");
  m.def(
      "clip",
      [](const array& a, std::optional<Operand> low, std::optional<Operand> high, const StreamOrDevice& s) {
        return clip(a, low ? to_array(*low, a.dtype()) : array(), high ? to_array(*high, a.dtype()) : array(), s);
      },
      nb::arg(), "a_min"_a.none(), "a_max"_a.none(), nb::kw_only(), "stream"_a = nb::none(),
      "Limits entries to [a_min, a_max]; one of them may be None.");
  m.def(
      "divmod",
      [](const Operand& a, const Operand& b, const StreamOrDevice& s) {
        auto [x, y] = to_arrays(a, b);
        // As a pair the two count as piecewise constant.
        return nb::make_tuple(floor_divide(x, y, s), stop_gradient(remainder(x, y, s), s));
      },
      "a"_a, "b"_a, "stream"_a = nb::none(), "floor(a / b) and the remainder, as a tuple.");

  for (auto [name, f] : {std::pair<const char*, Unary>{"abs", abs}, {"square", square}, {"sqrt", sqrt},
                         {"rsqrt", rsqrt}, {"reciprocal", reciprocal}, {"exp", exp}, {"log", log}, {"log2", log2},
                         {"log10", log10}, {"log1p", log1p}, {"sin", sin}, {"cos", cos}, {"conj", conjugate}}) {
    def_method(cls, name, f);
  }
  cls.def("round", mlx_rocm::round, "decimals"_a = 0, nb::kw_only(), "stream"_a = nb::none());
  cls.def_prop_ro("real", [](const array& a) { return real(a); });
  cls.def_prop_ro("imag", [](const array& a) { return imag(a); });
}

}  // namespace mlx_rocm::python
