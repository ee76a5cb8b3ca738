// out = softmax(q k^T * scale + mask) v for many queries, with matrix instructions and a running softmax.
// 16-bit types. Work: 4 * rows * keys * head_dim operations; bound by the matrix units and by LDS, from which
// each wave reads all keys and values: kernels/attention_tile.h keeps scores and weights in registers.
//
// A wave owns Q_TILES * 16 rows of queries: their sums stay in its registers, nobody else writes them. The
// waves of a workgroup share KEYS keys a step: a tile in LDS first holds keys [key][feature], then values
// transposed [feature][key]. While one is multiplied, registers fetch the other, so one tile suffices and
// more workgroups fit.
//
// Defines, beyond those of attention.h: HEAD_DIM and VALUE_DIM (multiples of 8, at most 256), SIZE (of
// attention_tiles).
#include "attention.h"
#include "attention_tile.h"

CONSTANT_FN int up(int n, int step) { return (n + step - 1) / step * step; }
constexpr AttentionTiles TILES = attention_tiles(MMA, HEAD_DIM > VALUE_DIM ? HEAD_DIM : VALUE_DIM, SIZE);
constexpr int WAVES = TILES.waves, THREADS = WAVES * WAVE, Q_TILES = TILES.q_tiles, KEYS = TILES.keys;
constexpr int BLOCK_ROWS = WAVES * 16 * Q_TILES;
constexpr int DIM = up(HEAD_DIM, MMA_K), V_DIM = up(VALUE_DIM, MMA_K);
constexpr int K_STRIDE = attention_key_stride(MMA, DIM);
constexpr int STEPS = DIM / MMA_K, KEY_BLOCKS = KEYS / MMA_K, V_BLOCKS = V_DIM / MMA_K;
constexpr int TILE = KEYS * K_STRIDE > V_DIM * KEYS ? KEYS * K_STRIDE : V_DIM * KEYS;

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

// Keys [base, base + KEYS) on their way from memory to LDS; those past the end repeat the last one.
constexpr int K_CHUNKS = KEYS * DIM / 8, K_LOADS = (K_CHUNKS + THREADS - 1) / THREADS;
struct KeyLoads {
  Eight x[K_LOADS];

  DEVICE void fetch(const T* k, i64 stride, int base, int end) {
    k += base * stride;
    UNROLL
    for (int i = 0; i < K_LOADS; i++) {
      const int at = i * THREADS + thread_x(), row = at / (DIM / 8), column = at % (DIM / 8) * 8;
      if (K_CHUNKS % THREADS != 0 && at >= K_CHUNKS) continue;
      x[i] = column < HEAD_DIM ? load_eight(at_row(k, least(row, end - 1 - base), stride, column)) : zeros();
    }
  }
  DEVICE void put(T* tile) const {
    UNROLL
    for (int i = 0; i < K_LOADS; i++) {
      const int at = i * THREADS + thread_x(), row = at / (DIM / 8), column = at % (DIM / 8) * 8;
      if (K_CHUNKS % THREADS != 0 && at >= K_CHUNKS) continue;
      store_eight(tile + row * K_STRIDE + column, x[i]);
    }
  }
};

// Where 8 values of a feature (number `chunk` of KEYS / 8) lie in the transposed tile: exclusive-or spreads
// both the writes, of one key and many features, and the reads over the banks. It is linear: the place of f |
// g, c | d is that of f, c exclusive-or that of g, d, which lets most of an address be a constant.
DEVICE constexpr int value_place(int feature, int chunk) {
  return feature * KEYS + (chunk ^ value_turn(feature, KEYS)) * 8;
}
DEVICE int moved_place(int place, int feature, int chunk) {
  const int by = value_place(feature, chunk);
  return (place ^ by % KEYS) + by / KEYS * KEYS;
}

// Values of the same keys. A thread takes 8 features of some keys and transposes them.
constexpr int V_KEYS = KEYS / 8 * (V_DIM / 8) >= THREADS ? 8 : 4;
constexpr int V_UNITS = KEYS / V_KEYS * (V_DIM / 8), V_LOADS = (V_UNITS + THREADS - 1) / THREADS;
struct ValueLoads {
  Eight x[V_LOADS][V_KEYS];

  DEVICE void fetch(const T* v, i64 stride, int base, int end) {
    v += base * stride;
    UNROLL
    for (int i = 0; i < V_LOADS; i++) {
      const int at = i * THREADS + thread_x(), key = at / (V_DIM / 8) * V_KEYS, column = at % (V_DIM / 8) * 8;
      if (V_UNITS % THREADS != 0 && at >= V_UNITS) continue;
      UNROLL
      for (int j = 0; j < V_KEYS; j++) {
        const int slot = key + j, row = least(slot / MMA_K * MMA_K + slot_key(slot % MMA_K), end - 1 - base);
        x[i][j] = column < VALUE_DIM ? load_eight(at_row(v, row, stride, column)) : zeros();
      }
    }
  }
  DEVICE void put(T* tile) const {
    UNROLL
    for (int i = 0; i < V_LOADS; i++) {
      const int at = i * THREADS + thread_x(), key = at / (V_DIM / 8) * V_KEYS, column = at % (V_DIM / 8) * 8;
      if (V_UNITS % THREADS != 0 && at >= V_UNITS) continue;
      const int place = value_place(column, key / 8) + key % 8;
      UNROLL
      for (int c = 0; c < 8; c++) {
        Vec<u32, V_KEYS / 2> y;
        UNROLL
        for (int j = 0; j < V_KEYS; j += 2) {
          const u32 first = x[i][j][c / 2], second = x[i][j + 1][c / 2];
          y[j / 2] = c % 2 ? high_halves(first, second) : low_halves(first, second);
        }
        *(Vec<u32, V_KEYS / 2>*)(tile + moved_place(place, c, 0)) = y;
      }
    }
  }
};

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

DEVICE OtherTile<T> key_tile(const T* tile, int block, int half, int step) {
  OtherTile<T> k;
  UNROLL
  for (int r = 0; r < MMA_RUNS; r++) {
    const int key = block * MMA_K + key_spread(half, other_row(r));
    k.run[r] = load_run<OTHER_RUN>(tile + key * K_STRIDE + step * MMA_K + other_k());
  }
  return k;
}

DEVICE OtherTile<T> value_tile(const T* tile, int v_block, int half, int key_block) {
  OtherTile<T> v;
  UNROLL
  for (int r = 0; r < MMA_RUNS; r++) {
    const int place = value_place(feature_spread(half, other_row(r)), other_k() / 8);
    v.run[r] = make_run<OTHER_RUN>([&](int c) {
      return load_eight(tile + moved_place(place, v_block * MMA_K, key_block * (MMA_K / 8) + c));
    });
  }
  return v;
}

DEVICE const T* query_address(const T* q, const AttentionArgs& a, const Task& t, int row) {
  const Row r = row_of(a, t, least(row, t.rows - 1));
  return q + (i64)t.batch * a.q_batch + (i64)r.head * a.q_head + (i64)r.query * a.q_row;
}

struct QueriesInLds {
  static constexpr int kElements = BLOCK_ROWS * K_STRIDE;
  const T* mine;

  DEVICE void fetch(const T* q, const AttentionArgs& a, const Task& t, T* lds) {
    for (int at = thread_x(); at < BLOCK_ROWS * (DIM / 8); at += THREADS) {
      const int row = at / (DIM / 8), column = at % (DIM / 8) * 8;
      Eight x = column < HEAD_DIM ? load_eight(query_address(q, a, t, t.first_row + row) + column) : zeros();
      store_eight(lds + row * K_STRIDE + column, x);
    }
    mine = lds + thread_x() / WAVE * (16 * Q_TILES) * K_STRIDE;
    barrier_lds();
  }
  DEVICE QueryTile<T> tile(int q_tile, int step) const {
    QueryTile<T> x;
    UNROLL
    for (int r = 0; r < MMA_RUNS; r++) {
      const T* row = mine + (q_tile * 16 + query_row(r)) * K_STRIDE;
      x.run[r] = load_run<QUERY_RUN>(row + step * MMA_K + query_k());
    }
    return x;
  }
};

struct QueriesInRegisters {
  static constexpr int kElements = 8;  // of LDS: not used
  QueryTile<T> x[Q_TILES][STEPS];

  DEVICE void fetch(const T* q, const AttentionArgs& a, const Task& t, T*) {
    const int wave_row = t.first_row + thread_x() / WAVE * (16 * Q_TILES);
    UNROLL
    for (int i = 0; i < Q_TILES; i++) {
      UNROLL
      for (int r = 0; r < MMA_RUNS; r++) {
        const T* row = query_address(q, a, t, wave_row + 16 * i + query_row(r));
        UNROLL
        for (int s = 0; s < STEPS; s++) {
          const int column = s * MMA_K + query_k();
          x[i][s].run[r] = make_run<QUERY_RUN>([&](int c) {
            return DIM == HEAD_DIM || column + 8 * c < HEAD_DIM ? load_eight(row + column + 8 * c) : zeros();
          });
        }
      }
    }
  }
  DEVICE const QueryTile<T>& tile(int q_tile, int step) const { return x[q_tile][step]; }
};

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

// Where some key is past the end or hidden from some row of this wave.
DEVICE void hide(const AttentionArgs& a, const Task& t, const MaskType* mask,
                 const Row (&rows)[Q_TILES][STATS], int base, Block (&scores)[Q_TILES][KEY_BLOCKS]) {
  UNROLL
  for (int i = 0; i < Q_TILES; i++) {
    UNROLL
    for (int stat = 0; stat < STATS; stat++) {
      UNROLL
      for (int b = 0; b < KEY_BLOCKS; b++) {
        UNROLL
        for (int j = 0; j < 8; j++) {
          const int key = base + b * MMA_K + key_of(j);
          float& score = scores[i][b].at(j, stat);
          score = masked(a, mask, t, rows[i][stat], least(key, t.key_end - 1), score);
          score = key < t.key_end ? score : -infinity();
        }
      }
    }
  }
}

// Scores to weights, and the running sums to the new largest score.
DEVICE void softmax_step(Block (&scores)[Q_TILES][KEY_BLOCKS], Running& state) {
  UNROLL
  for (int i = 0; i < Q_TILES; i++) {
    UNROLL
    for (int stat = 0; stat < STATS; stat++) {
      float top = state.top[i][stat];
      UNROLL
      for (int b = 0; b < KEY_BLOCKS; b++) {
        UNROLL
        for (int j = 0; j < 8; j++) top = math_max(top, scores[i][b].at(j, stat));
      }
      top = reduce_query<Max>(top);
      const float zero = finite_top(top), factor = fast_exp2(state.top[i][stat] - zero);
      float sum = state.sum[i][stat] * factor;
      UNROLL
      for (int b = 0; b < KEY_BLOCKS; b++) {
        UNROLL
        for (int j = 0; j < 8; j++) {
          float& score = scores[i][b].at(j, stat);
          score = fast_exp2(score - zero);
          sum += score;
        }
      }
      state.top[i][stat] = top;
      state.sum[i][stat] = sum;
      if (wave_ballot(factor != 1.0f)) {
        UNROLL
        for (int b = 0; b < V_BLOCKS; b++) {
          UNROLL
          for (int j = 0; j < 8; j++) state.values[i][b].at(j, stat) *= factor;
        }
      }
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
      float* to = partial + slot * VALUE_DIM;
      if (lane_offset() == 0) {
        stats[2 * slot] = state.top[i][stat];
        stats[2 * slot + 1] = total;
      }
      const float factor = 1;
#else
      T* to = out + (i64)t.batch * a.out_batch + (i64)row.head * a.out_head + (i64)row.query * a.out_row;
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
        const int feature = b * MMA_K + lane_offset();
        if (V_DIM != VALUE_DIM && feature >= VALUE_DIM) continue;
#if SPLIT
        Vec<float, 8> x;
        UNROLL
        for (int j = 0; j < 8; j++) x[j] = state.values[i][b].at(j, stat) * factor;
#else
        Vec<T, 8> x;
        UNROLL
        for (int j = 0; j < 8; j++) x[j] = cast<T>(state.values[i][b].at(j, stat) * factor);
#endif
        store<8>(to + feature, x);
      }
    }
  }
}

// Two waves a SIMD of CDNA: older compilers would take a few registers too many.
KERNEL_WAVES(THREADS, WAVE == 64 ? 2 : 1)
attention_prefill(const T* __restrict__ q, const T* __restrict__ k, const T* __restrict__ v,
                  const MaskType* __restrict__ mask, const T* __restrict__ sinks, T* __restrict__ out,
                  float* __restrict__ partial, float* __restrict__ partial_stats,
                  STRUCT_ARGUMENT AttentionArgs a) {
  SHARED alignas(16) T tile[TILE];
  SHARED alignas(16) T query_rows[Queries::kElements];
  const Task t = task_of(a, BLOCK_ROWS);
  const int wave_row = t.first_row + thread_x() / WAVE * (16 * Q_TILES);
  const T* keys = k + (i64)t.batch * a.k_batch + (i64)t.kv_head * a.k_head;
  const T* values = v + (i64)t.batch * a.v_batch + (i64)t.kv_head * a.v_head;
  KeyLoads next_keys;
  if (t.key_begin < t.key_end) next_keys.fetch(keys, a.k_row, t.key_begin, t.key_end);
  Queries queries;
  queries.fetch(q, a, t, query_rows);
  Row rows[Q_TILES][STATS];
  Running state;
  UNROLL
  for (int i = 0; i < Q_TILES; i++) {
    UNROLL
    for (int stat = 0; stat < STATS; stat++) {
      rows[i][stat] = row_of(a, t, least(wave_row + 16 * i + query_of(stat), t.rows - 1));
      state.top[i][stat] = -infinity();
      state.sum[i][stat] = 0;
    }
    UNROLL
    for (int b = 0; b < V_BLOCKS; b++) state.values[i][b] = zero_block();
  }
  // Keys up to here need no mask in any row of this wave.
  const int clear = CAUSAL ? least(wave_row, t.rows - 1) / group_of(a) + a.kv_len - a.q_len + 1 : a.kv_len;

  for (int base = t.key_begin; base < t.key_end; base += KEYS) {
    next_keys.put(tile);
    barrier_lds();
    ValueLoads next_values;
    next_values.fetch(values, a.v_row, base, t.key_end);
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
          const OtherTile<T> key = key_tile(tile, b, half, s);
          UNROLL
          for (int i = 0; i < Q_TILES; i++) tile_mma(scores[i][b].tile[half], queries.tile(i, s), key);
        }
      }
      schedule_fence();
    }
    UNROLL
    for (int i = 0; i < Q_TILES; i++) {
      UNROLL
      for (int b = 0; b < KEY_BLOCKS; b++) {
        UNROLL
        for (int half = 0; half < PAIR; half++) {
          UNROLL
          for (int e = 0; e < MMA_C; e++) scores[i][b].tile[half].v[e] *= a.scale * LOG2E;
        }
      }
    }
    if (MASK || base + KEYS > least(clear, t.key_end)) hide(a, t, mask, rows, base, scores);
    softmax_step(scores, state);
    QueryTile<T> weights[Q_TILES][KEY_BLOCKS];
    UNROLL
    for (int i = 0; i < Q_TILES; i++) {
      UNROLL
      for (int b = 0; b < KEY_BLOCKS; b++) weights[i][b] = weights_tile<T>(scores[i][b]);
    }
    barrier_lds();  // nobody reads the keys any more
    next_values.put(tile);
    if (base + KEYS < t.key_end) next_keys.fetch(keys, a.k_row, base + KEYS, t.key_end);
    barrier_lds();
    UNROLL
    for (int v_block = 0; v_block < V_BLOCKS; v_block++) {
      UNROLL
      for (int half = 0; half < PAIR; half++) {
        UNROLL
        for (int b = 0; b < KEY_BLOCKS; b++) {
          const OtherTile<T> value = value_tile(tile, v_block, half, b);
          UNROLL
          for (int i = 0; i < Q_TILES; i++) {
            tile_mma(state.values[i][v_block].tile[half], weights[i][b], value);
          }
        }
      }
      schedule_fence();
    }
    barrier_lds();  // nor the values
  }
  write_rows(a, t, sinks, out, partial, partial_stats, wave_row, state);
}
