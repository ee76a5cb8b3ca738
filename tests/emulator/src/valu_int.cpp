// 32-bit and 64-bit integer and bit instructions.
#include <algorithm>
#include <limits>

#include "integer_math.h"
#include "valu.h"

namespace emu {

namespace {

u32 clamp_i32(const Inst& in, i64 value) {
  constexpr i64 low = std::numeric_limits<i32>::min(), high = std::numeric_limits<i32>::max();
  return static_cast<u32>(in.clamp ? std::clamp(value, low, high) : value);
}
u32 clamp_u32(const Inst& in, i64 value) {
  return static_cast<u32>(in.clamp ? std::clamp<i64>(value, 0, 0xffffffff) : value);
}

void add_sums(Rows& rows) {
  for (const char* name : {"v_add_u32", "v_add_nc_u32"}) {
    rows.push_back(valu(name, [](const Inst& in, u32 x, u32 y) { return clamp_u32(in, i64(x) + y); }));
  }
  for (const char* name : {"v_sub_u32", "v_sub_nc_u32"}) {
    rows.push_back(valu(name, [](const Inst& in, u32 x, u32 y) { return clamp_u32(in, i64(x) - y); }));
  }
  for (const char* name : {"v_subrev_u32", "v_subrev_nc_u32"}) {
    rows.push_back(valu(name, [](const Inst& in, u32 x, u32 y) { return clamp_u32(in, i64(y) - x); }));
  }
  for (const char* name : {"v_add_i32", "v_add_nc_i32"}) {
    rows.push_back(valu(name, [](const Inst& in, i32 x, i32 y) { return clamp_i32(in, i64(x) + y); }));
  }
  for (const char* name : {"v_sub_i32", "v_sub_nc_i32"}) {
    rows.push_back(valu(name, [](const Inst& in, i32 x, i32 y) { return clamp_i32(in, i64(x) - y); }));
  }
  rows.push_back(valu("v_add3_u32", [](u32 x, u32 y, u32 z) { return x + y + z; }));
  rows.push_back(valu("v_add_lshl_u32", [](u32 x, u32 y, u32 z) { return (x + y) << (z & 31); }));
  rows.push_back(valu("v_lshl_add_u32", [](u32 x, u32 y, u32 z) { return (x << (y & 31)) + z; }));
  rows.push_back(valu("v_xad_u32", [](u32 x, u32 y, u32 z) { return (x ^ y) + z; }));
  rows.push_back(valu("v_lshl_add_u64", [](u64 x, u32 y, u64 z) { return (x << (y & 7)) + z; }));
  rows.push_back(valu("v_add_nc_u64", [](u64 x, u64 y) { return x + y; }));
  rows.push_back(valu("v_sub_nc_u64", [](u64 x, u64 y) { return x - y; }));
}

void add_products(Rows& rows) {
  rows.push_back(valu("v_mul_lo_u32", [](u32 x, u32 y) { return x * y; }));
  rows.push_back(valu("v_mul_hi_u32", [](u32 x, u32 y) { return static_cast<u32>((u64(x) * y) >> 32); }));
  rows.push_back(valu("v_mul_hi_i32", [](i32 x, i32 y) { return static_cast<u32>((i64(x) * y) >> 32); }));
  rows.push_back(valu("v_mul_u32_u24", [](u32 x, u32 y) { return (x & 0xffffff) * (y & 0xffffff); }));
  rows.push_back(valu("v_mul_hi_u32_u24", [](u32 x, u32 y) {
    return static_cast<u32>((u64(x & 0xffffff) * (y & 0xffffff)) >> 32);
  }));
  rows.push_back(valu("v_mul_i32_i24", [](u32 x, u32 y) {
    return static_cast<u32>(i64(sign_extend(x, 24)) * sign_extend(y, 24));
  }));
  rows.push_back(valu("v_mul_hi_i32_i24", [](u32 x, u32 y) {
    return static_cast<u32>((i64(sign_extend(x, 24)) * sign_extend(y, 24)) >> 32);
  }));
  rows.push_back(
      valu("v_mad_u32_u24", [](u32 x, u32 y, u32 z) { return (x & 0xffffff) * (y & 0xffffff) + z; }));
  rows.push_back(valu("v_mad_i32_i24", [](u32 x, u32 y, u32 z) {
    return static_cast<u32>(i64(sign_extend(x, 24)) * sign_extend(y, 24)) + z;
  }));
  rows.push_back(valu("v_mad_nc_u64_u32", [](u32 x, u32 y, u64 z) { return u64(x) * y + z; }));
  rows.push_back(
      valu("v_mad_nc_i64_i32", [](i32 x, i32 y, u64 z) { return static_cast<u64>(i64(x) * y) + z; }));
}

void add_bits(Rows& rows) {
  for (const char* name : {"v_mov_b32", "v_accvgpr_read_b32", "v_accvgpr_write_b32", "v_accvgpr_mov_b32",
                           "v_accvgpr_read", "v_accvgpr_write"}) {
    rows.push_back(valu(name, [](u32 x) { return x; }));
  }
  rows.push_back(valu("v_mov_b64", [](u64 x) { return x; }));
  rows.push_back(valu("v_not_b32", [](u32 x) { return ~x; }));
  rows.push_back(valu("v_bfrev_b32", [](u32 x) { return reverse_bits(x); }));
  for (const char* name : {"v_ffbh_u32", "v_clz_i32_u32"}) {
    rows.push_back(valu(name, [](u32 x) { return count_leading_zeros(x); }));
  }
  for (const char* name : {"v_ffbl_b32", "v_ctz_i32_b32"}) {
    rows.push_back(valu(name, [](u32 x) { return count_trailing_zeros(x); }));
  }
  for (const char* name : {"v_ffbh_i32", "v_cls_i32"}) {
    rows.push_back(valu(name, [](u32 x) { return count_leading_signs(x); }));
  }
  rows.push_back(valu("v_and_b32", [](u32 x, u32 y) { return x & y; }));
  rows.push_back(valu("v_or_b32", [](u32 x, u32 y) { return x | y; }));
  rows.push_back(valu("v_xor_b32", [](u32 x, u32 y) { return x ^ y; }));
  rows.push_back(valu("v_xnor_b32", [](u32 x, u32 y) { return ~(x ^ y); }));
  rows.push_back(valu("v_bcnt_u32_b32", [](u32 x, u32 y) { return std::popcount(x) + y; }));
  rows.push_back(valu("v_bfm_b32", [](u32 x, u32 y) { return ((1u << (x & 31)) - 1) << (y & 31); }));
  rows.push_back(valu("v_and_or_b32", [](u32 x, u32 y, u32 z) { return (x & y) | z; }));
  rows.push_back(valu("v_or3_b32", [](u32 x, u32 y, u32 z) { return x | y | z; }));
  rows.push_back(valu("v_xor3_b32", [](u32 x, u32 y, u32 z) { return x ^ y ^ z; }));
  rows.push_back(valu("v_bfi_b32", [](u32 x, u32 y, u32 z) { return (x & y) | (~x & z); }));
  rows.push_back(valu("v_bfe_u32", [](u32 x, u32 y, u32 z) { return extract_u32(x, y & 31, z & 31); }));
  rows.push_back(valu("v_bfe_i32", [](u32 x, u32 y, u32 z) { return extract_i32(x, y & 31, z & 31); }));
  rows.push_back(
      valu("v_bitop3_b32", [](const Inst& in, u32 x, u32 y, u32 z) { return bitop3(x, y, z, in.bitop); }));
  rows.push_back(valu("v_perm_b32", [](u32 x, u32 y, u32 z) { return permute_bytes(x, y, z); }));
}

void add_shifts(Rows& rows) {
  rows.push_back(valu("v_lshlrev_b32", [](u32 x, u32 y) { return y << (x & 31); }));
  rows.push_back(valu("v_lshrrev_b32", [](u32 x, u32 y) { return y >> (x & 31); }));
  rows.push_back(valu("v_ashrrev_i32", [](u32 x, i32 y) { return static_cast<u32>(y >> (x & 31)); }));
  rows.push_back(valu("v_lshlrev_b64", [](u32 x, u64 y) { return y << (x & 63); }));
  rows.push_back(valu("v_lshrrev_b64", [](u32 x, u64 y) { return y >> (x & 63); }));
  rows.push_back(valu("v_ashrrev_i64", [](u32 x, i64 y) { return static_cast<u64>(y >> (x & 63)); }));
  rows.push_back(valu("v_lshl_or_b32", [](u32 x, u32 y, u32 z) { return (x << (y & 31)) | z; }));
  rows.push_back(valu("v_alignbit_b32", [](u32 x, u32 y, u32 z) {
    return static_cast<u32>(((u64(x) << 32) | y) >> (z & 31));
  }));
  rows.push_back(valu("v_alignbyte_b32", [](u32 x, u32 y, u32 z) {
    return static_cast<u32>(((u64(x) << 32) | y) >> (8 * (z & 3)));
  }));
}

void add_order(Rows& rows) {
  rows.push_back(valu("v_min_u32", [](u32 x, u32 y) { return x < y ? x : y; }));
  rows.push_back(valu("v_max_u32", [](u32 x, u32 y) { return x > y ? x : y; }));
  rows.push_back(valu("v_min_i32", [](i32 x, i32 y) { return x < y ? x : y; }));
  rows.push_back(valu("v_max_i32", [](i32 x, i32 y) { return x > y ? x : y; }));
  rows.push_back(valu("v_max3_u32", [](u32 x, u32 y, u32 z) { return std::max(std::max(x, y), z); }));
  rows.push_back(valu("v_min3_u32", [](u32 x, u32 y, u32 z) { return std::min(std::min(x, y), z); }));
  rows.push_back(valu("v_max3_i32", [](i32 x, i32 y, i32 z) { return std::max(std::max(x, y), z); }));
  rows.push_back(valu("v_min3_i32", [](i32 x, i32 y, i32 z) { return std::min(std::min(x, y), z); }));
  rows.push_back(valu("v_maxmin_u32", [](u32 x, u32 y, u32 z) { return std::min(std::max(x, y), z); }));
  rows.push_back(valu("v_minmax_u32", [](u32 x, u32 y, u32 z) { return std::max(std::min(x, y), z); }));
  rows.push_back(valu("v_maxmin_i32", [](i32 x, i32 y, i32 z) { return std::min(std::max(x, y), z); }));
  rows.push_back(valu("v_minmax_i32", [](i32 x, i32 y, i32 z) { return std::max(std::min(x, y), z); }));
  rows.push_back(valu("v_med3_u32", [](u32 x, u32 y, u32 z) { return middle(x, y, z); }));
  rows.push_back(valu("v_med3_i32", [](i32 x, i32 y, i32 z) { return middle(x, y, z); }));
  rows.push_back(valu("v_sad_u32", [](u32 x, u32 y, u32 z) { return sum_of_differences(x, y, 32) + z; }));
  rows.push_back(valu("v_sad_u16", [](u32 x, u32 y, u32 z) { return sum_of_differences(x, y, 16) + z; }));
  rows.push_back(valu("v_sad_u8", [](u32 x, u32 y, u32 z) { return sum_of_differences(x, y, 8) + z; }));
  rows.push_back(
      valu("v_sad_hi_u8", [](u32 x, u32 y, u32 z) { return (sum_of_differences(x, y, 8) << 16) + z; }));
}

// Arrays in registers: m0 is added to the number of the source or of the destination.
void add_indexed_moves(Rows& rows) {
  rows.push_back(
      custom("v_movrels_b32", Shape::DstSrc, Class::Valu, {b32}, [](Wave& w, const Inst& in, auto lanes) {
        constexpr int N = lanes;
        const u32 index = in.src[0].index + w.s[slot::m0];
        if (index >= kAccumulators) fault(w, "indexed register out of range");
        commit<N>(w, in.dst.index, w.row<N>(index), w.exec());
      }));
  rows.push_back(
      custom("v_movreld_b32", Shape::DstSrc, Class::Valu, {b32}, [](Wave& w, const Inst& in, auto lanes) {
        constexpr int N = lanes;
        const u32 index = in.dst.index + w.s[slot::m0];
        if (index >= kAccumulators) fault(w, "indexed register out of range");
        Source<u32, N> source(w, in, in.src[0]);
        commit<N>(w, index, source.lanes, w.exec());
      }));
}

// The carry or borrow out is bit 32 of the 64-bit sum or difference.

template <class Fn>
void add_carry_row(Rows& rows, std::vector<const char*> names, Shape shape, Fn) {
  for (const char* name : names) {
    rows.push_back(custom(name, shape, Class::Valu, {b32, b32}, [](Wave& w, const Inst& in, auto lanes) {
      constexpr int N = lanes;
      Source<u32, N> a(w, in, in.src[0]), b(w, in, in.src[1]);
      const u64 carry_in = in.src[2].kind == Kind::None ? 0 : read_mask<N>(w, in.src[2]);
      alignas(64) u32 result[N];
      alignas(64) u8 carry[N];
      for (int l = 0; l < N; ++l) {
        const u64 sum = Fn{}(u64(a.lanes[l]), u64(b.lanes[l]), (carry_in >> l) & 1);
        carry[l] = (sum >> 32) & 1;
        result[l] = static_cast<u32>(sum);
      }
      write_words<N>(w, in, result);
      write_mask<N>(w, in.sdst, pack_mask<N>(carry) & w.exec());
    }));
  }
}

void add_carries(Rows& rows) {
  const auto sum = [](u64 x, u64 y, u64 c) { return x + y + c; };
  const auto difference = [](u64 x, u64 y, u64 c) { return x - y - c; };
  const auto reversed = [](u64 x, u64 y, u64 c) { return y - x - c; };
  add_carry_row(rows, {"v_add_co_u32"}, Shape::CarryOut, sum);
  add_carry_row(rows, {"v_sub_co_u32"}, Shape::CarryOut, difference);
  add_carry_row(rows, {"v_subrev_co_u32"}, Shape::CarryOut, reversed);
  add_carry_row(rows, {"v_add_co_ci_u32", "v_addc_co_u32"}, Shape::CarryInOut, sum);
  add_carry_row(rows, {"v_sub_co_ci_u32", "v_subb_co_u32"}, Shape::CarryInOut, difference);
  add_carry_row(rows, {"v_subrev_co_ci_u32", "v_subbrev_co_u32"}, Shape::CarryInOut, reversed);
}

template <class Factor>
void add_wide_mad(Rows& rows, const char* name) {
  using Wide = std::conditional_t<std::is_signed_v<Factor>, __int128, unsigned __int128>;
  using Addend = std::conditional_t<std::is_signed_v<Factor>, i64, u64>;
  rows.push_back(
      custom(name, Shape::CarryOut, Class::Valu, {b32, b32, b64}, [](Wave& w, const Inst& in, auto lanes) {
        constexpr int N = lanes;
        Source<Factor, N> a(w, in, in.src[0]), b(w, in, in.src[1]);
        Source<Addend, N> c(w, in, in.src[2]);
        alignas(64) u64 result[N];
        u64 overflow = 0;
        for (int l = 0; l < N; ++l) {
          const Wide sum = static_cast<Wide>(a.lanes[l]) * b.lanes[l] + c.lanes[l];
          result[l] = static_cast<u64>(sum);
          overflow |= static_cast<u64>(sum != static_cast<Wide>(static_cast<Addend>(sum))) << l;
        }
        write_pairs<N>(w, in, result);
        write_mask<N>(w, in.sdst, overflow & w.exec());
      }));
}

template <class T>
void add_select(Rows& rows, const char* name) {
  constexpr Width width = width_of<T>();
  rows.push_back(custom(name, Shape::SelectMask, Class::Valu, {width, width, b32},
                        [](Wave& w, const Inst& in, auto lanes) {
                          constexpr int N = lanes;
                          Source<T, N> no(w, in, in.src[0]), yes(w, in, in.src[1]);
                          const u64 mask = read_mask<N>(w, in.src[2]);
                          alignas(64) T result[N];
                          const u32 low = static_cast<u32>(mask), high = static_cast<u32>(mask >> 32);
                          for (int l = 0; l < 32; ++l)
                            result[l] = (low >> l) & 1 ? yes.lanes[l] : no.lanes[l];
                          if constexpr (N == 64) {
                            for (int l = 0; l < 32; ++l)
                              result[l + 32] = (high >> l) & 1 ? yes.lanes[l + 32] : no.lanes[l + 32];
                          }
                          if constexpr (sizeof(T) == 4)
                            write_words<N>(w, in, reinterpret_cast<const u32*>(result));
                          else write_halves<N>(w, in, reinterpret_cast<const u16*>(result));
                        }));
}

}  // namespace

void add_integer_rows(Rows& rows) {
  add_sums(rows);
  add_products(rows);
  add_bits(rows);
  add_shifts(rows);
  add_order(rows);
  add_indexed_moves(rows);
  add_carries(rows);
  add_wide_mad<u32>(rows, "v_mad_u64_u32");
  add_wide_mad<u32>(rows, "v_mad_co_u64_u32");
  add_wide_mad<i32>(rows, "v_mad_i64_i32");
  add_wide_mad<i32>(rows, "v_mad_co_i64_i32");
  add_select<f32>(rows, "v_cndmask_b32");  // f32: the neg and abs modifiers apply
  add_select<f16>(rows, "v_cndmask_b16");
}

}  // namespace emu
