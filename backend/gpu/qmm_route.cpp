// Which kernel a product with a quantised matrix takes, and in which shape. Pure functions and their numbers.
#include <algorithm>

#include "backend/gpu/quantized.h"

namespace mlx_rocm::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kQmvLds = 32768;   // bytes of x that qmv stages
constexpr int kCodesLds = 16384;  // and codes on AMD: several workgroups of a compute unit
constexpr int kWavesPerUnit = 8;  // of a compute unit, that keep its memory busy

// By kind of matrix instruction: the rows of x up to which codes are multiplied one by one (qmv), where
// they can be operands themselves (codes: from there on; -1: never) and where they cannot; those
// up to which matrix instructions take them from memory (few), and those up to which unpacking into LDS (tiles)
// beats unpacking to memory for a BLAS. Others' measurements on gfx1151 put the last between 16 and 128
// rows; ours are to come.
//
// On NVIDIA the first was measured. On AMD it is reasoned from issue slots a weight, which are to stay
// below what memory delivers (CDNA3 has 4.3 to spend at the rate of its memory, RDNA 8 and more): qmv has
// 3.5 for one row and 2 more for each further one; codes has 2 whatever the rows, besides matrix
// instructions, which CDNA has units for. Those take 2 slots a weight on gfx12, and 4 on gfx11, which wants
// every operand in two lanes besides.
struct Limits {
  Mma mma;
  int qmv_codes, qmv, few, tiles;
};
// Up to 32 rows have codes; on an H200 17 to 32 took 48 us, and few 40.
int most_codes(Mma mma) { return mma == Mma::sync ? 16 : 32; }
constexpr Limits kLimits[] = {
    {Mma::none, -1, 8, 16, 32},       {Mma::wmma_gfx11, 3, 4, 32, 96},  {Mma::wmma_gfx12, 1, 4, 32, 96},
    {Mma::mfma_cdna2, 0, 2, 32, 128}, {Mma::mfma_cdna3, 0, 2, 32, 128}, {Mma::mfma_cdna4, 0, 2, 32, 128},
    {Mma::sync, 0, 2, 32, 256},       {Mma::shuffle, -1, 8, 8, 8},
};
// The same for products that have no tiles: float32, and times w without transposing.
constexpr int kFewRows = 16;
const Limits& limits_of(const Target& target) {
  for (const Limits& l : kLimits) {
    if (l.mma == target.mma) return l;
  }
  return kLimits[0];
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Blocks of equal size: 5 rows are 3 and 3 (one of them twice), not 4 and 4.
int balanced(int64_t m, int most) { return int(ceil_div(m, ceil_div(m, most))); }

int unit_of(const QmmProblem& p) {
  if (p.format.bits == 8) return 16;                     // 16 bytes
  if (p.format.group == 16 && p.k % 32 != 0) return 16;  // nvfp4: 8 bytes
  return 32;
}

QmmRoute qmv_route(const QmmProblem& p, const Target& target, int compute_units) {
  QmmRoute r;
  r.kernel = QmmKernel::qmv;
  r.unit = unit_of(p);
  r.rows = balanced(p.m, p.type == float32 ? 2 : 4);
  for (r.chunk = 8192; r.chunk * r.rows * int(p.type.size()) > kQmvLds;) r.chunk /= 2;
  // Two rows of w a wave, as long as every compute unit has work; then more waves a row.
  const int64_t blocks = p.pairs * ceil_div(p.m, r.rows);
  const int64_t wanted = int64_t(kWavesPerUnit) * compute_units;
  r.per_wave = blocks * ceil_div(p.n, 2) < wanted ? 1 : 2;
  auto useful = [&](int split) {  // every lane of every wave has something to do
    const int64_t step = int64_t(split) * target.wave * r.unit;
    return split <= kThreads / target.wave && p.k >= step && step <= r.chunk;
  };
  while (useful(2 * r.split) && blocks * ceil_div(p.n, r.per_wave) * r.split < wanted) r.split *= 2;
  // 64 bytes of codes in flight a lane, unless sums take the registers.
  const int64_t steps = ceil_div(p.k, int64_t(r.split) * target.wave * r.unit);
  r.depth = r.rows > 2 || steps < 2 ? 1 : r.per_wave == 2 || steps < 4 ? 2 : 4;
  return r;
}

// Lanes that lie side by side along k in an operand of a matrix instruction: MMA_K / MMA_A_RUN of
// kernels/mma.h.
int slots_of(Mma mma) {
  switch (mma) {
    case Mma::wmma_gfx11:
      return 1;
    case Mma::wmma_gfx12:
    case Mma::none:
      return 2;
    case Mma::mfma_cdna2:
    case Mma::mfma_cdna3:
    case Mma::mfma_cdna4:
    case Mma::sync:
    case Mma::shuffle:
      return 4;
  }
  return 4;
}

// The same for kernels/qmm_codes.hip, which takes w as the other operand except on NVIDIA.
int codes_slots_of(Mma mma) { return mma == Mma::none ? 1 : slots_of(mma); }

QmmRoute few_route(const QmmProblem& p, const Target& target, int compute_units) {
  QmmRoute r;
  r.kernel = QmmKernel::few;
  r.unit = unit_of(p);
  r.m_tiles = p.m > 16 ? 2 : 1;
  r.chunk = 512 / r.m_tiles;  // 16 KiB of x
  r.depth = target.mma == Mma::sync ? 2 : 1;
  // A workgroup reads all of x: the more rows of w it has the better, while all compute units have some.
  const int64_t blocks = p.pairs * ceil_div(p.m, 16 * r.m_tiles), block = slots_of(target.mma) * r.unit;
  constexpr int shapes[][2] = {{2, 1}, {2, 2}, {2, 4}, {1, 4}};  // tiles, split
  for (auto [tiles, split] : shapes) {
    if (split > 1 && (split * block > r.chunk || split * block > p.k)) break;
    r.tiles = tiles;
    r.split = split;
    const int64_t rows = kThreads / target.wave / split * tiles * 16;
    if (2 * blocks * ceil_div(p.n, rows) >= 3 * compute_units) break;
  }
  return r;
}

// Whether codes become operands in a few instructions (kernels/quant.h) and a group fills whole instructions.
bool has_codes(const QmmProblem& p, const Target& target) {
  const int bits = p.format.bits, run = target.mma == Mma::wmma_gfx11 || target.mma == Mma::none ? 16 : 8;
  if (target.mma == Mma::sync && !p.format.affine()) return false;  // not measured against qmv
  const bool format = bits == 4 || (bits == 8 && p.format.affine());
  return format && p.format.group / codes_slots_of(target.mma) >= run;
}

QmmRoute codes_route(const QmmProblem& p, const Target& target, int compute_units) {
  QmmRoute r;
  r.kernel = QmmKernel::codes;
  while (r.rows < p.m) r.rows *= 2;
  const int group = p.format.group, groups = int(p.k / group);
  const int64_t tiles = p.pairs * ceil_div(p.m, r.rows) * ceil_div(p.n, 16);
  const bool nvidia = target.mma == Mma::sync;
  // 16 words of codes of a lane in a turn; a row is whole turns.
  const int words = group / codes_slots_of(target.mma) * p.format.bits / 32 * (nvidia ? 2 : 1);
  auto set_turn = [&](int most) {
    for (r.turn = most; r.turn > 1 && (r.turn * words > 16 || groups % r.turn != 0);) r.turn /= 2;
  };
  set_turn(8);
  int64_t wanted;  // waves
  if (nvidia) {  // measured on an H200: all workgroups at once, each of one tile
    r.threads = tiles < 4 * compute_units ? 256 : 128;
    if (r.threads == 256) set_turn(2);
    r.chunk = r.rows > 2 ? 0 : 4096;  // else x comes through L1
    wanted = INT64_MAX;
  } else {
    r.threads = 256;
    for (r.chunk = std::min(kCodesLds / 2 / r.rows, 4096); r.chunk / 2 >= p.k;) r.chunk /= 2;
    r.tiles = r.rows > 8 && tiles >= 2 * kWavesPerUnit * compute_units ? 2 : 1;
    wanted = 2 * kWavesPerUnit * int64_t(compute_units) * r.tiles;
  }
  while (r.chunk != 0 && r.turn > 1 && r.turn * group > r.chunk) r.turn /= 2;
  auto fits = [&](int split) {
    const int side_by_side = split * r.turn;
    const bool in_chunk = r.chunk == 0 || side_by_side * group <= r.chunk;
    return split <= r.threads / target.wave && side_by_side <= groups && in_chunk;
  };
  while (fits(2 * r.split) && tiles * r.split < wanted) r.split *= 2;
  return r;
}

QmmRoute tiles_route(const QmmProblem& p, int64_t m, const Target& target, int compute_units) {
  QmmRoute r;
  r.kernel = QmmKernel::tiles;
  r.bm = m <= 32 ? 32 : m <= 64 ? 64 : 128;
  r.bn = 2 * p.pairs * ceil_div(m, r.bm) * ceil_div(p.n, 128) < 3 * compute_units ? 64 : 128;
  if (r.bm == 128 && r.bn == 64) r.bm = 64;
  r.waves_m = r.bm == 32 || (r.bm == 64 && r.bn == 128) ? 1 : 2;
  r.waves_n = r.bm == 128 || r.waves_m == 1 ? 4 : 2;
  // Sums of 64 x 64 need fewer bytes of LDS an instruction; RDNA has no registers for them, and CDNA more LDS
  // than waves.
  if (r.bm == 128 && target.mma == Mma::sync) r.waves_n = 2;
  // A step of a small tile takes less time than its loads.
  r.depth = r.bm == 128 ? 1 : r.bm == 32 && target.mma == Mma::sync ? 4 : 2;
  return r;
}

// Rows that meet the same matrix of w are worth bringing together when there are several of them.
bool worth_grouping(const QmmProblem& p) {
  return p.gathered && p.matrices <= kMostGrouped && p.pairs > 1 && p.pairs * p.m >= 32 &&
         p.pairs >= 2 * std::min(p.matrices, p.pairs);
}

QmmRoute grouped_route(const QmmProblem& p, const Target& target, int compute_units) {
  QmmProblem all = p;
  all.pairs = std::min(p.matrices, p.pairs);
  const int64_t each = ceil_div(p.pairs * p.m, all.pairs);  // rows of a matrix, on average
  QmmRoute r = tiles_route(all, each, target, compute_units);
  r.kernel = QmmKernel::grouped;
  return r;
}

}  // namespace

const char* name_of(QmmKernel k) {
  constexpr const char* names[] = {"qmv", "codes", "qvm", "few", "tiles", "grouped", "dequantize"};
  return names[int(k)];
}

QmmRoute qmm_route(const QmmProblem& p, const Target& target, int compute_units, bool blas) {
  const Limits& limits = limits_of(target);
  QmmRoute unpacked;
  unpacked.kernel = QmmKernel::dequantize;
  const bool tiles = p.transpose && p.type != float32;
  // Gathered products have no ordinary product to go to.
  if (!p.gathered && (tiles ? blas && p.m > limits.tiles : p.m > kFewRows)) return unpacked;
  if (!p.transpose) {
    QmmRoute r;
    r.kernel = QmmKernel::qvm;
    r.rows = balanced(p.m, 4);
    return r;
  }
  if (!tiles) return qmv_route(p, target, compute_units);
  if (worth_grouping(p)) return grouped_route(p, target, compute_units);
  const bool codes = limits.qmv_codes >= 0 && has_codes(p, target);
  if (p.m <= (codes ? limits.qmv_codes : limits.qmv)) return qmv_route(p, target, compute_units);
  if (codes && p.m <= most_codes(target.mma)) return codes_route(p, target, compute_units);
  if (p.m <= limits.few) return few_route(p, target, compute_units);
  return tiles_route(p, p.m, target, compute_units);
}

}  // namespace mlx_rocm::gpu
