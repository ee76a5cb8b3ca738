// y[r][:] = scale * (H_M kron H_HIGH) x[r][:], Hadamard matrices of order M (1, 12, 20, 28) and of a power of two.
//
// A workgroup holds TILE floats in LDS. For rows of M * HIGH elements these are neighbouring rows (LOW = 1). For
// longer rows the launcher runs several passes, each over some of the butterflies; then a tile has LOW neighbouring
// columns of M * HIGH / LOW elements that lie `stride` apart in memory. In the tile both look alike: butterflies
// between elements LOW to HIGH / 2 apart, then the matrix H_M across M blocks of HIGH.
//
// TIN, TOUT: types in memory. VEC: elements of an access. LOW, HIGH, M, TILE; SIGNS: M words, bit j of word i is set
// where H_M[i][j] is -1. Memory moved: each element once in, once out, which is the limit for rows that fit.
#include "device.h"

constexpr u32 THREADS = 256;

// Four floats after each 32: keeps 16-byte accesses aligned and spreads strided ones over the banks.
DEVICE constexpr u32 place(u32 i) { return i + i / 32 * 4; }

template <int Count>
DEVICE void butterflies(float (&v)[Count]) {
  UNROLL
  for (int h = 1; h < Count; h *= 2) {
    UNROLL
    for (int i = 0; i < Count; i++) {
      if (i & h) continue;
      float a = v[i], b = v[i + h];
      v[i] = a + b;
      v[i + h] = a - b;
    }
  }
}

// Levels Distance, 2 Distance, ... HIGH / 2, up to four of them between two barriers.
template <u32 Distance>
DEVICE void levels(float* tile) {
  if constexpr (Distance < HIGH) {
    constexpr u32 radix = HIGH / Distance >= 16 ? 16 : HIGH / Distance;
    for (u32 b = thread_x(); b < TILE / radix; b += THREADS) {
      const u32 at = b / Distance * (Distance * radix) + b % Distance;
      float v[radix];
      UNROLL
      for (u32 k = 0; k < radix; k++) v[k] = tile[place(at + k * Distance)];
      butterflies(v);
      UNROLL
      for (u32 k = 0; k < radix; k++) tile[place(at + k * Distance)] = v[k];
    }
    barrier_lds();
    levels<Distance * radix>(tile);
  }
}

#if M > 1
DEVICE void blocks(float* tile) {
  constexpr u32 signs[M] = SIGNS;
  for (u32 b = thread_x(); b < TILE / M; b += THREADS) {
    const u32 at = b / HIGH * (HIGH * M) + b % HIGH;
    float v[M];
    UNROLL
    for (u32 k = 0; k < M; k++) v[k] = tile[place(at + k * HIGH)];
    UNROLL
    for (u32 i = 0; i < M; i++) {
      float sum = 0;
      UNROLL
      for (u32 k = 0; k < M; k++) sum = signs[i] >> k & 1 ? sum - v[k] : sum + v[k];
      tile[place(at + i * HIGH)] = sum;
    }
  }
  barrier_lds();
}
#endif

// Tiles beyond the end of the array load and store nothing there. `stride` and `tiles` (of one column block) matter
// when LOW > 1: tile t starts at column t % tiles * LOW of matrix t / tiles.
KERNEL(256)
hadamard(const TIN* x, TOUT* y, u64 size, u32 stride, u32 tiles, float scale) {
  SHARED alignas(16) float tile[place(TILE - 1) + 1];
  const u64 start = LOW == 1 ? (u64)group_x() * TILE
                             : (u64)(group_x() / tiles) * ((u64)stride * (TILE / LOW)) + (u64)(group_x() % tiles) * LOW;
  constexpr u32 first = LOW == 1 && HIGH >= VEC ? VEC : LOW;  // distance of the first level that goes through LDS
  for (u32 i = thread_x() * VEC; i < TILE; i += THREADS * VEC) {
    const u64 at = LOW == 1 ? start + i : start + (u64)(i / LOW) * stride + i % LOW;
    float v[VEC] = {};
    if (at < size) {
      const Vec<TIN, VEC> in = load<VEC>(x + at);
      UNROLL
      for (u32 k = 0; k < VEC; k++) v[k] = cast<float>(in[k]);
      if constexpr (first == VEC && LOW == 1) butterflies(v);
    }
    UNROLL
    for (u32 k = 0; k < VEC; k++) tile[place(i + k)] = v[k];
  }
  barrier_lds();
  levels<first>(tile);
#if M > 1
  blocks(tile);
#endif
  for (u32 i = thread_x() * VEC; i < TILE; i += THREADS * VEC) {
    const u64 at = LOW == 1 ? start + i : start + (u64)(i / LOW) * stride + i % LOW;
    if (at >= size) continue;
    Vec<TOUT, VEC> out;
    UNROLL
    for (u32 k = 0; k < VEC; k++) out[k] = cast<TOUT>(tile[place(i + k)] * scale);
    store<VEC>(y + at, out);
  }
}
