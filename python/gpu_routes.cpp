// Which kernels the GPU device would choose, for the tests: these functions need no GPU.
#include "backend/gpu/attention.h"
#include "backend/gpu/conv.h"
#include "backend/gpu/fft.h"
#include "backend/gpu/gemm.h"
#include "backend/gpu/hadamard.h"
#include "python/bind.h"

#include <nanobind/stl/array.h>
#include <nanobind/stl/tuple.h>

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
  d["together"] = r.together;
  return d;
}

// Shapes of the operands as in mx.conv_general, without dilation; stride and padding of every axis.
static nb::dict conv_route(const std::string& dtype, const Shape& x, const Shape& w, int stride, int padding, int groups,
                           bool gradient, const std::string& arch, int units) {
  ConvShape s;
  s.axes = int(x.size()) - 2;
  s.batch = x[0];
  s.channels = x.back();
  s.out_channels = w[0];
  s.groups = groups;
  for (int i = 0; i < s.axes; ++i) {
    const int to = 3 - s.axes + i;
    s.in[to] = x[i + 1];
    s.kernel[to] = w[i + 1];
    s.stride[to] = stride;
    s.pad[to] = padding;
    s.out[to] = (x[i + 1] + 2 * padding - w[i + 1]) / stride + 1;
  }
  const gpu::Target target = gpu::target_of(arch);
  const Dtype type = dtype_from_name(dtype);
  const gpu::ConvRoute r =
      gradient ? gpu::conv_gradient_route(s, type, target, units) : gpu::conv_route(s, type, target, units);
  constexpr const char* kinds[] = {"product", "depthwise", "tiles", "general"};
  nb::dict d;
  d["kernel"] = kinds[int(r.kind)];
  d["pixels"] = r.pixels;
  d["tile"] = nb::make_tuple(r.tile_m, r.tile_n, r.step);
  d["threads"] = r.threads;
  d["tiles"] = nb::make_tuple(r.m_tiles, r.n_tiles);
  d["parts"] = r.parts;
  d["steps"] = r.steps;
  return d;
}

// (distance of the first butterfly, of the last one times two, order of the matrix across blocks) of each pass.
static std::vector<std::tuple<int64_t, int64_t, int>> hadamard_passes(int m, int64_t power) {
  std::vector<std::tuple<int64_t, int64_t, int>> passes;
  for (const gpu::HadamardPass& p : gpu::hadamard_passes(m, power)) passes.emplace_back(p.low, p.high, p.m);
  return passes;
}

void init_gpu_routes(nb::module_& m) {
  m.def("_gemm_route", gemm_route, "dtype"_a, "m"_a, "n"_a, "k"_a, "batch"_a, "a"_a, "b"_a, "arch"_a,
        "units"_a, "blas"_a, "The kernel of a matrix product, and its geometry.");
  m.def("_sdpa_route", sdpa_route, "dtype"_a, "q"_a, "kv"_a, "v_dim"_a, "vec"_a, "arch"_a, "units"_a,
        "The kernel of an attention, and its geometry.");
  m.def("_conv_route", conv_route, "dtype"_a, "x"_a, "w"_a, "stride"_a, "padding"_a, "groups"_a, "gradient"_a, "arch"_a,
        "units"_a, "The kernel of a convolution or of its gradient by the weights, and its geometry.");
  m.def("_fft_factors", &gpu::fft_factors, "n"_a, "The lengths of the launches of a transform.");
  m.def("_fft_radices", &fft_radices, "n"_a, "The radices of one launch, or none.");
  m.def("_hadamard_passes", hadamard_passes, "m"_a, "power"_a, "The launches of a Hadamard transform.");
}

}  // namespace mlx_rocm::python
