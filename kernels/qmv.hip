// out[m][n] = sum_k x[m][k] * w[n][k] with quantised w: few rows of x, so the codes are what is read, once.
//
// A wave takes PER_WAVE rows of w, SPLIT waves of a workgroup share them along k; ROWS rows of x go together.
// A lane takes UNIT neighbouring codes of each row (16 bytes of 4- and 8-bit ones), with those of DEPTH steps
// in flight. x is staged in LDS, CHUNK of each row at a time, in an order in which 32 lanes read 16 bytes
// each without conflict. Codes are multiplied as whole numbers; scale and bias come once a group.
//
// Bytes moved: n * k * (BITS / 8 + 4 / GROUP), which limits it. A grid: (blocks of n * blocks of m, pairs).
#include "pairs.h"
#include "quant.h"
#include "wave.h"

constexpr int THREADS = 256, WAVES = THREADS / WAVE;
constexpr int BLOCK = WAVES / SPLIT * PER_WAVE;  // rows of w of a workgroup
constexpr int UNIT_WORDS = UNIT * BITS / 32, GROUPS = UNIT > GROUP ? UNIT / GROUP : 1;
constexpr int STEP = WAVE * SPLIT;                                 // units of a row that are taken at a time
constexpr int PIECE = 16 / sizeof(T), PIECES = UNIT / PIECE;       // values in 16 bytes, those of a unit
constexpr int TURN = PIECES < 8 ? 8 / PIECES : 1;  // keeps the banks of neighbouring pieces apart
constexpr int CHUNK_STEPS = CHUNK / (STEP * UNIT);
static_assert(CHUNK_STEPS >= 1, "a chunk of x has something for every wave");

// Where LDS has piece `p` of a unit of x.
DEVICE int piece_at(int unit, int p) { return (unit / WAVE * PIECES + p) * WAVE + (unit + p * TURN) % WAVE; }

// Rows of x: values [first, first + CHUNK) or up to k.
DEVICE void stage(const T* x, T* lds, u32 first, u32 k) {
  u32 pieces = (k - first < CHUNK ? k - first : CHUNK) / PIECE;
  UNROLL
  for (int row = 0; row < ROWS; row++) {
    for (u32 i = thread_x(); i < pieces; i += THREADS) {
      Vec<T, PIECE> v = load<PIECE>(x + (u64)row * k + first + i * PIECE);
      store<PIECE>(lds + row * CHUNK + piece_at(i / PIECES, i % PIECES) * PIECE, v);
    }
  }
}

// What a lane takes of one row of w.
struct Weights {
  Run<UNIT_WORDS> codes;
  Scale scales[GROUPS], biases[GROUPS];
};
struct Row {
  const u32* codes;
  const Scale *scales, *biases;
  DEVICE Weights load(u32 unit) const {
    Weights w;
    w.codes = load_run<UNIT_WORDS>(codes + (u64)unit * UNIT_WORDS);
    UNROLL
    for (int g = 0; g < GROUPS; g++) {
      w.scales[g] = scales[unit * UNIT / GROUP + g];
      if constexpr (IS_AFFINE) w.biases[g] = biases[unit * UNIT / GROUP + g];
    }
    return w;
  }
};

// Adds the products of one unit to the totals.
DEVICE void multiply(const Weights (&w)[PER_WAVE], const T* lds, int unit, float (&total)[ROWS][PER_WAVE]) {
  UNROLL
  for (int g = 0; g < GROUPS; g++) {
    float dot[ROWS][PER_WAVE] = {}, sum[ROWS] = {};
    UNROLL
    for (int first = g * (UNIT / GROUPS); first < (g + 1) * (UNIT / GROUPS); first += 8) {
      float raw[PER_WAVE][8];
      UNROLL
      for (int r = 0; r < PER_WAVE; r++) raw_codes(w[r].codes.w, first, raw[r]);
      UNROLL
      for (int m = 0; m < ROWS; m++) {
        UNROLL
        for (int p = 0; p < 8 / PIECE; p++) {
          Vec<T, PIECE> x = load<PIECE>(lds + m * CHUNK + piece_at(unit, first / PIECE + p) * PIECE);
          UNROLL
          for (int j = 0; j < PIECE; j++) {
            float v = cast<float>(x[j]);
            if constexpr (IS_AFFINE) sum[m] += v;
            UNROLL
            for (int r = 0; r < PER_WAVE; r++) dot[m][r] = math_fma(v, raw[r][p * PIECE + j], dot[m][r]);
          }
        }
      }
    }
    UNROLL
    for (int r = 0; r < PER_WAVE; r++) {
      float scale = scale_value(w[r].scales[g]);
      UNROLL
      for (int m = 0; m < ROWS; m++) {
        if constexpr (IS_AFFINE) {
          float bias = scale_value(w[r].biases[g]);
          total[m][r] += scale * (dot[m][r] - RAW_OFFSET * sum[m]) + bias * sum[m];
        } else {
          total[m][r] += scale * (dot[m][r] * RAW_SCALE);
        }
      }
    }
  }
}

KERNEL(256)
qmv(const u32* __restrict__ codes, const Scale* __restrict__ scales, const Scale* __restrict__ biases,
    const T* __restrict__ x, T* __restrict__ out, const u32* __restrict__ lhs, const u32* __restrict__ rhs,
    STRUCT_ARGUMENT MatrixPairs pairs, u32 m, u32 n, u32 k, u32 m_blocks) {
  SHARED alignas(16) T lds[ROWS * CHUNK];
  const u32 number = pair_number();
  if (number >= pairs.count) return;
  const Pair pair = pair_of(pairs, lhs, rhs, number);
  const u32 n_block = group_x() / m_blocks, wave = thread_x() / WAVE, part = wave % SPLIT;
  u32 m0 = group_x() % m_blocks * ROWS;
  const u32 first_row = n_block * BLOCK + wave / SPLIT * PER_WAVE;
  if (m0 + ROWS > m) m0 = m - ROWS;  // the last block repeats rows: m >= ROWS

  const u64 groups = k / GROUP, words = (u64)k * BITS / 32;
  Row rows[PER_WAVE];
  UNROLL
  for (int r = 0; r < PER_WAVE; r++) {
    u64 row = (u64)pair.w * n + (first_row + r < n ? first_row + r : n - 1);
    rows[r] = {codes + row * words, scales + row * groups, biases + (IS_AFFINE ? row * groups : 0)};
  }
  x += ((u64)pair.x * m + m0) * k;

  const u32 units = k / UNIT, mine = part * WAVE + lane();
  const u32 steps = (units + STEP - 1) / STEP;
  float total[ROWS][PER_WAVE] = {};
  Weights ring[DEPTH][PER_WAVE];
  auto fetch = [&](Weights(&to)[PER_WAVE], u32 step) {
    const u32 unit = step * STEP + mine;
    UNROLL
    for (int r = 0; r < PER_WAVE; r++) to[r] = rows[r].load(unit < units ? unit : units - 1);
  };
  UNROLL
  for (int d = 0; d < DEPTH; d++) {
    if ((u32)d < steps) fetch(ring[d], d);
  }
  for (u32 base = 0; base < steps; base += DEPTH) {
    UNROLL
    for (int d = 0; d < DEPTH; d++) {
      const u32 step = base + d, inside = step % CHUNK_STEPS, unit = step * STEP + mine;
      if (step >= steps) break;
      if (inside == 0) {
        if (step != 0) barrier_lds();
        stage(x, lds, step * (STEP * UNIT), k);
        barrier_lds();
      }
      if (unit < units) multiply(ring[d], lds, inside * STEP + mine, total);
      if (step + DEPTH < steps) fetch(ring[d], step + DEPTH);
    }
  }

  float* partial = (float*)lds;  // [wave][ROWS * PER_WAVE]
  if constexpr (SPLIT > 1) barrier_lds();
  UNROLL
  for (int i = 0; i < ROWS * PER_WAVE; i++) {
    float y = wave_reduce<Sum>(total[i / PER_WAVE][i % PER_WAVE]);
    if constexpr (SPLIT > 1) {
      if (lane() == 0) partial[wave * ROWS * PER_WAVE + i] = y;
    } else {
      u32 row = first_row + i % PER_WAVE;
      if (lane() == (u32)i && row < n) out[((u64)number * m + m0 + i / PER_WAVE) * n + row] = cast<T>(y);
    }
  }
  if constexpr (SPLIT > 1) {
    barrier_lds();
    const u32 i = lane(), row = first_row + i % PER_WAVE;
    if (part != 0 || i >= ROWS * PER_WAVE || row >= n) return;
    float y = 0;
    UNROLL
    for (int s = 0; s < SPLIT; s++) y += partial[(wave + s) * ROWS * PER_WAVE + i];
    out[((u64)number * m + m0 + i / PER_WAVE) * n + row] = cast<T>(y);
  }
}
