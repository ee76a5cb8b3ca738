// The middle of gemm.hip with matrix instructions: panels in LDS as 16-bit values, k contiguous.
#pragma once
#include "mma.h"

using PanelElement = T;
using Acc = float;
constexpr int STEP = 32, UNIT = 8, ROW_PARTS = 2, OCTETS = STEP / 8;
constexpr int TM = BM / WAVES_M / 16, TN = BN / WAVES_N / 16;
static_assert(TM * WAVES_M * 16 == BM && TN * WAVES_N * 16 == BN, "waves share the tile evenly");

// Where 8 neighbouring k of a row lie. The twist lets 8 rows, or the octets of two rows, use all banks.
DEVICE int slot(int row, int octet) { return row * STEP + (octet ^ ((row / 2 + row / 8 * 2) % OCTETS)) * 8; }

template <bool Runs, int Rows, int Parts>
DEVICE void put_unit(T* panel, int row, int k, const Vec<T, 8> (&held)[Parts]) {
  if constexpr (Runs) {
    store<8>(panel + slot(row, k / 8), held[0]);
  } else {
    UNROLL
    for (int j = 0; j < 8; j++) {
      store<2>(panel + slot(row + j, k / 8) + k % 8, Vec<T, 2>{{held[0][j], held[Parts - 1][j]}});
    }
  }
}

template <int Run>
DEVICE Vec<T, Run> run_at(const T* panel, int row, int k) {
  struct Octets {
    Vec<T, 8> v[Run / 8];
  } all;
  UNROLL
  for (int i = 0; i < Run / 8; i++) all.v[i] = load<8>(panel + slot(row, k / 8 + i));
  return bit_cast<Vec<T, Run>>(all);
}

// The wave's part of the tile: TM x TN blocks of 16 x 16.
struct Sums {
  MmaC block[TM][TN];

  DEVICE static int wave_row() { return (int)(thread_x() / WAVE) / WAVES_N * (BM / WAVES_M); }
  DEVICE static int wave_column() { return (int)(thread_x() / WAVE) % WAVES_N * (BN / WAVES_N); }
  DEVICE void clear() {
    UNROLL
    for (int i = 0; i < TM; i++) {
      UNROLL
      for (int j = 0; j < TN; j++) block[i][j] = mma_zero();
    }
  }
  DEVICE void add(const T* left, const T* right) {
    UNROLL
    for (int inner = 0; inner < STEP; inner += MMA_K) {
      MmaA<T> x[TM];
      MmaB<T> y[TN];
      UNROLL
      for (int r = 0; r < MMA_RUNS; r++) {
        UNROLL
        for (int i = 0; i < TM; i++) {
          x[i].run[r] = run_at<MMA_A_RUN>(left, wave_row() + 16 * i + mma_a_row(r), inner + mma_a_k());
        }
        UNROLL
        for (int j = 0; j < TN; j++) {
          y[j].run[r] = run_at<MMA_B_RUN>(right, wave_column() + 16 * j + mma_b_row(r), inner + mma_b_k());
        }
      }
      UNROLL
      for (int i = 0; i < TM; i++) {
        UNROLL
        for (int j = 0; j < TN; j++) mma(block[i][j], x[i], y[j]);
      }
    }
  }
  // f(row, column, sum) for what this thread holds of the tile.
  template <class Function>
  DEVICE void each(Function f) const {
    UNROLL
    for (int i = 0; i < TM; i++) {
      UNROLL
      for (int e = 0; e < MMA_C; e++) {
        UNROLL
        for (int j = 0; j < TN; j++) {
          f(wave_row() + 16 * i + mma_c_row(e), wave_column() + 16 * j + mma_c_col(e), block[i][j].v[e]);
        }
      }
    }
  }
};
