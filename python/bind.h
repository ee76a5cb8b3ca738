// What the binding files share. Each theme is one file with one init function, listed here and called in module.cpp.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include "backend/core/array.h"
#include "backend/core/error.h"
#include "backend/ops/ops.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace mlx_rocm::python {

void init_dtype(nb::module_& m);
void init_device(nb::module_& m);
void init_array(nb::module_& m);
void init_elementwise(nb::module_& m);
void init_tree(nb::module_& m);
void init_autodiff(nb::module_& m);
void init_vmap(nb::module_& m);
void init_matmul(nb::module_& m);
void init_shape(nb::module_& m);
void init_create(nb::module_& m);
void init_reduce(nb::module_& m);
void init_index(nb::module_& m);
void init_fast(nb::module_& m);
void init_conv(nb::module_& m);
void init_interop(nb::module_& m);
void init_core_misc(nb::module_& m);
void init_quantized(nb::module_& m);
void init_compile(nb::module_& m);
void init_export(nb::module_& m);
void init_contract(nb::module_& m);
void init_sort(nb::module_& m);
void init_random(nb::module_& m);
void init_fft(nb::module_& m);
void init_linalg(nb::module_& m);
void init_transforms(nb::module_& m);
void init_io(nb::module_& m);
void init_distributed(nb::module_& m);
void init_gpu_jit(nb::module_& m);
void init_gpu_routes(nb::module_& m);

// Type slots of the array class: the buffer protocol.
PyType_Slot* array_slots();

// An argument where MLX takes "scalar or array": bool, int, float, complex, array, NumPy array, anything with
// __mlx_array__ or the buffer/DLPack protocol. Convert it with to_array.
struct Operand {
  nb::handle object;
};

// An array from such an object. Python scalars and NumPy arrays are weak: with `like` they take that type where MLX
// says so (an int keeps any type but bool, a float any inexact type); without it they get MLX's default type.
array to_array(nb::handle object, std::optional<Dtype> like = std::nullopt);
inline array to_array(const Operand& o, std::optional<Dtype> like = std::nullopt) { return to_array(o.object, like); }
// Two operands, the weak one following the other.
std::pair<array, array> to_arrays(nb::handle a, nb::handle b);
inline std::pair<array, array> to_arrays(const Operand& a, const Operand& b) { return to_arrays(a.object, b.object); }
// What mx.array(...) builds from lists, scalars, arrays and buffers.
array make_array(nb::handle value, std::optional<Dtype> dtype);
// A copy of an ndarray that keeps its strides (ValueError for negative ones).
array copy_with_strides(nb::handle ndarray);
// "Cannot perform addition on an array and str": TypeError for None, ValueError for anything else.
[[noreturn]] void bad_operand(const char* operation, nb::handle other);
bool is_array(nb::handle h);
bool is_convertible(nb::handle h);  // would to_array take it?

// Shapes come as an int or a sequence of ints; entries outside int32 raise OverflowError.
Shape to_shape(nb::handle h);
// None -> all axes, int -> one, sequence -> those.
Axes to_axes(nb::handle axis, const array& a);

// Evaluates with the GIL released.
void eval_no_gil(Arrays arrays);
nb::object to_python_scalar(const array& a);
nb::object to_list(const array& a);
std::string to_repr(const array& a);

// Every array in a tree of list, tuple and dict, in order.
Arrays tree_arrays(nb::handle tree);

}  // namespace mlx_rocm::python

namespace nanobind::detail {

template <>
struct type_caster<mlx_rocm::python::Operand> {
  NB_TYPE_CASTER(mlx_rocm::python::Operand, const_name("scalar | array"))
  bool from_python(handle src, uint8_t, cleanup_list*) noexcept {
    value.object = src;
    return mlx_rocm::python::is_convertible(src);
  }
  static handle from_cpp(const mlx_rocm::python::Operand& o, rv_policy, cleanup_list*) noexcept {
    return o.object.inc_ref();
  }
};

// Shapes in signatures: an int or a sequence of ints in, a tuple out.
template <>
struct type_caster<mlx_rocm::Shape> {
  NB_TYPE_CASTER(mlx_rocm::Shape, const_name("int | Sequence[int]"))
  bool from_python(handle src, uint8_t, cleanup_list*) {
    if (!PyLong_Check(src.ptr()) && !PySequence_Check(src.ptr())) return false;
    value = mlx_rocm::python::to_shape(src);
    return true;
  }
  static handle from_cpp(const mlx_rocm::Shape& shape, rv_policy, cleanup_list*) noexcept {
    PyObject* t = PyTuple_New(Py_ssize_t(shape.size()));
    for (size_t i = 0; i < shape.size(); ++i) PyTuple_SET_ITEM(t, Py_ssize_t(i), PyLong_FromLong(shape[i]));
    return t;
  }
};

}  // namespace nanobind::detail
