// Between Python objects and arrays: scalars, nested lists, buffers; and back to lists, scalars and text.
#include <span>
#include <nanobind/ndarray.h>

#include <cmath>
#include <cstring>

#include "backend/cpu/tile.h"
#include "backend/transforms/eval.h"
#include "python/bind.h"
#include "python/gil.h"

namespace mlx_rocm::python {
namespace {

array from_int(PyObject* o, std::optional<Dtype> like) {
  int overflow = 0;
  long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow) {
    unsigned long long u = overflow > 0 ? PyLong_AsUnsignedLongLong(o) : 0;
    if (overflow < 0 || (u == ~0ull && PyErr_Occurred())) {
      PyErr_Clear();
      value_error("Integer ", nb::cast<std::string>(nb::str(nb::handle(o))), " does not fit in 64 bits.");
    }
    return array::scalar(uint64_t(u), like.value_or(uint64));
  }
  if (!like || *like == bool_) {
    return array::scalar(int64_t(v), v >= INT32_MIN && v <= INT32_MAX ? int32 : int64);
  }
  // A weak integer never wraps: it must fit the narrow type it takes.
  if (is_integer(*like) && like->size() < 8) {
    int bits = int(like->size()) * 8;
    int64_t low = is_unsigned(*like) ? 0 : -(int64_t(1) << (bits - 1));
    int64_t high = (int64_t(1) << (is_unsigned(*like) ? bits : bits - 1)) - 1;
    if (v < low || v > high) value_error("Integer ", v, " is out of bounds for ", *like, ".");
  }
  return array::scalar(int64_t(v), *like);
}

Dtype dtype_of(nb::dlpack::dtype d) {
  using Code = nb::dlpack::dtype_code;
  Code code = Code(d.code);
  if (d.lanes == 1) {
    if (code == Code::Bool) return bool_;
    if (code == Code::UInt) return d.bits == 8 ? uint8 : d.bits == 16 ? uint16 : d.bits == 32 ? uint32 : uint64;
    if (code == Code::Int) return d.bits == 8 ? int8 : d.bits == 16 ? int16 : d.bits == 32 ? int32 : int64;
    if (code == Code::Float && d.bits <= 64) return d.bits == 16 ? float16 : d.bits == 32 ? float32 : float64;
    if (code == Code::Bfloat && d.bits == 16) return bfloat16;
    if (code == Code::Complex && d.bits == 64) return complex64;
  }
  value_error("Cannot convert an ndarray of this type (code ", int(d.code), ", ", int(d.bits), " bits) to an array.");
}

struct Ndarray {
  nb::ndarray<nb::ro, nb::device::cpu> nd;
  Shape shape;
  Strides strides;
};

Ndarray import_ndarray(nb::handle object) {
  Ndarray x;
  try {
    x.nd = nb::cast<nb::ndarray<nb::ro, nb::device::cpu>>(object);
  } catch (const nb::cast_error&) {
    type_error("Cannot convert an object of type ", nb::cast<std::string>(nb::str(object.type())), " to an array.");
  }
  for (size_t i = 0; i < x.nd.ndim(); ++i) {
    if (x.nd.shape(i) > size_t(INT32_MAX)) {
      throw OverflowError(concat_text("Shape dimension ", x.nd.shape(i), " is outside the supported range [", INT32_MIN,
                                      ", ", INT32_MAX,
                                      "]. MLX currently uses 32-bit integers for shape dimensions."));
    }
    x.shape.push_back(int32_t(x.nd.shape(i)));
    x.strides.push_back(x.nd.stride(i));
  }
  return x;
}

// NumPy's ml_dtypes.bfloat16 has no DLPack type: go through the bits.
bool is_numpy_bfloat16(nb::handle object) {
  return PyObject_HasAttrString(object.ptr(), "dtype") &&
         std::strcmp(nb::str(nb::object(object.attr("dtype"))).c_str(), "bfloat16") == 0 &&
         PyObject_HasAttrString(object.ptr(), "view");
}

// Copies any ndarray. complex128 and float64 narrow as MLX does unless `dtype` asks otherwise.
array from_ndarray(nb::handle object, std::optional<Dtype> dtype) {
  if (is_numpy_bfloat16(object)) {
    array bits = from_ndarray(object.attr("view")("uint16"), std::nullopt);
    array a(bits.buffer(), bits.shape(), bfloat16);
    return dtype ? cpu::contiguous(a, *dtype) : a;
  }
  auto [nd, shape, strides] = import_ndarray(object);
  using Code = nb::dlpack::dtype_code;
  if (Code(nd.dtype().code) == Code::Complex && nd.dtype().bits == 128) {
    array out = array::uninitialised(shape, complex64);
    auto* from = static_cast<const double*>(nd.data());
    Walker w(shape, strides);
    for (int64_t i = 0; i < out.size(); ++i, w.next()) {
      out.data<complex64_t>()[i] = {float(from[2 * w.offset()]), float(from[2 * w.offset() + 1])};
    }
    return dtype ? cpu::contiguous(out, *dtype) : out;
  }
  Dtype d = dtype_of(nd.dtype());
  array source(Buffer::wrap(const_cast<void*>(nd.data()), 0, [] {}), shape, d, strides, 0);
  array out = array::uninitialised(shape, d);
  cpu::copy(source, out);
  Dtype to = dtype.value_or(d == float64 ? float32 : d);
  return to == d ? out : cpu::contiguous(out, to);
}

bool has_buffer(nb::handle h) {
  return PyObject_CheckBuffer(h.ptr()) || nb::hasattr(h, "__dlpack__") || nb::hasattr(h, "__array__");
}

// --- nested lists

struct ListScan {
  Shape shape;
  bool bools = true, ints = true, floats = false, complexes = false, wide = false, big = false;
  bool any = false;
};

bool is_sequence(nb::handle h) { return PyList_Check(h.ptr()) || PyTuple_Check(h.ptr()); }
// The items of a list or tuple, borrowed.
std::span<PyObject* const> items(nb::handle h) {
  return {PySequence_Fast_ITEMS(h.ptr()), size_t(PySequence_Fast_GET_SIZE(h.ptr()))};
}

void scan(nb::handle h, size_t depth, ListScan& s) {
  if (is_sequence(h)) {
    size_t n = items(h).size();
    if (depth == s.shape.size()) {
      if (s.any) value_error("Initialization encountered extra dimension.");
      s.shape.push_back(int32_t(n));
    } else if (size_t(s.shape[depth]) != n) {
      value_error("Initialization encountered non-uniform length.");
    }
    for (PyObject* x : items(h)) scan(x, depth + 1, s);
    return;
  }
  if (depth != s.shape.size()) value_error("Initialization encountered non-uniform length.");
  s.any = true;
  if (PyBool_Check(h.ptr())) return;
  s.bools = false;
  if (PyLong_Check(h.ptr())) {
    int overflow = 0;
    long long v = PyLong_AsLongLongAndOverflow(h.ptr(), &overflow);
    if (overflow) s.big = true;
    if (v < INT32_MIN || v > INT32_MAX) s.wide = true;
  } else if (PyFloat_Check(h.ptr())) {
    s.floats = true;
  } else if (PyComplex_Check(h.ptr())) {
    s.complexes = true;
  } else {
    value_error("Invalid type ", nb::cast<std::string>(nb::str(h.type())), " received in array initialization.");
  }
}

template <class F>
void each_leaf(nb::handle h, F&& f) {
  if (is_sequence(h)) {
    for (PyObject* x : items(h)) each_leaf(x, f);
  } else {
    f(h);
  }
}

// Lists with arrays inside: stack them level by level.
array stack_list(nb::handle h, std::optional<Dtype> dtype) {
  if (!(nb::isinstance<nb::list>(h) || nb::isinstance<nb::tuple>(h))) return make_array(h, dtype);
  Arrays parts;
  for (nb::handle x : h) parts.push_back(stack_list(x, dtype));
  Dtype d = parts[0].dtype();
  for (const array& p : parts) {
    if (!(p.shape() == parts[0].shape())) value_error("Initialization encountered non-uniform length.");
    d = promote_types(d, p.dtype());
  }
  Shape shape = parts[0].shape();
  shape.insert(shape.begin(), int32_t(parts.size()));
  array out = zeros(shape, d);
  for (int32_t i = 0; i < int32_t(parts.size()); ++i) {
    Shape start(shape.size(), 0), stop = shape, step(shape.size(), 1);
    start[0] = i;
    stop[0] = i + 1;
    out = slice_update(out, expand_dims(parts[i], {0}), start, stop, step);
  }
  return out;
}

bool holds_arrays(nb::handle h) {
  if (!is_sequence(h)) {
    if (PyFloat_Check(h.ptr()) || PyLong_Check(h.ptr()) || PyComplex_Check(h.ptr())) return false;
    return is_array(h) || has_buffer(h);
  }
  for (PyObject* x : items(h)) {
    if (holds_arrays(x)) return true;
  }
  return false;
}

array from_list(nb::handle list, std::optional<Dtype> dtype) {
  if (holds_arrays(list)) return stack_list(list, dtype);
  ListScan s;
  scan(list, 0, s);
  if (!s.any) return array::uninitialised(s.shape, dtype.value_or(float32));
  Dtype natural = s.complexes ? complex64 : s.floats ? float32 : s.bools ? bool_ : s.big ? uint64 : s.wide ? int64 : int32;
  Dtype d = dtype.value_or(natural);
  array out = array::uninitialised(s.shape, d);
  if (s.complexes) {
    out = array::uninitialised(s.shape, complex64);
    auto* p = out.data<complex64_t>();
    each_leaf(list, [&](nb::handle h) {
      Py_complex c = PyComplex_AsCComplex(h.ptr());
      *p++ = {float(c.real), float(c.imag)};
    });
    return d == complex64 ? out : cpu::contiguous(out, d);
  }
  visit(d, [&]<class T>(TypeTag<T>) {
    T* p = out.data<T>();
    each_leaf(list, [&](nb::handle h) {
      if constexpr (std::is_integral_v<T>) {
        if (PyLong_Check(h.ptr())) {
          *p++ = std::is_same_v<T, bool> ? T(PyObject_IsTrue(h.ptr()) == 1)
                                         : T(PyLong_AsUnsignedLongLongMask(h.ptr()));
          return;
        }
        double v = PyFloat_AsDouble(h.ptr());
        *p++ = std::is_same_v<T, bool> ? T(v != 0) : T(int64_t(v));
      } else {
        double v = PyFloat_AsDouble(h.ptr());
        if constexpr (std::is_same_v<T, complex64_t>) {
          *p++ = {float(v), 0};
        } else if constexpr (std::is_same_v<T, double>) {
          *p++ = v;
        } else {
          *p++ = T(float(v));
        }
      }
    });
  });
  return out;
}

template <class T>
nb::object element(T v) {
  if constexpr (std::is_same_v<T, bool>) return nb::bool_(v);
  else if constexpr (std::is_same_v<T, complex64_t>) return nb::steal(PyComplex_FromDoubles(v.re, v.im));
  else if constexpr (std::is_integral_v<T>) return nb::int_(v);
  else return nb::float_(double(v));
}

template <class T>
nb::object list_level(const T* base, const Shape& shape, const Strides& strides, size_t axis) {
  nb::list out;
  for (int32_t i = 0; i < shape[axis]; ++i) {
    const T* at = base + i * strides[axis];
    out.append(axis + 1 == shape.size() ? element(*at) : list_level(at, shape, strides, axis + 1));
  }
  return out;
}

int32_t to_dimension(PyObject* o) {
  PyObject* index = PyNumber_Index(o);
  if (!index) throw nb::python_error();
  int overflow = 0;
  long long v = PyLong_AsLongLongAndOverflow(index, &overflow);
  nb::object text = nb::steal(PyObject_Str(index));
  Py_DECREF(index);
  if (overflow || v < INT32_MIN || v > INT32_MAX) {
    throw OverflowError(concat_text("Shape dimension ", nb::cast<std::string>(text),
                                    " is outside the supported range [", INT32_MIN, ", ", INT32_MAX, "]."));
  }
  return int32_t(v);
}

void collect(nb::handle h, Arrays& out) {
  if (is_array(h)) {
    out.push_back(nb::cast<array>(h));
  } else if (PyList_Check(h.ptr()) || PyTuple_Check(h.ptr())) {
    for (nb::handle x : h) collect(x, out);
  } else if (PyDict_Check(h.ptr())) {
    for (auto [k, v] : nb::borrow<nb::dict>(h)) collect(v, out);
  }
}

}  // namespace

bool is_array(nb::handle h) { return nb::isinstance<array>(h); }

array copy_with_strides(nb::handle ndarray) {
  auto [nd, shape, strides] = import_ndarray(ndarray);
  for (int64_t s : strides) {
    if (s < 0) value_error("Cannot convert DLPack arrays with negative strides to an array.");
  }
  if (nd.dtype().bits > 64) return from_ndarray(ndarray, std::nullopt);  // complex128
  Dtype d = dtype_of(nd.dtype());
  int64_t span = extent(shape, strides).second + 1;
  Ref<Buffer> buffer = Buffer::allocate(span * d.size());
  if (span > 0) std::memcpy(buffer->host(), nd.data(), span * d.size());
  return array(buffer, shape, d, strides, 0);
}

void bad_operand(const char* operation, nb::handle other) {
  std::string message = concat_text("Cannot perform ", operation, " on an array and ",
                                    nb::cast<std::string>(nb::borrow(other.type()).attr("__name__")), ".");
  if (other.is_none()) throw TypeError(message);
  value_error(message);
}

bool is_convertible(nb::handle h) {
  PyObject* o = h.ptr();
  return is_array(h) || PyLong_Check(o) || PyFloat_Check(o) || PyComplex_Check(o) || PyObject_CheckBuffer(o) ||
         PyObject_HasAttrString(o, "__mlx_array__") || PyObject_HasAttrString(o, "__dlpack__") ||
         PyObject_HasAttrString(o, "__complex__");
}

array to_array(nb::handle h, std::optional<Dtype> like) {
  PyObject* o = h.ptr();
  if (is_array(h)) return nb::cast<array>(h);
  if (PyBool_Check(o)) return array::scalar(o == Py_True, like.value_or(bool_));
  if (PyLong_Check(o)) return from_int(o, like);
  if (PyFloat_Check(o)) {
    Dtype d = like && is_inexact(*like) ? *like : float32;
    return array::scalar(PyFloat_AS_DOUBLE(o), d);
  }
  if (PyObject_HasAttrString(o, "__mlx_array__")) return nb::cast<array>(nb::borrow(h).attr("__mlx_array__")());
  const bool has_data = PyObject_CheckBuffer(o) || PyObject_HasAttrString(o, "__dlpack__");
  if (PyComplex_Check(o) || (!has_data && PyObject_HasAttrString(o, "__complex__"))) {
    Py_complex c = PyComplex_AsCComplex(o);
    if (PyErr_Occurred()) throw nb::python_error();
    return array::scalar(complex64_t{float(c.real), float(c.imag)});
  }
  return from_ndarray(h, like);
}

std::pair<array, array> to_arrays(nb::handle a, nb::handle b) {
  bool a_is = is_array(a), b_is = is_array(b);
  if (a_is && b_is) return {nb::cast<array>(a), nb::cast<array>(b)};
  if (a_is) {
    array x = nb::cast<array>(a);
    return {x, to_array(b, x.dtype())};
  }
  if (b_is) {
    array y = nb::cast<array>(b);
    return {to_array(a, y.dtype()), y};
  }
  return {to_array(a), to_array(b)};
}

array make_array(nb::handle h, std::optional<Dtype> dtype) {
  PyObject* o = h.ptr();
  if (is_array(h)) {
    array a = nb::cast<array>(h);
    return dtype ? astype(a, *dtype) : copy(a);
  }
  if (PyBool_Check(o)) return array::scalar(o == Py_True, dtype.value_or(bool_));
  if (PyLong_Check(o)) {
    array a = from_int(o, std::nullopt);
    return dtype ? cpu::contiguous(a, *dtype) : a;
  }
  if (PyFloat_Check(o)) return array::scalar(PyFloat_AS_DOUBLE(o), dtype.value_or(float32));
  if (PyComplex_Check(o)) {
    array a = to_array(h);
    return dtype ? cpu::contiguous(a, *dtype) : a;
  }
  if (nb::isinstance<nb::list>(h) || nb::isinstance<nb::tuple>(h)) return from_list(h, dtype);
  if (PyObject_HasAttrString(o, "__mlx_array__")) {
    array a = nb::cast<array>(nb::borrow(h).attr("__mlx_array__")());
    return dtype ? astype(a, *dtype) : a;
  }
  if (PyUnicode_Check(o) || !has_buffer(h)) {
    type_error("Cannot convert an object of type ", nb::cast<std::string>(nb::str(h.type())), " to an array.");
  }
  return from_ndarray(h, dtype);
}

Shape to_shape(nb::handle h) {
  Shape shape;
  if (PyLong_Check(h.ptr()) || PyIndex_Check(h.ptr())) {
    shape.push_back(to_dimension(h.ptr()));
    return shape;
  }
  for (nb::handle x : h) shape.push_back(to_dimension(x.ptr()));
  return shape;
}

Axes to_axes(nb::handle axis, const array& a) {
  if (axis.is_none()) return all_axes(a);
  if (PyLong_Check(axis.ptr())) return {nb::cast<int>(axis)};
  Axes axes;
  for (nb::handle x : axis) axes.push_back(nb::cast<int>(x));
  return axes;
}

void eval_no_gil(Arrays arrays) {
  bool ready = true;
  for (const array& a : arrays) ready = ready && a.is_evaluated() && !a.has_call() && !a.buffer()->device();
  if (ready) return;
  WithoutGil release;
  eval(arrays);
  // The values are wanted on the host: what a device has is fetched here, where other threads can run.
  for (const array& a : arrays) a.buffer()->host();
}

nb::object to_python_scalar(const array& a) {
  if (a.size() != 1) value_error("[convert] Only length-1 arrays can be converted to Python scalars.");
  eval_no_gil({a});
  return visit(a.dtype(), [&]<class T>(TypeTag<T>) { return element(*a.data<T>()); });
}

nb::object to_list(const array& a) {
  if (a.ndim() == 0) return to_python_scalar(a);
  eval_no_gil({a});
  return visit(a.dtype(), [&]<class T>(TypeTag<T>) -> nb::object {
    return list_level(a.data<T>(), a.shape(), a.strides(), 0);
  });
}

Arrays tree_arrays(nb::handle tree) {
  Arrays out;
  collect(tree, out);
  return out;
}

}  // namespace mlx_rocm::python
