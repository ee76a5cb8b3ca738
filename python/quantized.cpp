#include "backend/ops/quantized.h"

#include "backend/gpu/quantized.h"

#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

using MaybeArray = std::optional<array>;
using MaybeInt = std::optional<int>;

constexpr const char* kModes =
    "mode is 'affine' (bits 2, 3, 4, 5, 6 or 8; groups of 32, 64 or 128), 'mxfp4', 'mxfp8' (groups of 32) or "
    "'nvfp4' "
    "(groups of 16).";

std::string doc(const char* text) { return std::string(text) + " " + kModes; }

}  // namespace

void init_quantized(nb::module_& m) {
  m.def(
      "quantize",
      [](const array& w, MaybeInt group_size, MaybeInt bits, const std::string& mode,
         const MaybeArray& global_scale, const StreamOrDevice& s) {
        return nb::tuple(nb::cast(quantize(w, {group_size, bits, mode}, global_scale, s)));
      },
      nb::arg(), "group_size"_a = nb::none(), "bits"_a = nb::none(), "mode"_a = "affine", nb::kw_only(),
      "global_scale"_a = nb::none(), "stream"_a = nb::none(),
      doc("Packs w (..., n) into codes (..., n * bits / 32) uint32, scales (..., n / group_size) and, for "
          "affine, biases.")
          .c_str());
  m.def(
      "dequantize",
      [](const array& w, const array& scales, const MaybeArray& biases, MaybeInt group_size, MaybeInt bits,
         const std::string& mode, const MaybeArray& global_scale, std::optional<Dtype> dtype,
         const StreamOrDevice& s) {
        return dequantize(w, scales, biases, {group_size, bits, mode}, global_scale, dtype, s);
      },
      nb::arg(), "scales"_a, "biases"_a = nb::none(), "group_size"_a = nb::none(), "bits"_a = nb::none(),
      "mode"_a = "affine", "global_scale"_a = nb::none(), "dtype"_a = nb::none(), nb::kw_only(),
      "stream"_a = nb::none(), doc("The values of a matrix packed by quantize.").c_str());
  m.def(
      "quantized_matmul",
      [](const array& x, const array& w, const array& scales, const MaybeArray& biases, bool transpose,
         MaybeInt group_size, MaybeInt bits, const std::string& mode, const StreamOrDevice& s) {
        return quantized_matmul(x, w, scales, biases, transpose, {group_size, bits, mode}, s);
      },
      nb::arg(), nb::arg(), "scales"_a, "biases"_a = nb::none(), "transpose"_a = true,
      "group_size"_a = nb::none(), "bits"_a = nb::none(), "mode"_a = "affine", nb::kw_only(),
      "stream"_a = nb::none(), doc("x @ w.T (or x @ w) with w packed by quantize.").c_str());
  m.def(
      "gather_qmm",
      [](const array& x, const array& w, const array& scales, const MaybeArray& biases, const MaybeArray& lhs,
         const MaybeArray& rhs, bool transpose, MaybeInt group_size, MaybeInt bits, const std::string& mode,
         const MaybeArray& global_scale, bool sorted, const StreamOrDevice& s) {
        if (global_scale) value_error("[gather_qmm] A global scale is only supported on the GPU.");
        return gather_qmm(x, w, scales, biases, lhs, rhs, transpose, {group_size, bits, mode}, sorted, s);
      },
      nb::arg(), nb::arg(), "scales"_a, "biases"_a = nb::none(), "lhs_indices"_a = nb::none(),
      "rhs_indices"_a = nb::none(), "transpose"_a = true, "group_size"_a = nb::none(), "bits"_a = nb::none(),
      "mode"_a = "affine", "global_scale"_a = nb::none(), nb::kw_only(), "sorted_indices"_a = false,
      "stream"_a = nb::none(),
      doc("quantized_matmul of the matrices that the indices pick from the flattened batch axes of x and w.")
          .c_str());
  m.def(
      "qqmm",
      [](const array& x, const array& w, const MaybeArray& scales, MaybeInt group_size, MaybeInt bits,
         const std::string& mode, const MaybeArray& global_x, const MaybeArray& global_w,
         const StreamOrDevice& s) {
        return qqmm(x, w, scales, {group_size, bits, mode}, global_x, global_w, s);
      },
      "x"_a, "w"_a, "scales"_a = nb::none(), "group_size"_a = nb::none(), "bits"_a = nb::none(),
      "mode"_a = "nvfp4", "global_scale_x"_a = nb::none(), "global_scale_w"_a = nb::none(), nb::kw_only(),
      "stream"_a = nb::none(),
      "x @ w.T with x quantised first, and w too unless it is packed already (then with scales). mode is "
      "'mxfp4', "
      "'mxfp8' or 'nvfp4'.");
  m.def(
      "gather_qqmm",
      [](const array& x, const array& w, const MaybeArray& scales, const MaybeArray& lhs,
         const MaybeArray& rhs, MaybeInt group_size, MaybeInt bits, const std::string& mode,
         const MaybeArray& global_x, const MaybeArray& global_w, bool, const StreamOrDevice& s) {
        return gather_qqmm(x, w, scales, lhs, rhs, {group_size, bits, mode}, global_x, global_w, s);
      },
      nb::arg(), nb::arg(), "scales"_a = nb::none(), "lhs_indices"_a = nb::none(),
      "rhs_indices"_a = nb::none(), "group_size"_a = nb::none(), "bits"_a = nb::none(), "mode"_a = "nvfp4",
      "global_scale_x"_a = nb::none(), "global_scale_w"_a = nb::none(), nb::kw_only(),
      "sorted_indices"_a = false, "stream"_a = nb::none(),
      "qqmm of the matrices that the indices pick from the flattened batch axes of x and w.");
  m.def("to_fp8", &to_fp8, "x"_a, nb::kw_only(), "stream"_a = nb::none(),
        "Bytes of e4m3 floats nearest to x, saturating at 448.");
  m.def("from_fp8", &from_fp8, "x"_a, "dtype"_a = bfloat16, nb::kw_only(), "stream"_a = nb::none(),
        "The values of e4m3 bytes.");
  // For tests: the route of a product on an architecture, as a dict.
  m.def(
      "_qmm_route",
      [](const std::string& arch, int compute_units, bool blas, const std::string& mode, MaybeInt bits,
         MaybeInt group_size, Dtype type, bool transpose, bool gathered, int64_t rows, int64_t n, int64_t k,
         int64_t pairs, int64_t matrices) {
        gpu::QmmProblem p;
        p.format = quant::make_format("_qmm_route", {group_size, bits, mode});
        p.type = type;
        p.transpose = transpose;
        p.gathered = gathered;
        p.m = rows;
        p.n = n;
        p.k = k;
        p.pairs = pairs;
        p.matrices = matrices;
        const gpu::QmmRoute r = gpu::qmm_route(p, gpu::target_of(arch), compute_units, blas);
        nb::dict d;
        d["kernel"] = gpu::name_of(r.kernel);
        d["rows"] = r.rows;
        d["per_wave"] = r.per_wave;
        d["split"] = r.split;
        d["depth"] = r.depth;
        d["chunk"] = r.chunk;
        d["unit"] = r.unit;
        d["turn"] = r.turn;
        d["threads"] = r.threads;
        d["tiles"] = nb::make_tuple(r.tiles, r.m_tiles);
        d["block"] = nb::make_tuple(r.bm, r.bn, r.waves_m, r.waves_n);
        return d;
      },
      "arch"_a, "compute_units"_a, "blas"_a = true, "mode"_a = "affine", "bits"_a = nb::none(),
      "group_size"_a = nb::none(), "dtype"_a = bfloat16, "transpose"_a = true, "gathered"_a = false,
      "m"_a = 1, "n"_a = 4096, "k"_a = 4096, "pairs"_a = 1, "matrices"_a = 1);
}

}  // namespace mlx_rocm::python
