// 16-bit arithmetic, float and integer.
#include <algorithm>

#include "float_math.h"
#include "integer_math.h"
#include "valu.h"

namespace emu {

namespace {

// One rounding: products and sums of halves are exact in double precision.
f16 fma_f16(f16 x, f16 y, f16 z) {
  return static_cast<f16>(static_cast<f64>(x) * static_cast<f64>(y) + static_cast<f64>(z));
}
f16 half(f32 value) { return static_cast<f16>(value); }

void add_half_arithmetic(Rows& rows) {
  rows.push_back(valu("v_add_f16", [](f16 x, f16 y) { return half(f32(x) + f32(y)); }));
  rows.push_back(valu("v_sub_f16", [](f16 x, f16 y) { return half(f32(x) - f32(y)); }));
  rows.push_back(valu("v_subrev_f16", [](f16 x, f16 y) { return half(f32(y) - f32(x)); }));
  rows.push_back(valu("v_mul_f16", [](f16 x, f16 y) { return half(f32(x) * f32(y)); }));
  for (const char* name : {"v_fma_f16", "v_fmaak_f16", "v_fmamk_f16", "v_mad_f16"}) {
    rows.push_back(valu(name, [](f16 x, f16 y, f16 z) { return fma_f16(x, y, z); }));
  }
  rows.push_back(valu_accumulate("v_fmac_f16", [](f16 x, f16 y, f16 d) { return fma_f16(x, y, d); }));
  for (const char* num : {"", "_num"}) {
    const std::string end = std::string(num) + "_f16";
    rows.push_back(valu("v_min" + end, [](f16 x, f16 y) { return half(min_num<f32>(x, y)); }));
    rows.push_back(valu("v_max" + end, [](f16 x, f16 y) { return half(max_num<f32>(x, y)); }));
    rows.push_back(
        valu("v_max3" + end, [](f16 x, f16 y, f16 z) { return half(max_num<f32>(max_num<f32>(x, y), z)); }));
    rows.push_back(
        valu("v_min3" + end, [](f16 x, f16 y, f16 z) { return half(min_num<f32>(min_num<f32>(x, y), z)); }));
    rows.push_back(valu("v_med3" + end, [](f16 x, f16 y, f16 z) { return half(median<f32>(x, y, z)); }));
    rows.push_back(valu("v_maxmin" + end,
                        [](f16 x, f16 y, f16 z) { return half(min_num<f32>(max_num<f32>(x, y), z)); }));
    rows.push_back(valu("v_minmax" + end,
                        [](f16 x, f16 y, f16 z) { return half(max_num<f32>(min_num<f32>(x, y), z)); }));
  }
  rows.push_back(valu("v_minimum_f16", [](f16 x, f16 y) { return half(minimum<f32>(x, y)); }));
  rows.push_back(valu("v_maximum_f16", [](f16 x, f16 y) { return half(maximum<f32>(x, y)); }));
}

void add_half_functions(Rows& rows) {
  rows.push_back(valu("v_rcp_f16", [](f16 x) { return half(1 / f32(x)); }));
  rows.push_back(valu("v_sqrt_f16", [](f16 x) { return half(std::sqrt(f32(x))); }));
  rows.push_back(valu("v_rsq_f16", [](f16 x) { return static_cast<f16>(1 / std::sqrt(f64(x))); }));
  rows.push_back(valu("v_exp_f16", [](f16 x) { return half(std::exp2(f32(x))); }));
  rows.push_back(valu("v_log_f16", [](f16 x) { return half(std::log2(f32(x))); }));
  rows.push_back(valu("v_sin_f16", [](f16 x) { return static_cast<f16>(std::sin(2 * M_PI * f64(x))); }));
  rows.push_back(valu("v_cos_f16", [](f16 x) { return static_cast<f16>(std::cos(2 * M_PI * f64(x))); }));
  rows.push_back(valu("v_floor_f16", [](f16 x) { return half(std::floor(f32(x))); }));
  rows.push_back(valu("v_ceil_f16", [](f16 x) { return half(std::ceil(f32(x))); }));
  rows.push_back(valu("v_trunc_f16", [](f16 x) { return half(std::trunc(f32(x))); }));
  rows.push_back(valu("v_rndne_f16", [](f16 x) { return half(std::nearbyint(f32(x))); }));
  rows.push_back(valu("v_fract_f16", [](f16 x) {
    const f32 part = f32(x) - std::floor(f32(x));
    return std::isfinite(part) ? half(std::min(part, 0x1.ffcp-1f)) : static_cast<f16>(NAN);
  }));
  rows.push_back(valu("v_frexp_mant_f16", [](f16 x) { return half(frexp_mantissa(f32(x))); }));
  rows.push_back(valu("v_frexp_exp_i16_f16", [](f16 x) { return static_cast<i16>(frexp_exponent(f32(x))); }));
  rows.push_back(valu("v_ldexp_f16", [](f16 x, i16 e) { return half(std::ldexp(f32(x), e)); }));
  rows.push_back(valu("v_div_fixup_f16", [](f16 x, f16 y, f16 z) { return half(div_fixup<f32>(x, y, z)); }));
}

u16 saturate_u16(const Inst& in, i32 value) {
  return static_cast<u16>(in.clamp ? std::clamp(value, 0, 65535) : value);
}
u16 saturate_i16(const Inst& in, i32 value) {
  return static_cast<u16>(in.clamp ? std::clamp(value, -32768, 32767) : value);
}

void add_integer16(Rows& rows) {
  for (const char* name : {"v_add_nc_u16", "v_add_u16"}) {
    rows.push_back(valu(name, [](const Inst& in, u16 x, u16 y) { return saturate_u16(in, x + y); }));
  }
  for (const char* name : {"v_sub_nc_u16", "v_sub_u16"}) {
    rows.push_back(valu(name, [](const Inst& in, u16 x, u16 y) { return saturate_u16(in, x - y); }));
  }
  for (const char* name : {"v_add_nc_i16", "v_add_i16"}) {
    rows.push_back(valu(name, [](const Inst& in, i16 x, i16 y) { return saturate_i16(in, x + y); }));
  }
  for (const char* name : {"v_sub_nc_i16", "v_sub_i16"}) {
    rows.push_back(valu(name, [](const Inst& in, i16 x, i16 y) { return saturate_i16(in, x - y); }));
  }
  rows.push_back(valu("v_subrev_u16", [](const Inst& in, u16 x, u16 y) { return saturate_u16(in, y - x); }));
  rows.push_back(valu("v_mul_lo_u16", [](u16 x, u16 y) { return static_cast<u16>(u32(x) * y); }));
  for (const char* name : {"v_mad_u16", "v_mad_legacy_u16"}) {
    rows.push_back(valu(name, [](const Inst& in, u16 x, u16 y, u16 z) {
      const u64 sum = u64(x) * y + z;
      return static_cast<u16>(in.clamp ? std::min<u64>(sum, 65535) : sum);
    }));
  }
  rows.push_back(valu("v_mad_i16",
                      [](const Inst& in, i16 x, i16 y, i16 z) { return saturate_i16(in, i32(x) * y + z); }));
  rows.push_back(valu("v_lshlrev_b16", [](u16 x, u16 y) { return static_cast<u16>(y << (x & 15)); }));
  rows.push_back(valu("v_lshrrev_b16", [](u16 x, u16 y) { return static_cast<u16>(y >> (x & 15)); }));
  rows.push_back(valu("v_ashrrev_i16", [](u16 x, i16 y) { return static_cast<i16>(y >> (x & 15)); }));
  rows.push_back(valu("v_min_u16", [](u16 x, u16 y) { return std::min(x, y); }));
  rows.push_back(valu("v_max_u16", [](u16 x, u16 y) { return std::max(x, y); }));
  rows.push_back(valu("v_min_i16", [](i16 x, i16 y) { return std::min(x, y); }));
  rows.push_back(valu("v_max_i16", [](i16 x, i16 y) { return std::max(x, y); }));
  rows.push_back(valu("v_min3_u16", [](u16 x, u16 y, u16 z) { return std::min({x, y, z}); }));
  rows.push_back(valu("v_max3_u16", [](u16 x, u16 y, u16 z) { return std::max({x, y, z}); }));
  rows.push_back(valu("v_min3_i16", [](i16 x, i16 y, i16 z) { return std::min({x, y, z}); }));
  rows.push_back(valu("v_max3_i16", [](i16 x, i16 y, i16 z) { return std::max({x, y, z}); }));
  rows.push_back(valu("v_med3_i16", [](i16 x, i16 y, i16 z) { return middle(x, y, z); }));
  rows.push_back(valu("v_med3_u16", [](u16 x, u16 y, u16 z) { return middle(x, y, z); }));
}

void add_bits16(Rows& rows) {
  rows.push_back(valu("v_and_b16", [](u16 x, u16 y) { return static_cast<u16>(x & y); }));
  rows.push_back(valu("v_or_b16", [](u16 x, u16 y) { return static_cast<u16>(x | y); }));
  rows.push_back(valu("v_xor_b16", [](u16 x, u16 y) { return static_cast<u16>(x ^ y); }));
  rows.push_back(valu("v_not_b16", [](u16 x) { return static_cast<u16>(~x); }));
  rows.push_back(valu("v_mov_b16", [](u16 x) { return x; }));
  rows.push_back(valu("v_bitop3_b16", [](const Inst& in, u16 x, u16 y, u16 z) {
    return static_cast<u16>(bitop3(x, y, z, in.bitop));
  }));
  rows.push_back(
      valu("v_pack_b32_f16", [](f16 x, f16 y) { return as_u16(x) | (static_cast<u32>(as_u16(y)) << 16); }));
  rows.push_back(valu("v_mad_u32_u16", [](u16 x, u16 y, u32 z) { return u32(x) * y + z; }));
  rows.push_back(valu("v_mad_i32_i16", [](i16 x, i16 y, u32 z) { return static_cast<u32>(i32(x) * y) + z; }));
}

}  // namespace

void add_half_rows(Rows& rows) {
  add_half_arithmetic(rows);
  add_half_functions(rows);
  add_integer16(rows);
  add_bits16(rows);
}

}  // namespace emu
