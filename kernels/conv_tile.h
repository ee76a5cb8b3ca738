// A workgroup's tile of a matrix product, C[TILE_M][TILE_N] += A[TILE_M][STEP] * B[STEP][TILE_N], with operands that
// kernels bring to LDS in runs of 16 bytes, either along k or across it. 16-bit types go through mma(), float through
// FMAs. Who includes this defines T, TILE_M, TILE_N and THREADS. (gemm_panel.h keeps whole matrices in mind; here runs
// come from anywhere.)
#pragma once
#include "mma.h"

// Unrolled loops over k would load far ahead and spill where a product takes many instructions.
#if MMA_BY_FMA
#define UNROLL_STEP _Pragma("unroll 1")
#else
#define UNROLL_STEP UNROLL
#endif

constexpr int RUN = 16 / sizeof(T);

// Four waves, two by two.
template <class Type>
struct MatrixTile {
  // AMD's fragments have a row for each lane, NVIDIA's a row for four: these strides spread either over the banks.
  static constexpr int STEP = 32, STRIDE = MMA == MMA_SYNC ? STEP : STEP + 8;
  static constexpr int M_TILES = TILE_M / 32, N_TILES = TILE_N / 32;
  static constexpr int LEFT = TILE_M * STRIDE, RIGHT = TILE_N * STRIDE;
  MmaC sums[M_TILES][N_TILES];

  DEVICE void clear() {
    UNROLL
    for (int i = 0; i < M_TILES; i++) {
      UNROLL
      for (int j = 0; j < N_TILES; j++) sums[i][j] = mma_zero();
    }
  }
  // Elements k to k + RUN of one row of A, or of one column of B.
  template <int Size>
  DEVICE static void along(Type* side, int row, int k, const Vec<Type, RUN>& v) {
    store<RUN>(side + row * STRIDE + k, v);
  }
  // Elements k of rows row to row + RUN.
  template <int Size>
  DEVICE static void across(Type* side, int row, int k, const Vec<Type, RUN>& v) {
    UNROLL
    for (int i = 0; i < RUN; i++) side[(row + i) * STRIDE + k] = v[i];
  }
  DEVICE static int first_row() { return (int)thread_x() / WAVE / 2 * (TILE_M / 2); }
  DEVICE static int first_column() { return (int)thread_x() / WAVE % 2 * (TILE_N / 2); }
  DEVICE void multiply(const Type* left, const Type* right) {
    UNROLL_STEP
    for (int k = 0; k < STEP; k += MMA_K) {
      MmaB<Type> b[N_TILES];
      UNROLL
      for (int j = 0; j < N_TILES; j++) b[j] = mma_load_b(right + (first_column() + 16 * j) * STRIDE + k, STRIDE);
      UNROLL
      for (int i = 0; i < M_TILES; i++) {
        const MmaA<Type> a = mma_load_a(left + (first_row() + 16 * i) * STRIDE + k, STRIDE);
        UNROLL
        for (int j = 0; j < N_TILES; j++) mma(sums[i][j], a, b[j]);
      }
    }
  }
  // f(row, column, sum) for each element of C that this thread has.
  template <class F>
  DEVICE void each(const F& f) const {
    UNROLL
    for (int i = 0; i < M_TILES; i++) {
      UNROLL
      for (int j = 0; j < N_TILES; j++) {
        UNROLL
        for (int e = 0; e < MMA_C; e++) {
          f(first_row() + 16 * i + mma_c_row(e), first_column() + 16 * j + mma_c_col(e), sums[i][j].v[e]);
        }
      }
    }
  }
};

// 256 threads, 16 x 16, each with 4 x 4 elements of every 64 x 64.
template <class Type>
struct FmaTile {
  // (Sizes that only MatrixTile can have must not be zero here either.)
  static constexpr int STEP = 16, M_TILES = (TILE_M + 63) / 64, N_TILES = (TILE_N + 63) / 64;
  static constexpr int LEFT = STEP * (TILE_M + 4), RIGHT = STEP * (TILE_N + 4);
  float sums[M_TILES * 4][N_TILES * 4];

  DEVICE void clear() {
    UNROLL
    for (int i = 0; i < M_TILES * 4; i++) {
      UNROLL
      for (int j = 0; j < N_TILES * 4; j++) sums[i][j] = 0;
    }
  }
  template <int Size>
  DEVICE static void along(Type* side, int row, int k, const Vec<Type, RUN>& v) {
    UNROLL
    for (int i = 0; i < RUN; i++) side[(k + i) * (Size + 4) + row] = v[i];
  }
  template <int Size>
  DEVICE static void across(Type* side, int row, int k, const Vec<Type, RUN>& v) {
    store<RUN>(side + k * (Size + 4) + row, v);
  }
  DEVICE void multiply(const Type* left, const Type* right) {
    _Pragma("unroll 4")
    for (int k = 0; k < STEP; k++) {
      float a[M_TILES * 4], b[N_TILES * 4];
      UNROLL
      for (int i = 0; i < M_TILES; i++) {
        const Vec<Type, 4> v = load<4>(left + k * (TILE_M + 4) + 64 * i + thread_x() / 16 * 4);
        UNROLL
        for (int e = 0; e < 4; e++) a[4 * i + e] = v[e];
      }
      UNROLL
      for (int j = 0; j < N_TILES; j++) {
        const Vec<Type, 4> v = load<4>(right + k * (TILE_N + 4) + 64 * j + thread_x() % 16 * 4);
        UNROLL
        for (int e = 0; e < 4; e++) b[4 * j + e] = v[e];
      }
      UNROLL
      for (int i = 0; i < M_TILES * 4; i++) {
        UNROLL
        for (int j = 0; j < N_TILES * 4; j++) sums[i][j] = math_fma(a[i], b[j], sums[i][j]);
      }
    }
  }
  template <class F>
  DEVICE void each(const F& f) const {
    UNROLL
    for (int i = 0; i < M_TILES * 4; i++) {
      UNROLL
      for (int j = 0; j < N_TILES * 4; j++) {
        f(i / 4 * 64 + (int)thread_x() / 16 * 4 + i % 4, j / 4 * 64 + (int)thread_x() % 16 * 4 + j % 4, sums[i][j]);
      }
    }
  }
};

template <int Size, class Type>
struct TileOf {
  using type = MatrixTile<Type>;
};
template <class Type>
struct TileOf<4, Type> {
  using type = FmaTile<Type>;
};
using Tile = TileOf<sizeof(T), T>::type;
