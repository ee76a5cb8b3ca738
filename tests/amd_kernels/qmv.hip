// y[m] = sum_k (scale[m][k/64] * q[m][k] + bias[m][k/64]) * x[k]: affine 4-bit weights in groups of 64, bf16.
// w[m][k/8] holds 8 weights a word, lowest bits first. K is a multiple of 64, a wave a row. Bytes moved:
// M * K * (1/2 + 4/64), which limits it; x comes from cache. The integer weights are summed first, and scale
// and bias come once a lane and step, in that order.
#include "wave.h"

#define WAVES (256 / WAVE)

KERNEL(256)
qmv(const u32* __restrict__ w, const bf16* __restrict__ scales, const bf16* __restrict__ biases,
    const bf16* __restrict__ x, bf16* __restrict__ y, u32 m, u32 k) {
  u32 row = group_x() * WAVES + thread_x() / WAVE;
  if (row >= m) return;
  const u32* words = w + (u64)row * (k / 8);
  const u64 groups = (u64)row * (k / 64);
  float total = 0;
  for (u32 i = lane() * 32; i < k; i += WAVE * 32) {
    Vec<u32, 4> q = load_once<4>(words + i / 8);
    float dot = 0, sum = 0;
    UNROLL
    for (int word = 0; word < 4; word++) {
      Vec<bf16, 8> v = load<8>(x + i + 8 * word);
      UNROLL
      for (int j = 0; j < 8; j++) {
        float value = cast<float>(v[j]);
        sum += value;
        dot = math_fma(value, (float)(q[word] >> 4 * j & 15), dot);
      }
    }
    total += cast<float>(scales[groups + i / 64]) * dot + cast<float>(biases[groups + i / 64]) * sum;
  }
  total = wave_reduce<Sum>(total);
  if (lane() == 0) y[row] = cast<bf16>(total);
}
