// Which kernel a product with a quantised matrix takes, and in which shape. Pure functions and their numbers.
#include <algorithm>

#include "backend/gpu/quantized.h"

namespace mlx_rocm::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxPairsRow = 4;  // rows of x whose sums fit the registers of qmv
constexpr int kWavesPerUnit = 8; // of a compute unit, that keep its memory busy

// Blocks of equal size: 5 rows are 3 and 3 (one of them twice), not 4 and 4.
int balanced(int64_t m, int most) {
  const int64_t blocks = (m + most - 1) / most;
  return int((m + blocks - 1) / blocks);
}

int unit_of(const QmmProblem& p) {
  if (p.format.bits == 8) return 16;                 // 16 bytes
  if (p.format.group == 16 && p.k % 32 != 0) return 16;  // nvfp4: 8 bytes
  return 32;
}

QmmRoute qmv_route(const QmmProblem& p, const Target& target, int compute_units) {
  QmmRoute r;
  r.kernel = QmmKernel::qmv;
  r.unit = unit_of(p);
  r.rows = balanced(p.m, p.type == float32 ? 2 : kMaxPairsRow);
  // As many rows of w a wave as leave work for every compute unit; then more waves a row.
  const int64_t blocks = p.pairs * ((p.m + r.rows - 1) / r.rows);
  const int64_t wanted = int64_t(kWavesPerUnit) * compute_units;
  r.per_wave = r.rows > 2 ? 2 : 4;
  while (r.per_wave > 1 && blocks * ((p.n + r.per_wave - 1) / r.per_wave) < wanted) r.per_wave /= 2;
  const int waves = kThreads / target.wave;
  const int64_t units = p.k / r.unit;
  auto useful = [&](int split) {  // every lane of every wave has something to do
    return split <= waves && units >= int64_t(split) * target.wave && split * target.wave * r.unit <= kQmvChunk;
  };
  while (useful(2 * r.split) && blocks * ((p.n + r.per_wave - 1) / r.per_wave) * r.split < wanted) r.split *= 2;
  return r;
}

}  // namespace

QmmRoute qmm_route(const QmmProblem& p, const Target& target, int compute_units) {
  if (p.transpose) return qmv_route(p, target, compute_units);
  QmmRoute r;
  r.kernel = QmmKernel::qvm;
  r.rows = balanced(p.m, kMaxPairsRow);
  return r;
}

}  // namespace mlx_rocm::gpu
