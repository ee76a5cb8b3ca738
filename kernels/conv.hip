// Convolutions as matrix products whose operands are gathered on the way to LDS. A product of M x K by K x N is cut into
// tiles of TILE_M x TILE_N and, when those are too few for the device, into ranges of k whose partial sums (OUT =
// float, one array after the other) conv_sum adds up.
//
//   conv             y[p][o]     M output positions, N output channels, K = taps x input channels
//   conv_gradient    dw[o][t, c] M output channels, N = taps x input channels, K output positions
//
// both for every group. Defines: those of conv.h and conv_tile.h; GRADIENT: which of the two; OUT; VEC: elements of an access to x and w, which
// divides channels / groups; VEC_G: the same for g and out_channels / groups; ALIGNED: channels / groups is a multiple
// of the tile's step. Bytes read are those of the operands for every tile that needs them, mostly from L2; with 3 x 3
// taps and 64 channels and more the multiplications are the limit.
#include "conv.h"
#include "conv_tile.h"

constexpr int PIECES = Tile::STEP / RUN;  // runs of a row
constexpr int A_RUNS = TILE_M * PIECES / THREADS, B_RUNS = TILE_N * PIECES / THREADS;

// A workgroup's tile.
struct Where {
  u32 m, n, group, part;
};
DEVICE Where where(u32 m_tiles, u32 n_tiles, u32 groups) {
  u32 id = group_x(), rest = id / n_tiles;
  Where w = {0, (id - rest * n_tiles) * TILE_N, 0, 0};
  id = rest, rest = id / m_tiles, w.m = (id - rest * m_tiles) * TILE_M;
  id = rest, rest = id / groups, w.group = id - rest * groups;
  w.part = rest;
  return w;
}

DEVICE Vec<T, RUN> zeros() { return bit_cast<Vec<T, RUN>>(Vec<u32, 4>{{0, 0, 0, 0}}); }
template <int Count>
DEVICE void place(Vec<T, RUN>& to, int at, const Vec<T, Count>& from) {
  UNROLL
  for (int i = 0; i < Count; i++) to[at + i] = from[i];
}

#if !defined(GRADIENT) || !GRADIENT
KERNEL(THREADS)
conv(const T* __restrict__ x, const T* __restrict__ w, OUT* __restrict__ y, STRUCT_ARGUMENT Conv g,
     INDEX positions, u32 m_tiles, u32 n_tiles, u32 steps) {
  SHARED alignas(16) T left[Tile::LEFT], right[Tile::RIGHT];
  const u32 channels = g.channels / g.groups, outs = g.out_channels / g.groups, depth = TAPS * channels;
  const Where at = where(m_tiles, n_tiles, g.groups);
  const u32 begin = at.part * steps * Tile::STEP;
  const u32 end = depth - begin < steps * Tile::STEP ? depth : begin + steps * Tile::STEP;
  x += (u64)at.group * channels;
  w += (u64)at.group * outs * depth;

  // Run i of this thread is at row `row(i)`, element `column` of a step.
  const u32 column = thread_x() % PIECES * RUN;
  auto row = [](int i) { return (i * THREADS + thread_x()) / PIECES; };
  Position positions_of[A_RUNS];
  bool in_m[A_RUNS], in_n[B_RUNS];
  UNROLL
  for (int i = 0; i < A_RUNS; i++) {
    const INDEX p = (INDEX)at.m + row(i);
    in_m[i] = p < positions;
    positions_of[i] = position_of(g, in_m[i] ? p : 0);
  }
  UNROLL
  for (int i = 0; i < B_RUNS; i++) in_n[i] = at.n + row(i) < outs;

  Vec<T, RUN> a[A_RUNS], b[B_RUNS];
#if ALIGNED
  u32 tap = begin / channels, channel = begin - tap * channels;
  i64 offset[A_RUNS];
  auto locate = [&] {
    UNROLL
    for (int i = 0; i < A_RUNS; i++) offset[i] = in_m[i] ? offset_at(g, positions_of[i], tap) : -1;
  };
  locate();
  auto fetch = [&](u32) {
    if (channel == channels) {
      channel = 0, tap++;
      locate();
    }
    UNROLL
    for (int i = 0; i < A_RUNS; i++) {
      a[i] = zeros();
      if (offset[i] >= 0) a[i] = load<RUN>(x + offset[i] + channel + column);
    }
    UNROLL
    for (int i = 0; i < B_RUNS; i++) {
      b[i] = zeros();
      if (in_n[i]) {
        b[i] = load<RUN>(w + (u64)(at.n + row(i)) * depth + (u32)weight_tap(tap) * channels + channel + column);
      }
    }
    channel += Tile::STEP;
  };
#else
  auto fetch = [&](u32 k) {
    UNROLL
    for (int i = 0; i < A_RUNS; i++) a[i] = zeros();
    UNROLL
    for (int i = 0; i < B_RUNS; i++) b[i] = zeros();
    UNROLL
    for (int piece = 0; piece < RUN; piece += VEC) {
      const u32 here = k + column + piece, tap = here / channels, channel = here - tap * channels;
      if (here >= end) break;
      UNROLL
      for (int i = 0; i < A_RUNS; i++) {
        const i64 offset = in_m[i] ? offset_at(g, positions_of[i], tap) : -1;
        if (offset >= 0) place(a[i], piece, load<VEC>(x + offset + channel));
      }
      UNROLL
      for (int i = 0; i < B_RUNS; i++) {
        const u64 offset = (u64)(at.n + row(i)) * depth + (u32)weight_tap(tap) * channels + channel;
        if (in_n[i]) place(b[i], piece, load<VEC>(w + offset));
      }
    }
  };
#endif

  Tile tile;
  tile.clear();
  fetch(begin);
  for (u32 k = begin; k < end; k += Tile::STEP) {
    UNROLL
    for (int i = 0; i < A_RUNS; i++) Tile::along<TILE_M>(left, row(i), column, a[i]);
    UNROLL
    for (int i = 0; i < B_RUNS; i++) Tile::along<TILE_N>(right, row(i), column, b[i]);
    barrier_lds();
    if (k + Tile::STEP < end) fetch(k + Tile::STEP);
    tile.multiply(left, right);
    barrier_lds();
  }
  y += (u64)at.part * positions * (u32)g.out_channels + (u64)at.group * outs;
  tile.each([&](u32 r, u32 c, float sum) {
    const INDEX p = (INDEX)at.m + r;
    const u32 o = at.n + c;
    if (p < positions && o < outs) y[(u64)p * g.out_channels + o] = cast<OUT>(sum);
  });
}
#else
// `steps` of Tile::STEP positions for each part.
KERNEL(THREADS)
conv_gradient(const T* __restrict__ x, const T* __restrict__ cotangent, OUT* __restrict__ dw,
              STRUCT_ARGUMENT Conv g, INDEX positions, u32 m_tiles, u32 n_tiles, INDEX steps) {
  SHARED alignas(16) T left[Tile::LEFT], right[Tile::RIGHT];
  const u32 channels = g.channels / g.groups, outs = g.out_channels / g.groups, depth = TAPS * channels;
  const Where at = where(m_tiles, n_tiles, g.groups);
  const INDEX begin = at.part * steps * Tile::STEP;
  const INDEX limit = begin + steps * Tile::STEP, end = limit < positions ? limit : positions;
  x += (u64)at.group * channels;
  cotangent += (u64)at.group * outs;

  // Neighbouring threads take neighbouring positions; run i is at rows `row(i)` and on.
  const u32 line = thread_x() % Tile::STEP;
  auto row = [](int i) { return (i * THREADS + thread_x()) / Tile::STEP * RUN; };
  Vec<T, RUN> a[A_RUNS], b[B_RUNS];
  auto fetch = [&](INDEX k) {
    UNROLL
    for (int i = 0; i < A_RUNS; i++) a[i] = zeros();
    UNROLL
    for (int i = 0; i < B_RUNS; i++) b[i] = zeros();
    const INDEX p = k + line;
    if (p >= end) return;
    const Position here = position_of(g, p);
    UNROLL
    for (int i = 0; i < A_RUNS; i++) {
      UNROLL
      for (int piece = 0; piece < RUN; piece += VEC_G) {
        const u32 o = at.m + row(i) + piece;
        if (o < outs) place(a[i], piece, load<VEC_G>(cotangent + (u64)p * g.out_channels + o));
      }
    }
    UNROLL
    for (int i = 0; i < B_RUNS; i++) {
      UNROLL
      for (int piece = 0; piece < RUN; piece += VEC) {
        const u32 n = at.n + row(i) + piece, tap = n / channels;
        const i64 offset = n < depth ? offset_at(g, here, tap) : -1;
        if (offset >= 0) place(b[i], piece, load<VEC>(x + offset + (n - tap * channels)));
      }
    }
  };

  Tile tile;
  tile.clear();
  fetch(begin);
  for (INDEX k = begin; k < end; k += Tile::STEP) {
    UNROLL
    for (int i = 0; i < A_RUNS; i++) Tile::across<TILE_M>(left, row(i), line, a[i]);
    UNROLL
    for (int i = 0; i < B_RUNS; i++) Tile::across<TILE_N>(right, row(i), line, b[i]);
    barrier_lds();
    if (k + Tile::STEP < end) fetch(k + Tile::STEP);
    tile.multiply(left, right);
    barrier_lds();
  }
  dw += ((u64)at.part * g.groups + at.group) * outs * depth;
  tile.each([&](u32 r, u32 c, float sum) {
    const u32 o = at.m + r, n = at.n + c, tap = n / channels;
    if (o < outs && n < depth) {
      dw[(u64)o * depth + (u32)weight_tap(tap) * channels + (n - tap * channels)] = cast<OUT>(sum);
    }
  });
}
#endif
