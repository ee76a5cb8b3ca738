// out[m][n] = sum_k x[m][k] * w[n][k] with quantised w and up to MTILES * 16 rows of x, through matrix
// instructions.
//
// SPLIT waves share TILES * 16 rows of w along k; the other waves of the workgroup take other rows. A lane
// takes UNIT neighbouring codes of a row with one access, as in qmv.hip, those of DEPTH steps in flight: they
// serve UNIT / MMA_A_RUN instructions, for which the order of k is permuted in x alike. Codes go from memory
// to registers and are unpacked into operands there; x is staged in LDS, CHUNK of each row at a time, the
// next chunk on its way meanwhile.
//
// Bytes moved: n * k * (BITS / 8 + 4 / GROUP), which limits it; x comes from L2, once a workgroup. A grid:
// (blocks of n * blocks of m, pairs).
#include "mma.h"
#include "pairs.h"
#include "quant.h"

constexpr int THREADS = 256, WAVES = THREADS / WAVE, ROWS = WAVES / SPLIT * TILES * 16, COLUMNS = MTILES * 16;
// Lanes side by side along k, instructions a unit.
constexpr int SLOTS = MMA_K / MMA_A_RUN, STEPS = UNIT / MMA_A_RUN;
constexpr int UNIT_WORDS = UNIT * BITS / 32, GROUPS = UNIT > GROUP ? UNIT / GROUP : 1;
constexpr int BLOCK = SLOTS * UNIT;  // of k, that a wave takes at a time
constexpr int TURNS = CHUNK / (BLOCK * SPLIT);
static_assert(TURNS >= 1 && CHUNK % (BLOCK * SPLIT) == 0, "a chunk of x has something for every wave");

// x in LDS: pieces of 8 values; piece p of every unit, then piece p + 1. Distances keep the banks of lanes
// that read together apart, and of those that write together.
constexpr int PIECES = UNIT / 8, UNITS = CHUNK / UNIT, PLANE = UNITS + 8 / PIECES;
constexpr int X_ROW = PIECES * PLANE + (MMA == MMA_SYNC ? 4 : 1), X_PIECES = COLUMNS * CHUNK / 8 / THREADS;
static_assert(COLUMNS * CHUNK / 8 % THREADS == 0, "every thread stages as many pieces");
DEVICE int piece_at(int row, int unit, int p) { return (row * X_ROW + p * PLANE + unit) * 8; }

struct Weights {
  Run<UNIT_WORDS> codes;
  Scale scales[GROUPS], biases[GROUPS];
};
using Block = Weights[TILES][MMA_RUNS];

// Codes [first, first + MMA_A_RUN) of a lane's unit as an operand.
DEVICE Vec<T, MMA_A_RUN> unpack(const Weights& w, int first) {
  Vec<T, MMA_A_RUN> out;
  UNROLL
  for (int i = 0; i < MMA_A_RUN; i += 8) {
    int group = (first + i) / GROUP;
    float bias = 0;
    if constexpr (IS_AFFINE) bias = scale_value(w.biases[group]);
    Vec<T, 8> part = paired_values(w.codes.w, first + i, scale_value(w.scales[group]), bias);
    UNROLL
    for (int j = 0; j < 8; j++) out[i + j] = part[j];
  }
  return out;
}

// Step `step` of the units that start at unit `first` of the chunk.
DEVICE MmaB<T> operand(const T* lds, int column, int first, int step) {
  MmaB<T> b;
  UNROLL
  for (int r = 0; r < MMA_RUNS; r++) {
    UNROLL
    for (int i = 0; i < MMA_B_RUN; i += 8) {
      int unit = first + (mma_b_k() + i) / MMA_A_RUN, piece = step * (MMA_A_RUN / 8) + i % MMA_A_RUN / 8;
      Vec<T, 8> part = load<8>(lds + piece_at(column + mma_b_row(r), unit, piece));
      UNROLL
      for (int j = 0; j < 8; j++) b.run[r][i + j] = part[j];
    }
  }
  return b;
}

DEVICE u32 least(u32 a, u32 b) { return a < b ? a : b; }

// The rows of w of a lane.
struct Rows {
  const u32* codes;
  const Scale *scales, *biases;
  u32 at[TILES][MMA_RUNS];
  u32 units;  // of a row

  DEVICE void fetch(Block& to, u32 unit) const {
    unit = least(unit + mma_a_k() / MMA_A_RUN, units - 1);
    UNROLL
    for (int t = 0; t < TILES; t++) {
      UNROLL
      for (int r = 0; r < MMA_RUNS; r++) {
        u64 place = (u64)at[t][r] * units + unit;
        to[t][r].codes = load_run<UNIT_WORDS>(codes + place * UNIT_WORDS);
        UNROLL
        for (int g = 0; g < GROUPS; g++) {
          to[t][r].scales[g] = scales[place * UNIT / GROUP + g];
          if constexpr (IS_AFFINE) to[t][r].biases[g] = biases[place * UNIT / GROUP + g];
        }
      }
    }
  }
};

// A thread's pieces of a chunk of x on their way. Beyond k there are zeros, which cancel what codes are read
// there.
struct Staged {
  Vec<T, 8> v[X_PIECES];
  DEVICE void fetch(const T* x, u32 m, u32 first, u32 k) {
    UNROLL
    for (int i = 0; i < X_PIECES; i++) {
      u32 piece = thread_x() + i * THREADS, at = first + piece % (CHUNK / 8) * 8;
      u32 row = least(piece / (CHUNK / 8), m - 1);
      v[i] = load<8>(x + (u64)row * k + (at < k ? at : 0));
      UNROLL
      for (int j = 0; j < 8; j++) v[i][j] = at < k ? v[i][j] : T{0};
    }
  }
  DEVICE void put(T* lds) const {
    UNROLL
    for (int i = 0; i < X_PIECES; i++) {
      u32 piece = thread_x() + i * THREADS, inside = piece % (CHUNK / 8);
      store<8>(lds + piece_at(piece / (CHUNK / 8), inside / PIECES, inside % PIECES), paired(v[i]));
    }
  }
};

DEVICE void multiply(const Block& w, const T* lds, int unit, MmaC (&sums)[TILES][MTILES]) {
  UNROLL
  for (int step = 0; step < STEPS; step++) {
    MmaB<T> b[MTILES];
    UNROLL
    for (int c = 0; c < MTILES; c++) b[c] = operand(lds, 16 * c, unit, step);
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

KERNEL(256)
qmm_few(const u32* __restrict__ codes, const Scale* __restrict__ scales, const Scale* __restrict__ biases,
        const T* __restrict__ x, T* __restrict__ out, const u32* __restrict__ lhs,
        const u32* __restrict__ rhs, STRUCT_ARGUMENT MatrixPairs pairs, u32 m, u32 n, u32 k, u32 m_blocks) {
  constexpr int values = COLUMNS * X_ROW * 8 * (int)sizeof(T), results = WAVES * COLUMNS * 16 * 4;
  SHARED alignas(16) u8 memory[values > results ? values : results];
  T* lds = (T*)memory;
  const u32 number = pair_number();
  if (number >= pairs.count) return;
  const Pair pair = pair_of(pairs, lhs, rhs, number);
  const u32 wave = thread_x() / WAVE, part = wave % SPLIT;
  const u32 first_row = group_x() / m_blocks * ROWS + wave / SPLIT * (TILES * 16);
  const u32 first_column = group_x() % m_blocks * COLUMNS, columns = m - first_column;
  const u64 matrix = (u64)pair.w * n, groups = k / GROUP;
  x += ((u64)pair.x * m + first_column) * k;
  Rows rows = {codes + matrix * (k / UNIT) * UNIT_WORDS, scales + matrix * groups,
               biases + (IS_AFFINE ? matrix * groups : 0), {}, k / UNIT};
  MmaC sums[TILES][MTILES];
  UNROLL
  for (int t = 0; t < TILES; t++) {
    UNROLL
    for (int r = 0; r < MMA_RUNS; r++) rows.at[t][r] = least(first_row + 16 * t + mma_a_row(r), n - 1);
    UNROLL
    for (int c = 0; c < MTILES; c++) sums[t][c] = mma_zero();
  }

  const u32 turns = (rows.units + SLOTS * SPLIT - 1) / (SLOTS * SPLIT);
  Block ring[DEPTH];
  UNROLL
  for (int d = 0; d < DEPTH; d++) {
    if ((u32)d < turns) rows.fetch(ring[d], (d * SPLIT + part) * SLOTS);
  }
  Staged staged;
  staged.fetch(x, columns, 0, k);
  for (u32 base = 0; base < turns; base += DEPTH) {
    UNROLL
    for (int d = 0; d < DEPTH; d++) {
      const u32 turn = base + d, inside = turn % TURNS;
      if (turn >= turns) break;
      if (inside == 0) {
        if (turn != 0) barrier_lds();
        staged.put(lds);
        barrier_lds();
        staged.fetch(x, columns, (turn + TURNS) * (SPLIT * BLOCK), k);
      }
      multiply(ring[d], lds, (inside * SPLIT + part) * SLOTS, sums);
      if (turn + DEPTH < turns) rows.fetch(ring[d], ((turn + DEPTH) * SPLIT + part) * SLOTS);
    }
  }

  // Tile by tile, so that LDS holds one of each wave.
  float(*results_of)[COLUMNS * 16] = (float(*)[COLUMNS * 16])memory;
  UNROLL
  for (int t = 0; t < TILES; t++) {
    barrier_lds();
    UNROLL
    for (int c = 0; c < MTILES; c++) {
      UNROLL
      for (int e = 0; e < MMA_C; e++) {
        results_of[wave][(16 * c + mma_c_col(e)) * 16 + mma_c_row(e)] = sums[t][c].v[e];
      }
    }
    barrier_lds();
    for (u32 i = thread_x(); i < WAVES / SPLIT * COLUMNS * 16; i += THREADS) {
      const u32 group = i / (COLUMNS * 16), inside = i % (COLUMNS * 16);
      const u32 row = (group_x() / m_blocks * (WAVES / SPLIT) + group) * (TILES * 16) + 16 * t + inside % 16;
      const u32 column = first_column + inside / 16;
      float y = 0;
      UNROLL
      for (int s = 0; s < SPLIT; s++) y += results_of[group * SPLIT + s][inside];
      if (row < n && column < m) out[((u64)number * m + column) * n + row] = cast<T>(y);
    }
  }
}
