// From packed codes to floats, 16 values at a time.
#pragma once

#include <array>
#include <cmath>
#include <limits>

#include "backend/cpu/simd/vec.h"

namespace mlx_rocm::cpu::SIMD_NS {

constexpr float kFp4Values[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                  -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

// e4m3 through the half format: the exponents differ by 8 binades.
MLX_ROCM_INLINE float fp8_value(uint8_t code) {
  const auto half = static_cast<uint16_t>((code & 0x7f) << 7);
  const float magnitude =
      (code & 0x7f) == 0x7f ? std::numeric_limits<float>::quiet_NaN() : to_float(f16{half}) * 256.0f;
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

inline const std::array<float, 256>& fp8_values() {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> t;
    for (int i = 0; i < 256; ++i) t[i] = fp8_value(static_cast<uint8_t>(i));
    return t;
  }();
  return table;
}

// Rounds to nearest even, saturates at 448.
MLX_ROCM_INLINE uint8_t fp8_code(float x) {
  const uint32_t bits = as<uint32_t>(x);
  const uint32_t sign = (bits >> 24) & 0x80;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude >= (543u << 21)) return static_cast<uint8_t>(sign | 0x7e);
  if (magnitude < (121u << 23)) {  // subnormal: let the adder round at 2^-9
    const uint32_t shifted = as<uint32_t>(as<float>(magnitude) + as<float>(141u << 23));
    return static_cast<uint8_t>(sign | (shifted - (141u << 23)));
  }
  const uint32_t odd = (magnitude >> 20) & 1;
  return static_cast<uint8_t>(sign | ((magnitude - (120u << 23) + 0x7ffff + odd) >> 20));
}

MLX_ROCM_INLINE float e8m0_value(uint8_t code) {
  return code == 0 ? as<float>(uint32_t{1} << 22) : as<float>(uint32_t{code} << 23);
}

constexpr int kVectors16 = 16 / W;  // vectors that hold 16 values

struct Values16 {
  vf v[kVectors16];
};

// Codes of BITS bits as floats; Fp4 looks them up instead.
template <int BITS, bool Fp4 = false>
struct Codes {
  static constexpr int kBytes = 2 * BITS;  // of 16 values

#if defined(__AVX512F__)
  static constexpr bool kTable = BITS <= 4;

  // Lane i needs the two bytes from bit BITS * i on.
  static __m512i byte_index() {
    alignas(64) uint8_t index[64];
    for (int i = 0; i < 16; ++i) {
      const int byte = BITS * i / 8;
      const bool last = byte + 1 >= kBytes;
      index[4 * i] = static_cast<uint8_t>(byte);
      index[4 * i + 1] = last ? 0x80 : static_cast<uint8_t>(byte + 1);
      index[4 * i + 2] = 0x80;
      index[4 * i + 3] = 0x80;
    }
    return _mm512_load_si512(index);
  }
  static __m512i shift_count() {
    alignas(64) int32_t count[16];
    for (int i = 0; i < 16; ++i) count[i] = BITS * i % 8;
    return _mm512_load_si512(count);
  }
  static __m512 value_table() {
    alignas(64) float table[16];
    for (int i = 0; i < 16; ++i) table[i] = Fp4 ? kFp4Values[i] : static_cast<float>(i & ((1 << BITS) - 1));
    return _mm512_load_ps(table);
  }

  __m512i bytes_ = byte_index();
  __m512i shifts_ = shift_count();
  __m512 table_ = value_table();

  MLX_ROCM_INLINE __m512i spread(const uint8_t* p) {
    if constexpr (BITS == 2) return _mm512_set1_epi32(load_bits<int32_t>(p));
    if constexpr (BITS == 4) return _mm512_set1_epi64(load_bits<int64_t>(p));
    return _mm512_broadcast_i32x4(_mm_maskz_loadu_epi8(static_cast<__mmask16>((1u << kBytes) - 1), p));
  }

  inline __attribute__((always_inline)) Values16 operator()(const uint8_t* p) const {
    if constexpr (BITS == 8) {
      return {
          {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))}};
    } else {
      const __m512i code = _mm512_srlv_epi32(_mm512_shuffle_epi8(spread(p), bytes_), shifts_);
      if constexpr (kTable) return {{_mm512_permutexvar_ps(code, table_)}};
      return {{_mm512_cvtepi32_ps(_mm512_and_si512(code, _mm512_set1_epi32((1 << BITS) - 1)))}};
    }
  }
#else
  inline Values16 operator()(const uint8_t* p) const {
    float out[16];
    for (int half = 0; half < 2; ++half) {
      uint64_t stream = 0;
      std::memcpy(&stream, p + half * BITS, BITS);
      for (int i = 0; i < 8; ++i) {
        const auto code = static_cast<uint32_t>(stream >> (BITS * i)) & ((1u << BITS) - 1);
        out[8 * half + i] = Fp4 ? kFp4Values[code & 15] : static_cast<float>(code);
      }
    }
    Values16 values;
    std::memcpy(&values, out, sizeof(values));
    return values;
  }
#endif
};

struct Fp8Codes {
  static constexpr int kBytes = 16;
  inline Values16 operator()(const uint8_t* p) const {
    const auto& table = fp8_values();
    float out[16];
    for (int i = 0; i < 16; ++i) out[i] = table[p[i]];
    Values16 values;
    std::memcpy(&values, out, sizeof(values));
    return values;
  }
};

}  // namespace mlx_rocm::cpu::SIMD_NS
