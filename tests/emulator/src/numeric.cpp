#include "numeric.h"

namespace emu {

u16 f32_to_f16_rtz(f32 value) {
  const f16 nearest = static_cast<f16>(value);
  if (value != value || std::isinf(value)) return as_u16(nearest);
  const bool rounded_away = std::fabs(static_cast<f32>(nearest)) > std::fabs(value);
  return static_cast<u16>(as_u16(nearest) - (rounded_away ? 1 : 0));
}

f32 small_float_to_f32(u32 bits, int exponent_bits, int mantissa_bits, int bias) {
  const u32 mantissa = bits & ((1u << mantissa_bits) - 1);
  const u32 exponent = (bits >> mantissa_bits) & ((1u << exponent_bits) - 1);
  const bool negative = (bits >> (exponent_bits + mantissa_bits)) & 1;
  const f32 magnitude = exponent ? std::ldexp(static_cast<f32>(mantissa + (1u << mantissa_bits)),
                                              static_cast<int>(exponent) - bias - mantissa_bits)
                                 : std::ldexp(static_cast<f32>(mantissa), 1 - bias - mantissa_bits);
  return negative ? -magnitude : magnitude;
}

namespace {

struct Fp8Facts {
  int exponent_bits, mantissa_bits, bias;
  u8 largest;   // bits of the largest finite number
  u8 overflow;  // magnitude bits that too large a number becomes
};

const Fp8Facts& facts(Fp8 format) {
  static const Fp8Facts rows[] = {
      {4, 3, 8, 0x7f, 0x80},   // E4M3Fnuz
      {5, 2, 16, 0x7f, 0x80},  // E5M2Fnuz
      {4, 3, 7, 0x7e, 0x7f},   // E4M3
      {5, 2, 15, 0x7b, 0x7c},  // E5M2
  };
  return rows[static_cast<int>(format)];
}

bool is_fnuz(Fp8 format) { return format == Fp8::E4M3Fnuz || format == Fp8::E5M2Fnuz; }

f32 decode(u8 bits, Fp8 format) {
  const Fp8Facts& row = facts(format);
  if (is_fnuz(format) && bits == 0x80) return NAN;
  if (format == Fp8::E4M3 && (bits & 0x7f) == 0x7f) return NAN;
  if (format == Fp8::E5M2 && (bits & 0x7f) > 0x7c) return NAN;
  if (format == Fp8::E5M2 && (bits & 0x7f) == 0x7c) return bits & 0x80 ? -INFINITY : INFINITY;
  return small_float_to_f32(bits, row.exponent_bits, row.mantissa_bits, row.bias);
}

std::array<f32, 256> make_table(Fp8 format) {
  std::array<f32, 256> table;
  for (int i = 0; i < 256; ++i) table[i] = decode(static_cast<u8>(i), format);
  return table;
}

}  // namespace

const std::array<f32, 256>& fp8_table(Fp8 format) {
  static const std::array<f32, 256> tables[] = {make_table(Fp8::E4M3Fnuz), make_table(Fp8::E5M2Fnuz),
                                                make_table(Fp8::E4M3), make_table(Fp8::E5M2)};
  return tables[static_cast<int>(format)];
}

u8 f32_to_fp8(f32 value, Fp8 format) {
  const Fp8Facts& row = facts(format);
  const bool fnuz = is_fnuz(format);
  const u8 nan = fnuz ? 0x80 : 0x7f;
  if (value != value) return nan;
  const u8 sign = std::signbit(value) ? 0x80 : 0;
  const f32 magnitude = std::fabs(value);
  const u8 overflow = fnuz ? row.overflow : static_cast<u8>(sign | row.overflow);
  if (std::isinf(value)) return overflow;
  if (magnitude == 0) return fnuz ? 0 : sign;
  // Quantise to the spacing of the binade (subnormals share the lowest one), then rebuild the bits.
  int exponent = std::max(std::ilogb(magnitude), 1 - row.bias);
  const f32 steps = std::nearbyint(std::ldexp(magnitude, row.mantissa_bits - exponent));
  // `steps` has the implicit one when normal, so adding it to the biased exponent also carries into it.
  const int bits = ((exponent + row.bias - 1) << row.mantissa_bits) + static_cast<int>(steps);
  if (bits > row.largest) return overflow;
  if (bits == 0) return fnuz ? 0 : sign;
  return static_cast<u8>(sign | bits);
}

}  // namespace emu
