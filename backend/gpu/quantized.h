// Launches of the kernels for group-quantised matrices, and which one a product takes.
#pragma once

#include "backend/gpu/gpu.h"
#include "backend/ops/quant_format.h"

namespace mlx_rocm::gpu {

struct QuantWeights {
  quant::Format format;
  array codes, scales, biases;  // no biases unless affine
};

// What decides how a product runs: x (m, k) times w for each of `pairs` pairs of matrices.
struct QmmProblem {
  quant::Format format;
  Dtype type = float32;  // of x and the result
  bool transpose = true;
  bool gathered = false;
  int64_t m = 1, n = 1, k = 1, pairs = 1, matrices = 1;  // matrices: of w
};

enum class QmmKernel {
  qmv,         // few rows times w^T
  codes,       // likewise up to 16: codes are the operands of matrix instructions
  qvm,         // few rows times w
  few,         // a few more times w^T: matrix instructions straight from memory
  tiles,       // w^T unpacked into LDS
  grouped,     // the same, for rows that are grouped by their matrix of w first
  dequantize,  // unpacked to memory, then an ordinary product
};
const char* name_of(QmmKernel k);
struct QmmRoute {
  QmmKernel kernel = QmmKernel::qmv;
  int rows = 1;                                  // qmv, codes, qvm: of x that go together
  int per_wave = 1;                              // qmv: rows of w of a wave
  int split = 1;                                 // qmv, codes, few: waves that share a row
  int depth = 1;                                 // steps along k whose codes are in flight
  int chunk = 4096;                              // qmv, codes, few: values of each row of x in LDS
  int turn = 1;                                  // codes: groups of a step
  int threads = 256;                             // codes: of a workgroup
  int unit = 32;                                 // qmv, few: codes that a lane takes at a time
  int tiles = 1, m_tiles = 1;                    // codes, few: tiles of 16 of n of a wave, of m of a workgroup
  int bm = 0, bn = 0, waves_m = 1, waves_n = 1;  // tiles, grouped
  bool operator==(const QmmRoute&) const = default;
};
// Matrices of w that grouping has counters for.
constexpr int kMostGrouped = 8192;

// Total: every valid problem has a route on every target. Pure. `blas`: a vendor's library does ordinary
// products.
QmmRoute qmm_route(const QmmProblem& problem, const Target& target, int compute_units, bool blas);

// Row-contiguous and aligned for accesses of 16 bytes.
array ready(const array& a);
QuantWeights ready(const QuantWeights& w);
// What specialises every kernel that includes kernels/quant.h.
Defines quant_defines(const quant::Format& format, Dtype type);

// Outputs have their memory. `global_scale` may be a null array.
void quantize(const quant::Format& format, const array& x, const array& global_scale, const Arrays& out);
// Scales are multiplied by the global scales that there are.
void dequantize(const QuantWeights& w, const array& global_a, const array& global_b, const array& out);
void to_fp8(const array& x, const array& out);
void from_fp8(const array& x, const array& out);

// x times w (or w^T), batch axes broadcast.
void quantized_matmul(const QuantWeights& w, const array& x, bool transpose, const array& out);
// Product i is x[lhs[i]] times w[rhs[i]]; the indices broadcast to the batch axes of `out`.
void gather_qmm(const QuantWeights& w, const array& x, const array& lhs, const array& rhs, bool transpose,
                const array& out);

}  // namespace mlx_rocm::gpu
