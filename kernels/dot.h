// Dot products of short vectors inside a 32-bit word, in one instruction where the target has it:
// DOT2_F16 and DOT2_BF16 are 1 for pairs of halves, DOT4 names that for four int8.
#pragma once
#include "device.h"

#define DOT4_NONE 0
#define DOT4_SDOT4 1   // CDNA, RDNA2: both signed
#define DOT4_SUDOT4 2  // RDNA3 and later: signedness chosen per operand
#define DOT4_DP4A 3    // NVIDIA

// c + a[0] * b[0] + a[1] * b[1] in float. The bf16 instruction takes denormals as zero.
DEVICE float dot2(Vec<bf16, 2> a, Vec<bf16, 2> b, float c) {
#if GPU_AMD && DOT2_BF16
  typedef __bf16 Pair __attribute__((ext_vector_type(2)));
  return __builtin_amdgcn_fdot2_f32_bf16(bit_cast<Pair>(a), bit_cast<Pair>(b), c, false);
#else
  return math_fma(cast<float>(a[1]), cast<float>(b[1]), math_fma(cast<float>(a[0]), cast<float>(b[0]), c));
#endif
}
DEVICE float dot2(Vec<f16, 2> a, Vec<f16, 2> b, float c) {
#if GPU_AMD && DOT2_F16
  typedef _Float16 Pair __attribute__((ext_vector_type(2)));
  return __builtin_amdgcn_fdot2(bit_cast<Pair>(a), bit_cast<Pair>(b), c, false);
#else
  return math_fma(cast<float>(a[1]), cast<float>(b[1]), math_fma(cast<float>(a[0]), cast<float>(b[0]), c));
#endif
}

// c + the sum of a[i] * b[i] over the four signed bytes of a word.
DEVICE i32 dot4(u32 a, u32 b, i32 c) {
#if DOT4 == DOT4_SDOT4
  return __builtin_amdgcn_sdot4((i32)a, (i32)b, c, false);
#elif DOT4 == DOT4_SUDOT4
  return __builtin_amdgcn_sudot4(true, (i32)a, true, (i32)b, c, false);
#elif DOT4 == DOT4_DP4A
  return __dp4a((i32)a, (i32)b, c);
#elif DOT4 == DOT4_NONE
  UNROLL
  for (int i = 0; i < 4; i++) c += (i32)(i8)(a >> 8 * i) * (i32)(i8)(b >> 8 * i);
  return c;
#else
#error "DOT4 names no instruction of dot.h"
#endif
}
