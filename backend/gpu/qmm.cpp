// Products with quantised matrices: their launches.
#include <algorithm>

#include "backend/core/error.h"
#include "backend/gpu/quantized.h"
#include "kernels/pairs.h"

namespace mlx_rocm::gpu {
namespace {

using quant::Format;

// The operands of a product, in order, and which matrices meet.
struct Product {
  QuantWeights w;
  array x, lhs, rhs;  // index arrays of gathered products
  MatrixPairs pairs{};
  const char* pairing = "PAIRS_ONE";
  QmmProblem problem;
};

MatrixPairs one_pair() {
  MatrixPairs p{};
  p.count = p.x_count = p.w_count = 1;
  p.at.ndim = 1;
  for (int& size : p.at.shape) size = 1;
  return p;
}

Shape batch_of(const array& a) {
  return a.ndim() < 2 ? Shape() : Shape(a.shape().begin(), a.shape().end() - 2);
}

void launch_qmv(const Product& p, const QmmRoute& r, const array& out) {
  const auto& f = p.problem;
  Defines defines = quant_defines(f.format, f.type);
  defines.insert(defines.end(), {{"PAIRS", p.pairing}, {"ROWS", r.rows}});
  const uint64_t m_blocks = (f.m + r.rows - 1) / r.rows;
  uint64_t columns = 64;
  if (r.kernel == QmmKernel::qmv) {
    defines.insert(defines.end(),
                   {{"PER_WAVE", r.per_wave}, {"SPLIT", r.split}, {"UNIT", r.unit}, {"CHUNK", kQmvChunk}});
    columns = 256 / target().wave / r.split * r.per_wave;
  }
  const bool qmv = r.kernel == QmmKernel::qmv;
  const auto& k = kernel(qmv ? "qmv.hip" : "qvm.hip", qmv ? "qmv" : "qvm", defines);
  const uint64_t count = p.pairs.count;
  const Grid grid((f.n + columns - 1) / columns * m_blocks, std::min<uint64_t>(count, 65535), (count + 65534) / 65535);
  launch(k, grid, 256, in(p.w.codes), in(p.w.scales), in(p.w.biases), in(p.x), gpu::out(out), in(p.lhs), in(p.rhs),
         p.pairs, uint32_t(f.m), uint32_t(f.n), uint32_t(f.k), uint32_t(m_blocks));
}

void run(const Product& p, const array& out) {
  const QmmRoute r = qmm_route(p.problem, target(), compute_units());
  switch (r.kernel) {
    case QmmKernel::qmv:
    case QmmKernel::qvm:
      return launch_qmv(p, r, out);
    case QmmKernel::tiles:
    case QmmKernel::grouped:
    case QmmKernel::dequantize:
      break;
  }
  runtime_error("[quantized_matmul] A route without a launch.");  // a fault of qmm_route
}

QmmProblem problem_of(const QuantWeights& w, const array& x, bool transpose, const array& out) {
  QmmProblem p;
  p.format = w.format;
  p.type = out.dtype();
  p.transpose = transpose;
  p.n = out.shape(-1);
  p.k = x.shape(-1);
  return p;
}

}  // namespace

void quantized_matmul(const QuantWeights& w, const array& x, bool transpose, const array& out) {
  if (out.size() == 0) return;
  Product p;
  p.problem = problem_of(w, x, transpose, out);
  if (x.size() == 0 || w.codes.size() == 0) return fill_bytes(out, 0);
  p.w = ready(w);
  p.x = ready(x);
  p.pairs = one_pair();
  const Shape batch = batch_of(w.codes);
  if (num_elements(batch) == 1) {  // the rows of all matrices of x read w together
    p.problem.m = out.size() / out.shape(-1);
    return run(p, out);
  }
  const Shape to = batch_of(out);
  p.problem.m = x.ndim() > 1 ? x.shape(-2) : 1;
  p.problem.pairs = p.pairs.count = num_elements(to);
  p.pairs.x_count = num_elements(batch_of(x));
  p.pairs.w_count = num_elements(batch);
  p.pairing = "PAIRS_BATCH";
  Strides strides[2] = {broadcast_strides(batch_of(x), row_major_strides(batch_of(x)), to),
                        broadcast_strides(batch, row_major_strides(batch), to)};
  if (!make_layout(to, strides, &p.pairs.at)) runtime_error("[quantized_matmul] Too many batch axes that broadcast.");
  run(p, out);
}

void gather_qmm(const QuantWeights& w, const array& x, const array& lhs, const array& rhs, bool transpose,
                const array& out) {
  if (out.size() == 0) return;
  Product p;
  p.problem = problem_of(w, x, transpose, out);
  if (x.size() == 0 || w.codes.size() == 0) return fill_bytes(out, 0);
  p.problem.m = x.shape(-2);
  p.problem.gathered = true;
  p.w = ready(w);
  p.x = ready(x);
  p.lhs = lhs;
  p.rhs = rhs;
  p.pairs = one_pair();
  const Shape to = batch_of(out);
  p.problem.pairs = p.pairs.count = num_elements(to);
  p.pairs.x_count = num_elements(batch_of(x));
  p.pairs.w_count = num_elements(batch_of(w.codes));
  p.pairing = "PAIRS_GATHER";
  Strides strides[2] = {broadcast_strides(lhs.shape(), lhs.strides(), to),
                        broadcast_strides(rhs.shape(), rhs.strides(), to)};
  if (!make_layout(to, strides, &p.pairs.at)) runtime_error("[gather_qmm] Too many axes of the indices.");
  run(p, out);
}

}  // namespace mlx_rocm::gpu
