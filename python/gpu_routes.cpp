// Which kernels the GPU device would choose, for the tests: these functions need no GPU.
#include "backend/gpu/attention.h"
#include "backend/gpu/gemm.h"
#include "python/bind.h"

#include <nanobind/stl/array.h>

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

// Queries are (batch, heads, length, dim), keys (heads, length); `vec` elements are one access to any row.
static nb::dict sdpa_route(const std::string& dtype, const std::array<int, 4>& q, std::pair<int, int> kv, int v_dim,
                           int vec, const std::string& arch, int units) {
  const auto [batch, heads, q_len, dim] = q;
  const gpu::AttentionProblem problem{dtype_from_name(dtype), batch, heads, kv.first, q_len, kv.second, dim, v_dim, vec};
  const gpu::AttentionRoute r = gpu::sdpa_route(problem, gpu::target_of(arch), units);
  nb::dict d;
  d["kernel"] = r.kernel == gpu::AttentionKernel::vector ? "vector" : "matrix";
  d["threads"] = r.threads;
  d["block_rows"] = r.block_rows;
  d["blocks"] = r.blocks;
  d["splits"] = r.splits;
  d["split_keys"] = r.split_keys;
  d["lds_bytes"] = r.lds_bytes;
  d["vec"] = r.vec;
  d["lanes"] = r.lanes;
  d["unroll"] = r.unroll;
  return d;
}

void init_gpu_routes(nb::module_& m) {
  m.def("_gemm_route", gemm_route, "dtype"_a, "m"_a, "n"_a, "k"_a, "batch"_a, "a"_a, "b"_a, "arch"_a,
        "units"_a, "blas"_a, "The kernel of a matrix product, and its geometry.");
  m.def("_sdpa_route", sdpa_route, "dtype"_a, "q"_a, "kv"_a, "v_dim"_a, "vec"_a, "arch"_a, "units"_a,
        "The kernel of an attention, and its geometry.");
}

}  // namespace mlx_rocm::python
