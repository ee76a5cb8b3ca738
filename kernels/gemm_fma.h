// The middle of gemm.hip with FMAs, for float and complex64 (exact products, as on the CPU) and for 16-bit
// floats on GPUs without matrix instructions: panels in LDS in the type of the sums, rows contiguous.
#pragma once
#include "gemm_scalar.h"

using Acc = decltype(widen(T{}));
using PanelElement = Acc;

constexpr int STEP = 16, UNIT = 16 / sizeof(T), ROW_PARTS = 1, WIDE = 16 / sizeof(Acc);
constexpr int THREADS_N = 16, THREADS_M = THREADS / THREADS_N, TM = BM / THREADS_M, TN = BN / THREADS_N;
static_assert(TM % WIDE == 0 && TN % WIDE == 0, "threads read LDS 16 bytes at a time");

// Where k of a row lies. The twist keeps threads apart that hold UNIT k of a row and store them one by one.
template <int Rows>
DEVICE int slot(int row, int k) {
  constexpr int apart = 32 * UNIT / STEP;
  return k * Rows + (row ^ (k / UNIT % (Rows / apart < 4 ? Rows / apart : 4) * apart));
}

template <bool Runs, int Rows, int Parts>
DEVICE void put_unit(Acc* panel, int row, int k, const Vec<T, UNIT> (&held)[Parts]) {
  if constexpr (Runs) {
    UNROLL
    for (int j = 0; j < UNIT; j++) panel[slot<Rows>(row, k + j)] = widen(held[0][j]);
  } else {
    UNROLL
    for (int j = 0; j < UNIT; j += WIDE) {
      Vec<Acc, WIDE> wide;
      UNROLL
      for (int x = 0; x < WIDE; x++) wide[x] = widen(held[0][j + x]);
      store<WIDE>(panel + slot<Rows>(row + j, k), wide);
    }
  }
}

// The thread's TM x TN part of the tile: WIDE neighbouring rows (columns) in each of several stripes.
template <int Threads>
DEVICE int owned(int thread, int i) {
  return (i / WIDE * Threads + thread) * WIDE + i % WIDE;
}
template <int Lines, int Threads, int Count>
DEVICE void read_panel(const Acc* panel, int k, int thread, Acc (&to)[Count]) {
  UNROLL
  for (int i = 0; i < Count; i += WIDE) {
    Vec<Acc, WIDE> got = load<WIDE>(panel + slot<Lines>(owned<Threads>(thread, i), k));
    UNROLL
    for (int j = 0; j < WIDE; j++) to[i + j] = got[j];
  }
}

struct Sums {
  Acc sum[TM][TN];

  DEVICE static int down() { return thread_x() / THREADS_N; }
  DEVICE static int across() { return thread_x() % THREADS_N; }
  DEVICE void clear() {
    UNROLL
    for (int i = 0; i < TM; i++) {
      UNROLL
      for (int j = 0; j < TN; j++) sum[i][j] = Acc{};
    }
  }
  DEVICE void add(const Acc* left, const Acc* right) {
    // Not unrolled further: the compiler would read all of LDS ahead, into registers that it does not have.
    _Pragma("unroll 1") for (int outer = 0; outer < STEP; outer += 4) {
      UNROLL
      for (int inner = 0; inner < 4; inner++) {
        Acc x[TM], y[TN];
        read_panel<BM, THREADS_M>(left, outer + inner, down(), x);
        read_panel<BN, THREADS_N>(right, outer + inner, across(), y);
        UNROLL
        for (int i = 0; i < TM; i++) {
          UNROLL
          for (int j = 0; j < TN; j++) sum[i][j] = multiply_add(x[i], y[j], sum[i][j]);
        }
      }
    }
  }
  // f(row, column, sum) for what this thread holds of the tile.
  template <class Function>
  DEVICE void each(Function f) const {
    UNROLL
    for (int i = 0; i < TM; i++) {
      UNROLL
      for (int j = 0; j < TN; j++) f(owned<THREADS_M>(down(), i), owned<THREADS_N>(across(), j), sum[i][j]);
    }
  }
};
