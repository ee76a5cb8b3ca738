// out = softmax(q k^T * scale + mask) v for few queries: every key and value is read once for ROWS rows of
// queries, straight into registers. Bytes: kv_len * (HEAD_DIM + VALUE_DIM) * sizeof(T) per key head; bound by
// memory.
//
// LANES lanes share a key (VEC elements each and turn), so a wave reads WAVE / LANES whole rows at once;
// UNROLL_KEYS of them are in flight, keys and values alike. Each such group of lanes keeps a running softmax
// of its own; they are merged at the end. With SPLIT, workgroups share the keys of a head and
// attention_combine merges their results. float32 takes this path for any number of queries.
//
// Defines, beyond those of attention.h: HEAD_DIM, VALUE_DIM, VEC, LANES, ROWS, UNROLL_KEYS, THREADS.
#include "attention.h"

constexpr int STEP = LANES * VEC;  // elements of a turn
constexpr int QK_TURNS = (HEAD_DIM + STEP - 1) / STEP, V_TURNS = (VALUE_DIM + STEP - 1) / STEP;
constexpr int GROUPS = THREADS / LANES, WAVES = THREADS / WAVE;
// Rows whose sums meet in LDS at once.
CONSTANT_FN int most(int rows) {
  return rows > 1 && rows * WAVES * VALUE_DIM > 6144 ? most(rows / 2) : rows;
}
constexpr int MERGED = most(ROWS);

template <class Op>
DEVICE float across_groups(float x) {
  Op op;
  if constexpr (LANES <= 1) x = op(x, shuffle_xor<1>(x));
  if constexpr (LANES <= 2) x = op(x, shuffle_xor<2>(x));
  if constexpr (LANES <= 4) x = op(x, shuffle_xor<4>(x));
  if constexpr (LANES <= 8) x = op(x, shuffle_xor<8>(x));
  if constexpr (LANES <= 16 && WAVE > 16) x = op(x, shuffle_xor<16>(x));
  if constexpr (LANES <= 32 && WAVE > 32) x = op(x, shuffle_xor<32>(x));
  return x;
}

template <int Turns, int Width>
DEVICE void load_row(const T* row, int column, Vec<T, VEC> (&to)[Turns]) {
  UNROLL
  for (int c = 0; c < Turns; c++) {
    if (Width % STEP == 0 || c * STEP + column < Width) {
      to[c] = load<VEC>(row + c * STEP + column);
    } else {
      UNROLL
      for (int e = 0; e < VEC; e++) to[c][e] = cast<T>(0.0f);
    }
  }
}

struct Running {
  float top[ROWS], sum[ROWS], values[ROWS][V_TURNS * VEC];
};

DEVICE void take_keys(const AttentionArgs& a, const Task& t, const T* k, const T* v, const MaskType* mask,
                      const float (&q)[ROWS][QK_TURNS * VEC], int base, int column, Running& state) {
  const int group = thread_x() / LANES;
  Vec<T, VEC> keys[UNROLL_KEYS][QK_TURNS], values[UNROLL_KEYS][V_TURNS];
  UNROLL
  for (int u = 0; u < UNROLL_KEYS; u++) {
    int key = least(base + u * GROUPS + group, t.key_end - 1);
    load_row<QK_TURNS, HEAD_DIM>(k + (i64)key * a.k_row, column, keys[u]);
  }
  UNROLL
  for (int u = 0; u < UNROLL_KEYS; u++) {
    int key = least(base + u * GROUPS + group, t.key_end - 1);
    load_row<V_TURNS, VALUE_DIM>(v + (i64)key * a.v_row, column, values[u]);
  }
  float score[UNROLL_KEYS][ROWS];
  UNROLL
  for (int u = 0; u < UNROLL_KEYS; u++) {
    float x[QK_TURNS * VEC];
    UNROLL
    for (int i = 0; i < QK_TURNS * VEC; i++) x[i] = cast<float>(keys[u][i / VEC][i % VEC]);
    const int key = base + u * GROUPS + group;
    UNROLL
    for (int r = 0; r < ROWS; r++) {
      float sum = 0;
      UNROLL
      for (int i = 0; i < QK_TURNS * VEC; i++) sum = math_fma(q[r][i], x[i], sum);
      sum = wave_reduce<Sum, LANES>(sum);
      if (key >= t.key_end) {
        sum = -infinity();
      } else if (MASK || CAUSAL) {
        sum = masked(a, mask, t, row_of(a, t, least(t.first_row + r, t.rows - 1)), key, sum);
      }
      score[u][r] = sum;
    }
  }
  UNROLL
  for (int r = 0; r < ROWS; r++) {
    float top = state.top[r];
    UNROLL
    for (int u = 0; u < UNROLL_KEYS; u++) top = math_max(top, score[u][r]);
    const float factor = fast_exp2(state.top[r] - finite_top(top));
    state.top[r] = top;
    state.sum[r] *= factor;
    UNROLL
    for (int u = 0; u < UNROLL_KEYS; u++) {
      score[u][r] = fast_exp2(score[u][r] - finite_top(top));
      state.sum[r] += score[u][r];
    }
    UNROLL
    for (int i = 0; i < V_TURNS * VEC; i++) state.values[r][i] *= factor;
  }
  UNROLL
  for (int u = 0; u < UNROLL_KEYS; u++) {
    UNROLL
    for (int i = 0; i < V_TURNS * VEC; i++) {
      float x = cast<float>(values[u][i / VEC][i % VEC]);
      UNROLL
      for (int r = 0; r < ROWS; r++) state.values[r][i] = math_fma(score[u][r], x, state.values[r][i]);
    }
  }
}

// One running softmax a wave.
DEVICE void merge_groups(Running& state) {
  UNROLL
  for (int r = 0; r < ROWS; r++) {
    float top = across_groups<Max>(state.top[r]);
    const float factor = fast_exp2(state.top[r] - finite_top(top));
    state.top[r] = top;
    state.sum[r] = across_groups<Sum>(state.sum[r] * factor);
    UNROLL
    for (int i = 0; i < V_TURNS * VEC; i++) {
      state.values[r][i] = across_groups<Sum>(state.values[r][i] * factor);
    }
  }
}

KERNEL(THREADS)
attention_decode(const T* __restrict__ q, const T* __restrict__ k, const T* __restrict__ v,
                 const MaskType* __restrict__ mask, const T* __restrict__ sinks, T* __restrict__ out,
                 float* __restrict__ partial, float* __restrict__ partial_stats,
                 STRUCT_ARGUMENT AttentionArgs a) {
  SHARED float sums[MERGED][WAVES][VALUE_DIM];
  SHARED float tops[ROWS][WAVES], totals[ROWS][WAVES];
  const Task t = task_of(a, ROWS);
  const int column = thread_x() % LANES * VEC;
  float queries[ROWS][QK_TURNS * VEC];
  UNROLL
  for (int r = 0; r < ROWS; r++) {
    const Row row = row_of(a, t, least(t.first_row + r, t.rows - 1));
    Vec<T, VEC> x[QK_TURNS];
    load_row<QK_TURNS, HEAD_DIM>(
        q + (i64)t.batch * a.q_batch + (i64)row.head * a.q_head + (i64)row.query * a.q_row, column, x);
    UNROLL
    for (int i = 0; i < QK_TURNS * VEC; i++) {
      queries[r][i] = cast<float>(x[i / VEC][i % VEC]) * (a.scale * LOG2E);
    }
  }
  Running state;
  UNROLL
  for (int r = 0; r < ROWS; r++) {
    state.top[r] = -infinity();
    state.sum[r] = 0;
    UNROLL
    for (int i = 0; i < V_TURNS * VEC; i++) state.values[r][i] = 0;
  }
  const T* keys = k + (i64)t.batch * a.k_batch + (i64)t.kv_head * a.k_head;
  const T* values = v + (i64)t.batch * a.v_batch + (i64)t.kv_head * a.v_head;
  for (int base = t.key_begin; base < t.key_end; base += GROUPS * UNROLL_KEYS) {
    take_keys(a, t, keys, values, mask, queries, base, column, state);
  }
  merge_groups(state);

  const int wave = thread_x() / WAVE;
  if (lane() == 0) {
    UNROLL
    for (int r = 0; r < ROWS; r++) {
      tops[r][wave] = state.top[r];
      totals[r][wave] = state.sum[r];
    }
  }
  UNROLL
  for (int first = 0; first < ROWS; first += MERGED) {
    if (first > 0) barrier_lds();
    if (lane() < LANES) {
      UNROLL
      for (int r = 0; r < MERGED; r++) {
        UNROLL
        for (int i = 0; i < V_TURNS * VEC; i++) {
          const int at = i / VEC * STEP + column + i % VEC;
          if (VALUE_DIM % STEP == 0 || at < VALUE_DIM) sums[r][wave][at] = state.values[first + r][i];
        }
      }
    }
    barrier_lds();
    for (int at = thread_x(); at < MERGED * VALUE_DIM; at += THREADS) {
      const int r = at / VALUE_DIM, e = at - r * VALUE_DIM, row_number = t.first_row + first + r;
      if (row_number >= t.rows) break;
      float top = tops[first + r][0];
      UNROLL
      for (int w = 1; w < WAVES; w++) top = math_max(top, tops[first + r][w]);
      float total = 0, x = 0;
#if !SPLIT
      const Row row = row_of(a, t, row_number);
#endif
#if SINKS && !SPLIT
      const float sink = cast<float>(sinks[row.head]) * LOG2E;
      top = math_max(top, sink);
      total = fast_exp2(sink - finite_top(top));
#endif
      UNROLL
      for (int w = 0; w < WAVES; w++) {
        const float factor = fast_exp2(tops[first + r][w] - finite_top(top));
        total += totals[first + r][w] * factor;
        x += sums[r][w][e] * factor;
      }
#if SPLIT
      const u64 slot = (((u64)t.batch * a.kv_heads + t.kv_head) * t.rows + row_number) * a.splits + t.split;
      partial[slot * VALUE_DIM + e] = x;
      if (e == 0) {
        partial_stats[2 * slot] = top;
        partial_stats[2 * slot + 1] = total;
      }
#else
      out[(i64)t.batch * a.out_batch + (i64)row.head * a.out_head + (i64)row.query * a.out_row + e] =
          cast<T>(x / total);
#endif
    }
  }
}
