// 4-bit affine GEMV with bf16 products.
//
// A 16-bit lane of the packed row holds four codes. One shift and one vpermw turn a code of every lane into
// bf16 (the index uses five bits, so the table repeats itself instead of masking), one vdpbf16ps multiplies
// 32 of them. Codes up to 15 are exact in bf16 and so are the products in f32. Sums belong to 32-bit words,
// hence to groups of whole lanes, and are scaled once per 128 values; biases meet the sums of x.
#include "backend/cpu/quantized.h"
#include "backend/cpu/simd/vec.h"

namespace mlx_rocm::cpu::SIMD_NS {
namespace {

constexpr int kChunk = 128;  // values in a vector of packed codes

__m512i code_table() {
  bf16 table[32];
  for (int i = 0; i < 32; ++i) table[i] = from_float<bf16>(static_cast<float>(i & 15));
  return load_bits<__m512i>(table);
}

// Lane i of a chunk takes the scale of group i / lanes.
__m512i lane_index(int lanes) {
  int32_t index[16];
  for (int i = 0; i < 16; ++i) index[i] = i / lanes;
  return load_bits<__m512i>(index);
}

// The first `count` (1 to 4) scales at p, in the low lanes.
MLX_ROCM_INLINE vf load_scales(const bf16* p, __mmask16 mask) {
  const __m256i half = _mm256_maskz_loadu_epi16(mask, p);
  return as<vf>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

template <int NB>
void rows_block(const QmmArgs& args, const bf16* x, const float* group_sums, int64_t n) {
  const QuantMatrix& w = args.w;
  const int64_t k = w.cols;
  const int64_t per_row = k / w.format.group;
  const int64_t row_bytes = k / 2;
  const int chunk_groups = kChunk / w.format.group;
  const auto* scales = static_cast<const bf16*>(w.scales) + n * per_row;
  const auto* biases = static_cast<const bf16*>(w.biases) + n * per_row;
  const __m512i table = code_table();
  const __m512i spread = lane_index(16 / chunk_groups);
  vf acc[NB] = {};
  const uint8_t* p = w.codes + n * row_bytes;
  for (int64_t i = 0, g = 0; i < k; i += kChunk, g += chunk_groups, x += kChunk, p += kChunk / 2) {
    const int64_t words = (k - i) / 8;
    const auto mask = static_cast<__mmask16>(words >= 16 ? 0xffff : (1u << words) - 1);
    const int64_t groups = per_row - g < chunk_groups ? per_row - g : chunk_groups;
    const auto scale_mask = static_cast<__mmask16>((1u << groups) - 1);
    const __m512bh x0 = (__m512bh)_mm512_loadu_si512(x);
    const __m512bh x1 = (__m512bh)_mm512_loadu_si512(x + 32);
    const __m512bh x2 = (__m512bh)_mm512_loadu_si512(x + 64);
    const __m512bh x3 = (__m512bh)_mm512_loadu_si512(x + 96);
#pragma GCC unroll 4
    for (int b = 0; b < NB; ++b) {
      const __m512i codes = _mm512_maskz_loadu_epi32(mask, p + b * row_bytes);
      const __m512i c1 = _mm512_srli_epi16(codes, 4);
      const __m512i c2 = _mm512_srli_epi16(codes, 8);
      const __m512i c3 = _mm512_srli_epi16(codes, 12);
      __m512 even =
          _mm512_dpbf16_ps(_mm512_setzero_ps(), x0, (__m512bh)_mm512_permutexvar_epi16(codes, table));
      __m512 odd = _mm512_dpbf16_ps(_mm512_setzero_ps(), x1, (__m512bh)_mm512_permutexvar_epi16(c1, table));
      even = _mm512_dpbf16_ps(even, x2, (__m512bh)_mm512_permutexvar_epi16(c2, table));
      odd = _mm512_dpbf16_ps(odd, x3, (__m512bh)_mm512_permutexvar_epi16(c3, table));
      const vf scale = _mm512_permutexvar_ps(spread, load_scales(scales + b * per_row + g, scale_mask));
      acc[b] = acc[b] + (even + odd) * scale;
    }
  }
  for (int64_t g = 0; g < per_row; g += 16) {
    const int64_t left = per_row - g;
    const auto mask = static_cast<__mmask16>(left >= 16 ? 0xffff : (1u << left) - 1);
    const vf sums = _mm512_maskz_loadu_ps(mask, group_sums + g);
#pragma GCC unroll 4
    for (int b = 0; b < NB; ++b) acc[b] = acc[b] + load_scales(biases + b * per_row + g, mask) * sums;
  }
  for (int b = 0; b < NB; ++b) static_cast<bf16*>(args.out)[n + b] = from_float<bf16>(hsum(acc[b]));
}

}  // namespace

// Orders x to match the codes: for each chunk, value 4 * lane + i at [i][lane].
void q4_bf16_arrange(const void* in, int64_t k, int group, void* arranged, float* group_sums) {
  const auto* x = static_cast<const bf16*>(in);
  auto* y = static_cast<bf16*>(arranged);
  for (int64_t c = 0; c < k; c += kChunk) {
    for (int j = 0; j < kChunk; ++j) {
      const int64_t source = c + j;
      y[c + (j % 4) * 32 + j / 4] = source < k ? x[source] : bf16{0};
    }
  }
  for (int64_t g = 0; g < k / group; ++g) {
    vf sum{};
    for (int i = 0; i < group; i += W) sum = sum + load(x + g * group + i);
    group_sums[g] = hsum(sum);
  }
}

void q4_bf16_rows(const QmmArgs& args, const void* arranged, const float* group_sums, int64_t begin,
                  int64_t end) {
  const auto* x = static_cast<const bf16*>(arranged);
  int64_t n = begin;
  for (; n + 4 <= end; n += 4) rows_block<4>(args, x, group_sums, n);
  for (; n < end; ++n) rows_block<1>(args, x, group_sums, n);
}

}  // namespace mlx_rocm::cpu::SIMD_NS
