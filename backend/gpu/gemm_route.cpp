// Which kernel serves a matrix product, as rows of numbers. Nothing here needs a GPU.
#include <algorithm>

#include "backend/gpu/gemm.h"

namespace mlx_rocm::gpu {
namespace {

int64_t tiles(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

// Tiles of gemm.hip from large to small. `fill`: workgroups per compute unit that must exist before the tile
// is taken.
struct Tile {
  int bm, bn, threads, waves_m;  // threads 0: eight waves of 32 or four of 64, in rows of waves_m
};
// Matrix instructions: waves are arranged waves_m x the rest. FMAs: only the number of threads counts.
constexpr Tile kMmaTiles[] = {{128, 128, 256, 2}, {64, 64, 0, 2}, {32, 64, 0, 2}, {16, 64, 0, 1}};
constexpr Tile kFmaTiles[] = {{128, 128, 256, 1}, {64, 64, 256, 1}, {32, 64, 128, 1}};

// Rows up to which a product is limited by reading b once: gemv. With BLAS on NVIDIA, whose gemv kernels have
// no dot instruction, fewer.
int most_gemv_rows(const Target& t, bool blas) { return t.mma == Mma::sync && blas ? 4 : 8; }

constexpr int64_t kBlasWork = 1 << 21;     // m * n * k below which a launch costs as much as the product
constexpr int64_t kPartsBytes = 64 << 20;  // of memory for the sums of split products

GemmRoute gemv_rows(const GemmProblem& p, const Target& t, int units) {
  GemmRoute r;
  r.kernel = GemmKernel::gemv_rows;
  r.vector = p.b.along_k ? p.b.vector : 1;
  // A row of b shorter than a wave's access leaves lanes idle.
  while (r.vector > 2 && p.k < int64_t(t.wave) * r.vector) r.vector /= 2;
  const bool long_rows = p.k >= int64_t(t.wave) * r.vector * 4;
  r.columns = p.m > 4 ? 4 : p.m > 1 ? 2 : long_rows ? 1 : 4;
  r.unroll = long_rows ? 4 / r.columns : 1;
  if (is_complex(p.dtype)) r.columns = std::min(r.columns, 2);
  const int waves = 256 / t.wave;
  auto groups = [&] { return tiles(p.n, int64_t(waves / r.split_waves) * r.columns) * p.batch; };
  // On NVIDIA four waves a row even when there are rows enough: the more loads are in flight the better (measured on an
  // H200). AMD's waves take longer to start.
  const int always = t.mma == Mma::sync ? 4 : 1;
  while (r.split_waves < waves && (r.split_waves < always || groups() < 3 * units) &&
         p.k >= int64_t(t.wave) * r.vector * r.unroll * r.split_waves * 2) {
    r.split_waves *= 2;
  }
  if (groups() < units && p.k >= 16384)
    r.splits = int(std::min<int64_t>(tiles(2 * units, groups()), p.k / 8192));
  return r;
}

GemmRoute gemv_columns(const GemmProblem& p, int units) {
  GemmRoute r;
  r.kernel = GemmKernel::gemv_columns;
  r.vector = p.b.along_k ? 1 : p.b.vector;
  const int64_t groups = tiles(p.n, int64_t(r.lanes) * r.vector) * p.batch;
  r.splits =
      int(std::clamp<int64_t>(4 * units / std::max<int64_t>(groups, 1), 1, std::max<int64_t>(p.k / 64, 1)));
  while (r.splits > 1 && r.splits * p.batch * p.m * p.n * 8 > kPartsBytes) r.splits /= 2;
  return r;
}

}  // namespace

const char* name_of(GemmKernel k) {
  constexpr const char* names[] = {"gemv_rows", "gemv_columns", "gemm", "blas"};
  return names[int(k)];
}

GemmRoute gemm_tile_route(Dtype dtype, int64_t m, int64_t n, int64_t k, int64_t batch, const Target& target,
                          int units) {
  GemmRoute r;
  r.fma = !is_half(dtype) || by_fma(target.mma);
  const Tile* rows = r.fma ? kFmaTiles : kMmaTiles;
  const int count = r.fma ? int(std::size(kFmaTiles)) : int(std::size(kMmaTiles));
  int at = is_complex(dtype) ? 1 : 0;  // complex sums of 8 x 8 a thread are too many registers
  // A smaller tile when half of this one is beyond the matrix, or when too few of it are there to fill the
  // device.
  auto too_large = [&](const Tile& t) {
    if (m <= t.bm / 2) return true;
    return t.bm > 64 && tiles(m, t.bm) * tiles(n, t.bn) * batch < units;
  };
  while (at + 1 < count && too_large(rows[at])) ++at;
  const Tile& tile = rows[at];
  r.bm = tile.bm;
  r.bn = tile.bn;
  const int threads = tile.threads ? tile.threads : 4 * target.wave;
  r.waves_m = tile.waves_m;
  r.waves_n = threads / target.wave / tile.waves_m;
  const int64_t groups = tiles(m, r.bm) * tiles(n, r.bn) * batch;
  // Few rows are limited by reading b, which takes many workgroups; their partial sums are small.
  const int64_t wanted = m <= 64 ? 4 * units : 2 * units;
  if (groups < wanted / 2 && k >= 512) {
    r.splits = int(std::min<int64_t>({tiles(wanted, groups), k / 256, 32}));
    while (r.splits > 1 && r.splits * batch * m * n * 8 > kPartsBytes) r.splits /= 2;
  }
  return r;
}

GemmRoute gemm_route(const GemmProblem& p, const Target& target, int units, bool blas) {
  const int most = most_gemv_rows(target, blas);
  if (p.m <= most || p.n <= most) {
    const bool swapped = p.m > most || (p.n <= most && p.n < p.m);
    GemmProblem q = p;
    if (swapped) {
      std::swap(q.m, q.n);
      std::swap(q.a, q.b);
    }
    GemmRoute r = q.b.along_k ? gemv_rows(q, target, units) : gemv_columns(q, units);
    r.swapped = swapped;
    return r;
  }
  if (blas && p.blas_layout && !is_complex(p.dtype) &&
      p.m * p.n * p.k >= kBlasWork / std::max<int64_t>(p.batch, 1)) {
    GemmRoute r;
    r.kernel = GemmKernel::blas;
    return r;
  }
  return gemm_tile_route(p.dtype, p.m, p.n, p.k, p.batch, target, units);
}

}  // namespace mlx_rocm::gpu
