// out[m][n] = sum_k x[m][k] * w[n][k] with quantised w and up to MTILES * 16 rows of x, through matrix instructions.
//
// A workgroup takes TILES * 16 rows of w; its waves share them along k and add up through LDS at the end. A lane takes UNIT
// neighbouring codes of a row with one access, as in qmv.hip: they serve UNIT / MMA_A_RUN instructions, for which the order
// of k is permuted in x alike. Nothing is staged: codes go from memory to registers and are unpacked into operands.
//
// Bytes moved: n * k * (BITS / 8 + 4 / GROUP), which limits it; x comes from L2, once a workgroup. A grid: (blocks of n *
// blocks of m, pairs).
#include "mma.h"
#include "pairs.h"
#include "quant.h"

constexpr int THREADS = 256, WAVES = THREADS / WAVE, ROWS = TILES * 16, COLUMNS = MTILES * 16;
constexpr int SLOTS = MMA_K / MMA_A_RUN, STEPS = UNIT / MMA_A_RUN;  // lanes side by side along k, instructions a unit
constexpr int UNIT_WORDS = UNIT * BITS / 32, GROUPS = UNIT > GROUP ? UNIT / GROUP : 1;
constexpr int BLOCK = SLOTS * UNIT;  // of k, that a wave takes at a time

struct Weights {
  Run<UNIT_WORDS> codes;
  Scale scales[GROUPS], biases[GROUPS];
};

// Codes [first, first + MMA_A_RUN) of a lane's unit as an operand.
DEVICE Vec<T, MMA_A_RUN> unpack(const Weights& w, int first) {
  Vec<T, MMA_A_RUN> out;
  UNROLL
  for (int i = 0; i < MMA_A_RUN; i += 8) {
    int group = (first + i) / GROUP;
    float bias = 0;
    if constexpr (IS_AFFINE) bias = scale_value(w.biases[group]);
    Vec<T, 8> part = halves_of(w.codes.w, first + i, scale_value(w.scales[group]), bias);
    UNROLL
    for (int j = 0; j < 8; j++) out[i + j] = part[j];
  }
  return out;
}

// Where lanes read: rows of w and of x, the unit of k in a block.
struct Sources {
  const u32* codes;
  const Scale *scales, *biases;
  const T* x;
  u32 units, k;  // of a row

  DEVICE Weights weights(u32 row, u32 unit) const {
    Weights w;
    u64 at = (u64)row * units + (unit < units ? unit : units - 1);
    w.codes = load_run<UNIT_WORDS>(codes + at * UNIT_WORDS);
    UNROLL
    for (int g = 0; g < GROUPS; g++) {
      w.scales[g] = scales[at * UNIT / GROUP + g];
      if constexpr (IS_AFFINE) w.biases[g] = biases[at * UNIT / GROUP + g];
    }
    return w;
  }
  // Step `step` of the units that start at unit `first`. Beyond k: zeros, which cancel what codes there are.
  DEVICE MmaB<T> operand(const u32 (&rows)[MMA_RUNS], u32 first, int step) const {
    MmaB<T> b;
    UNROLL
    for (int r = 0; r < MMA_RUNS; r++) {
      UNROLL
      for (int i = 0; i < MMA_B_RUN; i += MMA_A_RUN) {
        u32 unit = first + (mma_b_k() + i) / MMA_A_RUN, at = unit * UNIT + step * MMA_A_RUN;
        Vec<T, MMA_A_RUN> part = load<MMA_A_RUN>(x + (u64)rows[r] * k + (unit < units ? at : 0));
        UNROLL
        for (int j = 0; j < MMA_A_RUN; j++) b.run[r][i + j] = unit < units ? part[j] : T{0};
      }
    }
    return b;
  }
};

DEVICE u32 least(u32 a, u32 b) { return a < b ? a : b; }

// Adds the wave's blocks of k to the sums.
DEVICE void multiply(const Sources& from, u32 first_row, u32 n, u32 first_column, u32 m, MmaC (&sums)[TILES][MTILES]) {
  u32 rows[TILES][MMA_RUNS], columns[MTILES][MMA_RUNS];
  UNROLL
  for (int r = 0; r < MMA_RUNS; r++) {
    UNROLL
    for (int t = 0; t < TILES; t++) rows[t][r] = least(first_row + 16 * t + mma_a_row(r), n - 1);
    UNROLL
    for (int t = 0; t < MTILES; t++) columns[t][r] = least(first_column + 16 * t + mma_b_row(r), m - 1);
  }
  const u32 slot = mma_a_k() / MMA_A_RUN;
  for (u32 unit = thread_x() / WAVE * SLOTS; unit < from.units; unit += WAVES * SLOTS) {
    Weights w[TILES][MMA_RUNS];
    UNROLL
    for (int t = 0; t < TILES; t++) {
      UNROLL
      for (int r = 0; r < MMA_RUNS; r++) w[t][r] = from.weights(rows[t][r], unit + slot);
    }
    UNROLL
    for (int step = 0; step < STEPS; step++) {
      MmaB<T> b[MTILES];
      UNROLL
      for (int t = 0; t < MTILES; t++) b[t] = from.operand(columns[t], unit, step);
      UNROLL
      for (int t = 0; t < TILES; t++) {
        MmaA<T> a;
        UNROLL
        for (int r = 0; r < MMA_RUNS; r++) a.run[r] = unpack(w[t][r], step * MMA_A_RUN);
        UNROLL
        for (int c = 0; c < MTILES; c++) mma(sums[t][c], a, b[c]);
      }
    }
  }
}

KERNEL(256)
qmm_few(const u32* __restrict__ codes, const Scale* __restrict__ scales, const Scale* __restrict__ biases,
        const T* __restrict__ x, T* __restrict__ out, const u32* __restrict__ lhs, const u32* __restrict__ rhs,
        STRUCT_ARGUMENT MatrixPairs pairs, u32 m, u32 n, u32 k, u32 m_blocks) {
  SHARED float partial[WAVES][TILES][COLUMNS * 16];
  const u32 number = pair_number();
  if (number >= pairs.count) return;
  const Pair pair = pair_of(pairs, lhs, rhs, number);
  const u32 first_row = group_x() / m_blocks * ROWS, first_column = group_x() % m_blocks * COLUMNS;
  const u64 matrix = (u64)pair.w * n, groups = k / GROUP;
  const Sources from = {codes + matrix * (k / 32 * BITS + k % 32 * BITS / 32),
                        scales + matrix * groups,
                        biases + (IS_AFFINE ? matrix * groups : 0),
                        x + (u64)pair.x * m * k,
                        k / UNIT,
                        k};
  MmaC sums[TILES][MTILES];
  UNROLL
  for (int t = 0; t < TILES; t++) {
    UNROLL
    for (int c = 0; c < MTILES; c++) sums[t][c] = mma_zero();
  }
  multiply(from, first_row, n, first_column, m, sums);

  const u32 wave = thread_x() / WAVE;
  UNROLL
  for (int t = 0; t < TILES; t++) {
    UNROLL
    for (int c = 0; c < MTILES; c++) {
      UNROLL
      for (int e = 0; e < MMA_C; e++) {
        partial[wave][t][(16 * c + mma_c_col(e)) * 16 + mma_c_row(e)] = sums[t][c].v[e];
      }
    }
  }
  barrier_lds();
  for (u32 i = thread_x(); i < ROWS * COLUMNS; i += THREADS) {
    u32 row = i % ROWS, column = i / ROWS;
    float y = 0;
    UNROLL
    for (int w = 0; w < WAVES; w++) y += partial[w][row / 16][column * 16 + row % 16];
    if (first_row + row < n && first_column + column < m) {
      out[((u64)number * m + first_column + column) * n + first_row + row] = cast<T>(y);
    }
  }
}
