// out = softmax(q k^T * scale + mask) v for many queries, with matrix instructions and a running softmax.
// 16-bit types. Work: 4 * rows * keys * head_dim operations; bound by the matrix units and by LDS, from which
// each wave reads all keys and values: kernels/attention_tile.h keeps scores and weights in registers.
//
// A wave owns Q_TILES * 16 rows of queries: their sums stay in its registers, nobody else writes them. The
// waves of a workgroup share KEYS keys a step, which come through LDS: through registers (attention_staged.h) or by
// asynchronous copies (attention_async.h).
//
// Defines, beyond those of attention.h: HEAD_DIM and VALUE_DIM (multiples of 8, at most 256), SIZE (of
// attention_tiles).
#include "attention.h"
#include "attention_tile.h"

CONSTANT_FN int up(int n, int step) { return (n + step - 1) / step * step; }
#ifndef ATTENTION_TILES  // for measuring
#define ATTENTION_TILES attention_tiles(MMA, HEAD_DIM > VALUE_DIM ? HEAD_DIM : VALUE_DIM, SIZE)
#endif
constexpr AttentionTiles TILES = ATTENTION_TILES;
constexpr int WAVES = TILES.waves, THREADS = WAVES * WAVE, Q_TILES = TILES.q_tiles, KEYS = TILES.keys;
constexpr int BLOCK_ROWS = WAVES * 16 * Q_TILES;
constexpr int DIM = up(HEAD_DIM, TILE_K), V_DIM = up(VALUE_DIM, TILE_K);
constexpr int STEPS = DIM / TILE_K, KEY_BLOCKS = KEYS / TILE_K, V_BLOCKS = V_DIM / TILE_K, V_TILES = V_BLOCKS * PAIR;
// Products with the values: all sums for one block of keys after the other, so that instructions which follow each
// other do not wait for one another and the later weights are computed meanwhile; or one sum after the other.
constexpr bool KEYS_OUTSIDE = MMA == MMA_SYNC;

// 8 elements, as words: as elements of 16 bits the compiler would keep each in a register of its own.
using Eight = Vec<u32, 4>;
DEVICE Eight load_eight(const T* p) { return *(const Eight*)p; }
DEVICE void store_eight(T* p, Eight x) { *(Eight*)p = x; }
DEVICE Eight zeros() { return {{0, 0, 0, 0}}; }

// An element near a uniform address: 32-bit offsets take no register pair and no 64-bit arithmetic. The host
// sees to it that KEYS rows are less than 2^32 bytes apart.
DEVICE const T* at_row(const T* uniform, int row, i64 stride, int column) {
  return (const T*)((const char*)uniform + ((u32)row * (u32)stride + column) * (u32)sizeof(T));
}

// A run of 8 or 16 elements of a fragment, in pieces of 8: piece(c) has its place.
template <int Run, class Piece>
DEVICE Vec<T, Run> make_run(Piece piece) {
  Vec<Eight, Run / 8> x;
  UNROLL
  for (int c = 0; c < Run / 8; c++) x[c] = piece(c);
  return bit_cast<Vec<T, Run>>(x);
}
template <int Run>
DEVICE Vec<T, Run> load_run(const T* p) {
  return make_run<Run>([&](int c) { return load_eight(p + 8 * c); });
}

DEVICE const T* query_address(const T* q, const AttentionArgs& a, const Task& t, int row) {
  const Row r = row_of(a, t, least(row, t.rows - 1));
  return q + (i64)t.batch * a.q_batch + (i64)r.head * a.q_head + (i64)r.query * a.q_row;
}

#if GPU_NVIDIA
#include "attention_async.h"
#else
#include "attention_staged.h"
#endif

template <bool InLds>
struct QueriesOf {
  using Type = QueriesInRegisters;
};
template <>
struct QueriesOf<true> {
  using Type = QueriesInLds;
};
using Queries = QueriesOf<TILES.q_in_lds>::Type;

struct Running {
  Block values[Q_TILES][V_BLOCKS];
  float top[Q_TILES][STATS], sum[Q_TILES][STATS];  // sum: of this lane's keys
};

DEVICE void find_rows(const AttentionArgs& a, const Task& t, int wave_row, Row (&rows)[Q_TILES][STATS]) {
  UNROLL
  for (int i = 0; i < Q_TILES; i++) {
    UNROLL
    for (int stat = 0; stat < STATS; stat++) {
      rows[i][stat] = row_of(a, t, least(wave_row + 16 * i + query_of(stat), t.rows - 1));
    }
  }
}

template <class Change>
DEVICE void change_scores(Block (&scores)[Q_TILES][KEY_BLOCKS], int base, Change change) {
  UNROLL
  for (int i = 0; i < Q_TILES; i++) {
    UNROLL
    for (int stat = 0; stat < STATS; stat++) {
      UNROLL
      for (int b = 0; b < KEY_BLOCKS; b++) {
        UNROLL
        for (int j = 0; j < HELD; j++) {
          float& score = scores[i][b].at(j, stat);
          score = change(score, base + b * TILE_K + key_of(j), i, stat);
        }
      }
    }
  }
}

// Where some key is past the end or hidden from some row of this wave. Scores are scaled here.
DEVICE void hide(const AttentionArgs& a, const Task& t, const MaskType* mask,
                 const Row (&rows)[Q_TILES][STATS], int base, Block (&scores)[Q_TILES][KEY_BLOCKS]) {
  change_scores(scores, base, [&](float score, int key, int i, int stat) {
    return masked(a, mask, t, rows[i][stat], MASK ? least(key, t.key_end - 1) : key, score * (a.scale * LOG2E));
  });
  if (base + KEYS <= t.key_end) return;
  change_scores(scores, base, [&](float score, int key, int, int) { return key < t.key_end ? score : -infinity(); });
}

// Scores, which are still to be multiplied by `scale`, to weights. Weights are relative to the largest score of a row
// so far, or to one that is up to 2^LAG times smaller: while it is, the sums before need no multiplication.
constexpr float LAG = 8;
DEVICE void softmax_step(Block (&scores)[Q_TILES][KEY_BLOCKS], float scale, Running& state) {
  float top[Q_TILES][STATS];
  bool same = true;
  UNROLL
  for (int i = 0; i < Q_TILES; i++) {
    UNROLL
    for (int stat = 0; stat < STATS; stat++) {
      float most = scores[i][0].at(0, stat);
      UNROLL
      for (int b = 0; b < KEY_BLOCKS; b++) {
        UNROLL
        for (int j = 0; j < HELD; j++) most = math_max(most, scores[i][b].at(j, stat));
      }
      top[i][stat] = reduce_query<Max>(most) * scale;
      same = same && top[i][stat] <= state.top[i][stat] + LAG;
    }
  }
  if (wave_ballot(!same)) {
    UNROLL
    for (int i = 0; i < Q_TILES; i++) {
      UNROLL
      for (int stat = 0; stat < STATS; stat++) {
        const float next = math_max(state.top[i][stat], top[i][stat]);
        const float factor = fast_exp2(state.top[i][stat] - finite_top(next));
        state.top[i][stat] = next;
        state.sum[i][stat] *= factor;
        UNROLL
        for (int b = 0; b < V_BLOCKS; b++) {
          UNROLL
          for (int j = 0; j < HELD; j++) state.values[i][b].at(j, stat) *= factor;
        }
      }
    }
  }
  UNROLL
  for (int i = 0; i < Q_TILES; i++) {
    UNROLL
    for (int stat = 0; stat < STATS; stat++) {
      const float zero = finite_top(state.top[i][stat]);
      float sum = state.sum[i][stat];
      UNROLL
      for (int b = 0; b < KEY_BLOCKS; b++) {
        UNROLL
        for (int j = 0; j < HELD; j++) {
          float& score = scores[i][b].at(j, stat);
          score = fast_exp2(math_fma(score, scale, -zero));
          sum += score;
        }
      }
      state.sum[i][stat] = sum;
    }
  }
}

DEVICE void write_rows(const AttentionArgs& a, const Task& t, const T* sinks, T* out, float* partial,
                       float* stats, int wave_row, Running& state) {
  UNROLL
  for (int i = 0; i < Q_TILES; i++) {
    UNROLL
    for (int stat = 0; stat < STATS; stat++) {
      const int number = wave_row + 16 * i + query_of(stat);
      float total = reduce_query<Sum>(state.sum[i][stat]);
      if (number >= t.rows) continue;
      const Row row = row_of(a, t, number);
#if SPLIT
      const u64 slot = (((u64)t.batch * a.kv_heads + t.kv_head) * t.rows + number) * a.splits + t.split;
      using Out = float;
      Out* to = partial + slot * VALUE_DIM;
      if (feature_of(0) == 0) {
        stats[2 * slot] = state.top[i][stat];
        stats[2 * slot + 1] = total;
      }
      const float factor = 1;
#else
      using Out = T;
      Out* to = out + (i64)t.batch * a.out_batch + (i64)row.head * a.out_head + (i64)row.query * a.out_row;
      float top = state.top[i][stat], before = top;
#if SINKS
      const float sink = cast<float>(sinks[row.head]) * LOG2E;
      top = math_max(top, sink);
      total = total * fast_exp2(before - finite_top(top)) + fast_exp2(sink - finite_top(top));
#endif
      const float factor = fast_exp2(before - finite_top(top)) / total;
#endif
      UNROLL
      for (int b = 0; b < V_BLOCKS; b++) {
        UNROLL
        for (int first = 0; first < HELD; first += FEATURE_RUN) {
          const int feature = b * TILE_K + feature_of(first);
          if (V_DIM != VALUE_DIM && feature >= VALUE_DIM) continue;
          Vec<Out, FEATURE_RUN> x;
          UNROLL
          for (int j = 0; j < FEATURE_RUN; j++) x[j] = cast<Out>(state.values[i][b].at(first + j, stat) * factor);
          store<FEATURE_RUN>(to + feature, x);
        }
      }
    }
  }
}

KERNEL_WAVES(THREADS, TILES.resident)
attention_prefill(const T* __restrict__ q, const T* __restrict__ k, const T* __restrict__ v,
                  const MaskType* __restrict__ mask, const T* __restrict__ sinks, T* __restrict__ out,
                  float* __restrict__ partial, float* __restrict__ partial_stats,
                  STRUCT_ARGUMENT AttentionArgs a) {
  WORKGROUP_LDS(T, lds, attention_lds(MMA, TILES, DIM, V_DIM));
  const Task t = ordered_task_of(a, BLOCK_ROWS);
  const int wave_row = t.first_row + (int)wave_number() * (16 * Q_TILES);
  Feed feed;
  feed.keys = k + (i64)t.batch * a.k_batch + (i64)t.kv_head * a.k_head;
  feed.values = v + (i64)t.batch * a.v_batch + (i64)t.kv_head * a.v_head;
  feed.k_row = a.k_row;
  feed.v_row = a.v_row;
  feed.end = t.key_end;
  feed.start(lds + QUERY_ELEMENTS, t.key_begin);
  Queries queries;
  queries.fetch(q, a, t, lds);
  Row rows[Q_TILES][STATS];
  if (MASK) find_rows(a, t, wave_row, rows);
  Running state;
  UNROLL
  for (int i = 0; i < Q_TILES; i++) {
    UNROLL
    for (int stat = 0; stat < STATS; stat++) {
      state.top[i][stat] = -infinity();
      state.sum[i][stat] = 0;
    }
    UNROLL
    for (int b = 0; b < V_BLOCKS; b++) state.values[i][b] = zero_block();
  }
  // Keys up to here need no mask in any row of this wave.
  queries.ready();
  const int clear = CAUSAL ? least(wave_row, t.rows - 1) / group_of(a) + a.kv_len - a.q_len + 1 : a.kv_len;

  for (int base = t.key_begin; base < t.key_end; base += KEYS) {
    feed.before_keys(base);
    Block scores[Q_TILES][KEY_BLOCKS];
    UNROLL
    for (int b = 0; b < KEY_BLOCKS; b++) {
      UNROLL
      for (int i = 0; i < Q_TILES; i++) scores[i][b] = zero_block();
    }
#if MMA_BY_FMA
#pragma unroll 1
#else
    UNROLL
#endif
    for (int s = 0; s < STEPS; s++) {
      UNROLL
      for (int b = 0; b < KEY_BLOCKS; b++) {
        UNROLL
        for (int half = 0; half < PAIR; half++) {
          const OtherTile<T> key = feed.key_tile(b, half, s);
          UNROLL
          for (int i = 0; i < Q_TILES; i++) tile_mma(scores[i][b].tile[half], queries.tile(i, s), key);
        }
      }
      feed.during_keys(base, s);
      schedule_fence();
    }
    float scale = a.scale * LOG2E;
    // The largest product has the largest score, unless the scale is negative.
    if (MASK || base + KEYS > least(clear, t.key_end) || !(scale > 0)) {
      scale = 1;
      if (!MASK) find_rows(a, t, wave_row, rows);  // seldom: registers are worth more
      hide(a, t, mask, rows, base, scores);
    }
    softmax_step(scores, scale, state);
    QueryTile<T> weights[Q_TILES][KEY_BLOCKS];
    UNROLL
    for (int i = 0; i < Q_TILES; i++) {
      UNROLL
      for (int b = 0; b < KEY_BLOCKS; b++) weights[i][b] = weights_tile<T>(scores[i][b]);
    }
    feed.before_values(base);
    UNROLL
    for (int n = 0; n < KEY_BLOCKS * V_TILES; n++) {
      const int b = KEYS_OUTSIDE ? n / V_TILES : n % KEY_BLOCKS, tile = KEYS_OUTSIDE ? n % V_TILES : n / KEY_BLOCKS;
      const OtherTile<T> value = feed.value_tile(tile / PAIR, tile % PAIR, b);
      UNROLL
      for (int i = 0; i < Q_TILES; i++) {
        tile_mma(state.values[i][tile / PAIR].tile[tile % PAIR], weights[i][b], value);
      }
      if (n % (KEY_BLOCKS * PAIR) == KEY_BLOCKS * PAIR - 1) schedule_fence();
    }
    feed.after_values();
  }
  write_rows(a, t, sinks, out, partial, partial_stats, wave_row, state);
}
