#include "python/bind.h"

namespace mlx_rocm::python {

// Integer limits of a dtype, as Python ints.
struct IInfo {
  Dtype dtype;
  nb::object min, max;
};
struct FInfo {
  Dtype dtype;
  double min, max, eps, smallest_normal;
};

static IInfo make_iinfo(Dtype d) {
  if (!is_integer(d)) value_error("[iinfo] dtype must be an integer type, got ", d, ".");
  int bits = int(d.size()) * 8;
  nb::object one = nb::int_(1);
  nb::object span = nb::int_(is_unsigned(d) ? bits : bits - 1);
  nb::object top = nb::steal(PyNumber_Lshift(one.ptr(), span.ptr()));
  nb::object max = nb::steal(PyNumber_Subtract(top.ptr(), one.ptr()));
  nb::object min = is_unsigned(d) ? nb::object(nb::int_(0)) : nb::steal(PyNumber_Negative(top.ptr()));
  return {d, min, max};
}

static FInfo make_finfo(Dtype d) {
  switch (d.val) {
    case Dtype::float16: return {d, -65504.0, 65504.0, 0x1p-10, 0x1p-14};
    case Dtype::bfloat16: return {d, -0x1.fep127, 0x1.fep127, 0x1p-7, 0x1p-126};
    case Dtype::float32:
    case Dtype::complex64: return {float32, -0x1.fffffep127, 0x1.fffffep127, 0x1p-23, 0x1p-126};
    case Dtype::float64: return {d, -0x1.fffffffffffffp1023, 0x1.fffffffffffffp1023, 0x1p-52, 0x1p-1022};
    default: value_error("[finfo] dtype must be an inexact type, got ", d, ".");
  }
}

void init_dtype(nb::module_& m) {
  using Category = Dtype::Category;
  nb::enum_<Category> category(m, "DtypeCategory", "A type category, for issubdtype.");
  nb::class_<Dtype>(m, "Dtype", "An element type: mx.float32, mx.int8, ...")
      .def_prop_ro("size", &Dtype::size, "Bytes per element.")
      .def("__repr__", [](Dtype d) { return std::string("mlx.core.") + d.name(); })
      .def("__eq__", [](Dtype a, nb::handle b) { return nb::isinstance<Dtype>(b) && a.val == nb::cast<Dtype>(b).val; })
      .def("__hash__", [](Dtype d) { return int64_t(d.val); })
      .def("__reduce__", [](Dtype d) {
        return nb::make_tuple(nb::module_::import_("builtins").attr("getattr"),
                              nb::make_tuple(nb::module_::import_("mlx_rocm.core"),
                                             d == bool_ ? std::string("bool_") : std::string(d.name())));
      });
  for (int i = 0; i < Dtype::count; ++i) {
    Dtype d = Dtype::Val(i);
    m.attr(d == bool_ ? "bool_" : d.name()) = d;
  }
  for (int i = 0; i <= int(Category::generic); ++i) {
    category.value(category_name(Category(i)), Category(i));
  }
  category.export_values();

  nb::class_<IInfo>(m, "iinfo", "Limits of an integer dtype.")
      .def("__init__", [](IInfo* self, Dtype d) { new (self) IInfo(make_iinfo(d)); }, "type"_a)
      .def_ro("min", &IInfo::min)
      .def_ro("max", &IInfo::max)
      .def_ro("dtype", &IInfo::dtype)
      .def("__repr__", [](const IInfo& i) {
        return "iinfo(min=" + nb::cast<std::string>(nb::str(i.min)) + ", max=" + nb::cast<std::string>(nb::str(i.max)) +
               ", dtype=" + i.dtype.name() + ")";
      });
  nb::class_<FInfo>(m, "finfo", "Limits of a floating-point dtype.")
      .def("__init__", [](FInfo* self, Dtype d) { new (self) FInfo(make_finfo(d)); }, "type"_a)
      .def_ro("min", &FInfo::min)
      .def_ro("max", &FInfo::max)
      .def_ro("eps", &FInfo::eps)
      .def_ro("smallest_normal", &FInfo::smallest_normal)
      .def_ro("dtype", &FInfo::dtype)
      .def_prop_ro("bits", [](const FInfo& i) { return int(i.dtype.size()) * 8; })
      .def("__repr__", [](const FInfo& i) {
        return concat_text("finfo(min=", i.min, ", max=", i.max, ", eps=", i.eps, ", dtype=", i.dtype.name(), ")");
      });

  using DtypeOrCategory = std::variant<Dtype, Category>;
  m.def(
      "issubdtype",
      [](const DtypeOrCategory& a, const DtypeOrCategory& b) {
        if (auto* cb = std::get_if<Category>(&b)) {
          if (auto* da = std::get_if<Dtype>(&a)) return issubdtype(*da, *cb);
          return issubdtype(std::get<Category>(a), *cb);
        }
        auto* da = std::get_if<Dtype>(&a);
        return da && da->val == std::get<Dtype>(b).val;
      },
      "arg1"_a, "arg2"_a, "Whether the first dtype or category lies below the second.");
  m.def(
      "result_type",
      [](nb::args args) {
        if (args.size() == 0) value_error("[result_type] At least one argument is needed.");
        std::optional<Dtype> d;
        for (nb::handle h : args) {
          Dtype t = nb::isinstance<Dtype>(h) ? nb::cast<Dtype>(h) : to_array(h).dtype();
          d = d ? promote_types(*d, t) : t;
        }
        return *d;
      },
      "The dtype that arrays and dtypes promote to together.");
}

}  // namespace mlx_rocm::python
