// The array class: construction, properties, operators. Methods that are ops forward to them.
#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

using Binary = array (*)(const array&, const array&, const StreamOrDevice&);

// x op y, y op x and x op= y. In-place operators rebind the handle inside the Python object, so that every
// reference to it sees the new value.
void def_operator(nb::class_<array>& cls, const char* name, const char* reflected, const char* in_place, Binary f,
                  const char* operation) {
  auto other = [operation](const array& a, nb::handle b) {
    if (!is_convertible(b)) bad_operand(operation, b);
    return to_array(b, a.dtype());
  };
  cls.def(
      name, [f, other](const array& a, nb::handle b) { return f(a, other(a, b), {}); }, "other"_a.none());
  if (reflected) {
    cls.def(
        reflected, [f, other](const array& a, nb::handle b) { return f(other(a, b), a, {}); }, "other"_a.none());
  }
  if (in_place) {
    cls.def(
        in_place,
        [f, other](array& a, nb::handle b) -> array& {
          a = f(a, other(a, b), {});
          return a;
        },
        "other"_a.none(), nb::rv_policy::none);
  }
}

nb::object compare(const array& a, nb::handle b, Binary f, const char* symbol) {
  if (!is_convertible(b)) bad_operand(symbol, b);
  return nb::cast(f(a, to_array(b, a.dtype()), {}));
}

void require_integers(const array& a, const array& b, const char* op) {
  if (is_inexact(a.dtype()) || is_inexact(b.dtype())) {
    value_error("Floating point types not allowed with bitwise ", op, ".");
  }
}


}  // namespace

void init_array(nb::module_& m) {
  nb::class_<array> cls(m, "array", nb::type_slots(array_slots()), nb::is_weak_referenceable(),
                        "An N-dimensional, lazily evaluated array.");
  cls.def(
      "__init__",
      [](array* self, nb::handle val, std::optional<Dtype> dtype) { new (self) array(make_array(val, dtype)); },
      "val"_a, "dtype"_a = nb::none(),
      "From a scalar, a (nested) list or tuple, another array, or anything with the buffer or DLPack protocol.");

  cls.def_prop_ro("size", &array::size, "Number of elements.")
      .def_prop_ro("ndim", &array::ndim, "Number of axes.")
      .def_prop_ro("itemsize", &array::itemsize, "Bytes per element.")
      .def_prop_ro("nbytes", &array::nbytes, "Bytes of all elements.")
      .def_prop_ro("shape", [](const array& a) { return a.shape(); }, "Tuple of dimensions.")
      .def_prop_ro("dtype", &array::dtype, "Element type.")
      .def_prop_ro("T", [](const array& a) { return transpose(a); }, "The transpose: axes reversed.");

  cls.def("item", to_python_scalar, "The value of an array of size 1 as a Python scalar.")
      .def("tolist", to_list, "The values as nested Python lists (a scalar when 0-d).")
      .def("__repr__", to_repr)
      .def("__str__", to_repr)
      .def("__hash__", [](const array& a) { return std::hash<const void*>()(a.id()); })
      .def("__len__",
           [](const array& a) {
             if (a.ndim() == 0) type_error("len() of a 0-dimensional array.");
             return a.shape(0);
           })
      .def("__bool__", [](const array& a) { return nb::cast<bool>(nb::bool_(to_python_scalar(a))); })
      .def("__int__", [](const array& a) { return nb::int_(to_python_scalar(a)); })
      .def("__float__", [](const array& a) { return nb::float_(to_python_scalar(a)); })
      .def("__complex__",
           [](const array& a) {
             complex64_t c = astype(a, complex64).item<complex64_t>();
             return nb::steal(PyComplex_FromDoubles(c.re, c.im));
           })
      .def("__index__",
           [](const array& a) {
             if (is_inexact(a.dtype())) type_error("Only integer arrays of size 1 can be used as an index.");
             return nb::int_(to_python_scalar(a));
           })
      .def("__copy__", [](const array& a) { return a; })
      .def("__deepcopy__", [](const array& a, nb::handle) { return a; }, "memo"_a);

  def_operator(cls, "__add__", "__radd__", "__iadd__", add, "addition");
  def_operator(cls, "__sub__", "__rsub__", "__isub__", subtract, "subtraction");
  def_operator(cls, "__mul__", "__rmul__", "__imul__", multiply, "multiplication");
  def_operator(cls, "__truediv__", "__rtruediv__", nullptr, divide, "division");
  def_operator(cls, "__div__", "__rdiv__", nullptr, divide, "division");
  def_operator(cls, "__floordiv__", "__rfloordiv__", "__ifloordiv__", floor_divide, "floor division");
  def_operator(cls, "__mod__", "__rmod__", "__imod__", remainder, "modulus");
  def_operator(cls, "__pow__", "__rpow__", "__ipow__", power, "a power");
  cls.def(
      "__itruediv__",
      [](array& a, nb::handle b) -> array& {
        if (!is_convertible(b)) bad_operand("division", b);
        if (!is_inexact(a.dtype())) {
          value_error("In-place division of an integer array would change its type; use a = a / b.");
        }
        a = divide(a, to_array(b, a.dtype()));
        return a;
      },
      "other"_a, nb::rv_policy::none);

  struct Bitwise {
    const char *name, *in_place, *text;
    Binary f;
    bool bools_are_logical;
  };
  for (auto row : {Bitwise{"__and__", "__iand__", "and", bitwise_and, true},
                   Bitwise{"__or__", "__ior__", "or", bitwise_or, true},
                   Bitwise{"__xor__", "__ixor__", "xor", bitwise_xor, true},
                   Bitwise{"__lshift__", "__ilshift__", "left shift", left_shift, false},
                   Bitwise{"__rshift__", "__irshift__", "right shift", right_shift, false}}) {
    auto f = [row](const array& a, nb::handle o) {
      if (!is_convertible(o)) bad_operand(row.text, o);
      array b = to_array(o, a.dtype());
      require_integers(a, b, row.text);
      return row.f(a, b, {});
    };
    cls.def(row.name, f, "other"_a);
    cls.def(
        row.in_place,
        [f](array& a, nb::handle o) -> array& {
          a = f(a, o);
          return a;
        },
        "other"_a, nb::rv_policy::none);
  }
  cls.def("__neg__", [](const array& a) { return negative(a); })
      .def("__pos__", [](const array& a) { return a; })
      .def("__abs__", [](const array& a) { return abs(a); })
      .def("__invert__", [](const array& a) {
        if (is_inexact(a.dtype())) value_error("Floating point types not allowed with bitwise inversion.");
        return a.dtype() == bool_ ? logical_not(a) : bitwise_invert(a);
      });

  // == and != answer False and True for what is no array at all; None is a type error as for the orderings.
  cls.def(
      "__eq__",
      [](const array& a, nb::handle b) -> nb::object {
        if (b.is_none()) return compare(a, b, equal, "==");
        return is_convertible(b) ? compare(a, b, equal, "==") : nb::object(nb::bool_(false));
      },
      "other"_a.none());
  cls.def(
      "__ne__",
      [](const array& a, nb::handle b) -> nb::object {
        if (b.is_none()) return compare(a, b, not_equal, "!=");
        return is_convertible(b) ? compare(a, b, not_equal, "!=") : nb::object(nb::bool_(true));
      },
      "other"_a.none());
  cls.def("__lt__", [](const array& a, nb::handle b) { return compare(a, b, less, "<"); }, "other"_a.none());
  cls.def("__le__", [](const array& a, nb::handle b) { return compare(a, b, less_equal, "<="); }, "other"_a.none());
  cls.def("__gt__", [](const array& a, nb::handle b) { return compare(a, b, greater, ">"); }, "other"_a.none());
  cls.def("__ge__", [](const array& a, nb::handle b) { return compare(a, b, greater_equal, ">="); },
          "other"_a.none());
}

}  // namespace mlx_rocm::python
