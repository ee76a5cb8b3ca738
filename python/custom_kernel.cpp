// mx.fast.metal_kernel and its relatives: kernels in the language of a GPU that is not there.
#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

using Names = std::vector<std::string>;

// As in MLX without Metal: a kernel can be described, and calling it raises.
nb::object metal_kernel(const std::string& name, const Names&, const Names&, const std::string&, const std::string&,
                        bool, bool, nb::handle) {
  return nb::cpp_function([name](nb::args, nb::kwargs) -> nb::object {
    runtime_error("[metal_kernel] No Metal back-end: the kernel '", name, "' cannot run here.");
  });
}

nb::object cuda_kernel(const std::string& name, const Names&, const Names&, const std::string&, const std::string&,
                       bool, int) {
  runtime_error("[cuda_kernel] No CUDA back-end: the kernel '", name, "' cannot run here.");
}

}  // namespace

void init_custom_kernel(nb::module_& m) {
  auto fast = nb::cast<nb::module_>(m.attr("fast"));
  fast.def("metal_kernel", metal_kernel, "name"_a, "input_names"_a, "output_names"_a, "source"_a, "header"_a = "",
           "ensure_row_contiguous"_a = true, "atomic_outputs"_a = false, "compile_options"_a = nb::none(),
           "A kernel in Metal's language. There is no Metal here: calling it raises RuntimeError.");
  fast.def("cuda_kernel", cuda_kernel, "name"_a, "input_names"_a, "output_names"_a, "source"_a, "header"_a = "",
           "ensure_row_contiguous"_a = true, "shared_memory"_a = 0,
           "A kernel in CUDA C++. RuntimeError where the CUDA driver of this package has no device.");
  fast.def(
      "precompiled_cuda_kernel",
      [](nb::kwargs) -> nb::object { runtime_error("[precompiled_cuda_kernel] No CUDA back-end."); },
      "kwargs"_a,
      nb::sig("def precompiled_cuda_kernel(*, name: str, compiled_source: bytes, inputs: Sequence[scalar | array], "
              "output_shapes: Sequence[Sequence[int]], output_dtypes: Sequence[Dtype], scalars: Sequence[bool | int | "
              "float], grid: tuple[int, int, int], threadgroup: tuple[int, int, int], shared_memory: int = 0, "
              "init_value: float | None = None, ensure_row_contiguous: bool = False, stream: StreamOrDevice = None) -> "
              "list[array]"),
      "A compiled CUDA kernel. RuntimeError where the CUDA driver of this package has no device.");
}

}  // namespace mlx_rocm::python
