// Group-quantised weights: codes to numbers, for every mode and width.
//
// A kernel that includes this is specialised by T (the type of x, of affine scales and of the result), MODE,
// BITS and GROUP. A row of k values is a little-endian stream of codes in 32-bit words; k is a multiple of
// GROUP. Each group has a scale and, if affine, a bias:
//
//   mode    bits           group       scale  value
//   affine  2,3,4,5,6,8    32,64,128   T      scale * code + bias
//   mxfp4   4 (e2m1)       32          e8m0   scale * code
//   mxfp8   8 (e4m3)       32          e8m0   scale * code
//   nvfp4   4 (e2m1)       16          e4m3   scale * code
//
// Codes become raw floats in few instructions: code = (raw - RAW_OFFSET) * RAW_SCALE. A dot product of raw
// numbers meets offset and scale once a group, in float, before scale and bias: the order in which Metal
// adds.
#pragma once
#include "device.h"

#define MODE_AFFINE 0
#define MODE_MXFP4 1
#define MODE_MXFP8 2
#define MODE_NVFP4 3

#define IS_AFFINE (MODE == MODE_AFFINE)
#define IS_FP4 (MODE == MODE_MXFP4 || MODE == MODE_NVFP4)
#define IS_FP8 (MODE == MODE_MXFP8)

// ---- scales -----------------------------------------------------------------------------------------------

// e4m3: the exponents of half are 8 binades away, and 0x7f is NaN.
DEVICE float e4m3_value(u32 code) {
  u32 magnitude = code & 0x7f;
  float value = cast<float>(f16{(u16)((code & 0x80) << 8 | magnitude << 7)}) * 256.0f;
  return magnitude == 0x7f ? bit_cast<float>(0x7fc00000u | code << 24) : value;
}
DEVICE float e8m0_value(u32 code) { return bit_cast<float>(code ? code << 23 : 1u << 22); }

#if MODE == MODE_AFFINE
using Scale = T;
DEVICE float scale_value(T s) { return cast<float>(s); }
#elif MODE == MODE_NVFP4
using Scale = u8;
DEVICE float scale_value(u8 s) { return e4m3_value(s); }
#else
using Scale = u8;
DEVICE float scale_value(u8 s) { return e8m0_value(s); }
#endif

// ---- codes ------------------------------------------------------------------------------------------------

constexpr bool NARROW_RAW = GPU_NVIDIA && IS_AFFINE && BITS < 8 && 8 % BITS == 0 && sizeof(T) == 2;
constexpr float RAW_OFFSET = NARROW_RAW ? 128.0f : 0.0f;
constexpr float RAW_SCALE = IS_FP4 ? 16384.0f : IS_FP8 ? 256.0f : 1.0f;

// A byte of a word as a float. Conversions are cheap on AMD; on NVIDIA the byte is put into a mantissa, and
// the sum 128 + byte may stay as it is where 16-bit results hide the last bits.
DEVICE float byte_to_raw(u32 word, int byte) {
#if GPU_AMD
  return (float)(word >> 8 * byte & 255);
#else
  if constexpr (NARROW_RAW) return bit_cast<float>(__byte_perm(word, 0x43, 0x4055 | byte << 8));
  return bit_cast<float>(__byte_perm(word, 0x4b, 0x4550 | byte)) - 8388608.0f;
#endif
}
DEVICE float small_to_raw(u32 code) {
#if GPU_AMD
  return (float)code;
#else
  return bit_cast<float>(0x4b000000u | code) - 8388608.0f;
#endif
}

#if IS_AFFINE
// Code `i` of a run that starts at w[0]; `i` is known to the compiler.
DEVICE float raw_code(const u32* w, int i) {
  constexpr u32 mask = (1u << BITS) - 1;
  if constexpr (8 % BITS == 0) {
    int byte = i * BITS / 8, inside = i * BITS % 8;
    return byte_to_raw(w[byte / 4] >> inside & mask * 0x01010101u, byte % 4);
  } else {
    int bit = i * BITS, shift = bit % 32;
    u32 code = w[bit / 32] >> shift;
    if (shift + BITS > 32) code |= w[bit / 32 + 1] << (32 - shift);
    return small_to_raw(code & mask);
  }
}
// Codes [first, first + 8) of a run that starts at w[0].
DEVICE void raw_codes(const u32* w, int first, float (&v)[8]) {
  UNROLL
  for (int i = 0; i < 8; i++) v[i] = raw_code(w, first + i);
}
#elif IS_FP4
// Two codes at a time become halves that are 2^-14 of the values.
DEVICE void raw_codes(const u32* w, int first, float (&v)[8]) {
  UNROLL
  for (int i = 0; i < 4; i++) {
    u32 two = w[first / 8] >> 4 * i;
    u32 halves = (two & 0x00070007u) << 9 | (two & 0x00080008u) << 12;
    v[i] = cast<float>(f16{(u16)halves});
    v[i + 4] = cast<float>(f16{(u16)(halves >> 16)});
  }
}
#else
// Likewise, 2^-8 of the values; NaN (0x7f) gets the exponent that halves have for it.
DEVICE void raw_codes(const u32* w, int first, float (&v)[8]) {
  UNROLL
  for (int i = 0; i < 4; i++) {
    u32 two = w[first / 4 + i / 2] >> 8 * (i % 2) & 0x00ff00ffu;
    u32 magnitude = two & 0x007f007fu, nan = (magnitude + 0x00010001u) & 0x00800080u;
    u32 halves = (two & 0x00800080u) << 8 | magnitude << 7 | ((nan << 8) - (nan << 3));
    int at = i / 2 * 4 + i % 2;
    v[at] = cast<float>(f16{(u16)halves});
    v[at + 2] = cast<float>(f16{(u16)(halves >> 16)});
  }
}
#endif

// A raw code as dequantize makes it: times the scale, then plus the bias, each rounded to T.
DEVICE float dequantized(float raw, float scale, float bias) {
  const float value = rounded<T>(rounded_product((raw - RAW_OFFSET) * RAW_SCALE, scale));
  return IS_AFFINE ? rounded<T>(value + bias) : value;
}

// The values themselves, in float: one rounding from the exact one.
DEVICE void values_of(const u32* w, int first, float scale, float bias, float (&v)[8]) {
  raw_codes(w, first, v);
  if constexpr (IS_AFFINE) bias -= scale * RAW_OFFSET;
  UNROLL
  for (int i = 0; i < 8; i++) v[i] = IS_AFFINE ? math_fma(v[i], scale, bias) : v[i] * RAW_SCALE * scale;
}

// To T. Most AMD targets have no instruction for bf16, and the compiler's sequence looks for NaNs whose low
// bits are set, which scales of 16 bits do not bring.
template <class Type>
DEVICE Type round_weight(float x) {
  return cast<Type>(x);
}
#if GPU_AMD && !(defined(MMA_MFMA_CDNA4) && MMA == MMA_MFMA_CDNA4)
template <>
DEVICE bf16 round_weight<bf16>(float x) {
  u32 bits = bit_cast<u32>(x);
  return {(u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}
#endif
// Operands of matrix instructions: 8 values rounded to T once, in the order 0 4 1 5 2 6 3 7, which needs
// fewer instructions; operands that meet them have the same order.
DEVICE Vec<T, 8> paired(const Vec<T, 8>& v) {
  Vec<T, 8> out;
  UNROLL
  for (int i = 0; i < 4; i++) {
    out[2 * i] = v[i];
    out[2 * i + 1] = v[i + 4];
  }
  return out;
}

#if IS_AFFINE && BITS == 4
// scale * code + bias of two codes in 16-bit arithmetic, rounded once: codes are put into the mantissa of a
// power of two, which is then taken off. For bf16 only NVIDIA has such instructions.
#if GPU_AMD
typedef _Float16 PackedHalves __attribute__((ext_vector_type(2)));
DEVICE u32 scale_two(u32 two, Vec<f16, 2> scale, Vec<f16, 2> bias) {
  PackedHalves v = bit_cast<PackedHalves>(two | 0x64006400u) - (PackedHalves)(_Float16)1024.0f;
  auto s = bit_cast<PackedHalves>(scale), b = bit_cast<PackedHalves>(bias);
  return bit_cast<u32>(__builtin_elementwise_fma(v, s, b));
}
template <class Type>
constexpr bool HAS_PACKED_MATH = false;
template <>
constexpr bool HAS_PACKED_MATH<f16> = true;
#else
DEVICE u32 scale_two(u32 two, Vec<f16, 2> scale, Vec<f16, 2> bias) {
  u32 v;
  asm("sub.rn.f16x2 %0, %1, %2;" : "=r"(v) : "r"(two | 0x64006400u), "r"(0x64006400u));
  asm("fma.rn.f16x2 %0, %0, %1, %2;" : "+r"(v) : "r"(bit_cast<u32>(scale)), "r"(bit_cast<u32>(bias)));
  return v;
}
DEVICE u32 scale_two(u32 two, Vec<bf16, 2> scale, Vec<bf16, 2> bias) {
  u32 v;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(v) : "r"(two | 0x43004300u), "r"(0x3f803f80u), "r"(0xc300c300u));
  asm("fma.rn.bf16x2 %0, %0, %1, %2;" : "+r"(v) : "r"(bit_cast<u32>(scale)), "r"(bit_cast<u32>(bias)));
  return v;
}
template <class Type>
constexpr bool HAS_PACKED_MATH = sizeof(Type) == 2;
#endif
template <class Type>
DEVICE Vec<Type, 8> packed_values(u32 word, float scale, float bias) {
  Vec<Type, 2> s = {{cast<Type>(scale), cast<Type>(scale)}}, b = {{cast<Type>(bias), cast<Type>(bias)}};
  Vec<u32, 4> out;
  UNROLL
  for (int i = 0; i < 4; i++) out[i] = scale_two(word >> 4 * i & 0x000f000fu, s, b);
  return bit_cast<Vec<Type, 8>>(out);
}
#else
template <class Type>
constexpr bool HAS_PACKED_MATH = false;
#endif

// Codes [first, first + 8); scale and bias are values of T where the mode has them so.
template <class Type = T>
DEVICE Vec<Type, 8> paired_values(const u32* w, int first, float scale, float bias) {
#if IS_AFFINE && BITS == 4
  if constexpr (HAS_PACKED_MATH<Type>) return packed_values<Type>(w[first / 8], scale, bias);
#endif
  float v[8];
  values_of(w, first, scale, bias, v);
  Vec<Type, 8> out;
  UNROLL
  for (int i = 0; i < 4; i++) {
    out[2 * i] = round_weight<Type>(v[i]);
    out[2 * i + 1] = round_weight<Type>(v[i + 4]);
  }
  return out;
}

// ---- codes as operands ------------------------------------------------------------------------------------

#if IS_AFFINE && (BITS == 4 || BITS == 8)
// Codes as 16-bit numbers RAW_CODE_OFFSET + code, exactly: bits of a code fill a part of a mantissa. The
// higher they lie the smaller is the offset, which costs accuracy. bf16 has room for 7 bits, so codes of 8
// are two planes of 4: low + 16 * high.
template <class Type>
struct RawFormat {  // no 16-bit type: nothing of this is used
  static constexpr u32 one = 0;
  static constexpr int planes = 1, place = 0, offset = 0;
};
template <>
struct RawFormat<bf16> {
  static constexpr u32 one = 0x43004300u;  // the offset, twice
  static constexpr int planes = BITS / 4, place = 0, offset = BITS == 8 ? 128 * 17 : 128;
};
template <>
struct RawFormat<f16> {
  static constexpr u32 one = BITS == 8 ? 0x64006400u : 0x54005400u;
  static constexpr int planes = 1, place = BITS == 8 ? 0 : 4, offset = BITS == 8 ? 1024 : 64;
};
constexpr int RAW_PLANES = RawFormat<T>::planes;
constexpr float RAW_CODE_OFFSET = RawFormat<T>::offset;

// x & And | Or in one instruction. Compilers make two of it, so that the constants need no registers:
// NVIDIA's always, AMD's where an instruction with three operands takes no constant (CDNA).
template <u32 And, u32 Or>
DEVICE u32 masked_or(u32 x) {
#if GPU_AMD
  u32 with = Or;
  if constexpr (WAVE == 64) asm("" : "+v"(with));
  return (x & And) | with;
#else
  u32 out;
  asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(out) : "r"(x), "n"(And), "r"(Or));
  return out;
#endif
}

// Codes [first, first + 8): of 4 bits in the order 0 4 1 5 2 6 3 7, of 8 bits 0 2 1 3 4 6 5 7.
template <class Type = T>
DEVICE Vec<Type, 8> raw_operand(const u32* w, int first, int plane) {
  using Format = RawFormat<Type>;
  constexpr int word_pairs = 16 / BITS;
  constexpr u32 mask = (BITS / Format::planes == 8 ? 0x00ff00ffu : 0x000f000fu) << Format::place;
  Vec<u32, 4> out;
  UNROLL
  for (int i = 0; i < 4; i++) {
    const int shift = i % word_pairs * BITS + 4 * plane - Format::place;
    u32 word = w[first * BITS / 32 + i / word_pairs];
    word = shift < 0 ? word << (-shift & 31) : word >> (shift & 31);
    out[i] = masked_or<mask, Format::one>(word);
  }
  return bit_cast<Vec<Type, 8>>(out);
}
// Values of x in that order.
DEVICE Vec<T, 8> raw_order(const Vec<T, 8>& v) {
  if constexpr (BITS == 4) return paired(v);
  return {v[0], v[2], v[1], v[3], v[4], v[6], v[5], v[7]};
}
#elif IS_FP4
// The numbers themselves, by looking up their bytes: eight in two words, for the high and the low byte of
// each. Signs are set afterwards.
constexpr int RAW_PLANES = 1;
constexpr float RAW_CODE_OFFSET = 0;
template <class Type>
struct Fp4Bytes {
  static constexpr u32 high[2] = {}, low[2] = {};
};
template <>
struct Fp4Bytes<bf16> {
  static constexpr u32 high[2] = {0x3f3f3f00u, 0x40404040u}, low[2] = {0xc0800000u, 0xc0804000u};
};
template <>
struct Fp4Bytes<f16> {
  static constexpr u32 high[2] = {0x3e3c3800u, 0x46444240u}, low[2] = {};
};
// Four codes, magnitudes as `which` has them for the target's selection of bytes and signs in bit 7 of the
// bytes of `signs`, as two words.
template <class Type>
DEVICE void look_up(u32 which, u32 signs, u32* out) {
  using Bytes = Fp4Bytes<Type>;
  const u32 high = select_bytes(Bytes::high[0], Bytes::high[1], which) | (signs & 0x80808080u);
  const u32 low = Bytes::low[0] == 0 ? 0 : select_bytes(Bytes::low[0], Bytes::low[1], which);
  out[0] = interleave_low(low, high);
  out[1] = interleave_high(low, high);
}
#if GPU_NVIDIA
// The highest bits of four nibbles as those of bytes: one set in a selector copies the chosen byte's
// highest bit to all of its bits, so the bytes are 0xff or 0x80.
DEVICE u32 nibble_signs(u32 nibbles) {
  u32 bytes;
  asm("prmt.b32 %0, %1, %1, %2;" : "=r"(bytes) : "r"(0x80808080u), "r"(nibbles));
  return bytes << 1;
}
#endif
// Codes [first, first + 8), on AMD in the order 0 2 4 6 1 3 5 7.
template <class Type = T>
DEVICE Vec<Type, 8> raw_operand(const u32* w, int first, int) {
  const u32 word = w[first / 8];
  Vec<u32, 4> out;
#if GPU_AMD
  look_up<Type>(word & 0x07070707u, word << 4, out.v);
  look_up<Type>(word >> 4 & 0x07070707u, word, out.v + 2);
#else
  const u32 which = word & 0x77777777u;
  look_up<Type>(which, nibble_signs(word), out.v);
  look_up<Type>(which >> 16, nibble_signs(word >> 16), out.v + 2);
#endif
  return bit_cast<Vec<Type, 8>>(out);
}
DEVICE Vec<T, 8> raw_order(const Vec<T, 8>& v) {
  if constexpr (GPU_NVIDIA) return v;
  return {v[0], v[2], v[4], v[6], v[1], v[3], v[5], v[7]};
}
#endif

// ---- runs of codes ----------------------------------------------------------------------------------------

// Codes that one lane takes at a time: Words neighbouring words, in the widest accesses that they are aligned
// to. Once: nobody reads them again.
template <int Words>
struct Run {
  u32 w[Words];
};
template <int Words, bool Once = true>
DEVICE Run<Words> load_run(const u32* p) {
  Run<Words> run;
  constexpr int step = Words % 4 == 0 ? 4 : Words % 2 == 0 ? 2 : 1;
  UNROLL
  for (int i = 0; i < Words; i += step) {
    Vec<u32, step> part;
    if constexpr (step >= 2 && Once) {
      part = load_once<step>(p + i);
    } else {
      part = load<step>(p + i);
    }
    UNROLL
    for (int j = 0; j < step; j++) run.w[i + j] = part[j];
  }
  return run;
}

// The 8 codes number [8 * at, 8 * at + 8) of a whole matrix, at the front of two words.
DEVICE Run<2> load_eight(const u32* codes, u64 at) {
  constexpr u32 bits = 8 * BITS;
  const u32* p = codes + at * BITS / 4;
  if constexpr (bits == 64) return load_run<2>(p);
  if constexpr (bits == 32) return {{p[0], 0}};
  u32 shift = (u32)(at * BITS % 4) * 8;
  u64 stream = p[0];
  if (shift + bits > 32) stream |= (u64)p[1] << 32;
  stream >>= shift;
  return {{(u32)stream, (u32)(stream >> 32)}};
}
