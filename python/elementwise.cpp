// Elementwise ops: the functions come from the rows of elementwise.def.
#include "backend/ops/elementwise.h"

#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

using Unary = array (*)(const array&, const StreamOrDevice&);
using Binary = array (*)(const array&, const array&, const StreamOrDevice&);

void def_unary(nb::module_& m, const char* name, Unary f, const char* doc) {
  m.def(
      name, [f](const Operand& a, const StreamOrDevice& s) { return f(to_array(a), s); }, nb::arg(), nb::kw_only(),
      "stream"_a = nb::none(), doc);
}
void def_binary(nb::module_& m, const char* name, Binary f, const char* doc) {
  m.def(
      name,
      [f](const Operand& a, const Operand& b, const StreamOrDevice& s) {
        auto [x, y] = to_arrays(a, b);
        return f(x, y, s);
      },
      "a"_a, "b"_a, "stream"_a = nb::none(), doc);
}

// Other names for the same op.
struct Alias {
  const char *name, *of;
};
constexpr Alias kAliases[] = {
    {"acos", "arccos"},          {"acosh", "arccosh"},
    {"asin", "arcsin"},          {"asinh", "arcsinh"},
    {"atan", "arctan"},          {"atanh", "arctanh"},
    {"atan2", "arctan2"},        {"pow", "power"},
    {"bitwise_left_shift", "left_shift"}, {"bitwise_right_shift", "right_shift"},
};

}  // namespace

void init_elementwise(nb::module_& m) {
#define UNARY(name, Functor, kinds, inputs, output, derivative, doc) def_unary(m, #name, mlx_rocm::name, doc);
#define BINARY(name, Functor, kinds, inputs, output, da, db, doc) def_binary(m, #name, mlx_rocm::name, doc);
#include "backend/ops/elementwise.def"
#undef UNARY
#undef BINARY
  // Rows that serve other functions and are no names of the API.
  nb::delattr(m, "round_half_even");
  nb::delattr(m, "nan_equal");
  // Three that MLX lets be called by keyword.
  nb::delattr(m, "conjugate");
  for (const char* name : {"conjugate", "conj"}) {
    m.def(name, [](const Operand& a, const StreamOrDevice& s) { return conjugate(to_array(a), s); }, "a"_a,
          nb::kw_only(), "stream"_a = nb::none(), "Elementwise complex conjugate; real arrays stay as they are.");
  }
  nb::delattr(m, "bitwise_invert");
  m.def(
      "bitwise_invert", [](const Operand& a, const StreamOrDevice& s) { return bitwise_invert(to_array(a), s); }, "a"_a,
      "stream"_a = nb::none(), "Elementwise bitwise inverse.");
  def_unary(m, "reciprocal", reciprocal, "Elementwise 1 / x.");
  def_binary(m, "logical_xor", logical_xor, "Elementwise logical exclusive or.");
  m.def(
      "where",
      [](const Operand& condition, const Operand& x, const Operand& y, const StreamOrDevice& s) {
        auto [a, b] = to_arrays(x, y);
        return where(to_array(condition), a, b, s);
      },
      nb::arg(), nb::arg(), nb::arg(), nb::kw_only(), "stream"_a = nb::none(),
      "Elements of x where the condition holds and of y elsewhere, with broadcasting.");
  for (auto [name, of] : kAliases) m.attr(name) = m.attr(of);
}

}  // namespace mlx_rocm::python
