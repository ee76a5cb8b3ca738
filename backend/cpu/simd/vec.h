// Vectors of float for the instruction set of this compilation. Included only by files in backend/cpu/simd/.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mlx_rocm::cpu::SIMD_NS {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

constexpr int W = kVectorBytes / 4;  // floats in a vector

typedef float vf __attribute__((vector_size(kVectorBytes)));
typedef double vd __attribute__((vector_size(kVectorBytes)));
typedef int32_t vi __attribute__((vector_size(kVectorBytes)));
typedef uint32_t vu __attribute__((vector_size(kVectorBytes)));
typedef uint16_t vh __attribute__((vector_size(kVectorBytes / 2)));

struct bf16 {
  uint16_t bits;
};
struct f16 {
  uint16_t bits;
};

#define MLX_ROCM_INLINE static inline __attribute__((always_inline))

template <class V, class T>
MLX_ROCM_INLINE V load_bits(const T* p) {
  V v;
  std::memcpy(&v, p, sizeof(V));
  return v;
}

template <class To, class From>
MLX_ROCM_INLINE To as(From v) {
  static_assert(sizeof(To) == sizeof(From));
  To out;
  std::memcpy(&out, &v, sizeof(To));
  return out;
}

MLX_ROCM_INLINE vf splat(float x) { return vf{} + x; }

// Scalars --------------------------------------------------------------------------------------------------

MLX_ROCM_INLINE float to_float(float x) { return x; }
MLX_ROCM_INLINE float to_float(bf16 x) { return as<float>(uint32_t{x.bits} << 16); }
MLX_ROCM_INLINE float to_float(f16 x) {
#if defined(__F16C__)
  return _cvtsh_ss(x.bits);
#else
  return static_cast<float>(as<_Float16>(x.bits));
#endif
}

template <class T>
MLX_ROCM_INLINE T from_float(float x);
template <>
inline float from_float<float>(float x) {
  return x;
}
template <>
inline bf16 from_float<bf16>(float x) {
  const uint32_t u = as<uint32_t>(x);
  if (x != x) return {static_cast<uint16_t>((u >> 16) | 0x40)};
  return {static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16)};
}
template <>
inline f16 from_float<f16>(float x) {
#if defined(__F16C__)
  return {static_cast<uint16_t>(_cvtss_sh(x, 0))};
#else
  return {as<uint16_t>(static_cast<_Float16>(x))};
#endif
}

// Loads and stores with conversion -------------------------------------------------------------------------

MLX_ROCM_INLINE vf load(const float* p) { return load_bits<vf>(p); }
MLX_ROCM_INLINE vf load(const bf16* p) {
  return as<vf>(__builtin_convertvector(load_bits<vh>(p), vu) << 16);
}
MLX_ROCM_INLINE vf load(const f16* p) {
#if defined(__AVX512F__)
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__F16C__)
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#else
  vf v;
  for (int i = 0; i < W; ++i) v[i] = to_float(p[i]);
  return v;
#endif
}

MLX_ROCM_INLINE void store(float* p, vf v) { std::memcpy(p, &v, sizeof(v)); }
MLX_ROCM_INLINE void store(bf16* p, vf v) {
  const vu u = as<vu>(v);
  const vu rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  const vi is_nan = v != v;
  const vu chosen = as<vu>((as<vi>(rounded) & ~is_nan) | (as<vi>((u >> 16) | 0x40) & is_nan));
  const vh half = __builtin_convertvector(chosen, vh);
  std::memcpy(p, &half, sizeof(half));
}
MLX_ROCM_INLINE void store(f16* p, vf v) {
#if defined(__AVX512F__)
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, 0));
#elif defined(__F16C__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, 0));
#else
  for (int i = 0; i < W; ++i) p[i] = from_float<f16>(v[i]);
#endif
}

// The first n < W items; the other lanes are `fill`.
template <class T>
MLX_ROCM_INLINE vf load_part(const T* p, int64_t n, float fill = 0.0f) {
  T buffer[W];
  for (int i = 0; i < W; ++i) buffer[i] = from_float<T>(fill);
  std::memcpy(buffer, p, n * sizeof(T));
  return load(buffer);
}
template <class T>
MLX_ROCM_INLINE void store_part(T* p, vf v, int64_t n) {
  T buffer[W];
  store(buffer, v);
  std::memcpy(p, buffer, n * sizeof(T));
}

// Arithmetic -----------------------------------------------------------------------------------------------

MLX_ROCM_INLINE vf select(vi mask, vf yes, vf no) { return as<vf>((as<vi>(yes) & mask) | (as<vi>(no) & ~mask)); }

// Like x86 maxps: the second operand when either is NaN.
MLX_ROCM_INLINE vf vmax(vf a, vf b) {
#if defined(__AVX512F__)
  return _mm512_max_ps(a, b);
#else
  return select(a > b, a, b);
#endif
}
MLX_ROCM_INLINE vf vmin(vf a, vf b) {
#if defined(__AVX512F__)
  return _mm512_min_ps(a, b);
#else
  return select(a < b, a, b);
#endif
}

MLX_ROCM_INLINE float hsum(vf v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps(v);
#else
  float sum = 0;
  for (int i = 0; i < W; ++i) sum += v[i];
  return sum;
#endif
}
MLX_ROCM_INLINE float hmax(vf v) {
  float best = v[0];
  for (int i = 1; i < W; ++i) best = v[i] > best ? v[i] : best;
  return best;
}

// exp with about 1 ulp error, denormal results included; NaN stays NaN.
MLX_ROCM_INLINE vf vexp(vf x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const vf low = splat(-104.0f);
  const vf high = splat(88.8f);
  vf t = select(x < low, low, x);
  t = select(t > high, high, t);
  const vf n = (t * 1.44269504088896341f + kMagic) - kMagic;
  vf r = t - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  vf p = r * 1.9841270e-4f + 1.3888889e-3f;
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  p = p * (r * r) + r + 1.0f;
  // Two factors, so that 2^n may be below the smallest normal number or 2^128.
  const vi whole = __builtin_convertvector(n, vi);
  const vi half = whole >> 1;
  const vf first = as<vf>((half + 127) << 23);
  const vf second = as<vf>((whole - half + 127) << 23);
  return p * first * second;
}

}  // namespace mlx_rocm::cpu::SIMD_NS
