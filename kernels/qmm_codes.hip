// out[m][n] = sum_k x[m][k] * w[n][k] with quantised w and up to 32 rows of x: the codes themselves are the
// operands of matrix instructions.
//
// A code becomes the 16-bit number RAW_CODE_OFFSET + code by an OR, one of FP4 by looking up its bytes
// (quant.h), and is exact. The instructions sum a group's products. Its values of x are summed when they
// are staged, or by one more instruction whose other operand is ones; offset, scale and bias are applied to
// those sums in float. Weights are the operand whose rows a lane finds in its own results again (A of
// mma.sync, B elsewhere), so it needs the scales of its own rows only.
//
// SPLIT waves share TILES * 16 rows of w along k, taking turns of TURN groups, DEPTH of which are in
// flight; the other waves of a workgroup of THREADS take other rows. A lane has GROUP / SLOTS neighbouring
// codes of a group: the order of k within a group is permuted in x alike. COLS rows of x (a power of two)
// are staged in LDS, CHUNK values of each at a time, or read where they are (CHUNK 0).
//
// Bytes moved: n * k * (BITS / 8 + 4 / GROUP), which limits it. A grid: (blocks of n * blocks of m, pairs).
#include "mma.h"
#include "pairs.h"
#include "quant.h"
#include "wave.h"

constexpr int WAVES = THREADS / WAVE, ROWS = WAVES / SPLIT * TILES * 16;  // of w, of a workgroup
constexpr int X_TILES = COLS > 16 ? COLS / 16 : 1;

// ---- the two sides of an instruction: weights and x -------------------------------------------------------

#if MMA == MMA_SYNC
constexpr int RUN = MMA_A_RUN, X_RUN = MMA_B_RUN, W_RUNS = MMA_RUNS, X_RUNS = COLS > 8 ? 2 : 1;
constexpr int RESULTS = 4 * X_RUNS;  // of a lane
using W = MmaA<T>;
using X = MmaB<T>;
DEVICE int w_row(int run) { return mma_a_row(run); }
DEVICE int w_k() { return mma_a_k(); }
DEVICE int x_row(int run) { return mma_b_row(run); }
DEVICE int x_k() { return mma_b_k(); }
DEVICE int result_row(int e) { return mma_c_row(e); }
DEVICE int result_column(int e) { return mma_c_col(e); }
DEVICE int run_of(int e) { return e / 2 % 2; }  // whose row is result_row(e)
DEVICE int sum_place(int column) { return column; }
constexpr bool STAGED_SUMS = false;
DEVICE void multiply(MmaC& c, const W& w, const X& x) { mma<X_RUNS>(c, w, x); }
#else
constexpr int RUN = MMA_B_RUN, X_RUN = MMA_A_RUN, W_RUNS = MMA_RUNS, X_RUNS = MMA_RUNS, RESULTS = MMA_C;
using W = MmaB<T>;
using X = MmaA<T>;
DEVICE int w_row(int run) { return mma_b_row(run); }
DEVICE int w_k() { return mma_b_k(); }
DEVICE int x_row(int run) { return mma_a_row(run); }
DEVICE int x_k() { return mma_a_k(); }
DEVICE int result_row(int e) { return mma_c_col(e); }
DEVICE int result_column(int e) { return mma_c_row(e); }
DEVICE int run_of(int) { return 0; }
// Sums of x are in LDS, so that a lane's are neighbours.
DEVICE int sum_place(int column) { return MMA == MMA_WMMA_GFX11 ? column % 2 * 8 + column / 2 : column; }
constexpr bool STAGED_SUMS = CHUNK != 0 && IS_AFFINE;
DEVICE void multiply(MmaC& c, const W& w, const X& x) { mma(c, x, w); }
#endif

constexpr int SLOTS = MMA_K / RUN;  // lanes side by side along k
constexpr int UNIT = GROUP / SLOTS, UNIT_WORDS = UNIT * BITS / 32, STEPS = UNIT / RUN;
constexpr int GROUP_WORDS = GROUP * BITS / 32, GROUP_PIECES = GROUP / 8;
static_assert(UNIT % RUN == 0, "a group is whole instructions");

DEVICE u32 least(u32 a, u32 b) { return a < b ? a : b; }

// ---- x ----------------------------------------------------------------------------------------------------

// Pieces of 8 values in the order of raw_operand. Rows are an odd number of pieces apart, for the banks.
constexpr int X_PITCH = CHUNK / 8 + 1;
constexpr int TURNS = CHUNK == 0 ? 1 << 30 : CHUNK / (SPLIT * TURN * GROUP);  // of a wave in a chunk
static_assert(TURNS >= 1 && CHUNK % (SPLIT * TURN * GROUP) == 0, "a chunk of x has something for every wave");

constexpr int SUMS = 16 * X_TILES;  // of a group
constexpr int X_BYTES = COLS * X_PITCH * 16, SUM_BYTES = STAGED_SUMS ? CHUNK / GROUP * SUMS * 4 : 0;
DEVICE float* sums_of(T* lds) { return (float*)((u8*)lds + X_BYTES); }
DEVICE float sum_of(const Vec<T, 8>& v) {
  float sum = 0;
  UNROLL
  for (int j = 0; j < 8; j += 2) {
    const T one = cast<T>(1.0f);
    sum = dot2(Vec<T, 2>{{v[j], v[j + 1]}}, Vec<T, 2>{{one, one}}, sum);
  }
  return sum;
}

#if CHUNK != 0
// Of a thread: some loads are in flight together. Beyond k, where no wave reads, there is x's end again.
struct Stage {
  static constexpr int row_pieces = CHUNK / 8, pieces = COLS * row_pieces;
  static constexpr int each = (pieces + THREADS - 1) / THREADS, batch = each < 4 ? each : 4;
  Vec<T, 8> v[batch];
  DEVICE static u32 row_of(u32 at) { return COLS == 1 ? 0 : at / row_pieces; }

  DEVICE void load_from(const T* x, u32 m, u32 first, u32 k, int begin) {
    UNROLL
    for (int i = 0; i < batch; i++) {
      const u32 at = (begin + i) * THREADS + thread_x(), row = row_of(at);
      const u32 column = first + (COLS == 1 ? at : at % row_pieces) * 8;
      v[i] = load<8>(x + (u64)least(row, m - 1) * k + least(column, k - 8));
    }
  }
  DEVICE void put(T* lds, int begin) const {
    UNROLL
    for (int i = 0; i < batch; i++) {
      const u32 at = (begin + i) * THREADS + thread_x();
      if constexpr (STAGED_SUMS) {
        const float sum = wave_reduce<Sum, GROUP_PIECES>(sum_of(v[i]));
        const u32 row = row_of(at), group = (at - row * row_pieces) / GROUP_PIECES;
        if (at % GROUP_PIECES == 0 && at < pieces) {
          sums_of(lds)[group * SUMS + row / 16 * 16 + sum_place(row % 16)] = sum;
        }
      }
      if (pieces % (batch * THREADS) == 0 || at < pieces) {
        store<8>(lds + (at + row_of(at) * (X_PITCH - row_pieces)) * 8, raw_order(v[i]));
      }
    }
  }
  // After the first loads.
  DEVICE void put_all(T* lds, const T* x, u32 m, u32 first, u32 k) {
    put(lds, 0);
    for (int begin = batch; begin < each; begin += batch) {
      load_from(x, m, first, k, begin);
      put(lds, begin);
    }
  }
};
#endif

// Where a lane's rows of a tile of x are, in LDS or in memory, and their sums.
struct Values {
  const T* rows[X_RUNS];
  const float* sums;
  DEVICE X operand(u32 first_piece, int step) const {
    X x;
    UNROLL
    for (int r = 0; r < X_RUNS; r++) {
      UNROLL
      for (int i = 0; i < X_RUN; i += 8) {
        const u32 at = x_k() + i, piece = first_piece + (at / RUN * UNIT + at % RUN + step * RUN) / 8;
        Vec<T, 8> v = load<8>(rows[r] + piece * 8);
        if constexpr (CHUNK == 0) v = raw_order(v);
        UNROLL
        for (int j = 0; j < 8; j++) x.run[r][i + j] = v[j];
      }
    }
    return x;
  }
};

DEVICE MmaC staged_sums(const float* p) {
  MmaC c;
  UNROLL
  for (int e = 0; e < RESULTS; e += 4) {
    Vec<float, 4> part = load<4>(p + e);
    UNROLL
    for (int j = 0; j < 4; j++) c.v[e + j] = part[j];
  }
  return c;
}

// ---- w ----------------------------------------------------------------------------------------------------

// Numbers of neighbouring groups, in words: NVIDIA's compiler would take a loaded vector of 16-bit elements
// apart at once, and wait for it there.
struct Packed {
  using Bits = Unsigned<sizeof(Scale)>;
  static constexpr int bytes = TURN * sizeof(Scale), each = 4 / sizeof(Scale), words = (bytes + 3) / 4;
  u32 w[words];
  DEVICE void load_from(const Scale* p) {
    if constexpr (bytes < 4) {
      w[0] = 0;
      UNROLL
      for (int i = 0; i < TURN; i++) w[0] |= (u32)bit_cast<Bits>(p[i]) << i * 8 * (int)sizeof(Scale);
    } else {
      Vec<u32, words> v = load<words>((const u32*)p);
      UNROLL
      for (int i = 0; i < words; i++) w[i] = v[i];
    }
  }
  DEVICE float operator[](int i) const {
    const u32 bits = w[i / each] >> i % each * 8 * (int)sizeof(Scale);
    return scale_value(bit_cast<Scale>((Bits)bits));
  }
};

// Where the weights of a wave are.
struct Rows {
  const u32* codes;
  const Scale *scales, *biases;
  u32 at[TILES][W_RUNS];  // the first group
  u32 groups;
  DEVICE const u32* codes_at(int t, int r, u32 group) const {
    return codes + (u64)((at[t][r] + group) * SLOTS + w_k() / RUN) * UNIT_WORDS;
  }
};

// The weights of a turn of a lane.
struct Turn {
  Run<UNIT_WORDS> codes[TILES][TURN][W_RUNS];
  Packed scales[TILES][W_RUNS], biases[TILES][W_RUNS];

  DEVICE void fetch(const Rows& rows, u32 group) {
    UNROLL
    for (int t = 0; t < TILES; t++) {
      UNROLL
      for (int r = 0; r < W_RUNS; r++) {
        const u32* from = rows.codes_at(t, r, group);
        UNROLL
        for (int g = 0; g < TURN; g++) codes[t][g][r] = load_run<UNIT_WORDS>(from + g * GROUP_WORDS);
        scales[t][r].load_from(rows.scales + rows.at[t][r] + group);
        if constexpr (IS_AFFINE) biases[t][r].load_from(rows.biases + rows.at[t][r] + group);
      }
    }
  }
};

DEVICE W ones() {
  W w;
  UNROLL
  for (int r = 0; r < W_RUNS; r++) {
    UNROLL
    for (int j = 0; j < RUN; j++) w.run[r][j] = cast<T>(1.0f);
  }
  return w;
}

// Step `step` of a group's codes as an operand.
DEVICE W weights(const Run<UNIT_WORDS> (&codes)[W_RUNS], int step, int plane) {
  W a;
  UNROLL
  for (int r = 0; r < W_RUNS; r++) {
    UNROLL
    for (int i = 0; i < RUN; i += 8) {
      Vec<T, 8> part = raw_operand(codes[r].w, step * RUN + i, plane);
      UNROLL
      for (int j = 0; j < 8; j++) a.run[r][i + j] = part[j];
    }
  }
  return a;
}

// Adds a turn's products; its x starts at piece `piece`.
DEVICE void add_turn(const Turn& w, const Values (&values)[X_TILES], u32 piece,
                     MmaC (&total)[TILES][X_TILES]) {
  UNROLL
  for (int g = 0; g < TURN; g++) {
    MmaC sum[X_TILES], dot[RAW_PLANES][TILES][X_TILES];
    UNROLL
    for (int c = 0; c < X_TILES; c++) {
      sum[c] = mma_zero();
      UNROLL
      for (int i = 0; i < RAW_PLANES * TILES; i++) dot[i / TILES][i % TILES][c] = mma_zero();
    }
    UNROLL
    for (int step = 0; step < STEPS; step++) {
      X x[X_TILES];
      UNROLL
      for (int c = 0; c < X_TILES; c++) {
        x[c] = values[c].operand(piece + g * GROUP_PIECES, step);
        if constexpr (IS_AFFINE && !STAGED_SUMS) multiply(sum[c], ones(), x[c]);
      }
      UNROLL
      for (int i = 0; i < RAW_PLANES * TILES; i++) {
        const W a = weights(w.codes[i % TILES][g], step, i / TILES);
        UNROLL
        for (int c = 0; c < X_TILES; c++) multiply(dot[i / TILES][i % TILES][c], a, x[c]);
      }
    }
    if constexpr (STAGED_SUMS) {
      UNROLL
      for (int c = 0; c < X_TILES; c++) {
        sum[c] = staged_sums(values[c].sums + (piece / GROUP_PIECES + g) * SUMS);
      }
    }
    UNROLL
    for (int t = 0; t < TILES; t++) {
      UNROLL
      for (int c = 0; c < X_TILES; c++) {
        UNROLL
        for (int e = 0; e < RESULTS; e++) {
          const float scale = w.scales[t][run_of(e)][g];
          float y = dot[0][t][c].v[e];
          if constexpr (RAW_PLANES == 2) y = math_fma(16.0f, dot[RAW_PLANES - 1][t][c].v[e], y);
          float& to = total[t][c].v[e];
          to = math_fma(scale, y, to);
          if constexpr (!IS_AFFINE) continue;
          const float bias = w.biases[t][run_of(e)][g];
          to = math_fma(math_fma(scale, -RAW_CODE_OFFSET, bias), sum[c].v[e], to);
        }
      }
    }
  }
}

// 7 workgroups of 128 on a multiprocessor of NVIDIA: 72 registers. With 74, six fit, and 4096 -> 14336 (896 workgroups on
// 132) took 23.5 us instead of 16 on an H200, since not all ran at once. Other shapes need no telling.
#if GPU_NVIDIA && (COLS == 2 || COLS == 4) && TILES == 1 && THREADS == 128
#define QMM_CODES KERNEL_WAVES(THREADS, 7)
#else
#define QMM_CODES KERNEL(THREADS)
#endif
QMM_CODES
qmm_codes(const u32* __restrict__ codes, const Scale* __restrict__ scales, const Scale* __restrict__ biases,
          const T* __restrict__ x, T* __restrict__ out, const u32* __restrict__ lhs,
          const u32* __restrict__ rhs, STRUCT_ARGUMENT MatrixPairs pairs, u32 m, u32 n, u32 k, u32 m_blocks) {
  constexpr int values = CHUNK == 0 ? 0 : X_BYTES + SUM_BYTES, results = WAVES * (COLS < 16 ? COLS : 16) * 64;
  SHARED alignas(16) u8 memory[values > results ? values : results];
  T* lds = (T*)memory;
  const u32 number = pair_number();
  if (number >= pairs.count) return;
  const Pair pair = pair_of(pairs, lhs, rhs, number);
  const u32 wave = thread_x() / WAVE, part = wave % SPLIT;
  const u32 first_row = group_x() / m_blocks * ROWS + wave / SPLIT * (TILES * 16);
  const u32 first_column = group_x() % m_blocks * COLS, columns = m - first_column;
  const u64 matrix = (u64)pair.w * n, groups = k / GROUP;
  x += ((u64)pair.x * m + first_column) * k;
  Rows rows = {codes + matrix * groups * GROUP_WORDS, scales + matrix * groups,
               biases + (IS_AFFINE ? matrix * groups : 0), {}, (u32)groups};
  MmaC total[TILES][X_TILES];
  UNROLL
  for (int t = 0; t < TILES; t++) {
    UNROLL
    for (int r = 0; r < W_RUNS; r++) {
      rows.at[t][r] = least(first_row + 16 * t + w_row(r), n - 1) * (u32)groups;
    }
    UNROLL
    for (int c = 0; c < X_TILES; c++) total[t][c] = mma_zero();
  }
  Values at[X_TILES];
  UNROLL
  for (int c = 0; c < X_TILES; c++) at[c].sums = sums_of(lds) + 16 * c + sum_place(result_column(0));
  UNROLL
  for (int i = 0; i < X_TILES * X_RUNS; i++) {
    const u32 row = (i / X_RUNS * 16 + x_row(i % X_RUNS)) % COLS;
    at[i / X_RUNS].rows[i % X_RUNS] =
        CHUNK == 0 ? x + (u64)least(row, columns - 1) * k : lds + row * X_PITCH * 8;
  }

  const u32 turns = (groups + SPLIT * TURN - 1) / (SPLIT * TURN);
#if CHUNK != 0
  Stage stage;
  stage.load_from(x, columns, 0, k, 0);  // before w, behind which it would have to wait
#endif
  Turn ring[DEPTH];
  UNROLL
  for (int d = 0; d < DEPTH; d++) {
    const u32 group = (d * SPLIT + part) * TURN;
    if (group < groups) ring[d].fetch(rows, group);
  }
#if CHUNK != 0
  stage.put_all(lds, x, columns, 0, k);
  barrier_lds();
#endif
  for (u32 base = 0; base < turns; base += DEPTH) {
    UNROLL
    for (int d = 0; d < DEPTH; d++) {
      const u32 turn = base + d, inside = turn % TURNS;
      if (turn >= turns) break;
#if CHUNK != 0
      if (inside == 0 && turn != 0) {
        const u32 first = turn * (SPLIT * TURN * GROUP);
        barrier_lds();
        Stage more;
        more.load_from(x, columns, first, k, 0);
        more.put_all(lds, x, columns, first, k);
        barrier_lds();
      }
#endif
      // Conditions are the same for all lanes.
      const u32 group = (turn * SPLIT + part) * TURN, next = group + DEPTH * SPLIT * TURN;
      if (group < groups) add_turn(ring[d], at, (inside * SPLIT + part) * (TURN * GROUP_PIECES), total);
      if (next < groups) ring[d].fetch(rows, next);
    }
  }

  // Tile by tile, so that LDS holds one of each wave.
  constexpr int columns_now = COLS < 16 ? COLS : 16;
  float(*results_of)[columns_now * 16] = (float(*)[columns_now * 16])memory;
  UNROLL
  for (int i = 0; i < TILES * X_TILES; i++) {
    const int t = i / X_TILES, c = i % X_TILES;
    if (CHUNK != 0 || i != 0) barrier_lds();
    UNROLL
    for (int e = 0; e < RESULTS; e++) {
      const int column = result_column(e);
      if (column < columns_now) results_of[wave][column * 16 + result_row(e)] = total[t][c].v[e];
    }
    barrier_lds();
    for (u32 j = thread_x(); j < WAVES / SPLIT * columns_now * 16; j += THREADS) {
      const u32 group = j / (columns_now * 16), inside = j % (columns_now * 16);
      const u32 row = (group_x() / m_blocks * (WAVES / SPLIT) + group) * (TILES * 16) + 16 * t + inside % 16;
      const u32 column = first_column + 16 * c + inside / 16;
      float y = 0;
      UNROLL
      for (int s = 0; s < SPLIT; s++) y += results_of[group * SPLIT + s][inside];
      if (row < n && column < m) out[((u64)number * m + column) * n + row] = cast<T>(y);
    }
  }
}
