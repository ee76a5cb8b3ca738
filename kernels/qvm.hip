// out[m][n] = sum_k x[m][k] * w[k][n] with quantised w of k rows: few rows of x.
//
// A workgroup takes 64 neighbouring columns: 8 lanes of 8 codes each, 32 rows of w at a time, AHEAD of those
// in flight. ROWS rows of x go together; sums meet through shuffles and LDS. Weights are those of dequantize, to the
// last bit.
//
// Bytes moved: n * k * (BITS / 8 + 4 / GROUP), which limits it. A grid: (blocks of n * blocks of m, pairs).
#include "pairs.h"
#include "quant.h"
#include "wave.h"

constexpr int THREADS = 256, WAVES = THREADS / WAVE;
constexpr int LANES = 8, COLUMNS = 8 * LANES, TOGETHER = THREADS / LANES;
constexpr int AHEAD = 4;

struct Weights {
  Run<2> codes;
  Scale scale, bias;
  float x[ROWS];
};

KERNEL(256)
qvm(const u32* __restrict__ codes, const Scale* __restrict__ scales, const Scale* __restrict__ biases,
    const T* __restrict__ x, T* __restrict__ out, const u32* __restrict__ lhs, const u32* __restrict__ rhs,
    STRUCT_ARGUMENT MatrixPairs pairs, u32 m, u32 n, u32 k, u32 m_blocks) {
  SHARED float partial[WAVES * ROWS * COLUMNS];
  const u32 number = pair_number();
  if (number >= pairs.count) return;
  const Pair pair = pair_of(pairs, lhs, rhs, number);
  u32 m0 = group_x() % m_blocks * ROWS;
  if (m0 + ROWS > m) m0 = m - ROWS;  // the last block repeats rows: m >= ROWS
  const u32 first = group_x() / m_blocks * COLUMNS, column = first + thread_x() % LANES * 8;
  const u32 read = column < n ? column : 0;
  const u64 matrix = (u64)pair.w * k;
  x += ((u64)pair.x * m + m0) * k;

  float dot[ROWS][8] = {};
  for (u32 base = thread_x() / LANES; base < k; base += AHEAD * TOGETHER) {
    Weights w[AHEAD];
    UNROLL
    for (int i = 0; i < AHEAD; i++) {
      u32 at = base + i * TOGETHER, row = at < k ? at : k - 1;
      u64 place = (matrix + row) * n + read;
      w[i].codes = load_eight(codes, place / 8);
      w[i].scale = scales[place / GROUP];
      if constexpr (IS_AFFINE) w[i].bias = biases[place / GROUP];
      UNROLL
      for (int r = 0; r < ROWS; r++) w[i].x[r] = at < k ? cast<float>(x[(u64)r * k + row]) : 0.0f;
    }
    UNROLL
    for (int i = 0; i < AHEAD; i++) {
      float v[8], bias = 0;
      if constexpr (IS_AFFINE) bias = scale_value(w[i].bias);
      raw_codes(w[i].codes.w, 0, v);
      UNROLL
      for (float& each : v) each = dequantized(each, scale_value(w[i].scale), bias);
      UNROLL
      for (int r = 0; r < ROWS; r++) {
        UNROLL
        for (int j = 0; j < 8; j++) dot[r][j] = math_fma(w[i].x[r], v[j], dot[r][j]);
      }
    }
  }

  UNROLL
  for (int r = 0; r < ROWS; r++) {
    UNROLL
    for (int j = 0; j < 8; j++) {
      float y = dot[r][j];
      y += shuffle_xor<8>(y);
      y += shuffle_xor<16>(y);
      if constexpr (WAVE == 64) y += shuffle_xor<WAVE / 2>(y);
      if (lane() < LANES) partial[(thread_x() / WAVE * ROWS + r) * COLUMNS + lane() * 8 + j] = y;
    }
  }
  barrier_lds();
  for (u32 i = thread_x(); i < ROWS * COLUMNS; i += THREADS) {
    const u32 row = i / COLUMNS, at = first + i % COLUMNS;
    float y = 0;
    UNROLL
    for (int wave = 0; wave < WAVES; wave++) y += partial[(wave * ROWS) * COLUMNS + i];
    if (at < n) out[((u64)number * m + m0 + row) * n + at] = cast<T>(y);
  }
}
