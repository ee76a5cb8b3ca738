// Unsigned keys that order like the elements they stand for, as backend/cpu/sort_keys.h makes them: NaNs are
// equal and above everything, complex numbers order by real part, then by imaginary part.
#pragma once
#include "device.h"
#include "scalar.h"

// `Exact` keeps -0 apart from +0 (below it), so that the key can be turned back; otherwise the two are equal.
template <bool Exact, class Bits>
DEVICE Bits float_key(Bits bits, Bits infinity_bits) {
  constexpr Bits sign = (Bits)((Bits)1 << (8 * sizeof(Bits) - 1));
  Bits key = (Bits)(bits & sign ? ~bits : bits | sign);
  if (!Exact && bits == sign) key = sign;
  return (Bits)(bits & (Bits)~sign) > infinity_bits ? (Bits)~(Bits)0 : key;
}
template <class Bits>
DEVICE Bits float_bits_of(Bits key) {
  constexpr Bits sign = (Bits)((Bits)1 << (8 * sizeof(Bits) - 1));
  return (Bits)(key & sign ? key ^ sign : ~key);
}

// Integers: the sign bit turned over where there is one.
template <class Type>
struct SortKey {
  using Key = Unsigned<sizeof(Type)>;
  static constexpr int bits = 8 * sizeof(Type);
  static constexpr Key flip = (Type)-1 < (Type)0 ? (Key)((Key)1 << (bits - 1)) : (Key)0;
  template <bool Exact>
  static DEVICE Key of(Type x) {
    return (Key)((Key)x ^ flip);
  }
  static DEVICE Type back(Key key) { return (Type)(Key)(key ^ flip); }
};
template <>
struct SortKey<bool> {
  using Key = u8;
  static constexpr int bits = 1;
  template <bool Exact>
  static DEVICE Key of(bool x) {
    return x ? 1 : 0;
  }
  static DEVICE bool back(Key key) { return key != 0; }
};
template <>
struct SortKey<float> {
  using Key = u32;
  static constexpr int bits = 32;
  template <bool Exact>
  static DEVICE Key of(float x) {
    return float_key<Exact>(bit_cast<u32>(x), 0x7f800000u);
  }
  static DEVICE float back(Key key) { return bit_cast<float>(float_bits_of(key)); }
};
template <class Type, u16 Infinity>
struct HalfKey {
  using Key = u16;
  static constexpr int bits = 16;
  template <bool Exact>
  static DEVICE Key of(Type x) {
    return float_key<Exact>(x.bits, Infinity);
  }
  static DEVICE Type back(Key key) { return {float_bits_of(key)}; }
};
template <>
struct SortKey<bf16> : HalfKey<bf16, 0x7f80> {};
template <>
struct SortKey<f16> : HalfKey<f16, 0x7c00> {};
template <>
struct SortKey<complex64> {
  using Key = u64;
  static constexpr int bits = 64;
  template <bool Exact>
  static DEVICE Key of(complex64 x) {
    u32 re = SortKey<float>::of<Exact>(x.re), im = SortKey<float>::of<Exact>(x.im);
    return re == ~0u || im == ~0u ? ~0ull : (u64)re << 32 | im;
  }
  static DEVICE complex64 back(Key key) {
    return {SortKey<float>::back((u32)(key >> 32)), SortKey<float>::back((u32)key)};
  }
};
