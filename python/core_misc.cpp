// Constants, type queries and print options.
#include <cmath>
#include <limits>
#include <set>

#include "backend/core/op.h"
#include "python/bind.h"
#include "python/print_options.h"

namespace mlx_rocm::python {
namespace {

bool is_kind(Dtype d, nb::handle kind) {
  if (nb::isinstance<Dtype>(kind)) return d == nb::cast<Dtype>(kind);
  if (nb::isinstance<nb::tuple>(kind)) {
    for (nb::handle k : kind) {
      if (is_kind(d, k)) return true;
    }
    return false;
  }
  using C = Dtype::Category;
  const std::string k = nb::cast<std::string>(kind);
  if (k == "bool") return d == bool_;
  if (k == "signed integer") return issubdtype(d, C::signedinteger);
  if (k == "unsigned integer") return issubdtype(d, C::unsignedinteger);
  if (k == "integral") return issubdtype(d, C::integer);
  if (k == "real floating") return issubdtype(d, C::floating);
  if (k == "complex floating") return issubdtype(d, C::complexfloating);
  if (k == "numeric") return issubdtype(d, C::number);
  value_error("[isdtype] Unknown kind '", k, "'.");
}

struct PrintContext {
  PrintOptions inside, outside;
};

// Anything with __mlx_array__: what functions accept beside arrays.
struct ArrayLike {};

}  // namespace

PrintOptions& print_options() {
  static PrintOptions options;
  return options;
}

void init_core_misc(nb::module_& m) {
  m.attr("e") = M_E;
  m.attr("pi") = M_PI;
  m.attr("inf") = std::numeric_limits<double>::infinity();
  m.attr("nan") = std::numeric_limits<double>::quiet_NaN();
  m.attr("euler_gamma") = 0.5772156649015328606;
  m.attr("newaxis") = nb::none();

  m.def(
      "isdtype", [](Dtype d, nb::handle kind) { return is_kind(d, kind); }, "dtype"_a, "kind"_a,
      "Whether the dtype is, or is of the kind: 'bool', 'signed integer', 'unsigned integer', 'integral', "
      "'real floating', 'complex floating', 'numeric', a dtype, or a tuple of those.");
  m.def(
      "can_cast",
      [](nb::handle from, Dtype to) {
        Dtype d = nb::isinstance<Dtype>(from) ? nb::cast<Dtype>(from) : nb::cast<array>(from).dtype();
        return promote_types(d, to) == to;
      },
      "from_"_a, "to"_a, "Whether type promotion leads from the dtype (or array) to `to`.");
  m.def(
      "_registered_ops",
      [] {
        std::vector<std::string> names;
        for (const auto& [name, loader] : op_registry()) names.push_back(name);
        return names;
      },
      "Names of the ops that an exported function may contain.");
  m.def(
      "get_array_buffer_size",
      [](nb::args trees) {
        Arrays all = tree_arrays(trees);
        eval_no_gil(all);
        std::set<const void*> seen;
        size_t bytes = 0;
        for (const array& a : all) {
          if (seen.insert(a.buffer().get()).second) bytes += a.buffer()->size();
        }
        return bytes;
      },
      "Bytes of the memory blocks behind the arrays of the trees; a block that several share counts once.");

  nb::class_<PrintOptions>(m, "PrintOptions", "How arrays are printed.")
      .def(nb::init<int>(), "precision"_a = -1)
      .def_rw("precision", &PrintOptions::precision, "Significant digits of floats; -1 for the default.");
  nb::class_<PrintContext>(m, "_PrintOptionsContext")
      .def("__enter__",
           [](PrintContext& c) {
             c.outside = print_options();
             print_options() = c.inside;
           })
      .def("__exit__", [](PrintContext& c, nb::args) { print_options() = c.outside; }, "args"_a);
  m.def("set_printoptions", [](int precision) { print_options().precision = precision; }, "precision"_a = -1,
        "Sets how many decimals floats are printed with.");
  m.def("get_printoptions", [] { return print_options(); }, "The print options in force.");
  m.def("printoptions", [](int precision) { return PrintContext{PrintOptions(precision), PrintOptions()}; }, "precision"_a = -1,
        "Context manager with other print options.");
  nb::class_<ArrayLike>(m, "ArrayLike", "Protocol: any object with __mlx_array__.");
}

}  // namespace mlx_rocm::python
