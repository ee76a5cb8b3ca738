#include "backend/gpu/hadamard.h"

#include <algorithm>

#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {
namespace {

// Floats of a tile: with kernels/hadamard.hip's padding 10240 are 45 KiB of LDS, and 48 KiB are safe everywhere.
constexpr int64_t kLargestTile = 10240;
constexpr int64_t kUsualTile = 2048;  // rows shorter than this share a workgroup
constexpr int64_t kColumns = 16;      // of a tile in memory-strided passes: 64 bytes of float
constexpr int64_t kRow = 4096, kColumn = 512;  // lengths that a pass of a long row takes

std::string sign_words(int m, const std::vector<float>& block) {
  std::string words = "{";
  for (int i = 0; i < m; ++i) {
    uint32_t word = 0;
    for (int j = 0; j < m; ++j) word |= uint32_t(block[i * m + j] < 0) << j;
    words += std::to_string(word) + "u,";
  }
  return words + "}";
}

// Elements that an access may take: 16 bytes' worth where the address and the length of a run allow it.
int64_t vector_width(const array& a, int64_t run) {
  int64_t width = int64_t(16 / a.itemsize());
  while (width > 1 && (run % width != 0 || a.offset() % int64_t(width * a.itemsize()) != 0)) width /= 2;
  return width;
}

}  // namespace

std::vector<HadamardPass> hadamard_passes(int m, int64_t power) {
  if (m * power <= kLargestTile) return {{1, power, m}};
  std::vector<HadamardPass> passes = {{1, std::min(power, kRow), 1}};
  int64_t done = passes[0].high;
  // The last pass has the blocks as well, and at most kColumn * kColumns elements a tile.
  while (m * (power / done) > kColumn) {
    const int64_t next = std::min(kColumn, power / done);
    passes.push_back({done, done * next, 1});
    done *= next;
  }
  if (m * (power / done) > 1) passes.push_back({done, power, m});
  return passes;
}

void hadamard(const array& in, const array& out, int m, const std::vector<float>& block, float scale) {
  const array x = contiguous(in);
  allocate(out);
  if (out.size() == 0) return;
  const int64_t size = out.size(), n = out.shape(-1);
  const std::vector<HadamardPass> passes = hadamard_passes(m, n / m);
  array from = x;
  for (size_t i = 0; i < passes.size(); ++i) {
    const HadamardPass& p = passes[i];
    const bool last = i + 1 == passes.size();
    // Sums stay in float between the passes.
    const array to = last ? out : i > 0 ? from : temporary(out.shape(), float32);
    const int64_t rows = p.low == 1 ? std::max<int64_t>(1, kUsualTile / (p.high * p.m)) : 1;
    const int64_t columns = p.low == 1 ? 1 : kColumns;
    const int64_t length = p.high / p.low * p.m;
    const int64_t tile = length * rows * columns;
    const int64_t run = p.low == 1 ? length : columns;
    const int64_t vec = std::min(vector_width(from, run), vector_width(to, run));
    const auto& k = kernel("hadamard.hip", "hadamard",
                           {{"TIN", from.dtype()}, {"TOUT", to.dtype()}, {"VEC", vec}, {"LOW", columns},
                            {"HIGH", length / p.m * columns}, {"M", p.m}, {"TILE", tile},
                            {"SIGNS", p.m == 1 ? std::string("{}") : sign_words(p.m, block)}});
    launch(k, (size + tile - 1) / tile, 256, gpu::in(from), gpu::out(to), uint64_t(size), uint32_t(p.low),
           uint32_t(std::max<int64_t>(1, p.low / kColumns)), last ? scale : 1.0f);
    from = to;
  }
}

}  // namespace mlx_rocm::gpu
