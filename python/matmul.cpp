#include "backend/ops/matmul.h"

#include "python/bind.h"

namespace mlx_rocm::python {

void init_matmul(nb::module_& m) {
  m.def("matmul", &matmul, nb::arg(), nb::arg(), nb::kw_only(), "stream"_a = nb::none(),
        "Matrix product of (..., m, k) and (..., k, n); batch axes broadcast. A 1-d operand is a row or a "
        "column.");
  m.def("addmm", &addmm, nb::arg(), nb::arg(), nb::arg(), "alpha"_a = 1.0f, "beta"_a = 1.0f, nb::kw_only(),
        "stream"_a = nb::none(), "alpha * (a @ b) + beta * c, with c broadcast to the shape of the product.");
  m.def(
      "gather_mm", &gather_mm, nb::arg(), nb::arg(), "lhs_indices"_a = nb::none(),
      "rhs_indices"_a = nb::none(), nb::kw_only(), "sorted_indices"_a = false, "stream"_a = nb::none(),
      "Products of the matrices of a and b that the (broadcast) indices pick from the flattened batch axes.");
  m.def("block_masked_mm", &block_masked_mm, nb::arg(), nb::arg(), "block_size"_a = 64,
        "mask_out"_a = nb::none(), "mask_lhs"_a = nb::none(), "mask_rhs"_a = nb::none(), nb::kw_only(),
        "stream"_a = nb::none(),
        "Matrix product with masks (boolean or factors) over square blocks of the operands and the result.");
  m.def("segmented_mm", &segmented_mm, nb::arg(), nb::arg(), "segments"_a, nb::kw_only(),
        "stream"_a = nb::none(),
        "a[:, start:end] @ b[start:end, :] for each (start, end) of segments (..., 2).");

  auto cls = nb::borrow<nb::class_<array>>(m.attr("array"));
  cls.def("__matmul__", [](const array& a, const array& b) { return matmul(a, b); }, nb::is_operator());
  cls.def(
      "__imatmul__", [](array& a, const array& b) -> array& { return a = matmul(a, b); },
      nb::rv_policy::none);
}

}  // namespace mlx_rocm::python
