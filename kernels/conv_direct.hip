// Convolutions without matrix products.
//
//   conv_depthwise  one input channel and one output channel in each group. A thread has VEC channels of PIXELS
//                   neighbouring outputs, and loads each input that it needs once: memory is the limit, x and y once
//                   each when SPAN is little more than PIXELS. Needs input dilation 1.
//   conv_general    any form: an output element for each thread.
//   conv_general_gradient   any form: an element of dw for each thread and range of positions
//   conv_sum        adds partial sums
// Defines: those of conv.h; T; of conv_depthwise (which alone is compiled then) VEC, PIXELS, STRIDE_X, DILATION_X, and TAPS_FIRST: w has its taps in
// front of its channels (else it has as many as KX, the only axis).
#include "conv.h"

#if defined(PIXELS)
constexpr int SPAN = (PIXELS - 1) * STRIDE_X + (KX - 1) * DILATION_X + 1;

KERNEL(256)
conv_depthwise(const T* __restrict__ x, const T* __restrict__ w, T* __restrict__ y, STRUCT_ARGUMENT Conv g,
               INDEX items) {
  const INDEX item = (INDEX)group_x() * 256 + thread_x();
  if (item >= items) return;
  const u32 chunks = g.channels / VEC, runs = (g.out[2] + PIXELS - 1) / PIXELS;
  const INDEX pixel_run = item / chunks, line = pixel_run / runs;  // line: (batch, out[0], out[1])
  const u32 c = (u32)(item - pixel_run * chunks) * VEC, first = (u32)(pixel_run - line * runs) * PIXELS;
  const INDEX plane = AXES == 3 ? line / g.out[1] : AXES == 2 ? line / g.out[1] : line;
  const INDEX batch = AXES == 3 ? plane / g.out[0] : plane;
  const i32 y0 = AXES >= 2 ? (i32)(line - plane * g.out[1]) * g.stride[1] - g.pad[1] : 0;
  const i32 z0 = AXES == 3 ? (i32)(plane - batch * g.out[0]) * g.stride[0] - g.pad[0] : 0;
  const i32 x0 = (i32)first * STRIDE_X - g.pad[2];

  float sums[PIXELS][VEC] = {};
  for (int row = 0; row < KZ * KY; row++) {
    const i32 iz = z0 + row / KY * g.dilation[0], iy = y0 + row % KY * g.dilation[1];
    if ((u32)iz >= (u32)g.in[0] || (u32)iy >= (u32)g.in[1]) continue;
    const T* from = x + ((((u64)batch * g.in[0] + iz) * g.in[1] + iy) * g.in[2]) * g.channels + c;
    Vec<T, VEC> in[SPAN] = {};
    UNROLL
    for (int i = 0; i < SPAN; i++) {
      if ((u32)(x0 + i) < (u32)g.in[2]) in[i] = load<VEC>(from + (i64)(x0 + i) * g.channels);
    }
    const int weight_row = FLIP ? KZ * KY - 1 - row : row;
    T weights[VEC * KX];  // [channel][tap], or with TAPS_FIRST [tap][channel]
    UNROLL
    for (int i = 0; i < KX; i++) {
      const u64 at = TAPS_FIRST ? (u64)(weight_row * KX + i) * g.channels + c : (u64)c * KX + i * VEC;
      const Vec<T, VEC> part = load<VEC>(w + at);
      UNROLL
      for (int v = 0; v < VEC; v++) weights[i * VEC + v] = part[v];
    }
    UNROLL
    for (int t = 0; t < KX; t++) {
      UNROLL
      for (int v = 0; v < VEC; v++) {
        const int tap = FLIP ? KX - 1 - t : t;
        const float weight = cast<float>(weights[TAPS_FIRST ? tap * VEC + v : v * KX + tap]);
        UNROLL
        for (int p = 0; p < PIXELS; p++) {
          sums[p][v] = math_fma(cast<float>(in[p * STRIDE_X + t * DILATION_X][v]), weight, sums[p][v]);
        }
      }
    }
  }
  T* to = y + ((u64)line * g.out[2] + first) * g.channels + c;
  UNROLL
  for (int p = 0; p < PIXELS; p++) {
    if (first + p >= (u32)g.out[2]) break;
    Vec<T, VEC> out;
    UNROLL
    for (int v = 0; v < VEC; v++) out[v] = cast<T>(sums[p][v]);
    store<VEC>(to + (u64)p * g.channels, out);
  }
}
#else
KERNEL(256)
conv_general(const T* __restrict__ x, const T* __restrict__ w, T* __restrict__ y, STRUCT_ARGUMENT Conv g,
             INDEX size) {
  const u32 channels = g.channels / g.groups, outs = g.out_channels / g.groups;
  for (INDEX i = (INDEX)group_x() * 256 + thread_x(); i < size; i += (INDEX)group_count_x() * 256) {
    const INDEX p = i / (u32)g.out_channels;
    const u32 o = (u32)(i - p * (u32)g.out_channels);
    const Position place = position_of(g, p);
    const T* weights = w + (u64)o * TAPS * channels;
    float sum = 0;
    for (int tap = 0; tap < TAPS; tap++) {
      const i64 offset = offset_at(g, place, tap);
      if (offset < 0) continue;
      const T* a = x + offset + (u64)(o / outs) * channels;
      const T* b = weights + weight_tap(tap) * channels;
      for (u32 c = 0; c < channels; c++) sum = math_fma(cast<float>(a[c]), cast<float>(b[c]), sum);
    }
    y[i] = cast<T>(sum);
  }
}

// Part group_y() of `length` positions; partial[part][o][tap][c]. Threads go over (tap, o, c), c fastest, so that
// neighbours read neighbouring channels of x or of the cotangent.
KERNEL(256)
conv_general_gradient(const T* __restrict__ x, const T* __restrict__ cotangent, float* __restrict__ partial, Conv g,
                      INDEX positions, INDEX length) {
  const u32 channels = g.channels / g.groups, outs = g.out_channels / g.groups;
  const u64 size = (u64)g.out_channels * TAPS * channels;
  const INDEX begin = group_y() * length, end = begin + length < positions ? begin + length : positions;
  for (u64 i = (u64)group_x() * 256 + thread_x(); i < size; i += (u64)group_count_x() * 256) {
    const u64 of = i / channels;
    const u32 c = (u32)(i - of * channels), tap = (u32)(of / (u32)g.out_channels);
    const u32 o = (u32)(of - (u64)tap * (u32)g.out_channels);
    const u64 from = (u64)(o / outs) * channels + c;
    float sum = 0;
    for (INDEX p = begin; p < end; p++) {
      const i64 offset = offset_at(g, position_of(g, p), tap);
      if (offset >= 0) {
        sum = math_fma(cast<float>(x[offset + from]), cast<float>(cotangent[(u64)p * (u32)g.out_channels + o]), sum);
      }
    }
    partial[group_y() * size + ((u64)o * TAPS + weight_tap(tap)) * channels + c] = sum;
  }
}

KERNEL(256) conv_sum(const float* __restrict__ parts, T* __restrict__ out, u64 size, u32 count) {
  for (u64 i = (u64)group_x() * 256 + thread_x(); i < size; i += (u64)group_count_x() * 256) {
    float sum = 0;
    for (u32 k = 0; k < count; k++) sum += parts[k * size + i];
    out[i] = cast<T>(sum);
  }
}
#endif
