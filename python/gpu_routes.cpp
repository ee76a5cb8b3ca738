// Which kernels the GPU device would choose, for the tests: these functions need no GPU.
#include "backend/gpu/gemm.h"
#include "python/bind.h"

namespace mlx_rocm::python {

// Operands are described as (contiguous along k, elements of one access).
static nb::dict gemm_route(const std::string& dtype, int64_t m, int64_t n, int64_t k, int64_t batch,
                           std::pair<bool, int> a, std::pair<bool, int> b, const std::string& arch, int units,
                           bool blas) {
  const gpu::GemmProblem problem{dtype_from_name(dtype), m,   n, k, batch, {a.first, a.second},
                                 {b.first, b.second},    blas};
  const gpu::GemmRoute r = gpu::gemm_route(problem, gpu::target_of(arch), units, blas);
  nb::dict d;
  d["kernel"] = gpu::name_of(r.kernel);
  d["swapped"] = r.swapped;
  d["fma"] = r.fma;
  d["tile"] = nb::make_tuple(r.bm, r.bn);
  d["waves"] = nb::make_tuple(r.waves_m, r.waves_n);
  d["vector"] = r.vector;
  d["columns"] = r.columns;
  d["split_waves"] = r.split_waves;
  d["unroll"] = r.unroll;
  d["splits"] = r.splits;
  return d;
}

void init_gpu_routes(nb::module_& m) {
  m.def("_gemm_route", gemm_route, "dtype"_a, "m"_a, "n"_a, "k"_a, "batch"_a, "a"_a, "b"_a, "arch"_a,
        "units"_a, "blas"_a, "The kernel of a matrix product, and its geometry.");
}

}  // namespace mlx_rocm::python
