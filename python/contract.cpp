// Bindings of contractions.
#include "backend/ops/contract.h"

#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

array tensordot_any(const array& a, const array& b, nb::handle axes, const StreamOrDevice& s) {
  Axes left, right;
  if (PyLong_Check(axes.ptr())) {
    int n = nb::cast<int>(axes);
    if (n < 0 || n > std::min(a.ndim(), b.ndim())) {
      value_error("[tensordot] axes must be between 0 and ", std::min(a.ndim(), b.ndim()), ", got ", n, ".");
    }
    for (int i = 0; i < n; ++i) {
      left.push_back(a.ndim() - n + i);
      right.push_back(i);
    }
  } else {
    if (nb::len(axes) != 2) value_error("[tensordot] axes must be a list of two lists.");
    for (nb::handle x : nb::object(axes[0])) left.push_back(nb::cast<int>(x));
    for (nb::handle x : nb::object(axes[1])) right.push_back(nb::cast<int>(x));
  }
  return tensordot(a, b, left, right, s);
}

Arrays operand_list(nb::args args) {
  Arrays operands;
  for (nb::handle h : args) operands.push_back(to_array(h));
  return operands;
}

}  // namespace

void init_contract(nb::module_& m) {
  auto stream = "stream"_a = nb::none();
  m.def("inner", inner, nb::arg(), nb::arg(), nb::kw_only(), stream, "Sums of products over the last axes.");
  m.def("outer", outer, nb::arg(), nb::arg(), nb::kw_only(), stream, "Products of all pairs of the flattened arrays.");
  m.def("tensordot", tensordot_any, nb::arg(), nb::arg(), "axes"_a = 2, nb::kw_only(), stream,
        "Contracts the last `axes` axes of a with the first of b, or the listed pairs of axes.");
  m.def("vecdot", vecdot, nb::arg(), nb::arg(), nb::kw_only(), "axis"_a = -1, stream,
        "Sums of conj(a) * b along an axis.");
  m.def(
      "einsum",
      [](const std::string& subscripts, nb::args operands, const StreamOrDevice& s) {
        return einsum(subscripts, operand_list(operands), s);
      },
      "subscripts"_a, "operands"_a, nb::kw_only(), stream, "Einstein summation, e.g. einsum('ij,jk->ik', a, b).");
  m.def(
      "einsum_path",
      [](const std::string& subscripts, nb::args operands) {
        EinsumPath path = einsum_path(subscripts, operand_list(operands));
        nb::list steps;
        for (const auto& step : path.steps) {
          nb::list l;
          for (int i : step) l.append(i);
          steps.append(nb::tuple(l));
        }
        return nb::make_tuple(steps, path.report);
      },
      "subscripts"_a, "operands"_a, "The order of pairwise contractions that einsum uses, and a report on it.");
  m.def("hadamard_transform", hadamard_transform, "a"_a, "scale"_a = nb::none(), stream,
        "Walsh-Hadamard transform of the last axis (m * 2^k long, m in 1, 12, 20, 28), times scale (default "
        "1/sqrt(n)).");
}

}  // namespace mlx_rocm::python
