// Bindings of array creation.
#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

Dtype dtype_of_scalars(std::initializer_list<nb::handle> values) {
  for (nb::handle v : values) {
    if (!v.is_none() && !PyLong_Check(v.ptr())) return float32;
  }
  for (nb::handle v : values) {
    if (v.is_none()) continue;
    int overflow = 0;
    long long n = PyLong_AsLongLongAndOverflow(v.ptr(), &overflow);
    if (overflow || n < INT32_MIN || n > INT32_MAX) return int64;
  }
  return int32;
}
double number(nb::handle h) { return is_array(h) ? nb::cast<array>(h).item<double>() : nb::cast<double>(nb::float_(h)); }

array arange_any(nb::handle start, nb::handle stop, nb::handle step, std::optional<Dtype> dtype,
                 const StreamOrDevice& s) {
  Dtype d = dtype.value_or(dtype_of_scalars({start, stop, step}));
  double first = stop.is_none() ? 0 : number(start), last = stop.is_none() ? number(start) : number(stop);
  return arange(first, last, step.is_none() ? 1.0 : number(step), d, s);
}

array full_any(const Shape& shape, const Operand& value, std::optional<Dtype> dtype, const StreamOrDevice& s) {
  // As in MLX, the dtype is only a wish: a float among the values wins over an integer dtype.
  array v = to_array(value, dtype);
  return full(shape, v, v.dtype(), s);
}

}  // namespace

void init_create(nb::module_& m) {
  auto stream = "stream"_a = nb::none();
  m.def(
      "arange",
      [](nb::handle start, nb::handle stop, nb::handle step, std::optional<Dtype> d, const StreamOrDevice& s) {
        return arange_any(start, stop, step, d, s);
      },
      "start"_a, "stop"_a.none(), "step"_a = nb::none(), "dtype"_a = nb::none(), nb::kw_only(), stream,
      "start, start + step, ... below stop; int32 when all are ints, else float32.");
  m.def(
      "arange",
      [](nb::handle stop, nb::handle step, std::optional<Dtype> d, const StreamOrDevice& s) {
        return arange_any(nb::int_(0), stop, step, d, s);
      },
      "stop"_a, "step"_a = nb::none(), "dtype"_a = nb::none(), nb::kw_only(), stream,
      "0, step, 2 step, ... below stop.");
  m.def("full", full_any, "shape"_a, "vals"_a, "dtype"_a = nb::none(), nb::kw_only(), stream,
        "An array filled with vals (broadcast to the shape).");
  m.def(
      "full_like",
      [](const array& a, const Operand& v, std::optional<Dtype> d, const StreamOrDevice& s) {
        Dtype to = d.value_or(a.dtype());
        return full_like(a, to_array(v, to), to, s);
      },
      "a"_a, "vals"_a, "dtype"_a = nb::none(), nb::kw_only(), stream, "An array like a, filled with vals.");
  struct Filled {
    const char *name, *like;
    int value;
  };
  for (auto [name, like, value] : {Filled{"zeros", "zeros_like", 0}, Filled{"empty", "empty_like", 0},
                                   Filled{"ones", "ones_like", 1}}) {
    m.def(
        name,
        [value = value](const Shape& shape, std::optional<Dtype> dtype, const StreamOrDevice& s) {
          Dtype d = dtype.value_or(float32);
          return full(shape, array::scalar(value, d), d, s);
        },
        "shape"_a, "dtype"_a.none() = float32, nb::kw_only(), stream, "An array filled with 0 (ones: with 1).");
    m.def(
        like,
        [value = value](const array& a, std::optional<Dtype> dtype, const StreamOrDevice& s) {
          Dtype d = dtype.value_or(a.dtype());
          return full_like(a, array::scalar(value, d), d, s);
        },
        nb::arg(), "dtype"_a = nb::none(), nb::kw_only(), stream, "An array of a's shape filled with 0 (ones: with 1).");
  }
  m.def(
      "eye",
      [](int n, std::optional<int> cols, int k, std::optional<Dtype> d, const StreamOrDevice& s) {
        return eye(n, cols.value_or(n), k, d.value_or(float32), s);
      },
      "n"_a, "m"_a = nb::none(), "k"_a = 0, "dtype"_a.none() = float32, nb::kw_only(), stream,
      "An n x m matrix with ones on the k-th diagonal.");
  m.def(
      "identity",
      [](int n, std::optional<Dtype> d, const StreamOrDevice& s) { return eye(n, n, 0, d.value_or(float32), s); },
      "n"_a, "dtype"_a.none() = float32, nb::kw_only(), stream, "The n x n identity matrix.");
  m.def(
      "tri",
      [](int n, std::optional<int> cols, int k, std::optional<Dtype> d, const StreamOrDevice& s) {
        return tri(n, cols.value_or(n), k, d.value_or(float32), s);
      },
      "n"_a, "m"_a = nb::none(), "k"_a = 0, "dtype"_a = nb::none(), nb::kw_only(), stream,
      "An n x m matrix with ones at and below the k-th diagonal.");
  m.def("tril", tril, "x"_a, "k"_a = 0, nb::kw_only(), stream, "Zeros above the k-th diagonal.");
  m.def("triu", triu, "x"_a, "k"_a = 0, nb::kw_only(), stream, "Zeros below the k-th diagonal.");
  m.def(
      "linspace",
      [](nb::handle start, nb::handle stop, std::optional<int> num, bool endpoint, std::optional<Dtype> d,
         const StreamOrDevice& s) {
        return linspace(number(start), number(stop), num.value_or(50), endpoint, d.value_or(float32), s);
      },
      "start"_a, "stop"_a, "num"_a.none() = 50, "endpoint"_a = true, "dtype"_a.none() = float32, stream,
      "num evenly spaced values from start to stop.");
  using Window = array (*)(int, const StreamOrDevice&);
  for (auto [name, f] : {std::pair<const char*, Window>{"hanning", hanning}, {"hamming", hamming},
                         {"blackman", blackman}, {"bartlett", bartlett}}) {
    m.def(name, f, "M"_a, nb::kw_only(), stream, "The window of M samples, float32.");
  }
}

}  // namespace mlx_rocm::python
