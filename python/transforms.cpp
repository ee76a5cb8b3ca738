#include "backend/transforms/eval.h"

#include "python/bind.h"
#include "python/gil.h"

namespace mlx_rocm::python {

void init_transforms(nb::module_& m) {
  m.def(
      "eval",
      [](nb::args args) {
        Arrays arrays = tree_arrays(args);
        WithoutGil release;
        eval(std::move(arrays));
      },
      "Computes arrays, or every array in trees of list, tuple and dict.");
  m.def(
      "async_eval",
      [](nb::args args) {
        Arrays arrays = tree_arrays(args);
        WithoutGil release;
        async_eval(std::move(arrays));
      },
      "As eval, but returns once the work is under way where the device allows it.");
}

}  // namespace mlx_rocm::python
