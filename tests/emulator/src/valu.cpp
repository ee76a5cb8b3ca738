#include "valu.h"

namespace emu {

u32 select_part(u32 value, Select select, bool sign_extend) {
  if (select == Select::Dword) return value;
  const int part = static_cast<int>(select);
  if (part < 4) {
    const u32 byte = (value >> (8 * part)) & 0xff;
    return sign_extend ? static_cast<u32>(static_cast<i32>(static_cast<i8>(byte))) : byte;
  }
  const u32 word = (value >> (16 * (part - 4))) & 0xffff;
  return sign_extend ? static_cast<u32>(static_cast<i32>(static_cast<i16>(word))) : word;
}

namespace {

u64 dpp_valid(const Wave& w, const Dpp& dpp) {
  if (dpp.fetch_inactive) return dpp.in_range;
  const u64 exec = w.exec();
  if (exec == w.all) return dpp.in_range;
  u64 active = 0;
  for (int l = 0; l < w.lanes; ++l) active |= ((exec >> dpp.from[l]) & 1) << l;
  return dpp.in_range & active;
}

}  // namespace

u64 dpp_mask(const Wave& w, const Inst& in) {
  const Dpp& dpp = *in.dpp;
  return dpp.zero_invalid ? dpp.enabled : dpp.enabled & dpp_valid(w, dpp);
}

template <int N>
const u32* modified_source(Wave& w, const Inst& in, const Operand& operand, u32* scratch, bool is_float) {
  if (operand.kind == Kind::Vector) {
    const u32* from = w.row<N>(operand.index);
    if (in.dpp && &operand == &in.src[0]) {
      const u64 valid = dpp_valid(w, *in.dpp);
      for (int l = 0; l < N; ++l) scratch[l] = (valid >> l) & 1 ? from[in.dpp->from[l]] : 0;
    } else {
      std::memcpy(scratch, from, N * sizeof(u32));
    }
  } else {
    const u32 value = read_scalar<u32>(w, operand);
    for (int l = 0; l < N; ++l) scratch[l] = value;
  }
  if (operand.select != Select::Dword) {
    for (int l = 0; l < N; ++l) scratch[l] = select_part(scratch[l], operand.select, operand.sign_extend);
  }
  if (is_float && (operand.absolute || operand.negate)) {
    const u32 keep = operand.absolute ? 0x7fffffff : ~0u, flip = operand.negate ? 0x80000000 : 0;
    for (int l = 0; l < N; ++l) scratch[l] = (scratch[l] & keep) ^ flip;
  }
  return scratch;
}

template <int N>
void commit_special(Wave& w, const Inst& in, const u32* value) {
  alignas(64) u32 words[N];
  std::memcpy(words, value, sizeof words);
  if (in.dst_select != Select::Dword) {
    const int part = static_cast<int>(in.dst_select);
    const int shift = part < 4 ? 8 * part : 16 * (part - 4);
    const u32 field = part < 4 ? 0xff : 0xffff;
    const u32* old = w.row<N>(in.dst.index);
    for (int l = 0; l < N; ++l) {
      const u32 kept = in.dst_preserve ? old[l] & ~(field << shift) : 0;
      const u32 extended = select_part(value[l], part < 4 ? Select::Byte0 : Select::Word0, in.dst_sign);
      words[l] = kept | ((in.dst_sign ? extended : value[l] & field) << shift);
    }
  }
  const u64 mask = in.dpp ? w.exec() & dpp_mask(w, in) : w.exec();
  commit<N>(w, in.dst.index, words, mask);
}

template const u32* modified_source<32>(Wave&, const Inst&, const Operand&, u32*, bool);
template const u32* modified_source<64>(Wave&, const Inst&, const Operand&, u32*, bool);
template void commit_special<32>(Wave&, const Inst&, const u32*);
template void commit_special<64>(Wave&, const Inst&, const u32*);

}  // namespace emu
