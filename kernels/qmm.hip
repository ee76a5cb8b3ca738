// out[m][n] = sum_k x[m][k] * w[n][k] with quantised w and many rows of x, 16-bit, float sums.
//
// A workgroup computes BM x BN of out by WAVES_M x WAVES_N waves, in steps of 32 along k. Codes are unpacked
// into LDS, rounded to T once, while the matrix instructions work on the step before: two buffers, one
// barrier a step, and the loads of DEPTH steps in flight across it.
//
// A grid: (blocks of n * blocks of m, pairs). GROUPED: rows of x belong to matrices of w by qmm_group.hip's
// lists, which come in place of the index arrays, and the grid is (blocks of n, tiles). Bytes moved: n * k *
// BITS / 8 for each BM rows, but the matrix instructions limit it where m is large.
#include "mma.h"
#include "pairs.h"
#include "quant.h"

constexpr int THREADS = WAVES_M * WAVES_N * WAVE, STEP = 32;
// Rows of LDS are apart so that the lanes of one access meet different banks; how depends on the fragments'
// layout.
constexpr int STRIDE = MMA == MMA_SYNC ? STEP : STEP + 8;
constexpr int ROWS = BM / WAVES_M / 16, COLUMNS = BN / WAVES_N / 16;  // tiles of 16 x 16 of a wave

// Codes that a thread takes at a time: whole words, of one group, and enough threads for all of them.
constexpr int SPAN = GROUP == 16 || (BITS % 2 == 0 && BN * STEP / 32 < THREADS) ? 16 : 32;
constexpr int SPAN_WORDS = SPAN * BITS / 32;
constexpr int SPANS = BN * STEP / SPAN, SPAN_TURNS = (SPANS + THREADS - 1) / THREADS;
constexpr int PIECES = BM * STEP / 8, PIECE_TURNS = (PIECES + THREADS - 1) / THREADS;  // 16 bytes of x

// What one thread has in flight of the next step.
struct Flight {
  Run<SPAN_WORDS> codes[SPAN_TURNS];
  Scale scales[SPAN_TURNS], biases[SPAN_TURNS];
  Vec<T, 8> x[PIECE_TURNS];
};

DEVICE u32 least(u32 a, u32 b) { return a < b ? a : b; }

struct Sources {
  const u32* codes;
  const Scale *scales, *biases;
  const T* x;
  u32 first_column, n, k;
  u32 rows[PIECE_TURNS];  // of x, that this thread reads

  DEVICE void fetch(Flight& flight, u32 at) const {
    UNROLL
    for (int i = 0; i < SPAN_TURNS; i++) {
      u32 span = thread_x() + i * THREADS;
      if (SPANS % THREADS != 0 && span >= SPANS) break;
      u32 row = least(first_column + span / (STEP / SPAN), n - 1);
      u32 column = least(at + span % (STEP / SPAN) * SPAN, k - SPAN);
      u64 place = (u64)row * k + column;
      flight.codes[i] = load_run<SPAN_WORDS, false>(codes + place / SPAN * SPAN_WORDS);
      flight.scales[i] = scales[place / GROUP];
      if constexpr (IS_AFFINE) flight.biases[i] = biases[place / GROUP];
    }
    UNROLL
    for (int i = 0; i < PIECE_TURNS; i++) {
      u32 piece = thread_x() + i * THREADS;
      if (PIECES % THREADS != 0 && piece >= PIECES) break;
      u32 column = at + piece % (STEP / 8) * 8;
      flight.x[i] = load<8>(x + (u64)rows[i] * k + least(column, k - 8));
      if constexpr (GROUP % STEP != 0) {  // zeros beyond k cancel what codes there are
        UNROLL
        for (int j = 0; j < 8; j++) flight.x[i][j] = column < k ? flight.x[i][j] : T{0};
      }
    }
  }
};

DEVICE void put(const Flight& flight, T* left, T* right) {
  UNROLL
  for (int i = 0; i < SPAN_TURNS; i++) {
    u32 span = thread_x() + i * THREADS;
    if (SPANS % THREADS != 0 && span >= SPANS) break;
    T* to = right + span / (STEP / SPAN) * STRIDE + span % (STEP / SPAN) * SPAN;
    float scale = scale_value(flight.scales[i]), bias = 0;
    if constexpr (IS_AFFINE) bias = scale_value(flight.biases[i]);
    UNROLL
    for (int j = 0; j < SPAN; j += 8) store<8>(to + j, paired_values(flight.codes[i].w, j, scale, bias));
  }
  UNROLL
  for (int i = 0; i < PIECE_TURNS; i++) {
    u32 piece = thread_x() + i * THREADS;
    if (PIECES % THREADS != 0 && piece >= PIECES) break;
    store<8>(left + piece / (STEP / 8) * STRIDE + piece % (STEP / 8) * 8, paired(flight.x[i]));
  }
}

DEVICE void multiply(const T* left, const T* right, MmaC (&sums)[ROWS][COLUMNS]) {
  const int wave = thread_x() / WAVE;
  left += wave / WAVES_N * ROWS * 16 * STRIDE;
  right += wave % WAVES_N * COLUMNS * 16 * STRIDE;
  UNROLL
  for (int inner = 0; inner < STEP; inner += MMA_K) {
    MmaB<T> b[COLUMNS];
    UNROLL
    for (int j = 0; j < COLUMNS; j++) b[j] = mma_load_b(right + 16 * j * STRIDE + inner, STRIDE);
    UNROLL
    for (int i = 0; i < ROWS; i++) {
      MmaA<T> a = mma_load_a(left + 16 * i * STRIDE + inner, STRIDE);
      UNROLL
      for (int j = 0; j < COLUMNS; j++) mma(sums[i][j], a, b[j]);
    }
  }
}

KERNEL(WAVES_M* WAVES_N* WAVE)
qmm(const u32* __restrict__ codes, const Scale* __restrict__ scales, const Scale* __restrict__ biases,
    const T* __restrict__ x, T* __restrict__ out, const u32* __restrict__ lhs, const u32* __restrict__ rhs,
    STRUCT_ARGUMENT MatrixPairs pairs, u32 m, u32 n, u32 k) {
  SHARED alignas(16) T left[2][BM * STRIDE], right[2][BN * STRIDE];
#if GROUPED
  // A tile: the matrix of w, its first row in the order and the end of that matrix's rows.
  const u32 *order = lhs, *tiles = rhs;
  SHARED u32 targets[BM];
  const u32 tile = pair_number(), n_block = group_x();
  if (tile >= tiles[0]) return;
  const u32 matrix = tiles[1 + 3 * tile], first_row = tiles[2 + 3 * tile], end = tiles[3 + 3 * tile];
  u64 out_row = 0, x_row = 0;
#else
  const u32 number = pair_number(), n_blocks = (n + BN - 1) / BN, n_block = group_x() % n_blocks;
  if (number >= pairs.count) return;
  const u32 first_row = group_x() / n_blocks * BM, end = m;
  const Pair pair = pair_of(pairs, lhs, rhs, number);
  const u32 matrix = pair.w;
  u64 out_row = (u64)number * m, x_row = (u64)pair.x * m;
#endif
  Sources from = {codes + (u64)matrix * n * (k / SPAN) * SPAN_WORDS,
                  scales + (u64)matrix * n * (k / GROUP),
                  biases + (IS_AFFINE ? (u64)matrix * n * (k / GROUP) : 0),
                  x + x_row * k,
                  n_block * BN,
                  n,
                  k,
                  {}};
#if GROUPED
  for (u32 i = thread_x(); i < BM; i += THREADS) {
    u32 row = least(first_row + i, end - 1);
    targets[i] = order[2 * (row / m)] * m + row % m;
  }
#endif
  UNROLL
  for (int i = 0; i < PIECE_TURNS; i++) {
    u32 piece = thread_x() + i * THREADS, row = least(first_row + piece / (STEP / 8) % BM, end - 1);
#if GROUPED
    row = order[2 * (row / m) + 1] * m + row % m;
#endif
    from.rows[i] = row;
  }

  MmaC sums[ROWS][COLUMNS];
  UNROLL
  for (int i = 0; i < ROWS; i++) {
    UNROLL
    for (int j = 0; j < COLUMNS; j++) sums[i][j] = mma_zero();
  }
  const u32 steps = (k + STEP - 1) / STEP;
  Flight ring[DEPTH];  // of steps ahead of the one in LDS
  UNROLL
  for (int d = 0; d < DEPTH; d++) {
    if ((u32)d < steps) from.fetch(ring[d], d * STEP);
  }
  put(ring[0], left[0], right[0]);
  if (DEPTH < steps) from.fetch(ring[0], DEPTH * STEP);
  barrier_lds();
  for (u32 base = 0; base < steps; base += DEPTH) {
    UNROLL
    for (int d = 0; d < DEPTH; d++) {
      const u32 step = base + d, buffer = step % 2;
      if (step >= steps) break;
      multiply(left[buffer], right[buffer], sums);
      if (step + 1 < steps) put(ring[(d + 1) % DEPTH], left[buffer ^ 1], right[buffer ^ 1]);
      if (step + 1 + DEPTH < steps) from.fetch(ring[(d + 1) % DEPTH], (step + 1 + DEPTH) * STEP);
      barrier_lds();
    }
  }

  const int wave = thread_x() / WAVE;
  UNROLL
  for (int i = 0; i < ROWS; i++) {
    UNROLL
    for (int e = 0; e < MMA_C; e++) {
      u32 row = (wave / WAVES_N * ROWS + i) * 16 + mma_c_row(e);
      if (first_row + row >= end) continue;
#if GROUPED
      T* to = out + (u64)targets[row] * n;
#else
      T* to = out + (out_row + first_row + row) * n;
#endif
      UNROLL
      for (int j = 0; j < COLUMNS; j++) {
        u32 column = from.first_column + (wave % WAVES_N * COLUMNS + j) * 16 + mma_c_col(e);
        if (column < n) to[column] = cast<T>(sums[i][j].v[e]);
      }
    }
  }
}
