// Transforms of 2 to 16 values held in registers. In and out are in natural order; V is a vector or a float.
#pragma once

#include "backend/cpu/simd/vec.h"

namespace mlx_rocm::cpu::SIMD_NS {

template <class V>
struct Cx {
  V re, im;
};

template <class V>
MLX_ROCM_INLINE Cx<V> operator+(Cx<V> a, Cx<V> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class V>
MLX_ROCM_INLINE Cx<V> operator-(Cx<V> a, Cx<V> b) {
  return {a.re - b.re, a.im - b.im};
}
template <class V>
MLX_ROCM_INLINE Cx<V> minus_i(Cx<V> a) {  // -i a
  return {a.im, -a.re};
}
template <class V, class T>
MLX_ROCM_INLINE Cx<V> times(Cx<V> a, T re, T im) {
  return {a.re * re - a.im * im, a.re * im + a.im * re};
}

template <int R, class V>
struct Butterfly;

template <class V>
struct Butterfly<2, V> {
  MLX_ROCM_INLINE void run(Cx<V>* x) {
    const Cx<V> a = x[0], b = x[1];
    x[0] = a + b;
    x[1] = a - b;
  }
};

template <class V>
struct Butterfly<4, V> {
  MLX_ROCM_INLINE void run(Cx<V>* x) {
    const Cx<V> a = x[0] + x[2], b = x[0] - x[2], c = x[1] + x[3], d = minus_i(x[1] - x[3]);
    x[0] = a + c;
    x[1] = b + d;
    x[2] = a - c;
    x[3] = b - d;
  }
};

template <class V>
struct Butterfly<8, V> {
  MLX_ROCM_INLINE void run(Cx<V>* x) {
    constexpr float r = 0.70710678118654752f;
    Cx<V> even[4] = {x[0], x[2], x[4], x[6]}, odd[4] = {x[1], x[3], x[5], x[7]};
    Butterfly<4, V>::run(even);
    Butterfly<4, V>::run(odd);
    odd[1] = {(odd[1].re + odd[1].im) * r, (odd[1].im - odd[1].re) * r};
    odd[2] = minus_i(odd[2]);
    odd[3] = {(odd[3].im - odd[3].re) * r, (odd[3].re + odd[3].im) * -r};
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      x[k] = even[k] + odd[k];
      x[k + 4] = even[k] - odd[k];
    }
  }
};

template <class V>
struct Butterfly<16, V> {
  MLX_ROCM_INLINE void run(Cx<V>* x) {
    // cos and -sin of 2 pi j k / 16 for the products j k that occur.
    constexpr float c[10] = {1.f,           0.92387953251f, 0.70710678119f, 0.38268343236f, 0.f, -0.38268343236f,
                             -0.70710678119f, -0.92387953251f, -1.f,        -0.92387953251f};
    constexpr float s[10] = {0.f,  -0.38268343236f, -0.70710678119f, -0.92387953251f, -1.f, -0.92387953251f,
                             -0.70710678119f, -0.38268343236f, 0.f, 0.38268343236f};
    Cx<V> a[4][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
#pragma GCC unroll 4
      for (int u = 0; u < 4; ++u) a[j][u] = x[j + 4 * u];
      Butterfly<4, V>::run(a[j]);
    }
#pragma GCC unroll 3
    for (int j = 1; j < 4; ++j) {
#pragma GCC unroll 3
      for (int k = 1; k < 4; ++k) a[j][k] = times(a[j][k], c[j * k], s[j * k]);
    }
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      Cx<V> row[4] = {a[0][k], a[1][k], a[2][k], a[3][k]};
      Butterfly<4, V>::run(row);
#pragma GCC unroll 4
      for (int t = 0; t < 4; ++t) x[k + 4 * t] = row[t];
    }
  }
};

// cos and sin of 2 pi k / R, k < R, of the odd primes.
template <int R>
struct OddRoots;
template <>
struct OddRoots<3> {
  static constexpr double cos[] = {1., -0.5, -0.5};
  static constexpr double sin[] = {0., 0.86602540378443865, -0.86602540378443865};
};
template <>
struct OddRoots<5> {
  static constexpr double cos[] = {
      1., 0.30901699437494745, -0.80901699437494734, -0.80901699437494734, 0.30901699437494745};
  static constexpr double sin[] = {
      0., 0.95105651629515353, 0.58778525229247325, -0.58778525229247325, -0.95105651629515353};
};
template <>
struct OddRoots<7> {
  static constexpr double cos[] = {
      1., 0.62348980185873359, -0.22252093395631434, -0.90096886790241903, -0.90096886790241903,
      -0.22252093395631434, 0.62348980185873359};
  static constexpr double sin[] = {
      0., 0.7818314824680298, 0.97492791218182362, 0.43388373911755823, -0.43388373911755823,
      -0.97492791218182362, -0.7818314824680298};
};
template <>
struct OddRoots<11> {
  static constexpr double cos[] = {
      1., 0.84125353283118121, 0.41541501300188644, -0.142314838273285, -0.65486073394528499,
      -0.95949297361449737, -0.95949297361449737, -0.65486073394528499, -0.142314838273285,
      0.41541501300188644, 0.84125353283118121};
  static constexpr double sin[] = {
      0., 0.54064081745559756, 0.90963199535451833, 0.9898214418809328, 0.75574957435425827,
      0.28173255684142967, -0.28173255684142967, -0.75574957435425827, -0.9898214418809328,
      -0.90963199535451833, -0.54064081745559756};
};
template <>
struct OddRoots<13> {
  static constexpr double cos[] = {
      1., 0.88545602565320991, 0.56806474673115592, 0.12053668025532301, -0.35460488704253545,
      -0.74851074817110119, -0.97094181742605201, -0.97094181742605201, -0.74851074817110119,
      -0.35460488704253545, 0.12053668025532301, 0.56806474673115592, 0.88545602565320991};
  static constexpr double sin[] = {
      0., 0.46472317204376851, 0.82298386589365635, 0.99270887409805397, 0.93501624268541483,
      0.66312265824079519, 0.23931566428755768, -0.23931566428755768, -0.66312265824079519,
      -0.93501624268541483, -0.99270887409805397, -0.82298386589365635, -0.46472317204376851};
};

// Odd radices: the sums of x[k] + x[R - k] and x[k] - x[R - k] share one pass over the roots.
template <int R, class V>
struct Butterfly {
  static_assert(R % 2 == 1);
  MLX_ROCM_INLINE void run(Cx<V>* x) {
    constexpr int half = R / 2;
    Cx<V> sum[half], diff[half], out[R];
    out[0] = x[0];
#pragma GCC unroll 6
    for (int k = 0; k < half; ++k) {
      sum[k] = x[k + 1] + x[R - 1 - k];
      diff[k] = x[k + 1] - x[R - 1 - k];
      out[0] = out[0] + sum[k];
    }
#pragma GCC unroll 6
    for (int j = 1; j <= half; ++j) {
      Cx<V> a = x[0], b = {};
#pragma GCC unroll 6
      for (int k = 0; k < half; ++k) {
        const float c = float(OddRoots<R>::cos[j * (k + 1) % R]), s = float(OddRoots<R>::sin[j * (k + 1) % R]);
        a = {a.re + sum[k].re * c, a.im + sum[k].im * c};
        b = {b.re + diff[k].im * s, b.im - diff[k].re * s};
      }
      out[j] = a + b;
      out[R - j] = a - b;
    }
#pragma GCC unroll 13
    for (int j = 0; j < R; ++j) x[j] = out[j];
  }
};

}  // namespace mlx_rocm::cpu::SIMD_NS
