// c[m][n] = sum_k a[m][k] * b[n][k], 16-bit in and out, float sums. Tiles of 64 x 64 by 4 waves of 32 x 32,
// steps of 32 in k through LDS; m and n are multiples of 64, k of 32. MISSING_BARRIER leaves out the second
// barrier of a step, which is a race that the emulator must report.
#include "mma.h"

#ifndef T
#define T bf16
#endif

constexpr int STEP = 32, STRIDE = STEP + 8, TILE = 64, THREADS = 4 * WAVE;

// 64 rows of 32 elements from memory to LDS, 16 bytes a thread and turn.
DEVICE void stage(const T* from, u64 stride, T* to) {
  UNROLL
  for (int i = 0; i < TILE * STEP / 8 / THREADS; i++) {
    int at = i * THREADS + thread_x(), row = at / 4, column = at % 4 * 8;
    store<8>(to + row * STRIDE + column, load<8>(from + row * stride + column));
  }
}

KERNEL(4 * WAVE)
matmul(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ c, u32 m, u32 n, u32 k) {
  SHARED alignas(16) T left[TILE * STRIDE], right[TILE * STRIDE];
  const u64 row = (u64)group_y() * TILE, column = (u64)group_x() * TILE;
  const int wave = thread_x() / WAVE, wave_row = wave / 2 * 32, wave_column = wave % 2 * 32;
  MmaC sums[2][2] = {{mma_zero(), mma_zero()}, {mma_zero(), mma_zero()}};
  for (u32 at = 0; at < k; at += STEP) {
    stage(a + row * k + at, k, left);
    stage(b + column * k + at, k, right);
    barrier_lds();
    UNROLL
    for (int inner = 0; inner < STEP; inner += MMA_K) {
      MmaA<T> x[2];
      MmaB<T> y[2];
      UNROLL
      for (int i = 0; i < 2; i++) {
        x[i] = mma_load_a(left + (wave_row + 16 * i) * STRIDE + inner, STRIDE);
        y[i] = mma_load_b(right + (wave_column + 16 * i) * STRIDE + inner, STRIDE);
      }
      UNROLL
      for (int i = 0; i < 2; i++) {
        UNROLL
        for (int j = 0; j < 2; j++) mma(sums[i][j], x[i], y[j]);
      }
    }
#if !defined(MISSING_BARRIER)
    barrier_lds();
#endif
  }
  UNROLL
  for (int i = 0; i < 2; i++) {
    UNROLL
    for (int j = 0; j < 2; j++) {
      T* tile = c + (row + wave_row + 16 * i) * n + column + wave_column + 16 * j;
      UNROLL
      for (int e = 0; e < MMA_C; e++) tile[(u64)mma_c_row(e) * n + mma_c_col(e)] = cast<T>(sums[i][j].v[e]);
    }
  }
}
