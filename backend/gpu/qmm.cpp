// Products with quantised matrices: their launches.
#include <algorithm>

#include "backend/core/error.h"
#include "backend/gpu/blas.h"
#include "backend/gpu/gemm.h"
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

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Pairs along y and z, which have 65535 each.
Grid with_pairs(int64_t blocks, int64_t pairs) {
  return Grid(blocks, std::min<int64_t>(pairs, 65535), ceil_div(pairs, 65535));
}

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

// A kernel for few rows of x, and what a workgroup of it computes.
struct RowKernel {
  const char* file;
  const char* entry;
  Defines defines;
  int64_t columns, rows;  // of out
  int threads = 256;
};

RowKernel shape_of(const QmmRoute& r) {
  const int threads = 256;
  switch (r.kernel) {
    case QmmKernel::qmv:
      return {"qmv.hip",
              "qmv",
              {{"ROWS", r.rows},
               {"PER_WAVE", r.per_wave},
               {"SPLIT", r.split},
               {"DEPTH", r.depth},
               {"UNIT", r.unit},
               {"CHUNK", r.chunk}},
              threads / target().wave / r.split * r.per_wave,
              r.rows};
    case QmmKernel::codes:
      return {"qmm_codes.hip",
              "qmm_codes",
              {{"COLS", r.rows},
               {"TILES", r.tiles},
               {"SPLIT", r.split},
               {"TURN", r.turn},
               {"DEPTH", r.depth},
               {"CHUNK", r.chunk},
               {"THREADS", r.threads}},
              r.threads / target().wave / r.split * r.tiles * 16,
              r.rows,
              r.threads};
    case QmmKernel::few:
      return {"qmm_few.hip",
              "qmm_few",
              {{"UNIT", r.unit},
               {"TILES", r.tiles},
               {"MTILES", r.m_tiles},
               {"SPLIT", r.split},
               {"DEPTH", r.depth},
               {"CHUNK", r.chunk}},
              threads / target().wave / r.split * r.tiles * 16,
              16 * r.m_tiles};
    default:
      return {"qvm.hip", "qvm", {{"ROWS", r.rows}}, 64, r.rows};
  }
}

// qmv, codes, qvm, few: blocks of n and m along x, pairs along y and z.
void launch_rows(const Product& p, const QmmRoute& r, const array& out) {
  const auto& f = p.problem;
  const RowKernel shape = shape_of(r);
  Defines defines = quant_defines(f.format, f.type);
  defines.insert(defines.end(), shape.defines.begin(), shape.defines.end());
  defines.emplace_back("PAIRS", p.pairing);
  const int64_t m_blocks = ceil_div(f.m, shape.rows);
  const Grid grid = with_pairs(ceil_div(f.n, shape.columns) * m_blocks, f.pairs);
  const auto& k = kernel(shape.file, shape.entry, defines);
  launch(k, grid, shape.threads, in(p.w.codes), in(p.w.scales), in(p.w.biases), in(p.x),
         gpu::out(out), in(p.lhs), in(p.rhs), p.pairs, uint32_t(f.m), uint32_t(f.n), uint32_t(f.k),
         uint32_t(m_blocks));
}

Defines tile_defines(const Product& p, const QmmRoute& r) {
  Defines defines = quant_defines(p.problem.format, p.problem.type);
  defines.insert(defines.end(), {{"BM", r.bm},
                                 {"BN", r.bn},
                                 {"WAVES_M", r.waves_m},
                                 {"WAVES_N", r.waves_n},
                                 {"DEPTH", r.depth},
                                 {"GROUPED", int(r.kernel == QmmKernel::grouped)},
                                 {"PAIRS", p.pairing}});
  return defines;
}

// `lhs` and `rhs` are the index arrays, or the lists of a grouping.
void launch_tiles(const Product& p, const QmmRoute& r, Grid grid, const array& lhs, const array& rhs,
                  const array& out) {
  const auto& f = p.problem;
  const uint32_t threads = r.waves_m * r.waves_n * target().wave;
  launch(kernel("qmm.hip", "qmm", tile_defines(p, r)), grid, threads, in(p.w.codes), in(p.w.scales),
         in(p.w.biases), in(p.x), gpu::out(out), in(lhs), in(rhs), p.pairs, uint32_t(f.m), uint32_t(f.n),
         uint32_t(f.k));
}

// The grouping is done on the device, so the grid has as many tiles as there can be; the rest return at once.
void launch_grouped(const Product& p, const QmmRoute& r, const array& out) {
  const auto& f = p.problem;
  const int64_t most = ceil_div(f.pairs * f.m, r.bm) + std::min(f.matrices, f.pairs);
  const array order = temporary({int(2 * f.pairs)}, uint32), tiles = temporary({int(1 + 3 * most)}, uint32);
  const int64_t counters = f.matrices <= 1024 ? 1024 : kMostGrouped;
  const auto& group = kernel("qmm_group.hip", "qmm_group", {{"BM", r.bm}, {"MATRICES", counters}});
  launch(group, 1, 1024, in(p.lhs), in(p.rhs), gpu::out(order), gpu::out(tiles), p.pairs, uint32_t(f.m));
  launch_tiles(p, r, with_pairs(ceil_div(f.n, r.bn), most), order, tiles, out);
}

array viewed(const array& a, const Shape& shape) {
  return array(a.buffer(), shape, a.dtype(), row_major_strides(shape), a.offset());
}

// The weights as they are, in memory, then an ordinary product.
void multiply_unpacked(const Product& p, const array& out) {
  const auto& f = p.problem;
  Shape shape = p.w.codes.shape();
  shape.back() = f.format.values(shape.back());
  const array unpacked = temporary(shape, f.type);
  dequantize(p.w, array(), array(), unpacked);
  Strides strides = row_major_strides(shape);
  if (f.transpose) {
    std::swap(shape.end()[-1], shape.end()[-2]);
    std::swap(strides.end()[-1], strides.end()[-2]);
  }
  if (f.pairs == 1) {
    const Shape two(shape.end() - 2, shape.end());
    const Strides steps(strides.end() - 2, strides.end());
    const array w(unpacked.buffer(), two, f.type, steps, unpacked.offset());
    return matmul(viewed(p.x, {int(f.m), int(f.k)}), w, nullptr, 1, 0, viewed(out, {int(f.m), int(f.n)}));
  }
  matmul(p.x, array(unpacked.buffer(), shape, f.type, strides, unpacked.offset()), nullptr, 1, 0, out);
}

void run(const Product& p, const array& out) {
  const auto& f = p.problem;
  const QmmRoute r = qmm_route(f, target(), compute_units(), blas_available());
  switch (r.kernel) {
    case QmmKernel::qmv:
    case QmmKernel::codes:
    case QmmKernel::qvm:
    case QmmKernel::few:
      return launch_rows(p, r, out);
    case QmmKernel::tiles:
      return launch_tiles(p, r, with_pairs(ceil_div(f.n, r.bn) * ceil_div(f.m, r.bm), f.pairs), p.lhs,
                          p.rhs, out);
    case QmmKernel::grouped:
      return launch_grouped(p, r, out);
    case QmmKernel::dequantize:
      return multiply_unpacked(p, out);
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
  p.pairs.w_count = p.problem.matrices = num_elements(batch);
  p.pairing = "PAIRS_BATCH";
  Strides strides[2] = {broadcast_strides(batch_of(x), row_major_strides(batch_of(x)), to),
                        broadcast_strides(batch, row_major_strides(batch), to)};
  if (!make_layout(to, strides, &p.pairs.at)) {
    runtime_error("[quantized_matmul] Too many batch axes that broadcast.");
  }
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
  p.pairs.w_count = p.problem.matrices = num_elements(batch_of(w.codes));
  p.pairing = "PAIRS_GATHER";
  Strides strides[2] = {broadcast_strides(lhs.shape(), lhs.strides(), to),
                        broadcast_strides(rhs.shape(), rhs.strides(), to)};
  if (!make_layout(to, strides, &p.pairs.at)) runtime_error("[gather_qmm] Too many axes of the indices.");
  run(p, out);
}

}  // namespace mlx_rocm::gpu
