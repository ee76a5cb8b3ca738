// Packed instructions (two halves or two floats in a register pair), mixed precision and dot products.
#include <algorithm>

#include "float_math.h"
#include "integer_math.h"
#include "valu.h"

namespace emu {

namespace {

// A packed source: the low result uses the half that op_sel picks, the high result the one of op_sel_hi.
template <class T, int N>
struct PackedHalves {
  alignas(64) T low[N];
  alignas(64) T high[N];

  PackedHalves(Wave& w, const Inst& in, int index) {
    Operand whole = in.src[index];
    whole.negate = whole.absolute = false;
    alignas(64) u32 scratch[N];
    const u32* words = source_words<N>(w, in, whole, scratch, false);
    const int low_shift = (in.op_sel >> index) & 1 ? 16 : 0,
              high_shift = (in.op_sel_hi >> index) & 1 ? 16 : 0;
    const bool is_float = std::is_same_v<T, f16>;
    const u16 low_flip = is_float && ((in.neg_lo >> index) & 1) ? 0x8000 : 0;
    const u16 high_flip = is_float && ((in.neg_hi >> index) & 1) ? 0x8000 : 0;
    u16 *low_bits = reinterpret_cast<u16*>(low), *high_bits = reinterpret_cast<u16*>(high);
    for (int l = 0; l < N; ++l) {
      low_bits[l] = static_cast<u16>((words[l] >> low_shift) ^ low_flip);
      high_bits[l] = static_cast<u16>((words[l] >> high_shift) ^ high_flip);
    }
  }
};

// A packed pair of floats in two registers.
template <class T, int N>
struct PackedPair {
  alignas(64) T low[N];
  alignas(64) T high[N];

  PackedPair(Wave& w, const Inst& in, int index) {
    const Operand& operand = in.src[index];
    read(w, operand, (in.op_sel >> index) & 1, (in.neg_lo >> index) & 1, reinterpret_cast<u32*>(low));
    read(w, operand, (in.op_sel_hi >> index) & 1, (in.neg_hi >> index) & 1, reinterpret_cast<u32*>(high));
  }

  static void read(Wave& w, const Operand& operand, int second, bool negate, u32* out) {
    const u32 flip = negate && std::is_same_v<T, f32> ? 0x80000000 : 0;
    if (operand.kind == Kind::Vector) {
      const u32* from = w.row<N>(operand.index + second);
      for (int l = 0; l < N; ++l) out[l] = from[l] ^ flip;
      return;
    }
    Operand word = operand;  // a constant serves both halves
    if (operand.kind == Kind::Scalar && operand.index < slot::null) word.index += second;
    const u32 value = read_scalar<u32>(w, word) ^ flip;
    for (int l = 0; l < N; ++l) out[l] = value;
  }
};

template <class Fn, class... T>
struct PackedRun {
  template <int N, template <class, int> class Packed, class R, size_t... I>
  static void both(Wave& w, const Inst& in, R* low, R* high, std::index_sequence<I...>) {
    both_from<N>(in, low, high, Packed<T, N>(w, in, I)...);
  }
  template <int N, class R, class... P>
  static void both_from(const Inst& in, R* low, R* high, const P&... sources) {
    for (int l = 0; l < N; ++l) {
      if constexpr (detail::Signature<Fn>::takes_inst) {
        low[l] = Fn{}(in, sources.low[l]...);
        high[l] = Fn{}(in, sources.high[l]...);
      } else {
        low[l] = Fn{}(sources.low[l]...);
        high[l] = Fn{}(sources.high[l]...);
      }
    }
  }
};

template <int N, class Fn, class... T>
void run_packed16(Wave& w, const Inst& in, detail::Types<T...>) {
  using R = typename detail::Signature<Fn>::Result;
  static_assert(sizeof(R) == 2);
  alignas(64) R low[N], high[N];
  PackedRun<Fn, T...>::template both<N, PackedHalves>(w, in, low, high, std::index_sequence_for<T...>{});
  if constexpr (std::is_same_v<R, f16>) {
    if (in.clamp) {
      for (int l = 0; l < N; ++l)
        low[l] = output_modified(in, low[l]), high[l] = output_modified(in, high[l]);
    }
  }
  alignas(64) u32 result[N];
  const u16 *low_bits = reinterpret_cast<const u16*>(low), *high_bits = reinterpret_cast<const u16*>(high);
  for (int l = 0; l < N; ++l) result[l] = low_bits[l] | (static_cast<u32>(high_bits[l]) << 16);
  write_words<N>(w, in, result);
}

template <int N, class Fn, class... T>
void run_packed32(Wave& w, const Inst& in, detail::Types<T...>) {
  alignas(64) f32 low[N], high[N];
  PackedRun<Fn, T...>::template both<N, PackedPair>(w, in, low, high, std::index_sequence_for<T...>{});
  if (in.clamp) {
    for (int l = 0; l < N; ++l) low[l] = output_modified(in, low[l]), high[l] = output_modified(in, high[l]);
  }
  commit<N>(w, in.dst.index, reinterpret_cast<const u32*>(low), w.exec());
  commit<N>(w, in.dst.index + 1, reinterpret_cast<const u32*>(high), w.exec());
}

// The function is applied to the low and to the high halves.
template <class Fn>
Row packed16(std::string name, Fn) {
  using Sources = typename detail::Signature<Fn>::Sources;
  Row row;
  row.name = std::move(name);
  row.packed = true;
  row.widths = {b16, b16, b16};
  row.run32 = [](Wave& w, const Inst& in) { run_packed16<32, Fn>(w, in, Sources{}); };
  row.run64 = [](Wave& w, const Inst& in) { run_packed16<64, Fn>(w, in, Sources{}); };
  return row;
}

template <class Fn>
Row packed32(std::string name, Fn) {
  using Sources = typename detail::Signature<Fn>::Sources;
  Row row;
  row.name = std::move(name);
  row.packed = true;
  row.widths = {b32, b32, b32};
  row.run32 = [](Wave& w, const Inst& in) { run_packed32<32, Fn>(w, in, Sources{}); };
  row.run64 = [](Wave& w, const Inst& in) { run_packed32<64, Fn>(w, in, Sources{}); };
  return row;
}

f16 half(f64 value) { return static_cast<f16>(value); }

void add_packed_half(Rows& rows) {
  rows.push_back(packed16("v_pk_add_f16", [](f16 x, f16 y) { return half(f32(x) + f32(y)); }));
  rows.push_back(packed16("v_pk_mul_f16", [](f16 x, f16 y) { return half(f32(x) * f32(y)); }));
  rows.push_back(
      packed16("v_pk_fma_f16", [](f16 x, f16 y, f16 z) { return half(f64(x) * f64(y) + f64(z)); }));
  Row accumulate =
      packed16("v_pk_fmac_f16", [](f16 x, f16 y, f16 d) { return half(f64(x) * f64(y) + f64(d)); });
  accumulate.reads_dst = true;
  rows.push_back(accumulate);
  for (const char* num : {"", "_num"}) {
    const std::string end = std::string(num) + "_f16";
    rows.push_back(packed16("v_pk_min" + end, [](f16 x, f16 y) { return half(min_num<f32>(x, y)); }));
    rows.push_back(packed16("v_pk_max" + end, [](f16 x, f16 y) { return half(max_num<f32>(x, y)); }));
  }
  rows.push_back(packed16("v_pk_minimum_f16", [](f16 x, f16 y) { return half(minimum<f32>(x, y)); }));
  rows.push_back(packed16("v_pk_maximum_f16", [](f16 x, f16 y) { return half(maximum<f32>(x, y)); }));
  rows.push_back(packed16("v_pk_minimum3_f16",
                          [](f16 x, f16 y, f16 z) { return half(minimum<f32>(minimum<f32>(x, y), z)); }));
  rows.push_back(packed16("v_pk_maximum3_f16",
                          [](f16 x, f16 y, f16 z) { return half(maximum<f32>(maximum<f32>(x, y), z)); }));
}

u16 clamp16(const Inst& in, i32 value, i32 low, i32 high) {
  return static_cast<u16>(in.clamp ? std::clamp(value, low, high) : value);
}

void add_packed_integer(Rows& rows) {
  rows.push_back(
      packed16("v_pk_add_u16", [](const Inst& in, u16 x, u16 y) { return clamp16(in, x + y, 0, 65535); }));
  rows.push_back(
      packed16("v_pk_sub_u16", [](const Inst& in, u16 x, u16 y) { return clamp16(in, x - y, 0, 65535); }));
  rows.push_back(packed16("v_pk_add_i16",
                          [](const Inst& in, i16 x, i16 y) { return clamp16(in, x + y, -32768, 32767); }));
  rows.push_back(packed16("v_pk_sub_i16",
                          [](const Inst& in, i16 x, i16 y) { return clamp16(in, x - y, -32768, 32767); }));
  rows.push_back(packed16("v_pk_mul_lo_u16", [](u16 x, u16 y) { return static_cast<u16>(u32(x) * y); }));
  rows.push_back(
      packed16("v_pk_mad_u16", [](u16 x, u16 y, u16 z) { return static_cast<u16>(u32(x) * y + z); }));
  rows.push_back(
      packed16("v_pk_mad_i16", [](i16 x, i16 y, i16 z) { return static_cast<u16>(i32(x) * y + z); }));
  rows.push_back(packed16("v_pk_lshlrev_b16", [](u16 x, u16 y) { return static_cast<u16>(y << (x & 15)); }));
  rows.push_back(packed16("v_pk_lshrrev_b16", [](u16 x, u16 y) { return static_cast<u16>(y >> (x & 15)); }));
  rows.push_back(packed16("v_pk_ashrrev_i16", [](u16 x, i16 y) { return static_cast<i16>(y >> (x & 15)); }));
  rows.push_back(packed16("v_pk_min_i16", [](i16 x, i16 y) { return std::min(x, y); }));
  rows.push_back(packed16("v_pk_max_i16", [](i16 x, i16 y) { return std::max(x, y); }));
  rows.push_back(packed16("v_pk_min_u16", [](u16 x, u16 y) { return std::min(x, y); }));
  rows.push_back(packed16("v_pk_max_u16", [](u16 x, u16 y) { return std::max(x, y); }));
}

void add_packed_single(Rows& rows) {
  rows.push_back(packed32("v_pk_add_f32", [](f32 x, f32 y) { return x + y; }));
  rows.push_back(packed32("v_pk_mul_f32", [](f32 x, f32 y) { return x * y; }));
  rows.push_back(packed32("v_pk_fma_f32", [](f32 x, f32 y, f32 z) { return std::fma(x, y, z); }));
  // The low result comes from the first source, the high one from the second.
  Row move =
      custom("v_pk_mov_b32", Shape::DstSrc, Class::Valu, {b32, b32}, [](Wave& w, const Inst& in, auto lanes) {
        constexpr int N = lanes;
        alignas(64) u32 low[N], high[N];
        PackedPair<u32, N>::read(w, in.src[0], in.op_sel & 1, false, low);
        PackedPair<u32, N>::read(w, in.src[1], (in.op_sel >> 1) & 1, false, high);
        commit<N>(w, in.dst.index, low, w.exec());
        commit<N>(w, in.dst.index + 1, high, w.exec());
      });
  move.packed = true;
  rows.push_back(move);
}

// Mixed precision: op_sel_hi says whether a source is a half, op_sel which one, neg_hi is abs.
template <int N>
struct MixedSource {
  alignas(64) f32 lanes[N];
  MixedSource(Wave& w, const Inst& in, int index) {
    const bool is_half = (in.op_sel_hi >> index) & 1;
    const int shift = (in.op_sel >> index) & 1 ? 16 : 0;
    Operand operand = in.src[index];
    const bool absolute = operand.absolute || ((in.neg_hi >> index) & 1);
    const bool negate = operand.negate || ((in.neg_lo >> index) & 1);
    operand.negate = operand.absolute = false;
    if (is_half && operand.kind == Kind::Constant && operand.is_float) {
      const f32 value = static_cast<f32>(static_cast<f16>(operand.number));
      std::fill_n(lanes, N, value);
    } else {
      alignas(64) u32 scratch[N];
      const u32* words = source_words<N>(w, in, operand, scratch, false);
      for (int l = 0; l < N; ++l) {
        lanes[l] = is_half ? static_cast<f32>(as_f16(static_cast<u16>(words[l] >> shift))) : as_f32(words[l]);
      }
    }
    for (int l = 0; l < N; ++l) {
      if (absolute) lanes[l] = std::fabs(lanes[l]);
      if (negate) lanes[l] = -lanes[l];
    }
  }
};

enum class MixResult { Single, LowHalf, HighHalf };

template <MixResult kResult>
void add_mix(Rows& rows, const char* name) {
  Row row =
      custom(name, Shape::DstSrc, Class::Valu, {b32, b32, b32}, [](Wave& w, const Inst& in, auto lanes) {
        constexpr int N = lanes;
        const MixedSource<N> a(w, in, 0), b(w, in, 1), c(w, in, 2);
        alignas(64) f32 sum[N];
        for (int l = 0; l < N; ++l)
          sum[l] = output_modified(in, std::fma(a.lanes[l], b.lanes[l], c.lanes[l]));
        if constexpr (kResult == MixResult::Single) {
          write_words<N>(w, in, reinterpret_cast<const u32*>(sum));
        } else {
          alignas(64) u32 result[N];
          const u32* old = w.row<N>(in.dst.index);
          for (int l = 0; l < N; ++l) {
            const u32 rounded = as_u16(static_cast<f16>(sum[l]));
            result[l] = kResult == MixResult::LowHalf ? (old[l] & 0xffff0000) | rounded
                                                      : (old[l] & 0xffff) | (rounded << 16);
          }
          write_words<N>(w, in, result);
        }
      });
  row.packed = true;
  rows.push_back(row);
}

f32 dot2_bf16(u32 x, u32 y, f32 z) {
  const f32 low = bf16_to_f32(static_cast<u16>(x)) * bf16_to_f32(static_cast<u16>(y));
  return low + bf16_to_f32(static_cast<u16>(x >> 16)) * bf16_to_f32(static_cast<u16>(y >> 16)) + z;
}
f32 dot2_f16(u32 x, u32 y, f32 z) {
  const f32 low = f32(as_f16(static_cast<u16>(x))) * f32(as_f16(static_cast<u16>(y)));
  return low + f32(as_f16(static_cast<u16>(x >> 16))) * f32(as_f16(static_cast<u16>(y >> 16))) + z;
}

void add_dots(Rows& rows) {
  const auto push = [&](Row row) {
    row.packed = true;
    rows.push_back(std::move(row));
  };
  push(valu("v_dot2_f32_bf16", [](u32 x, u32 y, f32 z) { return dot2_bf16(x, y, z); }));
  push(valu("v_dot2_f32_f16", [](u32 x, u32 y, f32 z) { return dot2_f16(x, y, z); }));
  for (const char* name : {"v_dot2c_f32_f16", "v_dot2acc_f32_f16"}) {
    push(valu_accumulate(name, [](u32 x, u32 y, f32 d) { return dot2_f16(x, y, d); }));
  }
  for (const char* name : {"v_dot2c_f32_bf16", "v_dot2acc_f32_bf16"}) {
    push(valu_accumulate(name, [](u32 x, u32 y, f32 d) { return dot2_bf16(x, y, d); }));
  }
  push(valu("v_dot2_f16_f16", [](u32 x, u32 y, f16 z) { return static_cast<f16>(dot2_f16(x, y, f32(z))); }));
  push(valu("v_dot2_i32_i16", [](u32 x, u32 y, u32 z) { return dot_fields(x, y, 16, true, true) + z; }));
  push(valu("v_dot2_u32_u16", [](u32 x, u32 y, u32 z) { return dot_fields(x, y, 16, false, false) + z; }));
  push(valu("v_dot4_i32_i8", [](u32 x, u32 y, u32 z) { return dot_fields(x, y, 8, true, true) + z; }));
  push(valu("v_dot4_u32_u8", [](u32 x, u32 y, u32 z) { return dot_fields(x, y, 8, false, false) + z; }));
  push(valu("v_dot8_i32_i4", [](u32 x, u32 y, u32 z) { return dot_fields(x, y, 4, true, true) + z; }));
  push(valu("v_dot8_u32_u4", [](u32 x, u32 y, u32 z) { return dot_fields(x, y, 4, false, false) + z; }));
  push(valu_accumulate("v_dot4c_i32_i8",
                       [](u32 x, u32 y, u32 d) { return dot_fields(x, y, 8, true, true) + d; }));
  push(valu_accumulate("v_dot8c_i32_i4",
                       [](u32 x, u32 y, u32 d) { return dot_fields(x, y, 4, true, true) + d; }));
  // neg_lo says which operand is signed.
  push(valu("v_dot4_i32_iu8", [](const Inst& in, u32 x, u32 y, u32 z) {
    return dot_fields(x, y, 8, in.neg_lo & 1, in.neg_lo & 2) + z;
  }));
  push(valu("v_dot8_i32_iu4", [](const Inst& in, u32 x, u32 y, u32 z) {
    return dot_fields(x, y, 4, in.neg_lo & 1, in.neg_lo & 2) + z;
  }));
}

template <Fp8 kX, Fp8 kY>
f32 dot4_fp8(u32 x, u32 y, f32 z) {
  f32 sum = z;
  for (int shift = 0; shift < 32; shift += 8) {
    sum += fp8_to_f32(static_cast<u8>(x >> shift), kX) * fp8_to_f32(static_cast<u8>(y >> shift), kY);
  }
  return sum;
}

void add_fp8_dots(Rows& rows) {
  const auto push = [&](Row row) {
    row.packed = true;
    rows.push_back(std::move(row));
  };
  push(valu("v_dot4_f32_fp8_fp8",
            [](u32 x, u32 y, f32 z) { return dot4_fp8<Fp8::E4M3, Fp8::E4M3>(x, y, z); }));
  push(valu("v_dot4_f32_fp8_bf8",
            [](u32 x, u32 y, f32 z) { return dot4_fp8<Fp8::E4M3, Fp8::E5M2>(x, y, z); }));
  push(valu("v_dot4_f32_bf8_fp8",
            [](u32 x, u32 y, f32 z) { return dot4_fp8<Fp8::E5M2, Fp8::E4M3>(x, y, z); }));
  push(valu("v_dot4_f32_bf8_bf8",
            [](u32 x, u32 y, f32 z) { return dot4_fp8<Fp8::E5M2, Fp8::E5M2>(x, y, z); }));
}

}  // namespace

void add_packed_rows(Rows& rows) {
  add_packed_half(rows);
  add_packed_integer(rows);
  add_packed_single(rows);
  add_mix<MixResult::Single>(rows, "v_fma_mix_f32");
  add_mix<MixResult::Single>(rows, "v_mad_mix_f32");
  add_mix<MixResult::LowHalf>(rows, "v_fma_mixlo_f16");
  add_mix<MixResult::LowHalf>(rows, "v_mad_mixlo_f16");
  add_mix<MixResult::HighHalf>(rows, "v_fma_mixhi_f16");
  add_mix<MixResult::HighHalf>(rows, "v_mad_mixhi_f16");
  add_dots(rows);
  add_fp8_dots(rows);
}

}  // namespace emu
