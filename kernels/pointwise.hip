// Elementwise work: eager ops, casts, copies between layouts and groups fused by mx.compile. backend/gpu/pointwise.cpp
// writes generated.h: the function of one element and the kernel `pointwise` around it, which reads every operand once
// and writes every output once in accesses of up to 16 bytes. Memory is the limit: bytes = the operands' and outputs' sizes.
//
// EXACT_ROUNDING: products and sums are rounded one by one, so that a fused group gives the bits that its ops give. The compiler
// takes it as an option where it has no pragma for it (backend/gpu/nvrtc.cpp).
#define EXACT_ROUNDING 1
#if defined(__HIP__)
#pragma clang fp contract(off)
#endif
#include "device.h"
#include "layout.h"
#include "scalar.h"

template <class To, class From>
struct Converted {
  DEVICE static To of(From x) { return (To)x; }
};
template <class To>
struct Converted<To, complex64> {
  DEVICE static To of(complex64 x) { return (To)x.re; }
};
template <>
struct Converted<bool, complex64> {
  DEVICE static bool of(complex64 x) { return x.re != 0.0f || x.im != 0.0f; }
};
template <>
struct Converted<complex64, complex64> {
  DEVICE static complex64 of(complex64 x) { return x; }
};
template <class From>
struct Converted<complex64, From> {
  DEVICE static complex64 of(From x) { return {(float)x, 0.0f}; }
};
template <class From>
struct Converted<bool, From> {
  DEVICE static bool of(From x) { return x != (From)0; }
};
// Through i64: a negative float wraps as on the CPU, and does not become 0.
template <>
struct Converted<u8, float> {
  DEVICE static u8 of(float x) { return (u8)(i64)x; }
};
template <>
struct Converted<u16, float> {
  DEVICE static u16 of(float x) { return (u16)(i64)x; }
};
template <>
struct Converted<u32, float> {
  DEVICE static u32 of(float x) { return (u32)(i64)x; }
};
template <>
struct Converted<u64, float> {
  DEVICE static u64 of(float x) { return x < 0.0f ? (u64)(i64)x : (u64)x; }
};
template <>
struct Converted<i8, float> {
  DEVICE static i8 of(float x) { return (i8)(i32)x; }
};
template <>
struct Converted<i16, float> {
  DEVICE static i16 of(float x) { return (i16)(i32)x; }
};
// Between compute types; casts to and from the half types are cast<>.
template <class To, class From>
DEVICE To convert(From x) {
  return Converted<To, From>::of(x);
}

// A scalar operand that came as bits in an argument.
template <class Type>
DEVICE Type from_bits(u64 bits) {
  if constexpr (sizeof(Type) == 8) {
    return bit_cast<Type>(bits);
  } else if constexpr (sizeof(Type) == 4) {
    return bit_cast<Type>((u32)bits);
  } else if constexpr (sizeof(Type) == 2) {
    return bit_cast<Type>((u16)bits);
  } else {
    return bit_cast<Type>((u8)bits);
  }
}

// Count elements that lie `step` apart.
template <int Count, class Type>
DEVICE Vec<Type, Count> load_apart(const Type* p, i64 step) {
  Vec<Type, Count> x;
  UNROLL
  for (int i = 0; i < Count; i++) x[i] = p[i * step];
  return x;
}
template <int Count, class Type>
DEVICE void store_apart(Type* p, i64 step, const Vec<Type, Count>& x) {
  UNROLL
  for (int i = 0; i < Count; i++) p[i * step] = x[i];
}
template <int Count, class Type>
DEVICE Vec<Type, Count> repeat(Type value) {
  Vec<Type, Count> x;
  UNROLL
  for (int i = 0; i < Count; i++) x[i] = value;
  return x;
}

#if defined(GENERATED)
#include "generated.h"
#else
// What a generated kernel looks like: bf16 x * scalar + z, in one order in memory, 8 elements at a time.
DEVICE void element(float x0, float x1, float x2, float& y0) {
  const float t3 = rounded<bf16>(Multiply()(x0, x1));
  y0 = Add()(t3, x2);
}
KERNEL(256) pointwise(const bf16* p0, u64 b1, const bf16* p2, bf16* p3, u32 count) {
  const float c1 = cast<float>(from_bits<bf16>(b1));
  const u32 first = (u32)group_x() * 256 + thread_x(), step = (u32)group_count_x() * 256;
  for (u32 i = first; i < count / 8; i += step) {
    auto v0 = load<8>(p0 + (u64)i * 8);
    auto v2 = load<8>(p2 + (u64)i * 8);
    Vec<bf16, 8> w0;
    UNROLL
    for (int e = 0; e < 8; e++) {
      float y0;
      element(cast<float>(v0[e]), c1, cast<float>(v2[e]), y0);
      w0[e] = cast<bf16>(y0);
    }
    store(p3 + (u64)i * 8, w0);
  }
}
#endif
