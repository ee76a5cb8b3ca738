// Plans: what a transform of length n does, and its tables.
//
// A transform is a chain of Stockham passes over split (separate real and imaginary) data. With `length` the
// part of the transform that is left and m = length / radix, a pass maps x[q + s (p + m u)] to y[q + s (radix
// p + t)] for all p < m, q < s, where s is the product of the radices done so far. Every element carries
// `lanes` transforms side by side, so s starts at `lanes`. Lengths with a prime factor above 13 go through
// Bluestein's convolution.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backend/cpu/isa.h"

namespace mlx_rocm::cpu {

struct Split {
  float* re;
  float* im;
  Split swapped() const { return {im, re}; }
};

struct FftPass {
  int radix = 0;
  int64_t m = 0;
  // exp(-2 pi i p t / length) at [(t - 1) * m + p]; empty in the last pass (m == 1), where all are 1.
  std::vector<float> twiddle_re, twiddle_im;
};

struct FftPlan {
  int64_t n = 0;
  bool across = false;  // the first pass runs its vectors across p (lanes == 1) instead of q
  std::vector<FftPass> passes;
  // Bluestein: the transform of length `inner->n` that convolves, the chirp and the transform of its
  // conjugate / length.
  std::shared_ptr<const FftPlan> inner;
  std::vector<float> chirp_re, chirp_im, filter_re, filter_im;

  // exp(-2 pi i k / 2n), k < n: what turns this transform into one of 2n reals. Empty unless asked for.
  std::vector<float> root_re, root_im;

  int64_t work_length() const { return inner ? inner->n : n; }  // elements that each of two work buffers needs
};

// A plan from the cache. `single` (lanes == 1) prefers the form that runs its vectors across the transform,
// which exists when the length is a multiple of the width squared; `real` adds the roots for real data.
std::shared_ptr<const FftPlan> fft_plan(int64_t n, bool single, bool real);

// Runs the plan on `x`, using `y` as the other buffer; returns the one that holds the result. Splits single
// passes over the threads when `threaded`.
Split run_fft(const FftPlan& plan, int64_t lanes, Split x, Split y, bool threaded);

struct FftTable {
  int width;  // floats per vector
  // A pass over p in [p0, p1) and q in [q0, q1).
  void (*pass)(const FftPass& pass, Split x, Split y, int64_t s, int64_t p0, int64_t p1, int64_t q0, int64_t q1);
  // The first pass of an `across` plan over p in [p0, p1), both multiples of width.
  void (*first_pass)(const FftPass& pass, Split x, Split y, int64_t p0, int64_t p1);
  // Interleaved complex to split, and back with a factor.
  void (*split)(const float* in, int64_t n, Split out);
  void (*join)(Split in, int64_t n, float scale, float* out);
  // The same between `width` rows of interleaved complex numbers and width transforms side by side; only the
  // first `used` rows are written.
  void (*split_rows)(const float* const* rows, int64_t n, Split out);
  void (*join_rows)(Split in, int64_t n, float scale, float* const* rows, int used);
  // x[j] *= f[j] for j in [0, n), each f[j] for `lanes` neighbours.
  void (*scale_by)(Split x, const float* f_re, const float* f_im, int64_t n, int64_t lanes);
  // The spectrum X[0..h] of 2h reals from Z, the transform of (x[2j] + i x[2j+1]); roots of unity of order
  // 2h.
  void (*real_spectrum)(Split z, const float* w_re, const float* w_im, int64_t h, int64_t lanes, Split out);
  // The reverse: Z (times 2) from a half spectrum.
  void (*real_fold)(Split spectrum, const float* w_re, const float* w_im, int64_t h, int64_t lanes, Split z);
};

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(FftTable, fft_table)
