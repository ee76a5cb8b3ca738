// Number formats: bit casts, half, bfloat16 and the two 8-bit float families.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace emu {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using f16 = _Float16;
using f32 = float;
using f64 = double;

inline f32 as_f32(u32 bits) { return std::bit_cast<f32>(bits); }
inline u32 as_u32(f32 value) { return std::bit_cast<u32>(value); }
inline f64 as_f64(u64 bits) { return std::bit_cast<f64>(bits); }
inline u64 as_u64(f64 value) { return std::bit_cast<u64>(value); }
inline f16 as_f16(u16 bits) { return std::bit_cast<f16>(bits); }
inline u16 as_u16(f16 value) { return std::bit_cast<u16>(value); }

inline f32 bf16_to_f32(u16 bits) { return as_f32(static_cast<u32>(bits) << 16); }

// Round to nearest even; a NaN stays a NaN (made quiet).
inline u16 f32_to_bf16(f32 value) {
  const u32 bits = as_u32(value);
  const u32 rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const u32 quiet = (bits >> 16) | 0x40;
  return static_cast<u16>((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

// Truncation towards zero, as the *_rtz conversions do.
u16 f32_to_f16_rtz(f32 value);

// An 8-bit float format. CDNA3 uses the "fnuz" family (no infinity, no minus zero, 0x80 is NaN); CDNA4 and
// RDNA4 use the OCP family (e4m3 has no infinity, e5m2 is like IEEE).
enum class Fp8 : u8 { E4M3Fnuz, E5M2Fnuz, E4M3, E5M2 };

const std::array<f32, 256>& fp8_table(Fp8 format);
inline f32 fp8_to_f32(u8 bits, Fp8 format) { return fp8_table(format)[bits]; }

// Round to nearest even. Overflow gives NaN (infinity in OCP e5m2), as with FP16_OVFL = 0.
u8 f32_to_fp8(f32 value, Fp8 format);

// MX formats of the CDNA4 f8f6f4 matrix instructions (E2M3, E3M2, E2M1), no infinity and no NaN.
f32 small_float_to_f32(u32 bits, int exponent_bits, int mantissa_bits, int bias);

}  // namespace emu
