// Packing and unpacking of group-quantised matrices, and of e4m3 bytes. All of it streams: 16 bytes of values
// a lane and access, GROUP / 8 neighbouring lanes a group. Bytes moved a value: those of T once and BITS / 8,
// plus scales.
//
//   quantize     values (count * 8) -> codes, scales, biases
//   dequantize   codes, scales, biases -> values
//   to_fp8, from_fp8
//
// The arithmetic is that of backend/cpu/simd/quantized.cpp, bit by bit: no product and sum may fuse.
#include "quant.h"
#include "wave.h"

constexpr float GLOBAL_RANGE = 448.0f * 6.0f;  // of nvfp4 with a global scale

// Product and sum rounded one by one.
DEVICE float product(float a, float b) {
#if GPU_AMD
#pragma clang fp contract(off)
  return a * b;
#else
  return __fmul_rn(a, b);
#endif
}
DEVICE float sum_of(float a, float b) {
#if GPU_AMD
#pragma clang fp contract(off)
  return a + b;
#else
  return __fadd_rn(a, b);
#endif
}

// Nearest e4m3 code, ties to even, saturating at 448.
DEVICE u32 e4m3_code(float x) {
  u32 bits = bit_cast<u32>(x), sign = bits >> 24 & 0x80, magnitude = bits & 0x7fffffff;
  if (magnitude >= 543u << 21) return sign | 0x7e;
  if (magnitude < 121u << 23) {  // subnormal: the adder rounds at 2^-9
    u32 shifted = bit_cast<u32>(sum_of(bit_cast<float>(magnitude), bit_cast<float>(141u << 23)));
    return sign | (shifted - (141u << 23));
  }
  return sign | (magnitude - (120u << 23) + 0x7ffff + (magnitude >> 20 & 1)) >> 20;
}
// Nearest e2m1 code; ties go to the smaller magnitude, and what rounds to zero is +0.
DEVICE u32 e2m1_code(float x) {
  float a = math_abs(x);
  if (!(a < infinity())) return 0;
  u32 code = (a > 0.25f) + (a > 0.75f) + (a > 1.25f) + (a > 1.75f) + (a > 2.5f) + (a > 3.5f) + (a > 5.0f);
  return code != 0 && x < 0 ? code | 8 : code;
}

// Every lane's 8 codes, its piece number `at`, to the stream of the whole matrix; all lanes of the wave take
// part. Pieces of 3, 5 or 6 bytes are not whole words, those of 4 neighbouring lanes are: each of these
// stores words of all four.
DEVICE void store_eight(u32* codes, u64 at, bool there, const u32 (&code)[8]) {
  u64 stream = 0;
  UNROLL
  for (int i = 0; i < 8; i++) stream |= (u64)code[i] << BITS * i;
  if constexpr (BITS == 2) {
    if (there) ((u16*)codes)[at] = (u16)stream;
  } else if constexpr (BITS == 4) {
    if (there) codes[at] = (u32)stream;
  } else if constexpr (BITS == 8) {
    if (there) store<2>(codes + 2 * at, Vec<u32, 2>{{(u32)stream, (u32)(stream >> 32)}});
  } else {
    constexpr u32 bits = 8 * BITS;
    u32 quad = lane() / 4 * 4;
    UNROLL
    for (u32 turn = 0; turn < BITS; turn += 4) {
      u32 word = turn + lane() % 4, from = 32 * word / bits, shift = 32 * word % bits;
      u64 low = shuffle(stream, quad + from % 4), high = shuffle(stream, quad + (from + 1) % 4);
      u64 value = low >> shift;
      if (shift + 32 > bits) value |= high << (bits - shift);
      if (there && word < BITS) codes[at / 4 * BITS + word] = (u32)value;
    }
  }
}

struct Lower {
  DEVICE float operator()(float a, float b) const { return b < a ? b : a; }
};
struct Higher {
  DEVICE float operator()(float a, float b) const { return a < b ? b : a; }
};

#if IS_AFFINE
struct Affine {
  float scale, bias;
};
// The edge that is further from zero gets a code of its own, so that it survives exactly.
DEVICE Affine affine_of(float low, float high) {
  bool low_edge = math_abs(low) > math_abs(high);
  float span = (high - low) / (float)((1 << BITS) - 1);
  span = span < 1e-7f ? 1e-7f : span;
  float edge = low_edge ? low : high, scale = low_edge ? span : -span;
  float zero_code = math_round(edge / scale);
  if (zero_code != 0) return {edge / zero_code, edge};
  return {scale, 0.0f};
}

DEVICE void quantize_group(const float (&v)[8], u32 (&code)[8], T* scale, T* bias, bool first, float) {
  float low = infinity(), high = -infinity();
  UNROLL
  for (int i = 0; i < 8; i++) {
    low = Lower()(low, v[i]);
    high = Higher()(high, v[i]);
  }
  low = wave_reduce<Lower, GROUP / 8>(low);
  high = wave_reduce<Higher, GROUP / 8>(high);
  Affine a = affine_of(low, high);
  constexpr float top = (float)((1 << BITS) - 1);
  UNROLL
  for (int i = 0; i < 8; i++) {
    float c = math_round((v[i] - a.bias) / a.scale);
    c = c > 0.0f ? c : 0.0f;
    code[i] = (u32)(c < top ? c : top);
  }
  if (first) {
    *scale = cast<T>(a.scale);
    *bias = cast<T>(a.bias);
  }
}
#else
// The smallest power of two that is not below `x`, as an exponent; 0 for zero.
DEVICE int exponent_above(float x) {
  u32 bits = bit_cast<u32>(x);
  if (bits == 0) return 0;
  int shift = 0;
  if (bits < 1u << 23) {  // denormal
    bits = bit_cast<u32>(x * 8388608.0f);
    shift = 23;
  }
  return (int)(bits >> 23) - 127 - shift + ((bits & 0x7fffff) != 0);
}
DEVICE float power_of_two(int e) {
  return bit_cast<float>(e > -127 ? (u32)(e + 127) << 23 : e < -149 ? 0u : 1u << (e + 149));
}

DEVICE void quantize_group(const float (&v)[8], u32 (&code)[8], u8* scale, u8*, bool first, float factor) {
  u32 top_bits = 0;  // the order of magnitudes, in which NaN is the largest
  UNROLL
  for (int i = 0; i < 8; i++) {
    u32 bits = bit_cast<u32>(v[i]) & 0x7fffffff;
    top_bits = top_bits < bits ? bits : top_bits;
  }
  top_bits = wave_reduce<Max, GROUP / 8>(top_bits);
  float wanted = bit_cast<float>(top_bits) / (IS_FP4 ? 6.0f : 448.0f), step;
  u32 scale_code;
  if constexpr (MODE == MODE_NVFP4) {
    scale_code = e4m3_code(factor == 1.0f ? wanted : product(wanted, factor));
    step = rounded<T>(e4m3_value(scale_code));
  } else {
    int e = exponent_above(wanted);
    scale_code = top_bits < 0x7f800000u ? (u32)(e + 127) & 255 : 0;
    step = rounded<T>(power_of_two(e));
  }
  UNROLL
  for (int i = 0; i < 8; i++) {
    float c = rounded<T>(v[i] / step);
    if (factor != 1.0f) c = product(c, factor);
    code[i] = IS_FP4 ? e2m1_code(c) : e4m3_code(c);
  }
  if (first) *scale = (u8)scale_code;
}
#endif

// `count` pieces of 8 values. The factor of nvfp4 is `range` divided by *global_scale, or 1 where that is
// null.
KERNEL(256)
quantize(const T* __restrict__ x, u32* __restrict__ codes, Scale* __restrict__ scales,
         Scale* __restrict__ biases, const float* __restrict__ global_scale, u64 count) {
  float factor = global_scale ? GLOBAL_RANGE / *global_scale : 1.0f;
  u64 step = (u64)group_count_x() * 256;
  // Whole waves turn together: lanes of a group exchange values.
  for (u64 base = (u64)group_x() * 256 + thread_x() / WAVE * WAVE; base < count; base += step) {
    u64 at = base + lane();
    bool there = at < count;
    Vec<T, 8> in = load<8>(x + 8 * (there ? at : count - 1));
    float v[8];
    UNROLL
    for (int i = 0; i < 8; i++) v[i] = cast<float>(in[i]);
    u32 code[8];
    u64 group = at / (GROUP / 8);
    quantize_group(v, code, scales + group, biases + group, there && at % (GROUP / 8) == 0, factor);
    store_eight(codes, at, there, code);
  }
}

// Scales are rounded to T, multiplied by the global scales there are, each over `range`, and rounded again.
KERNEL(256)
dequantize(const u32* __restrict__ codes, const Scale* __restrict__ scales, const Scale* __restrict__ biases,
           const float* __restrict__ global_a, const float* __restrict__ global_b, T* __restrict__ out,
           u64 count) {
  float factor = global_a ? *global_a / GLOBAL_RANGE : 1.0f;
  if (global_b) factor = product(factor, *global_b / GLOBAL_RANGE);
  u64 step = (u64)group_count_x() * 256;
  for (u64 at = (u64)group_x() * 256 + thread_x(); at < count; at += step) {
    Run<2> run = load_eight(codes, at);
    u64 group = at / (GROUP / 8);
    float scale = rounded<T>(product(rounded<T>(scale_value(scales[group])), factor)), v[8];
    Vec<T, 8> result;
    float bias = 0;
    if constexpr (IS_AFFINE) bias = scale_value(biases[group]);
    raw_codes(run.w, 0, v);
    UNROLL
    for (int i = 0; i < 8; i++) result[i] = cast<T>(dequantized(v[i], scale, bias));
    store<8>(out + 8 * at, result);
  }
}

KERNEL(256) to_fp8(const T* __restrict__ x, u8* __restrict__ out, u64 n) {
  u64 step = (u64)group_count_x() * 256;
  for (u64 i = (u64)group_x() * 256 + thread_x(); i < n; i += step) out[i] = (u8)e4m3_code(cast<float>(x[i]));
}
KERNEL(256) from_fp8(const u8* __restrict__ x, T* __restrict__ out, u64 n) {
  u64 step = (u64)group_count_x() * 256;
  for (u64 i = (u64)group_x() * 256 + thread_x(); i < n; i += step) out[i] = cast<T>(e4m3_value(x[i]));
}
