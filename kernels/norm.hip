// rms_norm and layer_norm (LAYER 1) of rows of n elements, times weight, plus bias, each rounded to T as if
// it were an op of its own. A row lies in the registers of a team (rows.h): x is read once and y written
// once, in float between. A workgroup takes many rows and keeps its part of weight and bias. Bandwidth of
// memory limits it. Longer rows: norm_long.hip.
//
// Defines beside those of rows.h: LAYER, WEIGHT, BIAS (whether there is one), INDEX (u32 or u64: numbers
// rows).
#include "rows.h"

constexpr int kWaves = THREADS / WAVE;

// Sum of the squares of the row, for every thread of the team.
DEVICE float sum_squares(const RowValues& v, float* scratch) {
  RowValues squares;
  UNROLL
  for (int i = 0; i < kHeld; i++) squares.v[i] = v.v[i] * v.v[i];
  return team_reduce<Add>(fold_held<Add>(squares), scratch);
}
// Distances from `origin`; elements behind the end have none.
DEVICE RowValues centred(const RowValues& v, float origin, u32 n) {
  RowValues d;
  UNROLL
  for (int i = 0; i < kHeld; i++) d.v[i] = row_has(i / VEC, n) ? v.v[i] - origin : 0.0f;
  return d;
}

#if LAYER && TEAM > WAVE
// What a wave knows of its part of a row: the mean, and the sum of squared distances from it.
struct Part {
  float mean, square;
};
// How many elements of a row each wave has.
struct Counts {
  float of[WHOLE ? 1 : kWaves];
  DEVICE float operator[](int wave) const { return WHOLE ? WAVE * kHeld : of[wave]; }
};
DEVICE float count_elements(u32 n) {
  u32 count = 0;
  UNROLL
  for (int k = 0; k < VECS; k++) {
    const u32 start = (k * TEAM + thread_x() / WAVE * WAVE) * VEC, left = n > start ? n - start : 0;
    count += left < WAVE * VEC ? left : WAVE * VEC;
  }
  return (float)count;
}
// Leaves v centred and returns the sum of its squares. Parts join as samples do in Chan, Golub and LeVeque, Updating
// formulae and a pairwise algorithm for computing sample variances (1979): one barrier a row, where the mean and then
// the squares would take two.
DEVICE float centre(RowValues& v, u32 n, float per_element, const Counts& counts, Part* parts) {
  const int wave = thread_x() / WAVE;
  Part mine;
  mine.mean = wave_reduce<Add>(fold_held<Add>(v)) / (WHOLE ? counts[wave] : math_max(counts[wave], 1.0f));
  RowValues d = centred(v, mine.mean, n);
  UNROLL
  for (float& each : d.v) each *= each;
  mine.square = wave_reduce<Add>(fold_held<Add>(d));
  if (lane() == 0) parts[wave] = mine;
  barrier_lds();
  float means[kWaves], sum = 0, square = 0;
  UNROLL
  for (int i = 0; i < kWaves; i++) {
    means[i] = parts[i].mean;
    sum += counts[i] * means[i];
    square += parts[i].square;
  }
  const float mean = sum * per_element;
  UNROLL
  for (int i = 0; i < kWaves; i++) square += counts[i] * (means[i] - mean) * (means[i] - mean);
  v = centred(v, mean, n);
  return square;
}
#else
using Part = float;
struct Counts {};
DEVICE float centre(RowValues& v, u32 n, float per_element, const Counts&, Part* scratch) {
  if (LAYER) v = centred(v, team_reduce<Add>(fold_held<Add>(v), scratch) * per_element, n);
  return sum_squares(v, scratch);
}
#endif

KERNEL(THREADS)
norm_rows(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
          T* __restrict__ y, STRUCT_ARGUMENT Layout<1> rows, INDEX count, u32 n, float eps) {
  // Written again after one barrier only, a buffer might still be read by some threads: two take turns.
  SHARED Part parts[2][kWaves];
  RowVec w[VECS], b[VECS];
  if (WEIGHT) load_row(w, weight, n);
  if (BIAS) load_row(b, bias, n);
  SHARED Counts counts;
#if LAYER && TEAM > WAVE && !WHOLE
  if (lane() == 0) counts.of[thread_x() / WAVE] = count_elements(n);
  barrier_lds();
#endif
  const float per_element = 1.0f / (float)n;
  u32 turn = 0;
  for_rows(x, rows, count, n, 0.0f, [&](INDEX row, bool there, RowValues& v) {
    const float square = centre(v, n, per_element, counts, parts[turn++ & 1]);
    const float scale = math_rsqrt(square * per_element + eps);
    UNROLL
    for (int k = 0; k < VECS; k++) {
      float* r = v.v + k * VEC;
      float by[VEC], plus[VEC];
      if (WEIGHT) widen_access(w[k], by);
      if (BIAS) widen_access(b[k], plus);
      UNROLL
      for (int i = 0; i < VEC; i++) {
        r[i] *= scale;
        if (WEIGHT) r[i] = rounded<T>(r[i]) * by[i];
        if (BIAS) r[i] = rounded<T>(r[i]) + plus[i];
      }
    }
    if (there) write_row(y + (u64)row * n, n, v);
  });
}
