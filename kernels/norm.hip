// rms_norm and layer_norm (LAYER 1) of rows of n elements, times weight, plus bias, each rounded to T as if
// it were an op of its own. A row lies in the registers of a team (rows.h): x is read once and y written
// once, in float between. A workgroup takes many rows and keeps its part of weight and bias. Bandwidth of
// memory limits it. Longer rows: norm_long.hip.
//
// Defines beside those of rows.h: LAYER, WEIGHT, BIAS (whether there is one), INDEX (u32 or u64: numbers
// rows).
#include "rows.h"

// The next row is on its way while one is worked on, where registers allow it.
constexpr bool kAhead = THREADS < 1024;

DEVICE float round_to(float x) { return cast<float>(cast<T>(x)); }

KERNEL(THREADS)
norm_rows(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
          T* __restrict__ y, STRUCT_ARGUMENT Layout<1> rows, INDEX count, u32 n, float eps) {
#if TEAM > WAVE
  SHARED float scratch[2][THREADS / WAVE];
#else
  float* scratch[2] = {nullptr, nullptr};
#endif
  RowVec w[VECS], b[VECS];
  if (WEIGHT) load_row(w, weight, n);
  if (BIAS) load_row(b, bias, n);
  const float per_element = 1.0f / (float)n;
  u32 turn = 0;
  const INDEX step = (INDEX)group_count_x() * kTeams, mine = thread_x() / TEAM;
  INDEX first = (INDEX)group_x() * kTeams;
  RowVec raw[VECS];
  auto fetch = [&](INDEX at) { load_row(raw, x + rows.offset(at + mine < count ? at + mine : at), n); };
  if (kAhead && first < count) fetch(first);
  for (; first < count; first += step) {
    const INDEX row = first + mine, next = first + step;
    const bool there = row < count;
    if (!kAhead) fetch(first);
    RowValues v = widen_row(raw, n, 0.0f);
    if (kAhead && next < count) fetch(next);
#if LAYER
    const float mean = team_reduce<Add>(fold_held<Add>(v), scratch[0]) * per_element;
    UNROLL
    for (int i = 0; i < kHeld; i++) v.v[i] = row_index(i / VEC) < n ? v.v[i] - mean : 0.0f;
#endif
    RowValues squares;
    UNROLL
    for (int i = 0; i < kHeld; i++) squares.v[i] = v.v[i] * v.v[i];
    // Of a buffer written again after one barrier only, some threads might still be reading.
    const float square = team_reduce<Add>(fold_held<Add>(squares), scratch[LAYER ? 1 : turn++ & 1]);
    const float scale = 1.0f / math_sqrt(square * per_element + eps);
    UNROLL
    for (int i = 0; i < kHeld; i++) {
      float r = v.v[i] * scale;
      if (WEIGHT) r = round_to(r) * cast<float>(w[i / VEC][i % VEC]);
      if (BIAS) r = round_to(r) + cast<float>(b[i / VEC][i % VEC]);
      v.v[i] = r;
    }
    if (there) write_row(y + (u64)row * n, n, v);
  }
}
