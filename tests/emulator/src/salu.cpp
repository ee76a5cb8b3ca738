// The scalar unit, from typed functions like the vector one (see valu.h).
#include <functional>
#include <limits>

#include <bit>

#include "float_math.h"
#include "integer_math.h"
#include "valu.h"

namespace emu {

namespace {

enum class Scc { Keep, Nonzero };  // what happens to the condition code

template <class... T>
struct Arguments {};

template <class F>
struct ScalarSignature : ScalarSignature<decltype(&F::operator())> {};
template <class C, class R, class... A>
struct ScalarSignature<R (C::*)(A...) const> {
  using Sources = Arguments<A...>;
  static constexpr bool takes_scc = false;
};
template <class C, class R, class... A>
struct ScalarSignature<R (C::*)(u32&, A...) const> {
  using Sources = Arguments<A...>;
  static constexpr bool takes_scc = true;
};

// The scalar forms of vector instructions (v_s_rcp_f32) have the vector unit's modifiers.
template <class T>
T source(const Wave& w, const Operand& operand) {
  T value = read_scalar<T>(w, operand);
  if constexpr (std::is_same_v<T, f32>) {
    if (operand.absolute) value = std::fabs(value);
    if (operand.negate) value = -value;
  }
  return value;
}

template <class Fn, class... T, size_t... I>
auto call(Wave& w, const Inst& in, Arguments<T...>, std::index_sequence<I...>) {
  if constexpr (ScalarSignature<Fn>::takes_scc) return Fn{}(w.scc, source<T>(w, in.src[I])...);
  else return Fn{}(source<T>(w, in.src[I])...);
}
template <class Fn, class... T>
auto call_all(Wave& w, const Inst& in, Arguments<T...> types) {
  return call<Fn>(w, in, types, std::index_sequence_for<T...>{});
}
template <class... T>
std::array<Width, 4> widths_of(Arguments<T...>) {
  return detail::Types<T...>::widths();
}

// dst = fn(sources); a function with `u32& scc` first reads or sets the condition code itself.
template <Scc kScc = Scc::Keep, class Fn>
Row salu(std::string name, Fn) {
  Row row;
  row.name = std::move(name);
  row.klass = Class::Salu;
  row.widths = widths_of(typename ScalarSignature<Fn>::Sources{});
  row.run32 = row.run64 = [](Wave& w, const Inst& in) {
    const auto result = call_all<Fn>(w, in, typename ScalarSignature<Fn>::Sources{});
    if constexpr (kScc == Scc::Nonzero) w.scc = result != 0;
    write_scalar(w, in.dst, result);
  };
  return row;
}

// The same with the destination's old value as last argument.
template <class Fn>
Row salu_accumulate(std::string name, Fn fn) {
  Row row = salu(std::move(name), fn);
  row.reads_dst = true;
  return row;
}

// scc = fn(sources).
template <class Fn>
Row compare(std::string name, Fn) {
  Row row;
  row.name = std::move(name);
  row.klass = Class::Salu;
  row.shape = Shape::SrcOnly;
  row.widths = widths_of(typename ScalarSignature<Fn>::Sources{});
  row.run32 = row.run64 = [](Wave& w, const Inst& in) {
    w.scc = call_all<Fn>(w, in, typename ScalarSignature<Fn>::Sources{});
  };
  return row;
}

bool add_overflows(u32 x, u32 y) {
  const u32 sum = x + y;
  return (~(x ^ y) & (x ^ sum)) >> 31;
}
bool sub_overflows(u32 x, u32 y) {
  const u32 difference = x - y;
  return ((x ^ y) & (x ^ difference)) >> 31;
}

void add_arithmetic(Rows& rows) {
  for (const char* name : {"s_add_u32", "s_add_co_u32"}) {
    rows.push_back(salu(name, [](u32& scc, u32 x, u32 y) {
      scc = (u64(x) + y) >> 32;
      return x + y;
    }));
  }
  for (const char* name : {"s_sub_u32", "s_sub_co_u32"}) {
    rows.push_back(salu(name, [](u32& scc, u32 x, u32 y) {
      scc = y > x;
      return x - y;
    }));
  }
  for (const char* name : {"s_addc_u32", "s_add_co_ci_u32"}) {
    rows.push_back(salu(name, [](u32& scc, u32 x, u32 y) {
      const u64 sum = u64(x) + y + scc;
      scc = static_cast<u32>(sum >> 32);
      return static_cast<u32>(sum);
    }));
  }
  for (const char* name : {"s_subb_u32", "s_sub_co_ci_u32"}) {
    rows.push_back(salu(name, [](u32& scc, u32 x, u32 y) {
      const u64 difference = u64(x) - y - scc;
      scc = (difference >> 32) & 1;
      return static_cast<u32>(difference);
    }));
  }
  for (const char* name : {"s_add_i32", "s_add_co_i32"}) {
    rows.push_back(salu(name, [](u32& scc, u32 x, u32 y) {
      scc = add_overflows(x, y);
      return x + y;
    }));
  }
  for (const char* name : {"s_sub_i32", "s_sub_co_i32"}) {
    rows.push_back(salu(name, [](u32& scc, u32 x, u32 y) {
      scc = sub_overflows(x, y);
      return x - y;
    }));
  }
  for (const char* name : {"s_addk_i32", "s_addk_co_i32"}) {
    rows.push_back(salu_accumulate(name, [](u32& scc, i16 y, u32 x) {
      scc = add_overflows(x, static_cast<u32>(i32(y)));
      return x + static_cast<u32>(i32(y));
    }));
  }
  rows.push_back(salu_accumulate("s_mulk_i32", [](i16 y, u32 x) { return x * static_cast<u32>(i32(y)); }));
  rows.push_back(salu("s_mul_i32", [](u32 x, u32 y) { return x * y; }));
  rows.push_back(salu("s_mul_hi_u32", [](u32 x, u32 y) { return static_cast<u32>((u64(x) * y) >> 32); }));
  rows.push_back(salu("s_mul_hi_i32", [](i32 x, i32 y) { return static_cast<u32>((i64(x) * y) >> 32); }));
  for (const char* name : {"s_add_nc_u64", "s_add_u64"}) {
    rows.push_back(salu(name, [](u64 x, u64 y) { return x + y; }));
  }
  for (const char* name : {"s_sub_nc_u64", "s_sub_u64"}) {
    rows.push_back(salu(name, [](u64 x, u64 y) { return x - y; }));
  }
  rows.push_back(salu("s_mul_u64", [](u64 x, u64 y) { return x * y; }));
  rows.push_back(salu<Scc::Nonzero>("s_abs_i32", [](i32 x) { return x < 0 ? 0u - u32(x) : u32(x); }));
  rows.push_back(salu<Scc::Nonzero>("s_absdiff_i32",
                                    [](i32 x, i32 y) { return static_cast<u32>(std::abs(i64(x) - y)); }));
}

template <int kShift>
void add_shift_add(Rows& rows, const char* name) {
  rows.push_back(salu(name, [](u32& scc, u32 x, u32 y) {
    const u64 sum = (u64(x) << kShift) + y;
    scc = (sum >> 32) != 0;
    return static_cast<u32>(sum);
  }));
}

void add_min_max(Rows& rows) {
  rows.push_back(salu("s_min_u32", [](u32& scc, u32 x, u32 y) { return (scc = x < y) ? x : y; }));
  rows.push_back(salu("s_max_u32", [](u32& scc, u32 x, u32 y) { return (scc = x > y) ? x : y; }));
  rows.push_back(salu("s_min_i32", [](u32& scc, i32 x, i32 y) { return (scc = x < y) ? x : y; }));
  rows.push_back(salu("s_max_i32", [](u32& scc, i32 x, i32 y) { return (scc = x > y) ? x : y; }));
}

// Logic exists for one and two registers, under GFX9/10 and GFX11/12 names.
template <class T>
void add_logic(Rows& rows, const std::string& width) {
  rows.push_back(salu<Scc::Nonzero>("s_and_" + width, [](T x, T y) { return T(x & y); }));
  rows.push_back(salu<Scc::Nonzero>("s_or_" + width, [](T x, T y) { return T(x | y); }));
  rows.push_back(salu<Scc::Nonzero>("s_xor_" + width, [](T x, T y) { return T(x ^ y); }));
  rows.push_back(salu<Scc::Nonzero>("s_nand_" + width, [](T x, T y) { return T(~(x & y)); }));
  rows.push_back(salu<Scc::Nonzero>("s_nor_" + width, [](T x, T y) { return T(~(x | y)); }));
  rows.push_back(salu<Scc::Nonzero>("s_xnor_" + width, [](T x, T y) { return T(~(x ^ y)); }));
  rows.push_back(salu<Scc::Nonzero>("s_not_" + width, [](T x) { return T(~x); }));
  for (const char* name : {"s_andn2_", "s_and_not1_"}) {
    rows.push_back(salu<Scc::Nonzero>(name + width, [](T x, T y) { return T(x & ~y); }));
  }
  for (const char* name : {"s_orn2_", "s_or_not1_"}) {
    rows.push_back(salu<Scc::Nonzero>(name + width, [](T x, T y) { return T(x | ~y); }));
  }
  rows.push_back(salu("s_mov_" + width, [](T x) { return x; }));
  rows.push_back(salu("s_cselect_" + width, [](u32& scc, T x, T y) { return scc ? x : y; }));
  rows.push_back(salu_accumulate("s_cmov_" + width, [](u32& scc, T x, T old) { return scc ? x : old; }));
  constexpr int bits = sizeof(T) * 8;
  rows.push_back(salu<Scc::Nonzero>("s_lshl_" + width, [](T x, u32 y) { return T(x << (y % bits)); }));
  rows.push_back(salu<Scc::Nonzero>("s_lshr_" + width, [](T x, u32 y) { return T(x >> (y % bits)); }));
  rows.push_back(salu<Scc::Nonzero>("s_bcnt1_i32_" + width, [](T x) { return u32(std::popcount(x)); }));
  rows.push_back(salu<Scc::Nonzero>("s_bcnt0_i32_" + width, [](T x) { return u32(std::popcount(T(~x))); }));
  for (const char* name : {"s_ff1_i32_", "s_ctz_i32_"}) {
    rows.push_back(salu(name + width, [](T x) { return x ? u32(std::countr_zero(x)) : ~0u; }));
  }
  for (const char* name : {"s_flbit_i32_", "s_clz_i32_"}) {
    const std::string type = name[2] == 'c' ? "u" + width.substr(1) : width;
    rows.push_back(salu(name + type, [](T x) { return x ? u32(std::countl_zero(x)) : ~0u; }));
  }
  rows.push_back(
      salu_accumulate("s_bitset0_" + width, [](u32 y, T x) { return T(x & ~(T(1) << (y % bits))); }));
  rows.push_back(
      salu_accumulate("s_bitset1_" + width, [](u32 y, T x) { return T(x | (T(1) << (y % bits))); }));
  rows.push_back(
      salu("s_bfm_" + width, [](u32 x, u32 y) { return T(((T(1) << (x % bits)) - 1) << (y % bits)); }));
  rows.push_back(salu("s_brev_" + width, [](T x) {
    T result = 0;
    for (int i = 0; i < bits; ++i) result |= ((x >> i) & 1) << (bits - 1 - i);
    return result;
  }));
  rows.push_back(salu<Scc::Nonzero>("s_wqm_" + width, [](T x) {
    T result = 0;
    for (int i = 0; i < bits; i += 4) result |= (x >> i) & 15 ? T(15) << i : T(0);
    return result;
  }));
}

void add_bit_fields(Rows& rows) {
  rows.push_back(salu<Scc::Nonzero>("s_ashr_i32", [](i32 x, u32 y) { return x >> (y & 31); }));
  rows.push_back(salu<Scc::Nonzero>("s_ashr_i64", [](i64 x, u32 y) { return x >> (y & 63); }));
  rows.push_back(
      salu<Scc::Nonzero>("s_bfe_u32", [](u32 x, u32 y) { return extract_u32(x, y & 31, (y >> 16) & 127); }));
  rows.push_back(
      salu<Scc::Nonzero>("s_bfe_i32", [](u32 x, u32 y) { return extract_i32(x, y & 31, (y >> 16) & 127); }));
  rows.push_back(salu<Scc::Nonzero>("s_bfe_u64", [](u64 x, u32 y) {
    const u32 width = (y >> 16) & 127;
    const u64 shifted = x >> (y & 63);
    return width >= 64 ? shifted : shifted & ((u64(1) << width) - 1);
  }));
  rows.push_back(salu<Scc::Nonzero>("s_bfe_i64", [](i64 x, u32 y) {
    const u32 width = (y >> 16) & 127;
    const i64 shifted = x >> (y & 63);
    if (width == 0) return i64(0);
    return width >= 64 ? shifted : static_cast<i64>(u64(shifted) << (64 - width)) >> (64 - width);
  }));
  rows.push_back(salu("s_movk_i32", [](i16 x) { return i32(x); }));
  rows.push_back(salu_accumulate("s_cmovk_i32", [](u32& scc, i16 x, i32 old) { return scc ? i32(x) : old; }));
  rows.push_back(salu("s_sext_i32_i16", [](i16 x) { return i32(x); }));
  rows.push_back(salu("s_sext_i32_i8", [](i8 x) { return i32(x); }));
  for (const char* name : {"s_flbit_i32", "s_cls_i32"}) {
    rows.push_back(salu(name, [](u32 x) { return count_leading_signs(x); }));
  }
  rows.push_back(salu("s_pack_ll_b32_b16", [](u32 x, u32 y) { return (x & 0xffff) | (y << 16); }));
  rows.push_back(salu("s_pack_lh_b32_b16", [](u32 x, u32 y) { return (x & 0xffff) | (y & 0xffff0000); }));
  rows.push_back(salu("s_pack_hh_b32_b16", [](u32 x, u32 y) { return (x >> 16) | (y & 0xffff0000); }));
  rows.push_back(salu("s_pack_hl_b32_b16", [](u32 x, u32 y) { return (x >> 16) | (y << 16); }));
  rows.push_back(salu<Scc::Nonzero>("s_quadmask_b32", [](u32 x) {
    u32 result = 0;
    for (int i = 0; i < 8; ++i) result |= (x >> (4 * i)) & 15 ? 1u << i : 0;
    return result;
  }));
}

// GFX11.5 and GFX12 have a scalar float unit.
void add_floats(Rows& rows) {
  rows.push_back(salu("s_add_f32", [](f32 x, f32 y) { return x + y; }));
  rows.push_back(salu("s_sub_f32", [](f32 x, f32 y) { return x - y; }));
  rows.push_back(salu("s_mul_f32", [](f32 x, f32 y) { return x * y; }));
  for (const char* name : {"s_min_f32", "s_min_num_f32"}) {
    rows.push_back(salu(name, [](f32 x, f32 y) { return min_num(x, y); }));
  }
  for (const char* name : {"s_max_f32", "s_max_num_f32"}) {
    rows.push_back(salu(name, [](f32 x, f32 y) { return max_num(x, y); }));
  }
  rows.push_back(salu("s_minimum_f32", [](f32 x, f32 y) { return minimum(x, y); }));
  rows.push_back(salu("s_maximum_f32", [](f32 x, f32 y) { return maximum(x, y); }));
  for (const char* name : {"s_fmaak_f32", "s_fmamk_f32"}) {
    rows.push_back(salu(name, [](f32 x, f32 y, f32 z) { return std::fma(x, y, z); }));
  }
  rows.push_back(salu_accumulate("s_fmac_f32", [](f32 x, f32 y, f32 d) { return std::fma(x, y, d); }));
  rows.push_back(salu("v_s_rcp_f32", [](f32 x) { return 1 / x; }));
  rows.push_back(salu("v_s_rsq_f32", [](f32 x) { return static_cast<f32>(1.0 / std::sqrt(f64(x))); }));
  rows.push_back(salu("v_s_sqrt_f32", [](f32 x) { return std::sqrt(x); }));
  rows.push_back(salu("v_s_exp_f32", [](f32 x) { return std::exp2(x); }));
  rows.push_back(salu("v_s_log_f32", [](f32 x) { return std::log2(x); }));
  rows.push_back(salu("s_floor_f32", [](f32 x) { return std::floor(x); }));
  rows.push_back(salu("s_ceil_f32", [](f32 x) { return std::ceil(x); }));
  rows.push_back(salu("s_trunc_f32", [](f32 x) { return std::trunc(x); }));
  rows.push_back(salu("s_rndne_f32", [](f32 x) { return std::nearbyint(x); }));
  rows.push_back(salu("s_cvt_f32_i32", [](i32 x) { return static_cast<f32>(x); }));
  rows.push_back(salu("s_cvt_f32_u32", [](u32 x) { return static_cast<f32>(x); }));
  rows.push_back(salu("s_cvt_i32_f32", [](f32 x) { return float_to_i32(x); }));
  rows.push_back(salu("s_cvt_u32_f32", [](f32 x) { return float_to_u32(x); }));
  rows.push_back(salu("s_cvt_f16_f32", [](f32 x) { return u32(as_u16(static_cast<f16>(x))); }));
  rows.push_back(salu("s_cvt_f32_f16", [](u32 x) { return static_cast<f32>(as_f16(u16(x))); }));
  rows.push_back(salu("s_cvt_hi_f32_f16", [](u32 x) { return static_cast<f32>(as_f16(u16(x >> 16))); }));
  const auto f16_op = [&](const char* name, auto op) {
    rows.push_back(salu(name, [](u32 x, u32 y) {
      return u32(as_u16(static_cast<f16>(decltype(op){}(f32(as_f16(u16(x))), f32(as_f16(u16(y)))))));
    }));
  };
  f16_op("s_add_f16", [](f32 x, f32 y) { return x + y; });  // the float result is exact, or rounds to f16 the same way
  f16_op("s_sub_f16", [](f32 x, f32 y) { return x - y; });
  f16_op("s_mul_f16", [](f32 x, f32 y) { return x * y; });
  for (const char* name : {"s_min_f16", "s_min_num_f16"}) f16_op(name, [](f32 x, f32 y) { return min_num(x, y); });
  for (const char* name : {"s_max_f16", "s_max_num_f16"}) f16_op(name, [](f32 x, f32 y) { return max_num(x, y); });
  rows.push_back(salu_accumulate("s_fmac_f16", [](u32 x, u32 y, u32 d) {
    const f64 sum = f64(as_f16(u16(x))) * f64(as_f16(u16(y))) + f64(as_f16(u16(d)));
    return u32(as_u16(static_cast<f16>(sum)));
  }));
  rows.push_back(salu("s_cvt_pk_rtz_f16_f32",
                      [](f32 x, f32 y) { return f32_to_f16_rtz(x) | (u32(f32_to_f16_rtz(y)) << 16); }));
}

template <class T>
void add_integer_compares(Rows& rows, const std::string& type) {
  rows.push_back(compare("s_cmp_gt_" + type, [](T x, T y) { return x > y; }));
  rows.push_back(compare("s_cmp_ge_" + type, [](T x, T y) { return x >= y; }));
  rows.push_back(compare("s_cmp_lt_" + type, [](T x, T y) { return x < y; }));
  rows.push_back(compare("s_cmp_le_" + type, [](T x, T y) { return x <= y; }));
  rows.push_back(compare("s_cmp_eq_" + type, [](T x, T y) { return x == y; }));
  rows.push_back(compare("s_cmp_lg_" + type, [](T x, T y) { return x != y; }));
  using K = std::conditional_t<std::is_signed_v<T>, i16, u16>;  // the 16-bit literal of the k forms
  rows.push_back(compare("s_cmpk_gt_" + type, [](T x, K y) { return x > T(y); }));
  rows.push_back(compare("s_cmpk_ge_" + type, [](T x, K y) { return x >= T(y); }));
  rows.push_back(compare("s_cmpk_lt_" + type, [](T x, K y) { return x < T(y); }));
  rows.push_back(compare("s_cmpk_le_" + type, [](T x, K y) { return x <= T(y); }));
  rows.push_back(compare("s_cmpk_eq_" + type, [](T x, K y) { return x == T(y); }));
  rows.push_back(compare("s_cmpk_lg_" + type, [](T x, K y) { return x != T(y); }));
}

template <class Load>
void add_float_compares(Rows& rows, const std::string& type, Load) {
  const auto add = [&](const char* name, auto test) {
    rows.push_back(compare("s_cmp_" + std::string(name) + "_" + type,
                           [](u32 x, u32 y) { return decltype(test){}(Load{}(x), Load{}(y)); }));
  };
  add("lt", [](f32 x, f32 y) { return x < y; });
  add("gt", [](f32 x, f32 y) { return x > y; });
  add("le", [](f32 x, f32 y) { return x <= y; });
  add("ge", [](f32 x, f32 y) { return x >= y; });
  add("eq", [](f32 x, f32 y) { return x == y; });
  add("lg", [](f32 x, f32 y) { return x < y || x > y; });
  add("neq", [](f32 x, f32 y) { return !(x == y); });
  add("nlt", [](f32 x, f32 y) { return !(x < y); });
  add("ngt", [](f32 x, f32 y) { return !(x > y); });
  add("nle", [](f32 x, f32 y) { return !(x <= y); });
  add("nge", [](f32 x, f32 y) { return !(x >= y); });
  add("nlg", [](f32 x, f32 y) { return !(x < y || x > y); });
  add("o", [](f32 x, f32 y) { return x == x && y == y; });
  add("u", [](f32 x, f32 y) { return x != x || y != y; });
}

void add_compares(Rows& rows) {
  add_integer_compares<u32>(rows, "u32");
  add_integer_compares<i32>(rows, "i32");
  rows.push_back(compare("s_cmp_eq_u64", [](u64 x, u64 y) { return x == y; }));
  rows.push_back(compare("s_cmp_lg_u64", [](u64 x, u64 y) { return x != y; }));
  rows.push_back(compare("s_bitcmp0_b32", [](u32 x, u32 y) { return !((x >> (y & 31)) & 1); }));
  rows.push_back(compare("s_bitcmp1_b32", [](u32 x, u32 y) { return ((x >> (y & 31)) & 1) != 0; }));
  rows.push_back(compare("s_bitcmp0_b64", [](u64 x, u32 y) { return !((x >> (y & 63)) & 1); }));
  rows.push_back(compare("s_bitcmp1_b64", [](u64 x, u32 y) { return ((x >> (y & 63)) & 1) != 0; }));
  add_float_compares(rows, "f32", [](u32 x) { return std::bit_cast<f32>(x); });
  add_float_compares(rows, "f16", [](u32 x) { return static_cast<f32>(as_f16(u16(x))); });
}

// dst = exec; exec = fn(source, exec); scc = exec != 0.
template <class Fn>
void add_saveexec(Rows& rows, std::vector<const char*> names, Fn) {
  for (const char* name : names) {
    Row row;
    row.klass = Class::Salu;
    row.name = std::string("s_") + name + "_saveexec_b32";
    row.widths = {b32};
    row.run32 = row.run64 = [](Wave& w, const Inst& in) {
      const u64 old = w.exec();
      const u32 source = read_scalar<u32>(w, in.src[0]);
      write_scalar(w, in.dst, static_cast<u32>(old));
      w.set_exec(Fn{}(u64(source), old));
      w.scc = w.exec() != 0;
    };
    rows.push_back(row);
    row.name = std::string("s_") + name + "_saveexec_b64";
    row.widths = {b64};
    row.run32 = row.run64 = [](Wave& w, const Inst& in) {
      const u64 old = w.exec(), source = read_scalar<u64>(w, in.src[0]);
      write_scalar(w, in.dst, old);
      w.set_exec(Fn{}(source, old));
      w.scc = w.exec() != 0;
    };
    rows.push_back(row);
  }
}

void add_saveexecs(Rows& rows) {
  add_saveexec(rows, {"and"}, [](u64 x, u64 exec) { return x & exec; });
  add_saveexec(rows, {"or"}, [](u64 x, u64 exec) { return x | exec; });
  add_saveexec(rows, {"xor"}, [](u64 x, u64 exec) { return x ^ exec; });
  add_saveexec(rows, {"andn2", "and_not1"}, [](u64 x, u64 exec) { return x & ~exec; });
  add_saveexec(rows, {"andn1", "and_not0"}, [](u64 x, u64 exec) { return ~x & exec; });
  add_saveexec(rows, {"orn2", "or_not1"}, [](u64 x, u64 exec) { return x | ~exec; });
  add_saveexec(rows, {"orn1", "or_not0"}, [](u64 x, u64 exec) { return ~x | exec; });
  add_saveexec(rows, {"nand"}, [](u64 x, u64 exec) { return ~(x & exec); });
  add_saveexec(rows, {"nor"}, [](u64 x, u64 exec) { return ~(x | exec); });
  add_saveexec(rows, {"xnor"}, [](u64 x, u64 exec) { return ~(x ^ exec); });
}

}  // namespace

void add_scalar_rows(Rows& rows) {
  add_arithmetic(rows);
  add_shift_add<1>(rows, "s_lshl1_add_u32");
  add_shift_add<2>(rows, "s_lshl2_add_u32");
  add_shift_add<3>(rows, "s_lshl3_add_u32");
  add_shift_add<4>(rows, "s_lshl4_add_u32");
  add_min_max(rows);
  add_logic<u32>(rows, "b32");
  add_logic<u64>(rows, "b64");
  add_bit_fields(rows);
  add_floats(rows);
  add_compares(rows);
  add_saveexecs(rows);
}

}  // namespace emu
