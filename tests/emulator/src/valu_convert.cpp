// Conversions between number formats.
#include <algorithm>

#include "float_math.h"
#include "integer_math.h"
#include "valu.h"

namespace emu {

namespace {

f32 byte_to_f32(u32 x, int byte) { return static_cast<f32>((x >> (8 * byte)) & 0xff); }

void add_integer_conversions(Rows& rows) {
  rows.push_back(valu("v_cvt_f32_i32", [](i32 x) { return static_cast<f32>(x); }));
  rows.push_back(valu("v_cvt_f32_u32", [](u32 x) { return static_cast<f32>(x); }));
  rows.push_back(valu("v_cvt_f32_ubyte0", [](u32 x) { return byte_to_f32(x, 0); }));
  rows.push_back(valu("v_cvt_f32_ubyte1", [](u32 x) { return byte_to_f32(x, 1); }));
  rows.push_back(valu("v_cvt_f32_ubyte2", [](u32 x) { return byte_to_f32(x, 2); }));
  rows.push_back(valu("v_cvt_f32_ubyte3", [](u32 x) { return byte_to_f32(x, 3); }));
  rows.push_back(valu("v_cvt_u32_f32", [](f32 x) { return float_to_u32(x); }));
  rows.push_back(valu("v_cvt_i32_f32", [](f32 x) { return float_to_i32(x); }));
  for (const char* name : {"v_cvt_rpi_i32_f32", "v_cvt_nearest_i32_f32"}) {
    rows.push_back(valu(name, [](f32 x) { return float_to_i32(std::floor(x + 0.5f)); }));
  }
  for (const char* name : {"v_cvt_flr_i32_f32", "v_cvt_floor_i32_f32"}) {
    rows.push_back(valu(name, [](f32 x) { return float_to_i32(std::floor(x)); }));
  }
  rows.push_back(valu("v_cvt_f64_i32", [](i32 x) { return static_cast<f64>(x); }));
  rows.push_back(valu("v_cvt_f64_u32", [](u32 x) { return static_cast<f64>(x); }));
  rows.push_back(valu("v_cvt_i32_f64", [](f64 x) { return float_to_i32(x); }));
  rows.push_back(valu("v_cvt_u32_f64", [](f64 x) { return float_to_u32(x); }));
  rows.push_back(valu("v_cvt_i32_i16", [](i16 x) { return static_cast<i32>(x); }));
  rows.push_back(valu("v_cvt_u32_u16", [](u16 x) { return static_cast<u32>(x); }));
  rows.push_back(valu("v_cvt_pk_u16_u32",
                      [](u32 x, u32 y) { return std::min(x, 65535u) | (std::min(y, 65535u) << 16); }));
  rows.push_back(valu("v_cvt_pk_i16_i32", [](i32 x, i32 y) {
    const u32 low = static_cast<u16>(std::clamp(x, -32768, 32767));
    const u32 high = static_cast<u16>(std::clamp(y, -32768, 32767));
    return low | (high << 16);
  }));
  rows.push_back(valu("v_cvt_pk_u8_f32", [](f32 x, u32 byte, u32 old) {
    const u32 shift = 8 * (byte & 3);
    const u32 value = std::min(float_to_u32(std::nearbyint(x)), 255u);
    return (old & ~(0xffu << shift)) | (value << shift);
  }));
}

void add_float_conversions(Rows& rows) {
  rows.push_back(valu("v_cvt_f16_f32", [](f32 x) { return static_cast<f16>(x); }));
  rows.push_back(valu("v_cvt_f32_f16", [](f16 x) { return static_cast<f32>(x); }));
  rows.push_back(valu("v_cvt_f64_f32", [](f32 x) { return static_cast<f64>(x); }));
  rows.push_back(valu("v_cvt_f32_f64", [](f64 x) { return static_cast<f32>(x); }));
  rows.push_back(valu("v_cvt_f32_bf16", [](u16 x) { return bf16_to_f32(x); }));
  rows.push_back(valu("v_cvt_i16_f16", [](f16 x) {
    return static_cast<i16>(std::clamp(float_to_i32(f32(x)), -32768, 32767));
  }));
  rows.push_back(
      valu("v_cvt_u16_f16", [](f16 x) { return static_cast<u16>(std::min(float_to_u32(f32(x)), 65535u)); }));
  rows.push_back(valu("v_cvt_f16_i16", [](i16 x) { return static_cast<f16>(static_cast<f32>(x)); }));
  rows.push_back(valu("v_cvt_f16_u16", [](u16 x) { return static_cast<f16>(static_cast<f32>(x)); }));
  rows.push_back(valu("v_cvt_pk_bf16_f32", [](f32 x, f32 y) {
    return f32_to_bf16(x) | (static_cast<u32>(f32_to_bf16(y)) << 16);
  }));
  for (const char* name : {"v_cvt_pkrtz_f16_f32", "v_cvt_pk_rtz_f16_f32"}) {
    rows.push_back(valu(
        name, [](f32 x, f32 y) { return f32_to_f16_rtz(x) | (static_cast<u32>(f32_to_f16_rtz(y)) << 16); }));
  }
  rows.push_back(valu("v_cvt_pk_f16_f32", [](f32 x, f32 y) {
    return as_u16(static_cast<f16>(x)) | (static_cast<u32>(as_u16(static_cast<f16>(y))) << 16);
  }));
  for (const char* name : {"v_cvt_pknorm_i16_f32", "v_cvt_pk_norm_i16_f32"}) {
    rows.push_back(valu(name, [](f32 x, f32 y) {
      const auto norm = [](f32 v) {
        return static_cast<u32>(
            static_cast<u16>(float_to_i32(std::nearbyint(std::clamp(v, -1.f, 1.f) * 32767))));
      };
      return norm(x) | (norm(y) << 16);
    }));
  }
}

// 8-bit floats. E4M3 or E5M2 is in the name, fnuz or OCP follows the architecture.
template <bool kE5M2>
Fp8 fp8_format(const Wave& w) {
  if (w.target->fnuz) return kE5M2 ? Fp8::E5M2Fnuz : Fp8::E4M3Fnuz;
  return kE5M2 ? Fp8::E5M2 : Fp8::E4M3;
}

template <bool kE5M2>
void add_fp8_conversions(Rows& rows) {
  const std::string type = kE5M2 ? "bf8" : "fp8";
  rows.push_back(
      custom("v_cvt_f32_" + type, Shape::DstSrc, Class::Valu, {b32}, [](Wave& w, const Inst& in, auto lanes) {
        constexpr int N = lanes;
        Source<u32, N> a(w, in, in.src[0]);  // SDWA (GFX9) has picked the byte already
        const auto& table = fp8_table(fp8_format<kE5M2>(w));
        alignas(64) f32 result[N];
        for (int l = 0; l < N; ++l) result[l] = table[(a.lanes[l] >> (8 * in.byte_select)) & 0xff];
        write_result<N>(w, in, result);
      }));
  rows.push_back(custom(
      "v_cvt_pk_f32_" + type, Shape::DstSrc, Class::Valu, {b32}, [](Wave& w, const Inst& in, auto lanes) {
        constexpr int N = lanes;
        Source<u32, N> a(w, in, in.src[0]);
        const int shift = in.src[0].high_half ? 16 : 0;
        const auto& table = fp8_table(fp8_format<kE5M2>(w));
        alignas(64) u64 result[N];
        for (int l = 0; l < N; ++l) {
          const u32 pair = a.lanes[l] >> shift;
          result[l] =
              as_u32(table[pair & 0xff]) | (static_cast<u64>(as_u32(table[(pair >> 8) & 0xff])) << 32);
        }
        write_pairs<N>(w, in, result);
      }));
  rows.push_back(custom("v_cvt_pk_" + type + "_f32", Shape::DstSrc, Class::Valu, {b32, b32},
                        [](Wave& w, const Inst& in, auto lanes) {
                          constexpr int N = lanes;
                          Source<f32, N> a(w, in, in.src[0]), b(w, in, in.src[1]);
                          const Fp8 format = fp8_format<kE5M2>(w);
                          alignas(64) u16 result[N];
                          for (int l = 0; l < N; ++l) {
                            result[l] = static_cast<u16>(f32_to_fp8(a.lanes[l], format) |
                                                         (f32_to_fp8(b.lanes[l], format) << 8));
                          }
                          write_halves<N>(w, in, result);
                        }));
  rows.back().keeps_half = true;
}

}  // namespace

void add_conversion_rows(Rows& rows) {
  add_integer_conversions(rows);
  add_float_conversions(rows);
  add_fp8_conversions<false>(rows);
  add_fp8_conversions<true>(rows);
}

}  // namespace emu
