// out = alpha * a @ b + beta * c for T bf16, f16 (float sums, matrix instructions where the target has them),
// float or complex64 (FMAs). Any m, n, k, any strides, batches: see gemm_args.h.
//
// A workgroup of WAVES_M x WAVES_N waves computes BM x BN of one product. Panels of STEP along k go from
// memory through registers into LDS while the panel before them is multiplied: two LDS buffers, one barrier a
// step. A_RUNS, B_RUNS: k of the operand is contiguous (1), or its rows (columns of b) are (0), which are
// transposed on the way to LDS. VEC_A, VEC_B: elements of one access to memory, 16 bytes where the data
// allows (1: any strides).
//
// Work: m * n * k multiply-adds; a and b are read n / BN and m / BM times, mostly from L2. Limited by the
// arithmetic when BM = BN = 128, else by LDS and memory.
//
// EPILOGUE: 0 out = alpha * sum, 1 adds beta * c, 2 writes the sum of part y of k to `out` for sum_splits.
// GROUPED: rows of a are taken in the order of `order`, those that meet one matrix of b together (gather_mm).
#ifndef T
#define T bf16
#endif
#ifndef FMA
#define FMA 0
#endif
#ifndef BM
#define BM 128
#define BN 128
#define WAVES_M 2
#define WAVES_N (128 / WAVE)
#endif
#ifndef A_RUNS
#define A_RUNS 1
#define B_RUNS 1
#define VEC_A 8
#define VEC_B 8
#endif
#ifndef EPILOGUE
#define EPILOGUE 0
#endif
#ifndef GROUPED
#define GROUPED 0
#endif

constexpr int THREADS = WAVES_M * WAVES_N * WAVE;
#include "mma.h"
// Before headers that only some variants include: the JIT puts a header where it is named first.
#include "gemm_scalar.h"
#if FMA || MMA_BY_FMA
#include "gemm_fma.h"
#else
#include "gemm_mma.h"
#endif
#include "gemm_args.h"
#include "gemm_panel.h"

#if EPILOGUE == 2
#define OUT Acc
#else
#define OUT T
#endif

template <class A, class B>
DEVICE void multiply(Sums& sums, A& a, B& b, int k) {
  SHARED alignas(16) PanelElement panels[2][(BM + BN) * STEP];
  int buffer = 0;
  sums.clear();
  if (k > 0) {
    a.fetch_next(k);
    b.fetch_next(k);
    a.put(panels[0]);
    b.put(panels[0] + BM * STEP);
  }
  barrier_lds();
  for (; k > STEP; k -= STEP, buffer ^= 1) {
    a.fetch_next(k - STEP);
    b.fetch_next(k - STEP);
    sums.add(panels[buffer], panels[buffer] + BM * STEP);
    a.put(panels[buffer ^ 1]);
    b.put(panels[buffer ^ 1] + BM * STEP);
    barrier_lds();
  }
  if (k > 0) sums.add(panels[buffer], panels[buffer] + BM * STEP);
}

#if GROUPED
// `order` lists all rows (pair * m + row) by matrix of b; those of matrix e are [starts[e], starts[e + 1]),
// in tiles [tiles[e], tiles[e + 1]). Workgroups beyond the last tile have nothing to do.
DEVICE int matrix_of(const u32* tiles, u32 tile, int count) {
  int low = 0, high = count;
  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (tiles[middle] <= tile) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

KERNEL(THREADS)
gemm(const T* __restrict__ a, const T* __restrict__ b, const T* __restrict__ c, OUT* __restrict__ out,
     STRUCT_ARGUMENT GemmArgs g, const u32* __restrict__ lhs, STRUCT_ARGUMENT GemmIndices index,
     const u32* __restrict__ order, const u32* __restrict__ starts, const u32* __restrict__ tiles) {
  const u32 across = ((u32)g.n + BN - 1) / BN, t = group_x() / across;
  if (t >= tiles[index.b_count]) return;
  const int matrix = matrix_of(tiles, t, index.b_count);
  const u32 first = starts[matrix] + (t - tiles[matrix]) * BM, rows = starts[matrix + 1] - first;
  const int column = (int)(group_x() % across) * BN, existing = rows < BM ? (int)rows : BM;
  order += first;
  Panel<A_RUNS, BM, VEC_A> left;
  Panel<B_RUNS, BN, VEC_B> right;
  left.start(a, g.a_row, g.a_col, existing, [&](int row) {
    u32 id = order[row], pair = id / (u32)g.m;
    i64 at[2];
    index.pairs.offsets(pair, at);
    return gemm_indexed(lhs, at[0], index.a_item, index.a_count) + (id - pair * g.m) * g.a_row;
  });
  right.start(b + matrix * index.b_item + column * g.b_col, g.b_col, g.b_row, g.n - column,
              [&](int row) { return row * g.b_col; });
  Sums sums;
  multiply(sums, left, right, g.k);
  sums.each([&](int row, int across_tile, Acc sum) {
    if (row >= existing || column + across_tile >= g.n) return;
    out[order[row] * g.out_row + (column + across_tile) * g.out_col] = narrow<OUT>(sum);
  });
}
#else
KERNEL(THREADS)
gemm(const T* __restrict__ a, const T* __restrict__ b, const T* __restrict__ c, OUT* __restrict__ out,
     STRUCT_ARGUMENT GemmArgs g GEMM_EXTRA) {
  const GemmTile at = gemm_tile(g, gemm_tile_number(g), BM, BN);
  const GemmPlace place = gemm_part(g, GEMM_PLACE(gemm_item(g)), group_y());
  Panel<A_RUNS, BM, VEC_A> left;
  Panel<B_RUNS, BN, VEC_B> right;
  left.start(a + place.a + at.row * g.a_row, g.a_row, g.a_col, g.m - at.row,
             [&](int row) { return row * g.a_row; });
  right.start(b + place.b + at.column * g.b_col, g.b_col, g.b_row, g.n - at.column,
              [&](int row) { return row * g.b_col; });
  Sums sums;
  multiply(sums, left, right, place.k);
  out += place.out + (EPILOGUE == 2 ? group_y() * (i64)g.batch * g.out_item : 0);
  sums.each([&](int down, int across, Acc sum) {
    const int row = at.row + down, column = at.column + across;
    if (row >= g.m || column >= g.n) return;
#if EPILOGUE != 2
    sum = sum * g.alpha;
#endif
#if EPILOGUE == 1
    sum = sum + widen(c[place.c + row * g.c_row + column * g.c_col]) * g.beta;
#endif
    out[row * g.out_row + column * g.out_col] = narrow<OUT>(sum);
  });
}
#endif
