// out = alpha * a @ b + beta * c for few rows: a is ROWS <= 8 vectors of k (m = ROWS), b the (k, n) matrix,
// of which every element is read once. T is bf16, f16, float or complex64. Bytes moved: those of b, which
// limit it; 16 bytes a lane and access (VEC = 16 / sizeof(T)) where the data allows, else 1 element of any
// strides.
//
// gemv_rows: k of b is contiguous (x @ W.T with W row-major). SPLIT waves share the k of COLUMNS columns;
// UNROLL_K
//   accesses to each of them are in flight. X_RUNS: a can be read VEC elements at a time as well.
// gemv_columns: n of b is contiguous (x @ W). A lane owns VEC columns; 256 / LANES rows of b are read at a
// time, and
//   their sums meet in LDS.
//
// EPILOGUE: 0 out = alpha * sum, 1 adds beta * c, 2 writes the sum of part y of k to `out` for sum_splits.
#include "dot.h"
#include "gemm_args.h"
#include "gemm_scalar.h"
#include "wave.h"

#ifndef T
#define T bf16
#endif
#ifndef VEC
#define VEC (16 / sizeof(T))
#endif
#ifndef ROWS
#define ROWS 1
#endif
#ifndef COLUMNS
#define COLUMNS 1
#define SPLIT 1
#define UNROLL_K 4
#define X_RUNS 1
#endif
#ifndef LANES
#define LANES 32
#endif
#ifndef EPILOGUE
#define EPILOGUE 0
#endif

using Acc = decltype(widen(T{}));
#if EPILOGUE == 2
#define OUT Acc
#else
#define OUT T
#endif

template <class Type, int Count>
DEVICE Acc dot(const Vec<Type, Count>& a, const Vec<Type, Count>& b, Acc sum) {
  if constexpr (sizeof(Type) == 2 && Count % 2 == 0) {
    UNROLL
    for (int i = 0; i < Count; i += 2) {
      sum = dot2(Vec<Type, 2>{{a[i], a[i + 1]}}, Vec<Type, 2>{{b[i], b[i + 1]}}, sum);
    }
  } else {
    UNROLL
    for (int i = 0; i < Count; i++) sum = multiply_add(widen(a[i]), widen(b[i]), sum);
  }
  return sum;
}

DEVICE Vec<T, VEC> read_matrix(const T* p) {
  if constexpr (VEC * sizeof(T) == 16) {
    return load_once<VEC>(p);
  } else {
    return load<VEC>(p);
  }
}

DEVICE void write(const GemmArgs& g, const GemmPlace& place, const T* c, OUT* out, int row, int column,
                  Acc sum) {
#if EPILOGUE != 2
  sum = sum * g.alpha;
#endif
#if EPILOGUE == 1
  sum = sum + widen(c[place.c + row * g.c_row + column * g.c_col]) * g.beta;
#endif
  i64 part = EPILOGUE == 2 ? group_y() * (i64)g.batch * g.out_item : 0;
  out[part + place.out + row * g.out_row + column * g.out_col] = narrow<OUT>(sum);
}

// Steps accesses to each column from k on, `stride` apart.
template <int Steps>
DEVICE void row_steps(const GemmArgs& g, const T* const (&w)[COLUMNS], const T* x, int k, int stride,
                      Acc (&sums)[COLUMNS][ROWS]) {
  Vec<T, VEC> held[Steps][COLUMNS];
  UNROLL
  for (int s = 0; s < Steps; s++) {
    UNROLL
    for (int c = 0; c < COLUMNS; c++) {
      i64 at = k + s * stride;
      held[s][c] = read_matrix(w[c] + (VEC == 1 ? at * g.b_row : at));
    }
  }
  UNROLL
  for (int s = 0; s < Steps; s++) {
    UNROLL
    for (int j = 0; j < ROWS; j++) {
      const T* from = x + j * g.a_row;
      i64 at = k + s * stride;
      Vec<T, VEC> vector;
      if constexpr (X_RUNS) {
        vector = load<VEC>(from + at);
      } else {
        UNROLL
        for (int i = 0; i < VEC; i++) vector[i] = from[(at + i) * g.a_col];
      }
      UNROLL
      for (int c = 0; c < COLUMNS; c++) sums[c][j] = dot(held[s][c], vector, sums[c][j]);
    }
  }
}

KERNEL(256)
gemv_rows(const T* __restrict__ a, const T* __restrict__ b, const T* __restrict__ c, OUT* __restrict__ out,
          STRUCT_ARGUMENT GemmArgs g GEMM_EXTRA) {
  constexpr int waves = 256 / WAVE, results = COLUMNS * ROWS, teams = waves / SPLIT;
  SHARED Acc parts[waves][results];
  const int wave = thread_x() / WAVE, first = (gemm_tile_number(g) * teams + wave / SPLIT) * COLUMNS;
  const GemmPlace place = gemm_part(g, GEMM_PLACE(gemm_item(g)), group_y());
  const T* w[COLUMNS];
  Acc sums[COLUMNS][ROWS] = {};
  UNROLL
  for (int i = 0; i < COLUMNS; i++) {
    int column = first + i < g.n ? first + i : g.n - 1;
    w[i] = b + place.b + column * g.b_col;
  }
  constexpr int stride = SPLIT * WAVE * VEC;
  int k = (wave % SPLIT * WAVE + lane()) * VEC;
  for (; k + (UNROLL_K - 1) * stride < place.k; k += UNROLL_K * stride) {
    row_steps<UNROLL_K>(g, w, a + place.a, k, stride, sums);
  }
  for (; k < place.k; k += stride) row_steps<1>(g, w, a + place.a, k, stride, sums);
  UNROLL
  for (int i = 0; i < COLUMNS; i++) {
    UNROLL
    for (int j = 0; j < ROWS; j++) {
      Acc sum = wave_reduce<Sum>(sums[i][j]);
      if (lane() == 0) parts[wave][j * COLUMNS + i] = sum;
    }
  }
  barrier_lds();
  if (thread_x() < teams * results) {
    const int team = thread_x() / results, result = thread_x() % results;
    const int column = (gemm_tile_number(g) * teams + team) * COLUMNS + result % COLUMNS;
    Acc sum = parts[team * SPLIT][result];
    UNROLL
    for (int i = 1; i < SPLIT; i++) sum = sum + parts[team * SPLIT + i][result];
    if (column < g.n) write(g, place, c, out, result / COLUMNS, column, sum);
  }
}

template <int Steps>
DEVICE void column_steps(const GemmArgs& g, const T* w, const T* x, int k, Acc (&sums)[ROWS][VEC]) {
  constexpr int down = 256 / LANES;
  Vec<T, VEC> held[Steps];
  T vector[Steps][ROWS];
  UNROLL
  for (int s = 0; s < Steps; s++) held[s] = read_matrix(w + (i64)(k + s * down) * g.b_row);
  UNROLL
  for (int s = 0; s < Steps; s++) {
    UNROLL
    for (int j = 0; j < ROWS; j++) vector[s][j] = x[j * g.a_row + (i64)(k + s * down) * g.a_col];
  }
  UNROLL
  for (int s = 0; s < Steps; s++) {
    UNROLL
    for (int j = 0; j < ROWS; j++) {
      UNROLL
      for (int i = 0; i < VEC; i++)
        sums[j][i] = multiply_add(widen(vector[s][j]), widen(held[s][i]), sums[j][i]);
    }
  }
}

KERNEL(256)
gemv_columns(const T* __restrict__ a, const T* __restrict__ b, const T* __restrict__ c, OUT* __restrict__ out,
             STRUCT_ARGUMENT GemmArgs g GEMM_EXTRA) {
  constexpr int down = 256 / LANES, width = LANES * VEC, unroll = ROWS > 4 ? 2 : 4;
  SHARED Acc parts[down][width];
  const int across = thread_x() % LANES, start = thread_x() / LANES, first = gemm_tile_number(g) * width;
  int column = first + across * VEC;
  if (column > g.n - (int)VEC) column = g.n - VEC;  // read again by idle lanes, not written
  const GemmPlace place = gemm_part(g, GEMM_PLACE(gemm_item(g)), group_y());
  const T *w = b + place.b + column * g.b_col, *x = a + place.a;
  Acc sums[ROWS][VEC] = {};
  int k = start;
  for (; k + (unroll - 1) * down < place.k; k += unroll * down) column_steps<unroll>(g, w, x, k, sums);
  for (; k < place.k; k += down) column_steps<1>(g, w, x, k, sums);
  UNROLL
  for (int j = 0; j < ROWS; j++) {
    UNROLL
    for (int i = 0; i < VEC; i++) parts[start][across * VEC + i] = sums[j][i];
    barrier_lds();
    const int at = thread_x();
    if (at < width && first + at < g.n) {
      Acc sum = parts[0][at];
      UNROLL
      for (int i = 1; i < down; i++) sum = sum + parts[i][at];
      write(g, place, c, out, j, first + at, sum);
    }
    barrier_lds();
  }
}
