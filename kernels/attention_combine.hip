// Merges the partial results of attention kernels with SPLIT: for each row of queries, sums of values and
// their weights that several workgroups found for parts of the keys. A workgroup a row: 256 / COLUMNS threads
// share the parts. Reads splits * VALUE_DIM floats a row, which the second-level cache still holds: bound by
// latency.
//
// Defines: T, VALUE_DIM, SINKS, COLUMNS (threads of a row of values, a power of two, each VEC floats), VEC.
#define MASK 0
#define CAUSAL 0
#define SPLIT 1
#include "attention.h"

constexpr int PARTS = 256 / COLUMNS, MAX_SPLITS = 256;

KERNEL(256)
attention_combine(const float* __restrict__ partial, const float* __restrict__ partial_stats,
                  const T* __restrict__ sinks, T* __restrict__ out, STRUCT_ARGUMENT AttentionArgs a) {
  SHARED float weights[MAX_SPLITS], scratch[2][256 / WAVE];
  SHARED alignas(16) float sums[PARTS][COLUMNS * VEC];
  const int rows = group_of(a) * a.q_len;
  Task t;
  u32 at = group_x() / rows;
  const int number = group_x() - at * rows;
  t.batch = at / a.kv_heads;
  t.kv_head = at - t.batch * a.kv_heads;
  const Row row = row_of(a, t, number);
  const u64 first = (u64)group_x() * a.splits;

  const int me = thread_x();
  const bool have = me < a.splits;
  const float mine = have ? partial_stats[2 * (first + me)] : -infinity();
  float top = group_reduce<Max, 256>(mine, scratch[0]);
  float sink_weight = 0;
#if SINKS
  const float sink = cast<float>(sinks[row.head]) * LOG2E;
  top = math_max(top, sink);
  sink_weight = fast_exp2(sink - finite_top(top));
#endif
  const float weight = fast_exp2(mine - finite_top(top));
  if (have) weights[me] = weight;
  const float part_sum = have ? weight * partial_stats[2 * (first + me) + 1] : 0.0f;
  const float total = group_reduce<Sum, 256>(part_sum, scratch[1]) + sink_weight;
  barrier_lds();

  const int column = me % COLUMNS * VEC, part = me / COLUMNS;
  float sum[VEC] = {};
  if (column < VALUE_DIM) {
#pragma unroll 4
    for (int s = part; s < a.splits; s += PARTS) {
      Vec<float, VEC> x = load<VEC>(partial + (first + s) * VALUE_DIM + column);
      UNROLL
      for (int i = 0; i < VEC; i++) sum[i] = math_fma(weights[s], x[i], sum[i]);
    }
  }
  UNROLL
  for (int i = 0; i < VEC; i++) sums[part][column + i] = sum[i];
  barrier_lds();
  for (int e = me; e < VALUE_DIM; e += 256) {
    float x = 0;
    UNROLL
    for (int p = 0; p < PARTS; p++) x += sums[p][e];
    out[(i64)t.batch * a.out_batch + (i64)row.head * a.out_head + (i64)row.query * a.out_row + e] =
        cast<T>(x / total);
  }
}
