// Passes of the Fourier transform over split data, and the conversions around them.
#include "backend/cpu/fft_plan.h"
#include "backend/cpu/simd/fft_butterflies.h"
#include "backend/cpu/simd/transpose.h"

namespace mlx_rocm::cpu::SIMD_NS {
namespace {

template <class V>
MLX_ROCM_INLINE Cx<V> load_at(Split x, int64_t at) {
  return {load_bits<V>(x.re + at), load_bits<V>(x.im + at)};
}
template <class V>
MLX_ROCM_INLINE void store_at(Split y, int64_t at, Cx<V> value) {
  std::memcpy(y.re + at, &value.re, sizeof(V));
  std::memcpy(y.im + at, &value.im, sizeof(V));
}

// One butterfly at (p, q) of a pass; `w` points to this p's twiddles, m apart.
template <int R, bool last, class V>
MLX_ROCM_INLINE void butterfly_at(Split x, Split y, int64_t s, int64_t m, int64_t p, int64_t q, const float* w_re,
                                  const float* w_im) {
  Cx<V> v[R];
#pragma GCC unroll 16
  for (int u = 0; u < R; ++u) v[u] = load_at<V>(x, q + s * (p + m * u));
  Butterfly<R, V>::run(v);
  store_at(y, q + s * R * p, v[0]);
#pragma GCC unroll 16
  for (int t = 1; t < R; ++t) {
    if constexpr (!last) v[t] = times(v[t], w_re[(t - 1) * m], w_im[(t - 1) * m]);
    store_at(y, q + s * (R * p + t), v[t]);
  }
}

template <int R, bool last>
void pass_range(const FftPass& pass, Split x, Split y, int64_t s, int64_t p0, int64_t p1, int64_t q0, int64_t q1) {
  const int64_t m = pass.m;
  for (int64_t p = p0; p < p1; ++p) {
    const float* w_re = last ? nullptr : pass.twiddle_re.data() + p;
    const float* w_im = last ? nullptr : pass.twiddle_im.data() + p;
    int64_t q = q0;
    for (; q + W <= q1; q += W) butterfly_at<R, last, vf>(x, y, s, m, p, q, w_re, w_im);
    for (; q < q1; ++q) butterfly_at<R, last, float>(x, y, s, m, p, q, w_re, w_im);
  }
}

template <int R>
void pass_of_radix(const FftPass& pass, Split x, Split y, int64_t s, int64_t p0, int64_t p1, int64_t q0, int64_t q1) {
  if (pass.m == 1) pass_range<R, true>(pass, x, y, s, p0, p1, q0, q1);
  else pass_range<R, false>(pass, x, y, s, p0, p1, q0, q1);
}

void run_pass(const FftPass& pass, Split x, Split y, int64_t s, int64_t p0, int64_t p1, int64_t q0, int64_t q1) {
  switch (pass.radix) {
    case 2: return pass_of_radix<2>(pass, x, y, s, p0, p1, q0, q1);
    case 3: return pass_of_radix<3>(pass, x, y, s, p0, p1, q0, q1);
    case 4: return pass_of_radix<4>(pass, x, y, s, p0, p1, q0, q1);
    case 5: return pass_of_radix<5>(pass, x, y, s, p0, p1, q0, q1);
    case 7: return pass_of_radix<7>(pass, x, y, s, p0, p1, q0, q1);
    case 8: return pass_of_radix<8>(pass, x, y, s, p0, p1, q0, q1);
    case 11: return pass_of_radix<11>(pass, x, y, s, p0, p1, q0, q1);
    case 13: return pass_of_radix<13>(pass, x, y, s, p0, p1, q0, q1);
  }
}

// s == 1: W neighbouring p at once; their W outputs each are transposed into place.
void first_pass(const FftPass& pass, Split x, Split y, int64_t p0, int64_t p1) {
  const int64_t m = pass.m;
  for (int64_t p = p0; p < p1; p += W) {
    Cx<vf> v[W];
#pragma GCC unroll 16
    for (int u = 0; u < W; ++u) v[u] = load_at<vf>(x, p + m * u);
    Butterfly<W, vf>::run(v);
    vf re[W], im[W];
    re[0] = v[0].re;
    im[0] = v[0].im;
#pragma GCC unroll 16
    for (int t = 1; t < W; ++t) {
      const int64_t at = (t - 1) * m + p;
      const Cx<vf> turned =
          times(v[t], load_bits<vf>(pass.twiddle_re.data() + at), load_bits<vf>(pass.twiddle_im.data() + at));
      re[t] = turned.re;
      im[t] = turned.im;
    }
    transpose(re);
    transpose(im);
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) store_at<vf>(y, (p + i) * W, {re[i], im[i]});
  }
}

void split_complex(const float* __restrict in, int64_t n, Split out) {
  float* __restrict re = out.re;
  float* __restrict im = out.im;
  for (int64_t i = 0; i < n; ++i) {
    re[i] = in[2 * i];
    im[i] = in[2 * i + 1];
  }
}

void join_complex(Split in, int64_t n, float scale, float* __restrict out) {
  const float* __restrict re = in.re;
  const float* __restrict im = in.im;
  for (int64_t i = 0; i < n; ++i) {
    out[2 * i] = re[i] * scale;
    out[2 * i + 1] = im[i] * scale;
  }
}

void split_rows(const float* const* rows, int64_t n, Split out) {
  int64_t j = 0;
  for (; j + W <= n; j += W) {
    vf re[W], im[W];
    for (int l = 0; l < W; ++l) {
      const float* from = rows[l] + 2 * j;
      float r[W], i[W];
      for (int k = 0; k < W; ++k) {
        r[k] = from[2 * k];
        i[k] = from[2 * k + 1];
      }
      re[l] = load_bits<vf>(r);
      im[l] = load_bits<vf>(i);
    }
    transpose(re);
    transpose(im);
    for (int k = 0; k < W; ++k) store_at<vf>(out, (j + k) * W, {re[k], im[k]});
  }
  for (; j < n; ++j) {
    for (int l = 0; l < W; ++l) {
      out.re[j * W + l] = rows[l][2 * j];
      out.im[j * W + l] = rows[l][2 * j + 1];
    }
  }
}

void join_rows(Split in, int64_t n, float scale, float* const* rows, int used) {
  int64_t j = 0;
  for (; j + W <= n; j += W) {
    vf re[W], im[W];
    for (int k = 0; k < W; ++k) {
      const Cx<vf> value = load_at<vf>(in, (j + k) * W);
      re[k] = value.re * scale;
      im[k] = value.im * scale;
    }
    transpose(re);
    transpose(im);
    for (int l = 0; l < used; ++l) {
      float r[W], i[W];
      std::memcpy(r, &re[l], sizeof(r));
      std::memcpy(i, &im[l], sizeof(i));
      float* to = rows[l] + 2 * j;
      for (int k = 0; k < W; ++k) {
        to[2 * k] = r[k];
        to[2 * k + 1] = i[k];
      }
    }
  }
  for (; j < n; ++j) {
    for (int l = 0; l < used; ++l) {
      rows[l][2 * j] = in.re[j * W + l] * scale;
      rows[l][2 * j + 1] = in.im[j * W + l] * scale;
    }
  }
}

void scale_by(Split x, const float* __restrict f_re, const float* __restrict f_im, int64_t n, int64_t lanes) {
  float* __restrict re = x.re;
  float* __restrict im = x.im;
  if (lanes == 1) {
    for (int64_t j = 0; j < n; ++j) {
      const float a = re[j], b = im[j];
      re[j] = a * f_re[j] - b * f_im[j];
      im[j] = a * f_im[j] + b * f_re[j];
    }
    return;
  }
  for (int64_t j = 0; j < n; ++j, re += lanes, im += lanes) {
    for (int64_t l = 0; l < lanes; ++l) {
      const float a = re[l], b = im[l];
      re[l] = a * f_re[j] - b * f_im[j];
      im[l] = a * f_im[j] + b * f_re[j];
    }
  }
}

// With even = (Z[k] + conj Z[h-k]) / 2 and odd = (Z[k] - conj Z[h-k]) / 2i: X[k] = even + w^k odd.
MLX_ROCM_INLINE void spectrum_at(float z_re, float z_im, float r_re, float r_im, float w_re, float w_im, float* out_re,
                                 float* out_im) {
  const float even_re = 0.5f * (z_re + r_re), even_im = 0.5f * (z_im - r_im);
  const float odd_re = 0.5f * (z_im + r_im), odd_im = 0.5f * (r_re - z_re);
  *out_re = even_re + odd_re * w_re - odd_im * w_im;
  *out_im = even_im + odd_re * w_im + odd_im * w_re;
}

void real_spectrum(Split z, const float* __restrict w_re, const float* __restrict w_im, int64_t h, int64_t lanes,
                   Split out) {
  const float* __restrict zr = z.re;
  const float* __restrict zi = z.im;
  float* __restrict re = out.re;
  float* __restrict im = out.im;
  for (int64_t l = 0; l < lanes; ++l) {
    re[l] = zr[l] + zi[l];
    re[h * lanes + l] = zr[l] - zi[l];
    im[l] = im[h * lanes + l] = 0.0f;
  }
  if (lanes == 1) {
    for (int64_t k = 1; k < h; ++k) {
      spectrum_at(zr[k], zi[k], zr[h - k], zi[h - k], w_re[k], w_im[k], re + k, im + k);
    }
    return;
  }
  for (int64_t k = 1; k < h; ++k) {
    const int64_t a = k * lanes, b = (h - k) * lanes;
    for (int64_t l = 0; l < lanes; ++l) {
      spectrum_at(zr[a + l], zi[a + l], zr[b + l], zi[b + l], w_re[k], w_im[k], re + a + l, im + a + l);
    }
  }
}

// Z[k] = (X[k] + conj X[h-k]) + i conj(w^k) (X[k] - conj X[h-k]).
MLX_ROCM_INLINE void fold_at(float x_re, float x_im, float r_re, float r_im, float w_re, float w_im, float* out_re,
                             float* out_im) {
  const float sum_re = x_re + r_re, sum_im = x_im - r_im;
  const float diff_re = x_re - r_re, diff_im = x_im + r_im;
  const float odd_re = diff_re * w_re + diff_im * w_im, odd_im = diff_im * w_re - diff_re * w_im;
  *out_re = sum_re - odd_im;
  *out_im = sum_im + odd_re;
}

void real_fold(Split spectrum, const float* __restrict w_re, const float* __restrict w_im, int64_t h, int64_t lanes,
               Split z) {
  const float* __restrict xr = spectrum.re;
  const float* __restrict xi = spectrum.im;
  float* __restrict re = z.re;
  float* __restrict im = z.im;
  // The imaginary parts of X[0] and X[h] do not take part.
  for (int64_t l = 0; l < lanes; ++l) {
    re[l] = xr[l] + xr[h * lanes + l];
    im[l] = xr[l] - xr[h * lanes + l];
  }
  if (lanes == 1) {
    for (int64_t k = 1; k < h; ++k) fold_at(xr[k], xi[k], xr[h - k], xi[h - k], w_re[k], w_im[k], re + k, im + k);
    return;
  }
  for (int64_t k = 1; k < h; ++k) {
    const int64_t a = k * lanes, b = (h - k) * lanes;
    for (int64_t l = 0; l < lanes; ++l) {
      fold_at(xr[a + l], xi[a + l], xr[b + l], xi[b + l], w_re[k], w_im[k], re + a + l, im + a + l);
    }
  }
}

}  // namespace

extern const FftTable fft_table;
const FftTable fft_table = {
    W, run_pass, first_pass, split_complex, join_complex, split_rows, join_rows, scale_by, real_spectrum, real_fold,
};

}  // namespace mlx_rocm::cpu::SIMD_NS
