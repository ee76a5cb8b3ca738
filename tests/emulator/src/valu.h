// Vector instructions from typed functions.
//
//   rows.push_back(valu("v_add_f32", [](f32 x, f32 y) { return x + y; }));
//
// is a whole instruction: the parameter types say how the sources are read (f32 takes the neg and abs
// modifiers, u16 picks a half, u64 a register pair), the result type how it is written. DPP, SDWA, clamp,
// op_sel and the execution mask are handled here for all of them. A function that needs the instruction's
// fields takes `const Inst&` first.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "table.h"
#include "wave.h"

namespace emu {

// Source operands
//

u32 select_part(u32 value, Select select, bool sign_extend);

// Lanes of a 32-bit source with DPP, SDWA and modifiers applied; `scratch` has room for N words.
template <int N>
const u32* modified_source(Wave& w, const Inst& in, const Operand& operand, u32* scratch, bool is_float);

template <int N>
inline const u32* source_words(Wave& w, const Inst& in, const Operand& operand, u32* scratch, bool is_float) {
  if (operand.plain) [[likely]] {
    if (operand.kind == Kind::Vector) return w.row<N>(operand.index);
    if (operand.kind == Kind::Constant) return operand.lanes;
    const u32 value = w.s[operand.index];
    for (int l = 0; l < N; ++l) scratch[l] = value;
    return scratch;
  }
  return modified_source<N>(w, in, operand, scratch, is_float);
}

template <class T>
inline constexpr bool is_float_type =
    std::is_same_v<T, f32> || std::is_same_v<T, f64> || std::is_same_v<T, f16>;

struct SourceAt {
  Wave& w;
  const Inst& in;
  int index;
};

template <class T, int N>
struct Source {
  alignas(64) T scratch[N];
  const T* lanes;  // the register itself where that will do, otherwise `scratch`

  Source(const Source&) = delete;
  Source(const SourceAt& at) : Source(at.w, at.in, at.in.src[at.index]) {}
  Source(Wave& w, const Inst& in, const Operand& operand) {
    if constexpr (sizeof(T) == 4) {
      lanes = reinterpret_cast<const T*>(
          source_words<N>(w, in, operand, reinterpret_cast<u32*>(scratch), is_float_type<T>));
    } else if constexpr (sizeof(T) == 8) {
      read_pairs(w, operand);
      lanes = scratch;
    } else {
      read_halves(w, in, operand);
      lanes = scratch;
    }
  }

 private:
  void read_pairs(Wave& w, const Operand& operand) {
    u64* out = reinterpret_cast<u64*>(scratch);
    if (operand.kind == Kind::Vector) {
      const u32 *low = w.row<N>(operand.index), *high = w.row<N>(operand.index + 1);
      for (int l = 0; l < N; ++l) out[l] = low[l] | (static_cast<u64>(high[l]) << 32);
    } else {
      const u64 value = read_scalar<u64>(w, operand);
      for (int l = 0; l < N; ++l) out[l] = value;
    }
    if constexpr (std::is_same_v<T, f64>) {
      const u64 keep = operand.absolute ? ~(1ull << 63) : ~0ull, flip = operand.negate ? 1ull << 63 : 0;
      if (operand.absolute || operand.negate) {
        for (int l = 0; l < N; ++l) out[l] = (out[l] & keep) ^ flip;
      }
    }
  }

  void read_halves(Wave& w, const Inst& in, const Operand& operand) {
    alignas(64) u32 words[N];
    Operand whole = operand;
    whole.negate = whole.absolute = false;
    whole.plain = whole.plain || (operand.select == Select::Dword && !(in.dpp && &operand == &in.src[0]) &&
                                  (operand.is_register() || operand.kind == Kind::Constant));
    // DPP applies to the first source only, which modified_source knows by its address.
    const u32* from = whole.plain ? source_words<N>(w, in, whole, words, false)
                                  : modified_source<N>(w, in, operand, words, false);
    u16* out = reinterpret_cast<u16*>(scratch);
    const int shift = operand.high_half ? 16 : 0;
    for (int l = 0; l < N; ++l) out[l] = static_cast<u16>(from[l] >> shift);
    if constexpr (std::is_same_v<T, f16>) {
      const u16 keep = operand.absolute ? 0x7fff : 0xffff, flip = operand.negate ? 0x8000 : 0;
      if (operand.absolute || operand.negate) {
        for (int l = 0; l < N; ++l) out[l] = static_cast<u16>((out[l] & keep) ^ flip);
      }
    }
  }
};

// Results
//

// Lanes that DPP lets an instruction write.
u64 dpp_mask(const Wave& w, const Inst& in);

// Writes the active lanes of a vector register.
template <int N>
inline void commit(Wave& w, int index, const u32* value, u64 mask) {
  u32* to = w.row<N>(index);
  if (mask == w.all) [[likely]] {
    std::memcpy(to, value, N * sizeof(u32));
    return;
  }
  const u32 low = static_cast<u32>(mask), high = static_cast<u32>(mask >> 32);
  for (int l = 0; l < 32; ++l) to[l] = (low >> l) & 1 ? value[l] : to[l];
  if constexpr (N == 64) {
    for (int l = 0; l < 32; ++l) to[32 + l] = (high >> l) & 1 ? value[32 + l] : to[32 + l];
  }
}

// Writes a 32-bit result through the destination's SDWA select and DPP mask.
template <int N>
void commit_special(Wave& w, const Inst& in, const u32* value);

template <int N>
inline void write_words(Wave& w, const Inst& in, const u32* value) {
  if (in.special_dst) [[unlikely]] {
    commit_special<N>(w, in, value);
  } else {
    commit<N>(w, in.dst.index, value, w.exec());
  }
}

template <class T>
T output_modified(const Inst& in, T value) {
  if (in.output_scale == 1) value *= T(2);
  if (in.output_scale == 2) value *= T(4);
  if (in.output_scale == 3) value *= T(0.5);
  if (in.clamp) value = !(value > T(0)) ? T(0) : value > T(1) ? T(1) : value;
  return value;
}

// 16-bit results go to one half of the register; GFX9 clears the other one unless op_sel picked a half.
template <int N>
inline void write_halves(Wave& w, const Inst& in, const u16* value) {
  alignas(64) u32 words[N];
  const u32* old = w.row<N>(in.dst.index);
  if (in.dst.high_half) {
    for (int l = 0; l < N; ++l) words[l] = (old[l] & 0xffff) | (static_cast<u32>(value[l]) << 16);
  } else if (in.clear_high) {
    for (int l = 0; l < N; ++l) words[l] = value[l];
  } else {
    for (int l = 0; l < N; ++l) words[l] = (old[l] & 0xffff0000) | value[l];
  }
  write_words<N>(w, in, words);
}

template <int N>
inline void write_pairs(Wave& w, const Inst& in, const u64* value) {
  alignas(64) u32 low[N], high[N];
  for (int l = 0; l < N; ++l) {
    low[l] = static_cast<u32>(value[l]);
    high[l] = static_cast<u32>(value[l] >> 32);
  }
  const u64 mask = in.dpp ? w.exec() & dpp_mask(w, in) : w.exec();
  commit<N>(w, in.dst.index, low, mask);
  commit<N>(w, in.dst.index + 1, high, mask);
}

template <int N>
inline u64 pack_mask(const u8* truth) {
  u64 mask = 0;
  for (int l = 0; l < N; l += 8) {
    u64 eight;
    std::memcpy(&eight, truth + l, 8);
    mask |= ((eight * 0x0102040810204080ull) >> 56) << l;
  }
  return mask;
}

template <int N, class T>
inline void write_result(Wave& w, const Inst& in, T* value) {
  if constexpr (is_float_type<T>) {
    if (in.has_output_modifier()) {
      for (int l = 0; l < N; ++l) value[l] = output_modified(in, value[l]);
    }
  }
  if constexpr (sizeof(T) == 4) write_words<N>(w, in, reinterpret_cast<const u32*>(value));
  else if constexpr (sizeof(T) == 2) write_halves<N>(w, in, reinterpret_cast<const u16*>(value));
  else write_pairs<N>(w, in, reinterpret_cast<const u64*>(value));
}

// Rows from functions
//

template <class T>
constexpr Width width_of() {
  if (std::is_same_v<T, f64>) return Width::Float64;
  return sizeof(T) == 8 ? Width::Bits64 : sizeof(T) == 4 ? Width::Bits32 : Width::Bits16;
}

namespace detail {

template <class... T>
struct Types {
  static constexpr std::array<Width, 4> widths() {
    std::array<Width, 4> all{};
    int i = 0;
    ((all[i++] = width_of<T>()), ...);
    return all;
  }
};

template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const> {
  using Result = R;
  using Sources = Types<A...>;
  static constexpr bool takes_inst = false;
};
template <class C, class R, class... A>
struct Signature<R (C::*)(const Inst&, A...) const> {
  using Result = R;
  using Sources = Types<A...>;
  static constexpr bool takes_inst = true;
};

template <int N, class Fn, class R, class... T, size_t... I>
void run(Wave& w, const Inst& in, Types<T...>, std::index_sequence<I...>) {
  std::tuple<Source<T, N>...> sources{SourceAt{w, in, static_cast<int>(I)}...};
  alignas(64) R result[N];
  [&](const T* __restrict... lanes) {
    for (int l = 0; l < N; ++l) {
      if constexpr (Signature<Fn>::takes_inst) result[l] = Fn{}(in, lanes[l]...);
      else result[l] = Fn{}(lanes[l]...);
    }
  }(std::get<I>(sources).lanes...);
  if constexpr (std::is_same_v<R, bool>) {
    u64 mask = pack_mask<N>(reinterpret_cast<const u8*>(result)) & w.exec();
    if (in.dpp) mask &= dpp_mask(w, in);
    write_mask<N>(w, in.sdst, mask);
  } else {
    write_result<N>(w, in, result);
  }
}

template <int N, class Fn, class... T>
void run_row(Wave& w, const Inst& in, Types<T...> types) {
  run<N, Fn, typename Signature<Fn>::Result>(w, in, types, std::index_sequence_for<T...>{});
}

template <int N, class Fn>
void handler(Wave& w, const Inst& in) {
  run_row<N, Fn>(w, in, typename Signature<Fn>::Sources{});
}

}  // namespace detail

// A vector instruction that treats every lane alike.
template <class Fn>
Row valu(std::string name, Fn) {
  Row row;
  row.name = std::move(name);
  row.run32 = detail::handler<32, Fn>;
  row.run64 = detail::handler<64, Fn>;
  row.widths = detail::Signature<Fn>::Sources::widths();
  return row;
}

// The same, with the old value of the destination as last argument (v_fmac).
template <class Fn>
Row valu_accumulate(std::string name, Fn fn) {
  Row row = valu(std::move(name), fn);
  row.reads_dst = true;
  return row;
}

// Anything else: `fn(Wave&, const Inst&, lanes)` where lanes is a compile-time 32 or 64.
template <class Fn>
Row custom(std::string name, Shape shape, Class klass, std::array<Width, 4> widths, Fn) {
  Row row;
  row.name = std::move(name);
  row.shape = shape;
  row.klass = klass;
  row.widths = widths;
  row.run32 = [](Wave& w, const Inst& in) { Fn{}(w, in, std::integral_constant<int, 32>{}); };
  row.run64 = [](Wave& w, const Inst& in) { Fn{}(w, in, std::integral_constant<int, 64>{}); };
  return row;
}

inline constexpr Width b16 = Width::Bits16, b32 = Width::Bits32, b64 = Width::Bits64;

}  // namespace emu
