// Micro-kernels and packing of the matrix product, per element format.
//
// A packed panel of A holds MR rows, a packed panel of B holds kNR columns; both are ordered along k, so that
// the micro-kernel reads them front to back. A unit along k is one element, or two bf16 for vdpbf16ps.
#pragma once

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "backend/cpu/simd/transpose.h"
#include "backend/cpu/simd/vec.h"

namespace mlx_rocm::cpu::SIMD_NS {

constexpr int kNV = 2;  // vectors across a B panel
#if defined(__AVX512F__)
constexpr int kMaxMR = 14;  // 28 accumulators, 2 of B, 1 broadcast of A: 31 of 32 registers
#elif defined(__aarch64__)
constexpr int kMaxMR = 12;
#else
constexpr int kMaxMR = 6;
#endif

// f32 arithmetic on T = float, bf16 or f16 in memory.
template <class T>
struct FloatFormat {
  using In = T;
  using Packed = float;
  using Acc = float;
  using Vec = vf;
  static constexpr int kUnit = 1;
  static constexpr int kLanes = W;
  MLX_ROCM_INLINE Vec multiply_add(Vec acc, Vec b, Packed a) { return acc + b * a; }
  MLX_ROCM_INLINE Vec load_packed(const Packed* p) { return load_bits<Vec>(p); }
  MLX_ROCM_INLINE Packed pack_one(const In* p, int64_t, bool) { return to_float(*p); }
  // Dot products along k: kDot elements of both operands per step.
  static constexpr int kDot = W;
  MLX_ROCM_INLINE Vec dot_load(const In* p) { return load(p); }
  MLX_ROCM_INLINE Vec dot_load_part(const In* p, int64_t n) { return load_part(p, n); }
  MLX_ROCM_INLINE Vec dot_add(Vec acc, Vec a, Vec b) { return acc + a * b; }
  using DotVec = vf;
  MLX_ROCM_INLINE float to_acc(In x) { return to_float(x); }
  MLX_ROCM_INLINE In from_acc(float x) { return from_float<In>(x); }
};

struct DoubleFormat {
  using In = double;
  using Packed = double;
  using Acc = double;
  using Vec = vd;
  static constexpr int kUnit = 1;
  static constexpr int kLanes = W / 2;
  MLX_ROCM_INLINE Vec multiply_add(Vec acc, Vec b, Packed a) { return acc + b * a; }
  MLX_ROCM_INLINE Vec load_packed(const Packed* p) { return load_bits<Vec>(p); }
  MLX_ROCM_INLINE Packed pack_one(const In* p, int64_t, bool) { return *p; }
  static constexpr int kDot = W / 2;
  using DotVec = vd;
  MLX_ROCM_INLINE Vec dot_load(const In* p) { return load_bits<Vec>(p); }
  MLX_ROCM_INLINE Vec dot_load_part(const In* p, int64_t n) {
    Vec v{};
    std::memcpy(&v, p, n * sizeof(double));
    return v;
  }
  MLX_ROCM_INLINE Vec dot_add(Vec acc, Vec a, Vec b) { return acc + a * b; }
  MLX_ROCM_INLINE double to_acc(double x) { return x; }
  MLX_ROCM_INLINE double from_acc(double x) { return x; }
};

#if defined(__AVX512BF16__)
// bf16 pairs along k, multiplied and summed by vdpbf16ps.
struct PairFormat {
  using In = bf16;
  using Packed = uint32_t;
  using Acc = float;
  using Vec = vf;
  static constexpr int kUnit = 2;
  static constexpr int kLanes = W;
  MLX_ROCM_INLINE Vec multiply_add(Vec acc, vu b, Packed a) {
    return _mm512_dpbf16_ps(acc, (__m512bh)b, (__m512bh)_mm512_set1_epi32(static_cast<int>(a)));
  }
  MLX_ROCM_INLINE vu load_packed(const Packed* p) { return load_bits<vu>(p); }
  // Two elements `step` apart; the second is 0 past the end.
  MLX_ROCM_INLINE Packed pack_one(const In* p, int64_t step, bool whole) {
    return p[0].bits | (whole ? uint32_t{p[step].bits} << 16 : 0u);
  }
  static constexpr int kDot = 2 * W;
  using DotVec = vu;
  MLX_ROCM_INLINE vu dot_load(const In* p) { return load_bits<vu>(p); }
  MLX_ROCM_INLINE vu dot_load_part(const In* p, int64_t n) {
    vu v{};
    std::memcpy(&v, p, n * sizeof(In));
    return v;
  }
  MLX_ROCM_INLINE Vec dot_add(Vec acc, vu a, vu b) { return _mm512_dpbf16_ps(acc, (__m512bh)a, (__m512bh)b); }
  MLX_ROCM_INLINE float to_acc(In x) { return to_float(x); }
  MLX_ROCM_INLINE In from_acc(float x) { return from_float<In>(x); }
};
#endif

template <class F>
constexpr int kNR = kNV * F::kLanes;

// c[MR][kNR] (+)= a panel * b panel over `units` steps. Item i of A at step u lies at a[i * ARow + u *
// a_step]: ARow is 1 in a packed panel, or the row length of a row-major block.
template <class F, int MR, int ARow = 1>
void micro_kernel(int64_t units, const typename F::Packed* a, int64_t a_step, const typename F::Packed* b,
                  typename F::Acc* c, int64_t ldc, bool accumulate) {
  using Vec = typename F::Vec;
  constexpr int L = F::kLanes;
  Vec acc[MR][kNV];
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kNV; ++j) acc[i][j] = accumulate ? load_bits<Vec>(c + i * ldc + j * L) : Vec{};
  }
  for (int64_t u = 0; u < units; ++u) {
    const auto b0 = F::load_packed(b);
    const auto b1 = F::load_packed(b + L);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      acc[i][0] = F::multiply_add(acc[i][0], b0, a[i * ARow]);
      acc[i][1] = F::multiply_add(acc[i][1], b1, a[i * ARow]);
    }
    a += a_step;
    b += kNR<F>;
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kNV; ++j) std::memcpy(c + i * ldc + j * L, &acc[i][j], sizeof(Vec));
  }
}

template <class F>
using MicroKernel = void (*)(int64_t, const typename F::Packed*, int64_t, const typename F::Packed*,
                             typename F::Acc*, int64_t, bool);

template <class F, int ARow, int... I>
constexpr std::array<MicroKernel<F>, sizeof...(I) + 1> list_kernels(std::integer_sequence<int, I...>) {
  return {nullptr, &micro_kernel<F, I + 1, ARow>...};
}

// micro_kernels<F>[mr] for mr in [1, kMaxMR].
template <class F, int ARow = 1>
inline constexpr auto micro_kernels = list_kernels<F, ARow>(std::make_integer_sequence<int, kMaxMR>{});

// Packing --------------------------------------------------------------------------------------------------

// One panel of `width` (<= panel) rows of A or columns of B: out[unit][panel]. `across` is the stride between
// the rows (columns), `along` the stride in k. Lanes past `width` become 0.
template <class F>
void pack_panel_strided(const typename F::In* src, int64_t across, int64_t along, int64_t width, int64_t k,
                        int64_t panel, typename F::Packed* out) {
  constexpr int U = F::kUnit;
  for (int64_t k0 = 0; k0 < k; k0 += U) {
    const typename F::In* line = src + k0 * along;
    const bool whole = k0 + U <= k;
    int64_t i = 0;
    for (; i < width; ++i) out[i] = F::pack_one(line + i * across, along, whole);
    for (; i < panel; ++i) out[i] = typename F::Packed{};
    out += panel;
  }
}

// k contiguous: transposes W x W blocks. Needs a full panel whose width is a multiple of W.
template <class F>
void pack_panel_k_contiguous(const typename F::In* src, int64_t across, int64_t k, int64_t panel,
                             typename F::Packed* out) {
  static_assert(sizeof(typename F::Packed) == 4);
  constexpr int U = F::kUnit;
  const int64_t units = k / U;
  const int64_t blocks = units / W;
  for (int64_t p = 0; p < panel; p += W) {
    for (int64_t block = 0; block < blocks; ++block) {
      vf rows[W];
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) {
        const typename F::In* line = src + (p + i) * across + block * W * U;
        if constexpr (U == 2) {
          rows[i] = load_bits<vf>(line);
        } else {
          rows[i] = load(line);
        }
      }
      transpose(rows);
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) std::memcpy(out + (block * W + i) * panel + p, &rows[i], sizeof(vf));
    }
  }
  const int64_t done = blocks * W;
  pack_panel_strided<F>(src + done * U, across, 1, panel, k - done * U, panel, out + done * panel);
}

// Columns contiguous: one full panel.
template <class F>
void pack_panel_rows(const typename F::In* src, int64_t along, int64_t k, typename F::Packed* out) {
  constexpr int64_t panel = kNR<F>;
  constexpr int U = F::kUnit;
  const int64_t units = k / U;
  for (int64_t u = 0; u < units; ++u) {
    const typename F::In* line = src + u * U * along;
#if defined(__AVX512BF16__)
    if constexpr (U == 2) {
      static const __m512i low = interleave_index(0);
      static const __m512i high = interleave_index(16);
      const __m512i first = load_bits<__m512i>(line);
      const __m512i second = load_bits<__m512i>(line + along);
      _mm512_storeu_si512(out, _mm512_permutex2var_epi16(first, low, second));
      _mm512_storeu_si512(out + 16, _mm512_permutex2var_epi16(first, high, second));
    }
#endif
    if constexpr (U == 1 && std::is_same_v<typename F::Packed, float>) {
      store(out, load(line));
      store(out + W, load(line + W));
    } else if constexpr (U == 1) {
      std::memcpy(out, line, panel * sizeof(*line));
    }
    out += panel;
  }
  pack_panel_strided<F>(src + units * U * along, 1, along, panel, k - units * U, panel, out);
}

template <class F>
void pack_panel(const typename F::In* src, int64_t across, int64_t along, int64_t width, int64_t k,
                int64_t panel, typename F::Packed* out) {
  if constexpr (sizeof(typename F::Packed) == 4) {
    if (along == 1 && width == panel && panel % W == 0)
      return pack_panel_k_contiguous<F>(src, across, k, panel, out);
  }
  if (across == 1 && width == kNR<F> && panel == kNR<F>) return pack_panel_rows<F>(src, along, k, out);
  pack_panel_strided<F>(src, across, along, width, k, panel, out);
}

}  // namespace mlx_rocm::cpu::SIMD_NS
