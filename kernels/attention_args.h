// Sizes and strides of an attention, passed by value: the host fills the very struct that the kernels read.
#pragma once

// A function for constant expressions: clang takes those of the host, NVRTC has no host.
#if defined(__CUDACC__)
#define CONSTANT_FN __device__ constexpr
#else
#define CONSTANT_FN constexpr
#endif

// Strides count elements; the last axis of q, k, v and out is contiguous.
struct AttentionArgs {
  long long q_batch, q_head, q_row;
  long long k_batch, k_head, k_row;
  long long v_batch, v_head, v_row;
  long long out_batch, out_head, out_row;
  long long mask_batch, mask_head, mask_row, mask_col;
  int heads, kv_heads;
  int q_len, kv_len;
  int splits, split_keys;  // parts of the keys, and how many each has (the last one fewer)
  float scale;
  int together;            // key heads whose row blocks take turns, of attention_prefill
};

// How attention_prefill.hip cuts its work, for a matrix family (a number of mma.h) and the wider of the head
// dims: the host and the kernel ask the same function. Sizes are the largest that spill no register.
struct AttentionTiles {
  int waves;
  int q_tiles;    // of 16 rows, of a wave
  int keys;       // of a step
  bool q_in_lds;  // queries in LDS, where registers are short
  int stages;     // of attention_async.h
  int resident;   // waves that registers allow for on a SIMD; with 6 on gfx11 the compiler of ROCm 6.4 spills
};
// `size`: 0 for up to 32 rows of queries, 1 for up to 64, 2 for more.
CONSTANT_FN AttentionTiles attention_tiles(int mma, int dim, int size) {
  const bool none = mma == 0, gfx11 = mma == 1, gfx12 = mma == 2;
  const bool cdna = mma >= 3 && mma <= 5, nvidia = mma == 6;
  AttentionTiles t{size == 0 ? 2 : 4, 1, 32, false, 1, cdna || mma == 7 ? 2 : gfx11 && dim <= 128 ? 5 : 1};
  // Two tiles of rows a wave halve the traffic from LDS.
  if (size == 2 && (cdna || nvidia) && dim <= 128) t.q_tiles = 2;
  if (nvidia) {
    // On an H200, 4096 queries 128 wide, causal and not: 352 and 373 TFLOP/s; 32 keys 339 and 352, one stage 314 and 354,
    // 16 rows a wave 206 to 305 and 217 to 317. 64 wide: 307, queries in LDS 294.
    t.keys = dim <= 128 ? 64 : 32;
    t.q_in_lds = dim > 128 || (t.q_tiles == 2 && dim > 64);
    t.stages = 2;
    return t;
  }
  if (size > 0 && dim <= (cdna ? 128 : none ? 0 : 64)) t.keys = 64;
  if ((none || gfx11) && dim > 128) t.keys = 16;
  if (gfx11 && dim > 64 && size == 0) t.keys = 16;
  if (gfx12 && dim > 192) t.keys = 16;
  t.q_in_lds = none || (gfx11 && dim > 128) || (gfx12 && dim > 192);
  return t;
}
// Elements from one row of queries, keys or values to the next in LDS, for dims that are multiples of TILE_K. A row and
// 8 more put the rows that a fragment takes at once into different banks; attention_async.h permutes pieces of 64.
CONSTANT_FN int attention_stride(int mma, int dim) { return mma == 6 ? (dim + 63) / 64 * 64 : dim + 8; }
// Elements of LDS.
CONSTANT_FN int attention_lds(int mma, AttentionTiles t, int dim, int v_dim) {
  const int rows = t.waves * t.q_tiles * 16, wide = dim > v_dim ? dim : v_dim;
  if (mma == 6) return (rows + 2 * t.stages * t.keys) * attention_stride(mma, wide);
  const int stride = attention_stride(mma, dim);
  return t.keys * (stride > v_dim ? stride : v_dim) + (t.q_in_lds ? rows * stride : 0);
}
