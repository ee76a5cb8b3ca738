// The loops around the micro-kernels.
//
// A is packed once, shared by all threads. The columns of B are dealt out in strips; a task packs its strip
// (all of k) into its own memory, then walks down the rows: a tile of C stays in L2 while k advances in
// blocks that keep a B panel in L1. Few rows with k contiguous in both operands skip packing and use dot
// products; few rows of A times a row-major B skip it too.
#pragma once

#include "backend/cpu/gemm.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/scratch.h"
#include "backend/cpu/simd/gemm_kernels.h"

namespace mlx_rocm::cpu::SIMD_NS {

constexpr int64_t kBlockK = 256;    // B panel of a block: 32 KB with 512-bit vectors
constexpr int64_t kTileRows = 112;  // A block of a tile: 112 KB
constexpr int64_t kStripCols = 256;
constexpr int64_t kPackedStripBytes = int64_t{4} << 20;
constexpr int64_t kPackedABytes = int64_t{16} << 20;
constexpr double kParallelWork = 3e5;  // multiply-adds worth a second thread

MLX_ROCM_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Writes a tile of accumulators to C with alpha, beta and the addend.
template <class F>
void write_tile(const GemmArgs& g, const typename F::Acc* tile, int64_t ld, int64_t row0, int64_t rows,
                int64_t col0, int64_t cols) {
  using In = typename F::In;
  using Acc = typename F::Acc;
  const auto alpha = static_cast<Acc>(g.alpha);
  const auto beta = static_cast<Acc>(g.beta);
  In* c = static_cast<In*>(g.c) + row0 * g.c_row + col0 * g.c_col;
  const In* d = static_cast<const In*>(g.addend);
  if (d != nullptr) d += row0 * g.d_row + col0 * g.d_col;
  for (int64_t i = 0; i < rows; ++i, tile += ld, c += g.c_row) {
    int64_t j = 0;
    if constexpr (std::is_same_v<Acc, float>) {
      if (g.c_col == 1 && d == nullptr) {
        const vf scale = splat(alpha);
        for (; j + W <= cols; j += W) store(c + j, load(tile + j) * scale);
      } else if (g.c_col == 1 && g.d_col == 1) {
        for (; j + W <= cols; j += W) store(c + j, load(tile + j) * alpha + load(d + j) * beta);
      }
    }
    for (; j < cols; ++j) {
      Acc value = alpha * tile[j];
      if (d != nullptr) value += beta * F::to_acc(d[j * g.d_col]);
      c[j * g.c_col] = F::from_acc(value);
    }
    if (d != nullptr) d += g.d_row;
  }
}

// Rows per panel, chosen so that the panels are about equally full.
MLX_ROCM_INLINE int64_t panel_rows(int64_t m) { return ceil_div(m, ceil_div(m, kMaxMR)); }

template <class F>
void packed_strip(const GemmArgs& g, const typename F::Packed* packed_a, int64_t mr, int64_t row_begin,
                  int64_t row_end, int64_t col0, int64_t cols) {
  using Packed = typename F::Packed;
  constexpr int64_t NR = kNR<F>;
  const int64_t units = ceil_div(g.k, F::kUnit);
  const int64_t panels = ceil_div(cols, NR);
  auto* b = scratch_of<Packed>(ScratchUse::pack_b, panels * NR * units);
  const bool given = g.b_columns == nullptr;
  const int64_t b_col = given ? g.b_col : g.b_row_major ? 1 : g.k;
  const int64_t b_row = given ? g.b_row : g.b_row_major ? cols : 1;
  const auto* source = static_cast<const typename F::In*>(given ? g.b : g.b_columns(g.b_context, col0, cols));
  if (given) source += col0 * g.b_col;
  for (int64_t p = 0; p < panels; ++p) {
    pack_panel<F>(source + p * NR * b_col, b_col, b_row, std::min(NR, cols - p * NR), g.k, NR,
                  b + p * NR * units);
  }
  const int64_t tile_rows = std::max<int64_t>(1, kTileRows / mr) * mr;
  const int64_t ld = panels * NR;
  auto* tile =
      scratch_of<typename F::Acc>(ScratchUse::tile, std::min(tile_rows, ceil_div(g.m, mr) * mr) * ld);
  for (int64_t row = row_begin; row < row_end; row += tile_rows) {
    const int64_t rows = std::min(tile_rows, row_end - row);
    for (int64_t u = 0; u < units; u += kBlockK) {
      const int64_t step = std::min(kBlockK, units - u);
      for (int64_t p = 0; p < panels; ++p) {
        for (int64_t i = 0; i < rows; i += mr) {
          const int64_t height = std::min(mr, g.m - (row + i));
          micro_kernels<F>[height](step, packed_a + (row + i)* units + u* mr, mr, b + (p* units + u)* NR,
                                   tile + i* ld + p* NR, ld, u != 0);
        }
      }
    }
    write_tile<F>(g, tile, ld, row, rows, col0, cols);
  }
}

template <class F>
void packed_rows(const GemmArgs& g) {
  using Packed = typename F::Packed;
  constexpr int64_t NR = kNR<F>;
  const int64_t units = ceil_div(g.k, F::kUnit);
  const int64_t mr = panel_rows(g.m);
  const int64_t panels = ceil_div(g.m, mr);
  const auto* source = static_cast<const typename F::In*>(g.a);
  auto* packed = scratch_of<Packed>(ScratchUse::pack_a, panels * mr * units);
  parallel_for(panels, std::max<int64_t>(1, 20000 / (mr * units)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      pack_panel<F>(source + p * mr * g.a_row, g.a_row, g.a_col, std::min(mr, g.m - p * mr), g.k, mr,
                    packed + p * mr * units);
    }
  });

  const bool parallel = double(g.m) * double(g.n) * double(g.k) >= kParallelWork;
  const int64_t wanted = parallel ? 4 * num_threads() : 1;
  const int64_t fits = std::max<int64_t>(1, kPackedStripBytes / int64_t(units * NR * sizeof(Packed)));
  int64_t strip =
      NR * std::clamp<int64_t>(ceil_div(ceil_div(g.n, NR), wanted), 1, std::min(kStripCols / NR, fits));
  if (g.b_columns != nullptr) strip = ceil_div(strip, 32) * 32;
  const int64_t strips = ceil_div(g.n, strip);
  // Too few strips for all threads: cut the rows as well.
  const int64_t row_parts = std::clamp<int64_t>(wanted / strips, 1, ceil_div(panels, 4));
  const int64_t part_rows = ceil_div(panels, row_parts) * mr;
  const int64_t tasks = strips * row_parts;
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t col0 = (task / row_parts) * strip;
      const int64_t row0 = (task % row_parts) * part_rows;
      if (row0 >= g.m) continue;
      packed_strip<F>(g, packed, mr, row0, std::min(g.m, row0 + part_rows), col0,
                      std::min(strip, g.n - col0));
    }
  };
  if (parallel) {
    parallel_for(tasks, 1, run);
  } else {
    run(0, tasks);
  }
}

template <class F>
GemmArgs rows_of(const GemmArgs& g, int64_t first, int64_t count) {
  using In = typename F::In;
  GemmArgs part = g;
  part.m = count;
  part.a = static_cast<const In*>(g.a) + first * g.a_row;
  part.c = static_cast<In*>(g.c) + first * g.c_row;
  if (g.addend != nullptr) part.addend = static_cast<const In*>(g.addend) + first * g.d_row;
  return part;
}

template <class F>
void packed_gemm(const GemmArgs& g) {
  const int64_t row_bytes = std::max<int64_t>(1, g.k) * sizeof(typename F::In);
  const int64_t most = std::max<int64_t>(kTileRows, kPackedABytes / row_bytes / kTileRows * kTileRows);
  for (int64_t row = 0; row < g.m; row += most) packed_rows<F>(rows_of<F>(g, row, std::min(most, g.m - row)));
}

// Dot products: k contiguous in A and B --------------------------------------------------------------------

template <class Vec>
MLX_ROCM_INLINE auto sum_lanes(Vec v) {
  if constexpr (std::is_same_v<Vec, vf>) {
    return hsum(v);
  } else {
    double sum = 0;
    for (int i = 0; i < W / 2; ++i) sum += v[i];
    return sum;
  }
}

// tile[MB][ld] = rows of A times NB rows of B^T.
template <class F, int MB, int NB>
void dot_block(int64_t k, const typename F::In* a, int64_t lda, const typename F::In* b, int64_t ldb,
               typename F::Acc* tile, int64_t ld) {
  using Vec = typename F::Vec;
  Vec acc[MB][NB] = {};
  int64_t i = 0;
  for (; i + F::kDot <= k; i += F::kDot) {
    typename F::DotVec x[MB];
#pragma GCC unroll 8
    for (int m = 0; m < MB; ++m) x[m] = F::dot_load(a + m * lda + i);
#pragma GCC unroll 8
    for (int n = 0; n < NB; ++n) {
      const auto y = F::dot_load(b + n * ldb + i);
#pragma GCC unroll 8
      for (int m = 0; m < MB; ++m) acc[m][n] = F::dot_add(acc[m][n], x[m], y);
    }
  }
  if (i < k) {
    for (int n = 0; n < NB; ++n) {
      const auto y = F::dot_load_part(b + n * ldb + i, k - i);
      for (int m = 0; m < MB; ++m)
        acc[m][n] = F::dot_add(acc[m][n], F::dot_load_part(a + m * lda + i, k - i), y);
    }
  }
  for (int m = 0; m < MB; ++m) {
    for (int n = 0; n < NB; ++n) tile[m * ld + n] = sum_lanes(acc[m][n]);
  }
}

template <class F, int MB, int NB>
void dot_columns(const GemmArgs& g, const typename F::In* a, const typename F::In* b, int64_t cols,
                 typename F::Acc* tile, int64_t ld) {
  int64_t n = 0;
  for (; n + NB <= cols; n += NB)
    dot_block<F, MB, NB>(g.k, a, g.a_row, b + n * g.b_col, g.b_col, tile + n, ld);
  for (; n < cols; ++n) dot_block<F, MB, 1>(g.k, a, g.a_row, b + n * g.b_col, g.b_col, tile + n, ld);
}

constexpr int64_t kDotTile = 32;
constexpr int64_t kDotRows = 16;

// At most kDotRows rows. B is read once from memory; blocks of it stay in L1 for the further rows.
template <class F>
void dot_gemm(const GemmArgs& g) {
  const auto* a = static_cast<const typename F::In*>(g.a);
  const auto* b = static_cast<const typename F::In*>(g.b);
  const int64_t tiles = ceil_div(g.n, kDotTile);
  const double work = double(g.m) * double(kDotTile) * double(std::max<int64_t>(g.k, 1));
  const auto grain = static_cast<int64_t>(std::max(1.0, kParallelWork / 2 / work));
  parallel_for(tiles, grain, [&](int64_t begin, int64_t end) {
    typename F::Acc tile[kDotRows * kDotTile];
    for (int64_t t = begin; t < end; ++t) {
      const int64_t col = t * kDotTile;
      const int64_t cols = std::min(kDotTile, g.n - col);
      const auto* columns = b + col * g.b_col;
      int64_t m = 0;
      for (; m + 4 <= g.m; m += 4) {
        dot_columns<F, 4, 4>(g, a + m * g.a_row, columns, cols, tile + m * kDotTile, kDotTile);
      }
      for (; m + 2 <= g.m; m += 2) {
        dot_columns<F, 2, 4>(g, a + m * g.a_row, columns, cols, tile + m * kDotTile, kDotTile);
      }
      for (; m < g.m; ++m) {
        dot_columns<F, 1, 8>(g, a + m * g.a_row, columns, cols, tile + m * kDotTile, kDotTile);
      }
      write_tile<F>(g, tile, kDotTile, 0, g.m, col, cols);
    }
  });
}

// Few rows of A times a row-major B: sums of scaled rows of B, which is read once --------------------------

constexpr int64_t kSumRows = 4;
constexpr int64_t kSumCols = 1024;

// sums[MB][kSumCols] = x[MB][k] @ B[:, col : col + cols].
template <class F, int MB>
void add_rows(const GemmArgs& g, const typename F::Acc* x, int64_t col, int64_t cols, typename F::Acc* sums) {
  using In = typename F::In;
  using Acc = typename F::Acc;
  const In* b = static_cast<const In*>(g.b) + col;
  std::fill(sums, sums + MB * kSumCols, Acc{});
  constexpr int kRows = 8 / (MB > 2 ? 2 : 1);
  int64_t k = 0;
  for (; k + kRows <= g.k; k += kRows) {
    const In* line = b + k * g.b_row;
    int64_t j = 0;
    if constexpr (std::is_same_v<Acc, float>) {
      for (; j + W <= cols; j += W) {
        vf sum[MB];
#pragma GCC unroll 4
        for (int m = 0; m < MB; ++m) sum[m] = load(sums + m * kSumCols + j);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          const vf values = load(line + r * g.b_row + j);
#pragma GCC unroll 4
          for (int m = 0; m < MB; ++m) sum[m] = sum[m] + values * x[m * g.k + k + r];
        }
#pragma GCC unroll 4
        for (int m = 0; m < MB; ++m) store(sums + m * kSumCols + j, sum[m]);
      }
    }
    for (; j < cols; ++j) {
      for (int r = 0; r < kRows; ++r) {
        for (int m = 0; m < MB; ++m)
          sums[m * kSumCols + j] += F::to_acc(line[r * g.b_row + j]) * x[m * g.k + k + r];
      }
    }
  }
  for (; k < g.k; ++k) {
    for (int m = 0; m < MB; ++m) {
      for (int64_t j = 0; j < cols; ++j)
        sums[m * kSumCols + j] += F::to_acc(b[k * g.b_row + j]) * x[m * g.k + k];
    }
  }
}

template <class F, int MB>
void few_rows_gemm(const GemmArgs& g) {
  using Acc = typename F::Acc;
  const auto* a = static_cast<const typename F::In*>(g.a);
  Acc* x = scratch_of<Acc>(ScratchUse::convert, MB * g.k);
  for (int m = 0; m < MB; ++m) {
    for (int64_t k = 0; k < g.k; ++k) x[m * g.k + k] = F::to_acc(a[m * g.a_row + k * g.a_col]);
  }
  const int64_t wanted = std::clamp<int64_t>(ceil_div(g.n, 2 * num_threads()), 128, kSumCols);
  const int64_t cols = ceil_div(wanted, 64) * 64;
  const auto grain =
      static_cast<int64_t>(std::max(1.0, kParallelWork / 2 / (double(MB) * double(cols) * double(g.k))));
  parallel_for(ceil_div(g.n, cols), grain, [&](int64_t begin, int64_t end) {
    Acc sums[MB * kSumCols];
    for (int64_t t = begin; t < end; ++t) {
      const int64_t col = t * cols;
      const int64_t count = std::min(cols, g.n - col);
      add_rows<F, MB>(g, x, col, count, sums);
      write_tile<F>(g, sums, kSumCols, 0, MB, col, count);
    }
  });
}

inline GemmArgs transposed(const GemmArgs& g) {
  GemmArgs t = g;
  std::swap(t.m, t.n);
  std::swap(t.a, t.b);
  t.a_row = g.b_col;
  t.a_col = g.b_row;
  t.b_row = g.a_col;
  t.b_col = g.a_row;
  std::swap(t.c_row, t.c_col);
  std::swap(t.d_row, t.d_col);
  return t;
}

template <class F>
void gemm_any(const GemmArgs& args) {
  if (args.k <= 0) {  // an empty sum: one zero product instead, so that C is still written
    static const typename F::In zero{};
    GemmArgs g = args;
    g.k = 1;
    g.a = g.b = &zero;
    g.a_row = g.a_col = g.b_row = g.b_col = 0;
    return gemm_any<F>(g);
  }
  if (args.b_columns != nullptr) return packed_gemm<F>(args);
  const bool few_columns = args.n < args.m && args.n <= 4;
  const GemmArgs g = few_columns ? transposed(args) : args;
  if (g.m <= kDotRows && g.a_col == 1 && g.b_row == 1) return dot_gemm<F>(g);
  if (g.m <= kSumRows && g.b_col == 1) {
    switch (g.m) {
      case 1:
        return few_rows_gemm<F, 1>(g);
      case 2:
        return few_rows_gemm<F, 2>(g);
      case 3:
        return few_rows_gemm<F, 3>(g);
      default:
        return few_rows_gemm<F, 4>(g);
    }
  }
  packed_gemm<F>(g);
}

}  // namespace mlx_rocm::cpu::SIMD_NS
