// Keys and values on their way to LDS through registers (AMD). Part of attention_prefill.hip.
//
// One tile in LDS first holds keys [key][feature], then values transposed [feature][key]. While one is
// multiplied, registers fetch the other, so one tile suffices and more workgroups fit.
#pragma once

constexpr int K_STRIDE = attention_stride(MMA, DIM);
constexpr int QUERY_ELEMENTS = TILES.q_in_lds ? BLOCK_ROWS * K_STRIDE : 0;

DEVICE int row_place(int row, int piece) { return row * K_STRIDE + piece * 8; }
DEVICE int moved_row(int place, int rows, int piece) { return place + row_place(rows, piece); }

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
        const int slot = key + j, row = least(slot / TILE_K * TILE_K + slot_key(slot % TILE_K), end - 1 - base);
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

struct Feed {
  const T *keys, *values;
  i64 k_row, v_row;
  int end;
  T* tile;
  KeyLoads next_keys;
  ValueLoads next_values;

  DEVICE void start(T* lds, int base) {
    tile = lds;
    if (base < end) next_keys.fetch(keys, k_row, base, end);
  }
  DEVICE void before_keys(int base) {
    next_keys.put(tile);
    barrier_lds();
    next_values.fetch(values, v_row, base, end);
  }
  DEVICE void before_values(int base) {
    barrier_lds();  // nobody reads the keys any more
    next_values.put(tile);
    if (base + KEYS < end) next_keys.fetch(keys, k_row, base + KEYS, end);
    barrier_lds();
  }
  DEVICE void during_keys(int, int) {}
  DEVICE void after_values() { barrier_lds(); }

  DEVICE OtherTile<T> key_tile(int block, int half, int step) const {
    OtherTile<T> k;
    UNROLL
    for (int r = 0; r < MMA_RUNS; r++) {
      const int key = block * TILE_K + key_spread(half, other_row(r));
      k.run[r] = load_run<OTHER_RUN>(tile + key * K_STRIDE + step * TILE_K + other_k());
    }
    return k;
  }

  DEVICE OtherTile<T> value_tile(int v_block, int half, int key_block) const {
    OtherTile<T> v;
    UNROLL
    for (int r = 0; r < MMA_RUNS; r++) {
      const int place = value_place(feature_spread(half, other_row(r)), other_k() / 8);
      v.run[r] = make_run<OTHER_RUN>([&](int c) {
        return load_eight(tile + moved_place(place, v_block * TILE_K, key_block * (TILE_K / 8) + c));
      });
    }
    return v;
  }
};

struct QueriesInLds {
  const T* mine;

  DEVICE void fetch(const T* q, const AttentionArgs& a, const Task& t, T* lds) {
    for (int at = thread_x(); at < BLOCK_ROWS * (DIM / 8); at += THREADS) {
      const int row = at / (DIM / 8), column = at % (DIM / 8) * 8;
      Eight x = column < HEAD_DIM ? load_eight(query_address(q, a, t, t.first_row + row) + column) : zeros();
      store_eight(lds + row_place(row, column / 8), x);
    }
    mine = lds;
    barrier_lds();
  }
  DEVICE void ready() {}
  DEVICE QueryTile<T> tile(int q_tile, int step) const {
    QueryTile<T> x;
    const int place = row_place(thread_x() / WAVE * (16 * Q_TILES) + query_row(0), query_k() / 8);
    UNROLL
    for (int r = 0; r < MMA_RUNS; r++) {
      x.run[r] = load_run<QUERY_RUN>(mine + moved_row(place, q_tile * 16 + 8 * r, step * (TILE_K / 8)));
    }
    return x;
  }
};

struct QueriesInRegisters {
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
          const int column = s * TILE_K + query_k();
          x[i][s].run[r] = make_run<QUERY_RUN>([&](int c) {
            return DIM == HEAD_DIM || column + 8 * c < HEAD_DIM ? load_eight(row + column + 8 * c) : zeros();
          });
        }
      }
    }
  }
  DEVICE void ready() {}
  DEVICE const QueryTile<T>& tile(int q_tile, int step) const { return x[q_tile][step]; }
};
