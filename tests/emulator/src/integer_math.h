// Bit and integer helpers shared by the vector and the scalar unit.
#pragma once

#include <algorithm>

#include "numeric.h"

namespace emu {

inline u32 count_leading_zeros(u32 x) { return x ? std::countl_zero(x) : ~0u; }
inline u32 count_trailing_zeros(u32 x) { return x ? std::countr_zero(x) : ~0u; }
// Leading bits equal to the sign bit; -1 when all are.
inline u32 count_leading_signs(u32 x) { return count_leading_zeros(static_cast<i32>(x) < 0 ? ~x : x); }

inline u32 reverse_bits(u32 x) {
  x = ((x >> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  x = ((x >> 2) & 0x33333333) | ((x & 0x33333333) << 2);
  x = ((x >> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4);
  return __builtin_bswap32(x);
}

inline i32 sign_extend(u32 x, int bits) { return static_cast<i32>(x << (32 - bits)) >> (32 - bits); }

template <class T>
inline T middle(T x, T y, T z) {
  return std::max(std::min(x, y), std::min(std::max(x, y), z));
}

inline u32 extract_u32(u32 x, u32 offset, u32 width) {
  return width >= 32 ? x >> offset : (x >> offset) & ((1u << width) - 1);
}
inline u32 extract_i32(u32 x, u32 offset, u32 width) {
  if (width == 0) return 0;
  const i64 shifted = static_cast<i64>(static_cast<i32>(x)) >> offset;
  return width >= 32 ? static_cast<u32>(shifted)
                     : static_cast<u32>(sign_extend(static_cast<u32>(shifted), width));
}

// Any boolean function of three inputs: bit i of `table` is its value for (x, y, z) = the bits of i.
inline u32 bitop3(u32 x, u32 y, u32 z, u32 table) {
  u32 result = 0;
  for (int i = 0; i < 8; ++i) {
    const u32 minterm = (i & 4 ? x : ~x) & (i & 2 ? y : ~y) & (i & 1 ? z : ~z);
    result |= (table >> i) & 1 ? minterm : 0;
  }
  return result;
}

// v_perm_b32: four bytes chosen from the eight of {x, y}; selectors above 7 give signs and constants.
inline u32 permute_bytes(u32 x, u32 y, u32 selectors) {
  const u64 data = (static_cast<u64>(x) << 32) | y;
  u32 result = 0;
  for (int i = 0; i < 4; ++i) {
    const u32 s = (selectors >> (8 * i)) & 0xff;
    u32 byte = 0xff;
    if (s < 8) byte = (data >> (8 * s)) & 0xff;
    else if (s < 12) byte = (data >> (16 * (s - 8) + 15)) & 1 ? 0xff : 0;
    else if (s == 12) byte = 0;
    result |= byte << (8 * i);
  }
  return result;
}

// Sum of products of 4-bit or 8-bit fields.
inline u32 dot_fields(u32 x, u32 y, int bits, bool x_signed, bool y_signed) {
  u32 sum = 0;
  const u32 mask = (1u << bits) - 1;
  for (int shift = 0; shift < 32; shift += bits) {
    const u32 a = (x >> shift) & mask, b = (y >> shift) & mask;
    const i32 p = x_signed ? sign_extend(a, bits) : static_cast<i32>(a);
    const i32 q = y_signed ? sign_extend(b, bits) : static_cast<i32>(b);
    sum += static_cast<u32>(p * q);
  }
  return sum;
}

inline u32 sum_of_differences(u32 x, u32 y, int bits) {
  u32 sum = 0;
  const u32 mask = bits == 32 ? ~0u : (1u << bits) - 1;
  for (int shift = 0; shift < 32; shift += bits) {
    const u32 a = (x >> shift) & mask, b = (y >> shift) & mask;
    sum += a > b ? a - b : b - a;
  }
  return sum;
}

}  // namespace emu
