// Single and double precision arithmetic.
#include <algorithm>

#include "float_math.h"
#include "valu.h"

namespace emu {

namespace {

// The min and max instructions come under three spellings: GFX9-11 "min", GFX12 "min_num" (a NaN loses) and
// GFX12 "minimum" (a NaN wins).
template <class T>
void add_min_max(Rows& rows, const std::string& type) {
  for (const char* num : {"", "_num"}) {
    const std::string end = std::string(num) + "_" + type;
    rows.push_back(valu("v_min" + end, [](T x, T y) { return min_num(x, y); }));
    rows.push_back(valu("v_max" + end, [](T x, T y) { return max_num(x, y); }));
  }
  rows.push_back(valu("v_minimum_" + type, [](T x, T y) { return minimum(x, y); }));
  rows.push_back(valu("v_maximum_" + type, [](T x, T y) { return maximum(x, y); }));
}

template <class T>
void add_rounding(Rows& rows, const std::string& type) {
  rows.push_back(valu("v_floor_" + type, [](T x) { return std::floor(x); }));
  rows.push_back(valu("v_ceil_" + type, [](T x) { return std::ceil(x); }));
  rows.push_back(valu("v_trunc_" + type, [](T x) { return std::trunc(x); }));
  rows.push_back(valu("v_rndne_" + type, [](T x) { return std::nearbyint(x); }));
  rows.push_back(valu("v_fract_" + type, [](T x) { return fract(x); }));
  rows.push_back(valu("v_frexp_mant_" + type, [](T x) { return frexp_mantissa(x); }));
}

void add_f32(Rows& rows) {
  rows.push_back(valu("v_add_f32", [](f32 x, f32 y) { return x + y; }));
  rows.push_back(valu("v_sub_f32", [](f32 x, f32 y) { return x - y; }));
  rows.push_back(valu("v_subrev_f32", [](f32 x, f32 y) { return y - x; }));
  rows.push_back(valu("v_mul_f32", [](f32 x, f32 y) { return x * y; }));
  for (const char* name : {"v_mul_legacy_f32", "v_mul_dx9_zero_f32"}) {
    rows.push_back(valu(name, [](f32 x, f32 y) { return x == 0 || y == 0 ? 0.0f : x * y; }));
  }
  for (const char* name : {"v_fma_f32", "v_fmaak_f32", "v_fmamk_f32"}) {
    rows.push_back(valu(name, [](f32 x, f32 y, f32 z) { return std::fma(x, y, z); }));
  }
  for (const char* name : {"v_mad_f32", "v_madak_f32", "v_madmk_f32"}) {
    rows.push_back(valu(name, [](f32 x, f32 y, f32 z) { return x * y + z; }));
  }
  rows.push_back(valu_accumulate("v_fmac_f32", [](f32 x, f32 y, f32 d) { return std::fma(x, y, d); }));
  rows.push_back(valu_accumulate("v_mac_f32", [](f32 x, f32 y, f32 d) { return x * y + d; }));
  for (const char* num : {"", "_num"}) {
    const std::string end = std::string(num) + "_f32";
    rows.push_back(valu("v_max3" + end, [](f32 x, f32 y, f32 z) { return max_num(max_num(x, y), z); }));
    rows.push_back(valu("v_min3" + end, [](f32 x, f32 y, f32 z) { return min_num(min_num(x, y), z); }));
    rows.push_back(valu("v_med3" + end, [](f32 x, f32 y, f32 z) { return median(x, y, z); }));
    rows.push_back(valu("v_maxmin" + end, [](f32 x, f32 y, f32 z) { return min_num(max_num(x, y), z); }));
    rows.push_back(valu("v_minmax" + end, [](f32 x, f32 y, f32 z) { return max_num(min_num(x, y), z); }));
  }
  rows.push_back(valu("v_minimum3_f32", [](f32 x, f32 y, f32 z) { return minimum(minimum(x, y), z); }));
  rows.push_back(valu("v_maximum3_f32", [](f32 x, f32 y, f32 z) { return maximum(maximum(x, y), z); }));
  rows.push_back(valu("v_maximumminimum_f32", [](f32 x, f32 y, f32 z) { return minimum(maximum(x, y), z); }));
  rows.push_back(valu("v_minimummaximum_f32", [](f32 x, f32 y, f32 z) { return maximum(minimum(x, y), z); }));
}

// The hardware's approximations are good to 1 ulp; here they are exact.
void add_f32_functions(Rows& rows) {
  for (const char* name : {"v_rcp_f32", "v_rcp_iflag_f32"}) {
    rows.push_back(valu(name, [](f32 x) { return 1.0f / x; }));
  }
  rows.push_back(valu("v_rsq_f32", [](f32 x) { return static_cast<f32>(1.0 / std::sqrt(f64(x))); }));
  rows.push_back(valu("v_sqrt_f32", [](f32 x) { return std::sqrt(x); }));
  rows.push_back(valu("v_exp_f32", [](f32 x) { return std::exp2(x); }));
  rows.push_back(valu("v_log_f32", [](f32 x) { return std::log2(x); }));
  rows.push_back(valu("v_sin_f32", [](f32 x) { return static_cast<f32>(std::sin(2 * M_PI * x)); }));
  rows.push_back(valu("v_cos_f32", [](f32 x) { return static_cast<f32>(std::cos(2 * M_PI * x)); }));
  rows.push_back(valu("v_ldexp_f32", [](f32 x, i32 e) { return std::ldexp(x, e); }));
  rows.push_back(valu("v_frexp_exp_i32_f32", [](f32 x) { return frexp_exponent(x); }));
  rows.push_back(valu("v_div_fixup_f32", [](f32 x, f32 y, f32 z) { return div_fixup(x, y, z); }));
}

void add_f64(Rows& rows) {
  rows.push_back(valu("v_add_f64", [](f64 x, f64 y) { return x + y; }));
  rows.push_back(valu("v_mul_f64", [](f64 x, f64 y) { return x * y; }));
  rows.push_back(valu("v_fma_f64", [](f64 x, f64 y, f64 z) { return std::fma(x, y, z); }));
  rows.push_back(valu_accumulate("v_fmac_f64", [](f64 x, f64 y, f64 d) { return std::fma(x, y, d); }));
  rows.push_back(valu("v_rcp_f64", [](f64 x) { return 1 / x; }));
  rows.push_back(valu("v_rsq_f64", [](f64 x) { return 1 / std::sqrt(x); }));
  rows.push_back(valu("v_sqrt_f64", [](f64 x) { return std::sqrt(x); }));
  rows.push_back(valu("v_ldexp_f64", [](f64 x, i32 e) { return std::ldexp(x, e); }));
  rows.push_back(valu("v_frexp_exp_i32_f64", [](f64 x) { return frexp_exponent(x); }));
  rows.push_back(valu("v_div_fixup_f64", [](f64 x, f64 y, f64 z) { return div_fixup(x, y, z); }));
}

// Division: div_scale brings extreme operands into range and reports lanes that div_fmas must scale back.
template <class T>
void add_division(Rows& rows, const std::string& type) {
  constexpr Width width = width_of<T>();
  rows.push_back(custom("v_div_scale_" + type, Shape::CarryOut, Class::Valu, {width, width, width},
                        [](Wave& w, const Inst& in, auto lanes) {
                          constexpr int N = lanes;
                          Source<T, N> a(w, in, in.src[0]), b(w, in, in.src[1]), c(w, in, in.src[2]);
                          alignas(64) T result[N];
                          u64 scaled = 0;
                          for (int l = 0; l < N; ++l) {
                            const Scaled<T> s = div_scale(a.lanes[l], b.lanes[l], c.lanes[l]);
                            result[l] = s.value;
                            scaled |= static_cast<u64>(s.flag) << l;
                          }
                          write_result<N>(w, in, result);
                          write_mask<N>(w, in.sdst, scaled & w.exec());
                        }));
  rows.push_back(custom("v_div_fmas_" + type, Shape::DstSrc, Class::Valu, {width, width, width},
                        [](Wave& w, const Inst& in, auto lanes) {
                          constexpr int N = lanes;
                          Source<T, N> a(w, in, in.src[0]), b(w, in, in.src[1]), c(w, in, in.src[2]);
                          Operand vcc;
                          vcc.kind = Kind::Scalar;
                          vcc.index = slot::vcc;
                          const u64 scaled = read_mask<N>(w, vcc);
                          alignas(64) T result[N];
                          for (int l = 0; l < N; ++l) {
                            const T value = std::fma(a.lanes[l], b.lanes[l], c.lanes[l]);
                            result[l] = (scaled >> l) & 1 ? div_unscale(value, c.lanes[l]) : value;
                          }
                          write_result<N>(w, in, result);
                        }));
}

}  // namespace

void add_float_rows(Rows& rows) {
  add_f32(rows);
  add_f32_functions(rows);
  add_f64(rows);
  add_min_max<f32>(rows, "f32");
  add_min_max<f64>(rows, "f64");
  add_rounding<f32>(rows, "f32");
  add_rounding<f64>(rows, "f64");
  add_division<f32>(rows, "f32");
  add_division<f64>(rows, "f64");
}

}  // namespace emu
