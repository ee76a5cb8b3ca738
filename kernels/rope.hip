// Rotary position embedding: pairs (a, b) of the first `dims` features of x[batch][head][time][features] turn
// by position * rate, the rest is copied. Read once, written once: 2 * sizeof(T) bytes an element, bound by
// memory.
//
// A thread computes the angles of VEC pairs once and applies them in HEADS heads, which share them. Its
// neighbours take the next pairs of the same row, so accesses are 16 bytes a lane and whole rows a wave. y
// may be x: a thread writes what it alone reads.
//
// Defines: T, VEC (pairs of a thread), HEADS (of a thread), TRADITIONAL (pairs are neighbours, else half a
// row apart), FREQS (rates are 1 / freqs, else powers of the base), OFFSET (i32 or u32), INDEX (u32 or u64).
#include "device.h"

// e^x correctly rounded in all but few cases: at position 10^5 an ulp of the rate is an error of 0.01 in the
// angle.
DEVICE float exp_exact(float x) {
  float n = math_round(x * 1.44269504f);
  float r = math_fma(n, -0.69314718246459961f, x);  // exact: a multiple of 2^-24
  float low = n * 1.9046542121259336e-9f;           // of ln 2
  float p = math_fma(r, 2.4801587e-5f, 1.9841270e-4f);
  p = math_fma(p, r, 1.3888889e-3f);
  p = math_fma(p, r, 8.3333333e-3f);
  p = math_fma(p, r, 4.1666667e-2f);
  p = math_fma(p, r, 1.6666667e-1f);
  p = math_fma(p, r, 0.5f);
  p = math_fma(p, r * r, math_fma(low, r, low));
  float sum = 1.0f + r;
  float rest = (1.0f - sum) + r;
  n = math_min(math_max(n, -126.0f), 127.0f);
  return (sum + (rest + p)) * bit_cast<float>((u32)((i32)n + 127) << 23);
}

struct Turn {
  float cos, sin;
};

// The angle is a float; its reduction to a quarter turn is exact, so that large positions keep their phase.
DEVICE Turn turn(float angle, float sign) {
  float turns, r;
  if (math_abs(angle) < 1048576.0f) {
    turns = math_round(angle * 0.636619772f);
    r = math_fma(turns, -1.57079637050628662f, angle);
    r = math_fma(turns, 4.37113900018624283e-8f, r);
    r = math_fma(turns, 1.71512451613267e-15f, r);
  } else {
    double wide = math_round((double)angle * 0.63661977236758134308);
    r = (float)((double)angle - wide * 1.57079632679489661923);
    turns = (float)(wide - 4.0 * math_floor(wide * 0.25));
  }
  i32 quarter = (i32)(turns - 4.0f * math_floor(turns * 0.25f));
  float r2 = r * r;
  float s = r + r * r2 * (-1.6666654611e-1f + r2 * (8.3321608736e-3f + r2 * -1.9515295891e-4f));
  float c = 1.0f - 0.5f * r2 +
            r2 * r2 * (4.166664568298827e-2f + r2 * (-1.388731625493765e-3f + r2 * 2.443315711809948e-5f));
  bool swap = (quarter & 1) != 0;
  float sine = swap ? c : s, cosine = swap ? s : c;
  return {quarter == 1 || quarter == 2 ? -cosine : cosine, (quarter & 2 ? -sine : sine) * sign};
}

// Rotates one pair of vectors; where the partner of an element lies depends on the order of pairs.
DEVICE void rotate(Vec<T, VEC>& a, Vec<T, VEC>& b, const Turn* turns) {
  UNROLL
  for (int i = 0; i < VEC; i++) {
#if TRADITIONAL
    int p = 2 * i;
    T& first = p < VEC ? a[p % VEC] : b[p % VEC];
    T& second = p + 1 < VEC ? a[(p + 1) % VEC] : b[(p + 1) % VEC];
#else
    T &first = a[i], &second = b[i];
#endif
    float x = cast<float>(first), y = cast<float>(second);
    first = cast<T>(x * turns[i].cos - y * turns[i].sin);
    second = cast<T>(x * turns[i].sin + y * turns[i].cos);
  }
}

// Threads count [batch][heads / HEADS][time][item]; an item of a row is VEC pairs or VEC features of the
// rest. Strides are those of x, in elements; y is row-contiguous.
KERNEL(256)
rope(const T* x, T* y, const OFFSET* __restrict__ offsets, i64 offset_stride, const float* __restrict__ freqs,
     i64 freqs_stride, u64 count, u32 heads, u32 times, u32 features, u32 half, i64 batch_stride, i64 head_stride,
     i64 time_stride, float scale, float step, float sign) {
  const u32 turning = half / VEC, items = turning + (features - 2 * half) / VEC;
  const u32 head_groups = (heads + HEADS - 1) / HEADS;
  for (INDEX at = (INDEX)group_x() * 256 + thread_x(); at < (INDEX)count; at += (INDEX)group_count_x() * 256) {
    INDEX row = at / items;
    const u32 item = (u32)(at - row * items);
    INDEX outer = row / times;
    const u32 time = (u32)(row - outer * times);
    const u32 batch = (u32)(outer / head_groups), head = (u32)(outer - (INDEX)batch * head_groups) * HEADS;
    const T* from = x + (i64)batch * batch_stride + (i64)head * head_stride + (i64)time * time_stride;
    T* to = y + (((u64)batch * heads + head) * times + time) * features;
    const u64 to_stride = (u64)times * features;
    const bool all = head + HEADS <= heads;

    if (item >= turning) {
      const u32 column = 2 * half + (item - turning) * VEC;
      for (u32 h = 0; h < HEADS && head + h < heads; h++) {
        store_apart<VEC>(to + h * to_stride + column, load_apart<VEC>(from + (i64)h * head_stride + column));
      }
      continue;
    }
    const u32 pair = item * VEC;
    const u32 first = TRADITIONAL ? 2 * pair : pair, second = TRADITIONAL ? 2 * pair + VEC : pair + half;
    Vec<T, VEC> a[HEADS], b[HEADS];
    UNROLL
    for (u32 h = 0; h < HEADS; h++) {
      if (!all && head + h >= heads) continue;
      a[h] = load_apart<VEC>(from + (i64)h * head_stride + first);
      b[h] = load_apart<VEC>(from + (i64)h * head_stride + second);
    }
    const float position = ((float)time + (float)offsets[(i64)batch * offset_stride]) * scale;
    Turn turns[VEC];
    UNROLL
    for (int i = 0; i < VEC; i++) {
#if FREQS
      float rate = 1.0f / freqs[(i64)(pair + i) * freqs_stride];
#else
      float rate = exp_exact(-(float)(pair + i) * step);
#endif
      turns[i] = turn(position * rate, sign);
    }
    UNROLL
    for (u32 h = 0; h < HEADS; h++) {
      if (!all && head + h >= heads) continue;
      rotate(a[h], b[h], turns);
      store_apart<VEC>(to + h * to_stride + first, a[h]);
      store_apart<VEC>(to + h * to_stride + second, b[h]);
    }
  }
}
