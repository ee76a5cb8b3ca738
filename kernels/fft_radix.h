// Discrete Fourier transforms of a few elements in registers, and roots of unity.
#pragma once
#include "device.h"

struct alignas(8) Complex {
  float re, im;
};
DEVICE Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
DEVICE Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
DEVICE Complex operator*(Complex a, Complex b) {
  return {math_fma(a.re, b.re, -(a.im * b.im)), math_fma(a.re, b.im, a.im * b.re)};
}
DEVICE Complex conjugated(Complex a) { return {a.re, -a.im}; }
DEVICE Complex swapped(Complex a) { return {a.im, a.re}; }
DEVICE Complex times_minus_i(Complex a) { return {a.im, -a.re}; }

// exp(-i a) with an angle a of `octant` times pi / 4 and x more, or, in odd octants, of x less than the next octant.
DEVICE Complex root_in_octant(u32 octant, float x) {
  const float x2 = x * x;
  // Minimax-like truncations: |error| < 2^-27 for |x| <= pi / 4.
  float s = math_fma(x2, 2.7557314e-6f, -1.9841270e-4f);
  s = math_fma(x2, s, 8.3333333e-3f);
  s = math_fma(x2, s, -1.6666667e-1f);
  s = math_fma(x2 * x, s, x);
  float c = math_fma(x2, -2.7557319e-7f, 2.4801587e-5f);
  c = math_fma(x2, c, -1.3888889e-3f);
  c = math_fma(x2, c, 4.1666667e-2f);
  c = math_fma(x2, c, -0.5f);
  c = math_fma(x2, c, 1.0f);
  // Octants 1, 2, 5, 6 exchange sine and cosine; 2 to 5 have a negative cosine, 0 to 3 a negative -sine.
  const bool exchange = (octant + 1) & 2;
  const float re = exchange ? s : c, im = exchange ? c : s;
  return {(octant + 2) & 4 ? -re : re, octant & 4 ? im : -im};
}

// exp(-2 pi i k / Length) for k < Length, each part to a few times 2^-26. The angle is split into octants in
// integers, so nothing is lost to large k, and what remains is at most pi / 4.
template <u64 Length>
DEVICE Complex unit_root(u32 k) {
  u32 octant, rest;  // k = (octant + rest / Length) * Length / 8
  if constexpr (Length < (1u << 29)) {
    octant = 8 * k / (u32)Length;
    rest = 8 * k - octant * (u32)Length;
  } else {
    octant = (u32)(8 * (u64)k / Length);
    rest = (u32)(8 * (u64)k - octant * Length);
  }
  static_assert(Length < (1ull << 32), "positions are 32-bit");
  if (octant & 1) rest = (u32)Length - rest;
  constexpr float eighth = (float)(0.78539816339744830961566 / (double)Length);
  return root_in_octant(octant, (float)rest * eighth);
}

// The same with a length below 2^31 that is known at run time, and what follows from it.
struct Circle {
  u32 length;
  float eighth;  // pi / 4 / length
  u64 inverse;   // 2^64 / length, rounded down
};
DEVICE Complex unit_root(u32 k, const Circle& circle) {
  u32 octant = 0, rest = k;
  UNROLL
  for (int bit = 0; bit < 3; bit++) {
    rest *= 2;
    octant *= 2;
    if (rest >= circle.length) {
      rest -= circle.length;
      octant++;
    }
  }
  if (octant & 1) rest = circle.length - rest;
  return root_in_octant(octant, (float)rest * circle.eighth);
}
// x modulo the length; the quotient by the inverse is at most 1 too small.
DEVICE u32 modulo(u64 x, const Circle& circle) {
  const u64 a = x >> 32, b = (u32)x, c = circle.inverse >> 32, d = (u32)circle.inverse;
  const u64 t = a * d + (b * d >> 32), u = b * c + (u32)t;
  const u64 quotient = a * c + (t >> 32) + (u >> 32), rest = x - quotient * circle.length;
  return (u32)(rest >= circle.length ? rest - circle.length : rest);
}

// ---- v becomes its transform ---------------------------------------------------------------------------------

// cos and sin of 2 pi k / Prime for k = 1 ... Prime / 2.
template <int Prime>
struct PrimeRoots;
template <>
struct PrimeRoots<3> {
  float cos[1] = {-0.5f}, sin[1] = {0.86602540378f};
};
template <>
struct PrimeRoots<5> {
  float cos[2] = {0.30901699437f, -0.80901699437f}, sin[2] = {0.95105651630f, 0.58778525229f};
};
template <>
struct PrimeRoots<7> {
  float cos[3] = {0.62348980186f, -0.22252093396f, -0.90096886790f};
  float sin[3] = {0.78183148247f, 0.97492791218f, 0.43388373912f};
};
template <>
struct PrimeRoots<11> {
  float cos[5] = {0.84125353283f, 0.41541501300f, -0.14231483827f, -0.65486073395f, -0.95949297361f};
  float sin[5] = {0.54064081745f, 0.90963199535f, 0.98982144188f, 0.75574957435f, 0.28173255684f};
};
template <>
struct PrimeRoots<13> {
  float cos[6] = {0.88545602565f, 0.56806474673f, 0.12053668025f, -0.35460488704f, -0.74851074817f, -0.97094181743f};
  float sin[6] = {0.46472317204f, 0.82298386589f, 0.99270887410f, 0.93501624268f, 0.66312265824f, 0.23931566428f};
};

template <int Radix>
DEVICE void dft(Complex (&v)[Radix]) {
  // X[t], X[R - t] = v[0] + sum_k (v[k] + v[R-k]) cos(2 pi k t / R) -+ i sum_k (v[k] - v[R-k]) sin(2 pi k t / R)
  constexpr int half = Radix / 2;
  constexpr PrimeRoots<Radix> roots;
  Complex sum[half], difference[half], first = v[0];
  UNROLL
  for (int k = 1; k <= half; k++) {
    sum[k - 1] = v[k] + v[Radix - k];
    difference[k - 1] = v[k] - v[Radix - k];
    v[0] = v[0] + sum[k - 1];
  }
  UNROLL
  for (int t = 1; t <= half; t++) {
    Complex even = first, odd = {0, 0};
    UNROLL
    for (int k = 1; k <= half; k++) {
      const int turn = k * t % Radix, at = (turn <= half ? turn : Radix - turn) - 1;
      const float c = roots.cos[at], s = turn <= half ? roots.sin[at] : -roots.sin[at];
      even = {math_fma(sum[k - 1].re, c, even.re), math_fma(sum[k - 1].im, c, even.im)};
      odd = {math_fma(difference[k - 1].re, s, odd.re), math_fma(difference[k - 1].im, s, odd.im)};
    }
    v[t] = even + times_minus_i(odd);
    v[Radix - t] = even - times_minus_i(odd);
  }
}
template <>
DEVICE void dft<1>(Complex (&)[1]) {}
template <>
DEVICE void dft<2>(Complex (&v)[2]) {
  const Complex a = v[0];
  v[0] = a + v[1];
  v[1] = a - v[1];
}
template <>
DEVICE void dft<4>(Complex (&v)[4]) {
  const Complex a = v[0] + v[2], b = v[0] - v[2], c = v[1] + v[3], d = times_minus_i(v[1] - v[3]);
  v[0] = a + c;
  v[1] = b + d;
  v[2] = a - c;
  v[3] = b - d;
}
template <>
DEVICE void dft<8>(Complex (&v)[8]) {
  Complex even[4] = {v[0], v[2], v[4], v[6]}, odd[4] = {v[1], v[3], v[5], v[7]};
  dft<4>(even);
  dft<4>(odd);
  constexpr float r = 0.70710678118f;
  odd[1] = {r * (odd[1].re + odd[1].im), r * (odd[1].im - odd[1].re)};
  odd[2] = times_minus_i(odd[2]);
  odd[3] = {r * (odd[3].im - odd[3].re), -r * (odd[3].re + odd[3].im)};
  UNROLL
  for (int k = 0; k < 4; k++) {
    v[k] = even[k] + odd[k];
    v[k + 4] = even[k] - odd[k];
  }
}
