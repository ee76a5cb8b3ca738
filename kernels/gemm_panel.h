// How a workgroup of gemm.hip reads its operands: panels of STEP along k, 16 bytes a thread and turn, through
// registers. gemm_mma.h and gemm_fma.h say how a panel lies in LDS, and define before this: STEP, THREADS,
// UNIT (elements of 16 bytes) and ROW_PARTS (how many k of UNIT rows a thread reads when rows are
// contiguous).
#pragma once
#include "device.h"

// One thread's share of an operand's panels. `Runs`: k is contiguous; else rows are. `Width`: elements of one
// access to memory; 1 allows any strides.
template <bool Runs, int Rows, int Width>
struct Panel {
  static constexpr int PARTS = Runs ? 1 : ROW_PARTS, UNITS = Rows * STEP / UNIT / PARTS;
  static constexpr int COUNT = (UNITS + THREADS - 1) / THREADS, ALONG_K = Runs ? STEP / UNIT : STEP / PARTS;
  static constexpr int LOW =
      Rows / UNIT < 4 ? Rows / UNIT : 4;  // units of rows that neighbouring threads read
  const T* at[COUNT];
  Vec<T, UNIT> held[COUNT][PARTS];
  int rows_left[COUNT];
  i64 row_stride, k_stride;

  DEVICE static int raw_unit(int i) { return i * THREADS + (int)thread_x(); }
  DEVICE static int unit(int i) {
    int u = raw_unit(i);
    return UNITS % THREADS == 0 || u < UNITS ? u : UNITS - 1;
  }
  DEVICE static int row_of(int u) {
    return Runs ? u / ALONG_K : UNIT * (u % LOW + u / (LOW * ALONG_K) * LOW);
  }
  DEVICE static int k_of(int u) { return Runs ? u % ALONG_K * UNIT : u / LOW % ALONG_K * PARTS; }

  // `offset(row)` is where a row of the tile starts; `rows` of it exist. Threads beyond them read the last
  // one.
  template <class Offset>
  DEVICE void start(const T* base, i64 along_row, i64 along_k, int rows, Offset offset) {
    row_stride = along_row;
    k_stride = along_k;
    UNROLL
    for (int i = 0; i < COUNT; i++) {
      int row = row_of(unit(i)), last = Runs ? rows - 1 : rows - Width;
      row = row < last ? row : last;
      rows_left[i] = last - row;
      at[i] = base + offset(row) + k_of(unit(i)) * along_k;
    }
  }
  // Element x of a unit's part.
  DEVICE Vec<T, Width> piece(const T* p, int x, int rows_left_here) const {
    if constexpr (!Runs) x = Width == UNIT ? 0 : x < rows_left_here ? x : rows_left_here;
    if constexpr (Width == 1) {
      return {{p[x * (Runs ? k_stride : row_stride)]}};
    } else {
      return load<Width>(p + x);
    }
  }
  // The panel that starts here, of which k_left columns exist; the others are zero.
  template <bool Whole>
  DEVICE void fetch(int k_left) {
    UNROLL
    for (int i = 0; i < COUNT; i++) {
      UNROLL
      for (int part = 0; part < PARTS; part++) {
        const T* from = at[i];
        if (part > 0) from += part * k_stride;
        UNROLL
        for (int x = 0; x < UNIT; x += Width) {
          Vec<T, Width> got{};
          if (Whole || k_of(unit(i)) + (Runs ? x : part) < k_left) got = piece(from, x, rows_left[i]);
          UNROLL
          for (int j = 0; j < Width; j++) held[i][part][x + j] = got[j];
        }
      }
    }
  }
  DEVICE void fetch_next(int k_left) {
    if (k_left >= STEP) {
      fetch<true>(k_left);
    } else {
      fetch<false>(k_left);
    }
    UNROLL
    for (int i = 0; i < COUNT; i++) at[i] += STEP * k_stride;
  }
  DEVICE void put(PanelElement* panel) const {
    UNROLL
    for (int i = 0; i < COUNT; i++) {
      int u = unit(i);
      if (UNITS % THREADS != 0 && raw_unit(i) >= UNITS) continue;
      put_unit<Runs, Rows>(panel, row_of(u), k_of(u), held[i]);
    }
  }
};
