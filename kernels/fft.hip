// Fourier transforms of lines of N elements in LDS, LINES of them in a workgroup, by Stockham passes.
//
// Data lies as (outer, axis, inner): element p of a transform is at o * outer_stride + p * axis_stride + i. A
// transform takes one launch with a line each (LINES_EACH = 1), or several, each over lines that are part of it: line
// number (o * LINES_EACH + q) * inner + i has the elements q / SPLIT * high + q % SPLIT * low + k * step, k < N, of
// its transform on either side; results but the last are multiplied by exp(-2 pi i (q % SPLIT) k / TWIDDLE).
// Passes go forward; an inverse transform exchanges real and imaginary parts on its way in and out (`swaps`). With CONVOLVE the transform is followed by a product with `filter` and another one (Bluestein).
//
// LENGTH of the whole transform, as the caller sees it, is half of turn.length: no define, so that Bluestein's transforms of all
// lengths share their kernels.
//
// Defines: N, LINES, LINES_EACH, SPLIT, THREADS, TWIDDLE (or 0); PASSES: types Pass<radix, product of those before>;
//   OFFSET: u32 or u64;
//   LOAD   0 complex, 1 real, 2 half spectrum of a real result
//   STORE  0 complex, 1 real part, 2 the first LENGTH / 2 + 1
//   Real transforms of even LENGTH = 2 N as complex ones of half the length (one line each, and PAIRED: pairs of reals
//   are aligned neighbours): LOAD 3 pairs of reals, STORE 4 their spectrum's first N + 1; LOAD 4 and STORE 3 the reverse
//   CHIRP_IN, CHIRP_OUT: times exp(-pi i p^2 / LENGTH); elements p >= LENGTH are zero, or dropped
//   SWAP_MID: exchange before the chirp; FILTER_OUT: multiply by filter[p] and exchange
//   ACROSS_IN, ACROSS_OUT: neighbouring lines are neighbours in memory, rather than elements of a line
// Memory moved: each element in and out once. Between the passes elements go through LDS, 16 bytes an element and
// pass; radix 8 costs about 25 instructions an element and pass.
#include "fft_radix.h"

#if LOAD == 1 || LOAD == 3
using In = float;
#else
using In = Complex;
#endif
#if STORE == 1 || STORE == 3
using Out = float;
#else
using Out = Complex;
#endif

// Where one side's elements lie.
struct Side {
  u64 outer_stride, axis_stride;
  u32 high, low, step;
};

// One more place after each 16 spreads powers of two over the banks; an odd pitch does that for lines.
DEVICE u32 place(u32 i) { return i + i / 16; }
constexpr u32 PITCH = (N + (N - 1) / 16) | 1, SIZE = N * LINES;

struct Line {
  OFFSET in, out;
  u32 first_in, first_out, q;  // positions of the first elements; q % SPLIT
};

DEVICE Complex chirp(u32 p, const Circle& turn) { return unit_root(modulo((u64)p * p, turn), turn); }

DEVICE Complex fetch(const In* x, OFFSET stride, u32 p, const Circle& turn, bool swap) {
  const u32 length = turn.length / 2;
#if CHIRP_IN
  if (p >= length) return {0, 0};
#endif
#if LOAD == 1
  Complex v = {x[p * stride], 0};
#elif LOAD == 2
  const bool upper = p > length / 2;
  Complex v = x[(upper ? length - p : p) * stride];
  if (upper) v.im = -v.im;
#elif LOAD == 3
  Complex v;
  if (PAIRED) {
    v = ((const Complex*)x)[p];
  } else {
    v = {x[2 * p * stride], x[(2 * p + 1) * stride]};
  }
#elif LOAD == 4
  // (X[p] + X*[N - p]) + i exp(2 pi i p / 2N) (X[p] - X*[N - p]); the ends stand for real numbers.
  Complex v = x[p * stride], opposite = conjugated(x[(N - p) * stride]);
  if (p == 0) v.im = opposite.im = 0;
  const Complex difference = conjugated(unit_root<2 * N>(p)) * (v - opposite);
  v = v + opposite - times_minus_i(difference);
#else
  Complex v = x[p * stride];
#endif
  if (swap) v = swapped(v);
#if CHIRP_IN
  v = v * chirp(p, turn);
#endif
  return v;
}

DEVICE void put(Out* y, OFFSET stride, u32 p, Complex v, const Complex* filter, float scale, const Circle& turn, bool swap) {
  const u32 length = turn.length / 2;
#if CHIRP_OUT
  if (p >= length) return;
#endif
#if STORE == 2
  if (p > length / 2) return;
#endif
  if (SWAP_MID) v = swapped(v);
#if FILTER_OUT
  v = swapped(v * filter[p]);
#endif
#if CHIRP_OUT
  v = v * chirp(p, turn);
#endif
  if (swap) v = swapped(v);
#if STORE == 1
  y[p * stride] = v.re * scale;
#elif STORE == 3
  if (PAIRED) {
    ((Complex*)y)[p] = {v.re * scale, v.im * scale};
  } else {
    y[2 * p * stride] = v.re * scale;
    y[(2 * p + 1) * stride] = v.im * scale;
  }
#else
  y[p * stride] = {v.re * scale, v.im * scale};
#endif
}

// One pass over the workgroup's lines. `Before` is the product of the radices of earlier passes.
template <int Radix, u32 Before>
struct Pass {
  static constexpr u32 each = N / Radix, butterflies = SIZE / Radix, turns = (butterflies + THREADS - 1) / THREADS;
  Complex v[turns][Radix];

  // The butterfly of turn t is number j of line c. False: there is none for this thread.
  template <bool Across>
  DEVICE static bool at(u32 t, u32& c, u32& j) {
    const u32 b = t * THREADS + thread_x();
    c = Across ? b % LINES : b / each;
    j = Across ? b / LINES : b % each;
    return butterflies % THREADS == 0 || b < butterflies;
  }
  template <bool Across, class Read>
  DEVICE void load(const Read& read) {
    UNROLL
    for (u32 t = 0; t < turns; t++) {
      u32 c, j;
      if (!at<Across>(t, c, j)) continue;
      UNROLL
      for (u32 r = 0; r < Radix; r++) v[t][r] = read(c, j + r * each);
    }
  }
  template <bool Across, class Write>
  DEVICE void transform(const Write& write) {
    UNROLL
    for (u32 t = 0; t < turns; t++) {
      u32 c, j;
      if (!at<Across>(t, c, j)) continue;
      if constexpr (Before > 1) {
        Complex w[Radix];  // each power is a product of at most log2(Radix) factors: errors of few ulp
        w[1] = unit_root<(u64)Before * Radix>(j % Before);
        UNROLL
        for (u32 r = 2; r < Radix; r++) w[r] = w[r / 2] * w[r - r / 2];
        UNROLL
        for (u32 r = 1; r < Radix; r++) v[t][r] = v[t][r] * w[r];
      }
      dft<Radix>(v[t]);
      const u32 first = j / Before * (Before * Radix) + j % Before;
      UNROLL
      for (u32 r = 0; r < Radix; r++) write(c, first + r * Before, v[t][r]);
    }
  }
};

// All passes, between which elements meet in `tile`. The first takes them from `first`, the last gives them to `last`,
// each of which may be in the tile as well (TileIn, TileOut).
template <bool AcrossIn, bool AcrossOut, bool TileIn, bool TileOut, class First, class Last>
struct Chain {
  Complex* tile;
  const First& first;
  const Last& last;

  template <bool IsFirst, class P, class... Rest>
  DEVICE void run() const {
    constexpr bool is_last = sizeof...(Rest) == 0;
    constexpr bool across = IsFirst ? AcrossIn : AcrossOut;
    Complex* const lds = tile;
    P pass;
    if constexpr (IsFirst) {
      pass.template load<across>(first);
    } else {
      pass.template load<across>([lds](u32 c, u32 i) { return lds[c * PITCH + place(i)]; });
    }
    // Nobody writes before all have read.
    if constexpr ((!IsFirst || TileIn) && (!is_last || TileOut)) barrier_lds();
    if constexpr (is_last) {
      pass.template transform<across>(last);
    } else {
      pass.template transform<across>([lds](u32 c, u32 i, Complex v) { lds[c * PITCH + place(i)] = v; });
      barrier_lds();
      run<false, Rest...>();
    }
  }
};

KERNEL(THREADS)
fft(const In* x, Out* y, const Complex* __restrict__ filter, STRUCT_ARGUMENT Side in, STRUCT_ARGUMENT Side out,
    u32 inner, float scale, u64 lines, STRUCT_ARGUMENT Circle turn, u32 swaps) {  // swaps: 1 on the way in, 2 on the way out
  SHARED Complex tile[PITCH * LINES];
  SHARED Line table[LINES];
  const u64 start = (u64)group_x() * LINES;
  const u32 present = (u32)(lines - start < LINES ? lines - start : LINES);
  for (u32 c = thread_x(); c < present; c += THREADS) {
    const u64 rest = (start + c) / inner, o = rest / LINES_EACH;
    const u32 i = (u32)(start + c - rest * inner), q = (u32)(rest - o * LINES_EACH);
    const u32 high = q / SPLIT, low = q % SPLIT;
    table[c] = {(OFFSET)(o * in.outer_stride + i), (OFFSET)(o * out.outer_stride + i),
                high * in.high + low * in.low, high * out.high + low * out.low, low};
  }
  barrier_lds();
  auto from_memory = [&](u32 c, u32 i) {
    if (c >= present) return Complex{0, 0};
    return fetch(x + table[c].in, (OFFSET)in.axis_stride, table[c].first_in + i * in.step, turn, swaps & 1);
  };
  auto to_memory = [&](u32 c, u32 k, Complex v) {
    if (c >= present) return;
#if TWIDDLE
    v = v * unit_root<TWIDDLE>(table[c].q * k);
#endif
    put(y + table[c].out, (OFFSET)out.axis_stride, table[c].first_out + k * out.step, v, filter, scale, turn,
        swaps & 2);
  };
#if CONVOLVE
  auto multiplied = [&](u32 c, u32 k, Complex v) { tile[c * PITCH + place(k)] = swapped(v * filter[k]); };
  auto held = [&](u32 c, u32 i) { return tile[c * PITCH + place(i)]; };
  using There = Chain<ACROSS_IN, ACROSS_IN, false, true, decltype(from_memory), decltype(multiplied)>;
  using Back = Chain<ACROSS_OUT, ACROSS_OUT, true, false, decltype(held), decltype(to_memory)>;
  There{tile, from_memory, multiplied}.template run<true, PASSES>();
  barrier_lds();
  Back{tile, held, to_memory}.template run<true, PASSES>();
#elif STORE == 4
  auto kept = [&](u32 c, u32 k, Complex v) { tile[c * PITCH + place(k)] = v; };
  using Only = Chain<ACROSS_IN, ACROSS_OUT, false, true, decltype(from_memory), decltype(kept)>;
  Only{tile, from_memory, kept}.template run<true, PASSES>();
  barrier_lds();
  constexpr u32 bins = N + 1;
  for (u32 b = thread_x(); b < LINES * bins; b += THREADS) {
    const u32 c = ACROSS_OUT ? b % LINES : b / bins, k = ACROSS_OUT ? b / LINES : b % bins;
    if (c >= present) continue;
    // Sums and differences of opposite elements are the transforms of the even and of the odd reals.
    const Complex v = tile[c * PITCH + place(k == N ? 0 : k)];
    const Complex opposite = conjugated(tile[c * PITCH + place(k == 0 ? 0 : N - k)]);
    const Complex x_k = v + opposite + unit_root<2 * N>(k) * times_minus_i(v - opposite);
    y[table[c].out + k * (OFFSET)out.axis_stride] = {0.5f * scale * x_k.re, 0.5f * scale * x_k.im};
  }
#else
  using Only = Chain<ACROSS_IN, ACROSS_OUT, false, false, decltype(from_memory), decltype(to_memory)>;
  Only{tile, from_memory, to_memory}.template run<true, PASSES>();
#endif
}
