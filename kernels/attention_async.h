// Keys and values on their way to LDS by asynchronous copies, which take no registers (NVIDIA). Part of
// attention_prefill.hip.
//
// Tiles of queries, keys and values alike: rows of STRIDE elements, and piece c (of 8 elements) of a row is at c
// ^ row % 8: ldmatrix, which takes one piece of eight rows at a time, finds them in different banks.
//
// With two stages the next keys and values arrive while these are multiplied, and a step has one barrier; with one
// stage values arrive during the product with the keys and the next keys during that with the values.
#pragma once

constexpr int STRIDE = attention_stride(MMA, DIM > V_DIM ? DIM : V_DIM), STAGES = TILES.stages;
constexpr int QUERY_ELEMENTS = BLOCK_ROWS * STRIDE;

DEVICE int row_place(int row, int piece) { return row * STRIDE + (piece ^ row % 8) * 8; }
// From the place of a row and a piece to that `rows`, a multiple of 8, further, piece exclusive-or `piece`.
DEVICE int moved_row(int place, int rows, int piece) {
  return (place ^ piece % 8 * 8) + piece / 8 * 64 + rows * STRIDE;
}

DEVICE u32 lds_address(const T* p) { return (u32)__cvta_generic_to_shared(p); }
// 16 bytes from memory, or zeros where nothing is there.
DEVICE void copy_or_zero(T* to, const T* from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(lds_address(to)), "l"(from), "r"(there ? 16 : 0)
               : "memory");
}
DEVICE void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }
// Four 8 x 8 matrices, of which lane l names row l % 8 of number l / 8. A lane gets elements (l / 4, 2 (l % 4)) of
// each and their right neighbours; transposed: elements (2 (l % 4), l / 4) and those below.
DEVICE Eight load_matrices(const T* row) {
  Eight x;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(lds_address(row)));
  return x;
}
DEVICE Eight load_transposed(const T* row) {
  Eight x;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(lds_address(row)));
  return x;
}

CONSTANT_FN int power_of_two(int n) { return n <= 8 ? 8 : n <= 16 ? 16 : 32; }
// Part `part` of `parts` of KEYS rows of keys or values, of which `left` are there; the others, and columns past the
// end, are zeros.
template <int Columns>
DEVICE void copy_rows(T* tile, const T* from, i64 stride, int left, int part, int parts) {
  constexpr int pieces = up(Columns, TILE_K) / 8, across = power_of_two(pieces), down = THREADS / across;
  constexpr int count = KEYS / down;
  static_assert(KEYS % down == 0, "threads copy whole rows of the tile");
  const int row = thread_x() / across, piece = thread_x() % across;
  if (pieces != across && piece >= pieces) return;
  const bool column = Columns % TILE_K == 0 || piece * 8 < Columns;
  from += row * stride + (column ? piece * 8 : 0);
  UNROLL
  for (int i = 0; i < count; i++) {
    if (i * parts / count != part) continue;
    copy_or_zero(tile + row_place(row + i * down, piece), from + i * down * stride, column && row + i * down < left);
  }
}

// The keys and values of a step, and how they come into `tile`: the hooks of the loop in attention_prefill.
struct Feed {
  static constexpr int kTile = KEYS * STRIDE;
  const T *keys, *values;
  i64 k_row, v_row;
  int end;
  T *tile, *next;  // keys and, behind them, values

  DEVICE void copy_keys(T* to, int base, int part = 0, int parts = 1) const {
    copy_rows<HEAD_DIM>(to, keys + base * k_row, k_row, end - base, part, parts);
  }
  DEVICE void copy_values(T* to, int base, int part = 0, int parts = 1) const {
    copy_rows<VALUE_DIM>(to + kTile, values + base * v_row, v_row, end - base, part, parts);
  }

  DEVICE void start(T* lds, int base) {
    tile = lds + (STAGES - 1) * 2 * kTile;
    next = lds;
    if (base >= end) return;
    copy_keys(next, base);
    if (STAGES == 2) copy_values(next, base);
  }
  DEVICE void before_keys(int base) {
    wait_for_copies();
    barrier_lds();
    if (STAGES == 1) return copy_values(tile, base);
    T* const here = next;
    next = tile;
    tile = here;
  }
  // Between the products with the keys, which hide the work of addressing.
  DEVICE void during_keys(int base, int step) {
    if (STAGES == 1) return;
    copy_keys(next, base + KEYS, step, STEPS);
    copy_values(next, base + KEYS, step, STEPS);
  }
  DEVICE void before_values(int base) {
    if (STAGES == 2) return;
    wait_for_copies();
    barrier_lds();
    if (base + KEYS < end) copy_keys(tile, base + KEYS);
  }
  DEVICE void after_values() {}

  DEVICE OtherTile<T> key_tile(int block, int, int step) const {
    const int place = row_place(lane() / 16 * 8 + lane() % 8, lane() / 8 % 2);
    return {load_matrices(tile + moved_row(place, block * TILE_K, 2 * step))};
  }
  DEVICE OtherTile<T> value_tile(int v_block, int, int key_block) const {
    const int place = row_place(lane() % 16, lane() / 16);
    return {load_transposed(tile + kTile + moved_row(place, key_block * TILE_K, 2 * v_block))};
  }
};

// Queries in LDS, which a wave reads anew in every step, or keeps.
struct QueriesInLds {
  const T* rows;

  DEVICE void fetch(const T* q, const AttentionArgs& a, const Task& t, T* lds) {
    rows = lds;
    for (int at = thread_x(); at < BLOCK_ROWS * (DIM / 8); at += THREADS) {
      const int row = at / (DIM / 8), column = at % (DIM / 8) * 8;
      const T* from = query_address(q, a, t, t.first_row + row);
      copy_or_zero(lds + row_place(row, column / 8), column < HEAD_DIM ? from + column : from, column < HEAD_DIM);
    }
  }
  DEVICE void ready() {}
  DEVICE QueryTile<T> tile(int q_tile, int step) const {
    const int place = row_place(thread_x() / WAVE * (16 * Q_TILES) + lane() % 16, lane() / 16);
    return {load_matrices(rows + moved_row(place, q_tile * 16, 2 * step))};
  }
};
struct QueriesInRegisters {
  QueriesInLds lds;
  QueryTile<T> x[Q_TILES][STEPS];

  DEVICE void fetch(const T* q, const AttentionArgs& a, const Task& t, T* tile) { lds.fetch(q, a, t, tile); }
  DEVICE void ready() {
    wait_for_copies();
    barrier_lds();
    UNROLL
    for (int i = 0; i < Q_TILES; i++) {
      UNROLL
      for (int s = 0; s < STEPS; s++) x[i][s] = lds.tile(i, s);
    }
  }
  DEVICE const QueryTile<T>& tile(int q_tile, int step) const { return x[q_tile][step]; }
};
