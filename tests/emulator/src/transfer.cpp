// Register <-> memory copies, address checks, LDS race detection.
#include <algorithm>

#include "memory.h"

namespace emu {

const std::vector<MemoryType>& load_types() {
  static const auto& rows = *new std::vector<MemoryType>{
      {"dword", "b32", 4, Form::Words},
      {"dwordx2", "b64", 8, Form::Words},
      {"dwordx3", "b96", 12, Form::Words},
      {"dwordx4", "b128", 16, Form::Words},
      {"ubyte", "u8", 1, Form::Unsigned},
      {"sbyte", "i8", 1, Form::Signed},
      {"ushort", "u16", 2, Form::Unsigned},
      {"sshort", "i16", 2, Form::Signed},
      {"short_d16", "d16_b16", 2, Form::LowHalf},
      {"short_d16_hi", "d16_hi_b16", 2, Form::HighHalf},
      {"ubyte_d16", "d16_u8", 1, Form::LowHalf},
      {"ubyte_d16_hi", "d16_hi_u8", 1, Form::HighHalf},
      {"sbyte_d16", "d16_i8", 1, Form::LowSigned},
      {"sbyte_d16_hi", "d16_hi_i8", 1, Form::HighSigned},
  };
  return rows;
}

const std::vector<MemoryType>& store_types() {
  static const auto& rows = *new std::vector<MemoryType>{
      {"dword", "b32", 4, Form::Words},    {"dwordx2", "b64", 8, Form::Words},
      {"dwordx3", "b96", 12, Form::Words}, {"dwordx4", "b128", 16, Form::Words},
      {"byte", "b8", 1, Form::LowHalf},    {"byte_d16_hi", "d16_hi_b8", 1, Form::HighHalf},
      {"short", "b16", 2, Form::LowHalf},  {"short_d16_hi", "d16_hi_b16", 2, Form::HighHalf},
  };
  return rows;
}

// LDS uses the same names before and after GFX11; only "read" became "load".
const std::vector<MemoryType>& lds_load_types() {
  static const auto& rows = *new std::vector<MemoryType>{
      {"b32", "b32", 4, Form::Words},           {"b64", "b64", 8, Form::Words},
      {"b96", "b96", 12, Form::Words},          {"b128", "b128", 16, Form::Words},
      {"u8", "u8", 1, Form::Unsigned},          {"i8", "i8", 1, Form::Signed},
      {"u16", "u16", 2, Form::Unsigned},        {"i16", "i16", 2, Form::Signed},
      {"u16_d16", "u16_d16", 2, Form::LowHalf}, {"u16_d16_hi", "u16_d16_hi", 2, Form::HighHalf},
      {"u8_d16", "u8_d16", 1, Form::LowHalf},   {"u8_d16_hi", "u8_d16_hi", 1, Form::HighHalf},
      {"i8_d16", "i8_d16", 1, Form::LowSigned}, {"i8_d16_hi", "i8_d16_hi", 1, Form::HighSigned},
  };
  return rows;
}

const std::vector<MemoryType>& lds_store_types() {
  static const auto& rows = *new std::vector<MemoryType>{
      {"b32", "b32", 4, Form::Words},   {"b64", "b64", 8, Form::Words},
      {"b96", "b96", 12, Form::Words},  {"b128", "b128", 16, Form::Words},
      {"b8", "b8", 1, Form::LowHalf},   {"b8_d16_hi", "b8_d16_hi", 1, Form::HighHalf},
      {"b16", "b16", 2, Form::LowHalf}, {"b16_d16_hi", "b16_d16_hi", 2, Form::HighHalf},
  };
  return rows;
}

namespace {

template <int N>
bool contiguous(u8* const* at, int bytes) {
  bool together = true;
  for (int l = 0; l < N; ++l) together &= at[l] == at[0] + l * bytes;
  return together;
}

template <int N, int kWords>
void load_words(Wave& w, int index, u8* const* from, u64 active) {
  u32* rows = w.row<N>(index);
  if (active == w.all && contiguous<N>(from, 4 * kWords)) {
    alignas(64) u32 block[N * kWords];
    std::memcpy(block, from[0], sizeof block);
    for (int j = 0; j < kWords; ++j) {
      for (int l = 0; l < N; ++l) rows[j * N + l] = block[l * kWords + j];
    }
    return;
  }
  for (int l = 0; l < N; ++l) {
    if (!((active >> l) & 1)) continue;
    u32 words[kWords];
    std::memcpy(words, from[l], sizeof words);
    for (int j = 0; j < kWords; ++j) rows[j * N + l] = words[j];
  }
}

template <int N, int kWords>
void store_words(Wave& w, int index, u8* const* to, u64 active) {
  const u32* rows = w.row<N>(index);
  if (active == w.all && contiguous<N>(to, 4 * kWords)) {
    alignas(64) u32 block[N * kWords];
    for (int j = 0; j < kWords; ++j) {
      for (int l = 0; l < N; ++l) block[l * kWords + j] = rows[j * N + l];
    }
    std::memcpy(to[0], block, sizeof block);
    return;
  }
  for (int l = 0; l < N; ++l) {
    if (!((active >> l) & 1)) continue;
    u32 words[kWords];
    for (int j = 0; j < kWords; ++j) words[j] = rows[j * N + l];
    std::memcpy(to[l], words, sizeof words);
  }
}

u32 read_small(const u8* from, int bytes, bool is_signed) {
  if (bytes == 1) return is_signed ? static_cast<u32>(static_cast<i8>(*from)) : *from;
  u16 half;
  std::memcpy(&half, from, sizeof half);
  return is_signed ? static_cast<u32>(static_cast<i16>(half)) : half;
}

u32 place_small(u32 old, u32 value, Form form, bool high_half) {
  switch (form) {
    case Form::Unsigned:
    case Form::Signed: return value;
    case Form::LowHalf:
    case Form::LowSigned:
      return high_half ? (old & 0xffff) | (value << 16) : (old & 0xffff0000) | (value & 0xffff);
    case Form::HighHalf:
    case Form::HighSigned: return (old & 0xffff) | (value << 16);
    case Form::Words: break;
  }
  return value;
}

}  // namespace

template <int N>
void load_lanes(Wave& w, int index, const MemoryType& type, u8* const* from, u64 active, bool high_half) {
  if (type.form == Form::Words) {
    if (type.bytes == 4) load_words<N, 1>(w, index, from, active);
    else if (type.bytes == 8) load_words<N, 2>(w, index, from, active);
    else if (type.bytes == 12) load_words<N, 3>(w, index, from, active);
    else load_words<N, 4>(w, index, from, active);
    return;
  }
  const bool is_signed =
      type.form == Form::Signed || type.form == Form::LowSigned || type.form == Form::HighSigned;
  u32* row = w.row<N>(index);
  for (int l = 0; l < N; ++l) {
    if ((active >> l) & 1)
      row[l] = place_small(row[l], read_small(from[l], type.bytes, is_signed), type.form, high_half);
  }
}

template <int N>
void store_lanes(Wave& w, int index, const MemoryType& type, u8* const* to, u64 active, bool high_half) {
  if (type.form == Form::Words) {
    if (type.bytes == 4) store_words<N, 1>(w, index, to, active);
    else if (type.bytes == 8) store_words<N, 2>(w, index, to, active);
    else if (type.bytes == 12) store_words<N, 3>(w, index, to, active);
    else store_words<N, 4>(w, index, to, active);
    return;
  }
  const int shift = type.form == Form::HighHalf || high_half ? 16 : 0;
  const u32* row = w.row<N>(index);
  for (int l = 0; l < N; ++l) {
    const u32 value = row[l] >> shift;
    if ((active >> l) & 1) std::memcpy(to[l], &value, type.bytes);
  }
}

// Global memory

namespace {

const char* verb(Access access) {
  return access == Access::Load ? "load" : access == Access::Store ? "store" : "atomic";
}

[[noreturn]] void out_of_bounds(const Wave& w, u64 address, int bytes, Access access) {
  std::string what = std::string("out-of-bounds ") + verb(access) + " of " + std::to_string(bytes) +
                     " bytes at " + hex(address);
  const Ranges& ranges = *w.launch->memory;
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                      [](u64 value, const Range& range) { return value < range.begin; });
  if (after != ranges.begin()) {
    const Range& before = *std::prev(after);
    what += " (" + std::to_string(static_cast<i64>(address + bytes - before.end)) +
            " bytes past the end of the " + std::to_string(before.end - before.begin) +
            "-byte allocation at " + hex(before.begin) + ")";
  }
  fault(w, what);
}

const Range& checked_range(Wave& w, const Inst& in, u64 first, u64 end, int bytes, Access access) {
  const Ranges& ranges = *w.launch->memory;
  u32& hint = w.range_hints[in.id];
  if (hint < ranges.size() && first >= ranges[hint].begin && end <= ranges[hint].end) return ranges[hint];
  const Range* range = find_range(ranges, first);
  if (!range || end > range->end) out_of_bounds(w, range ? end - bytes : first, bytes, access);
  if (range->device != Range::kAnyone && !((w.launch->devices >> range->device) & 1)) {
    fault(w, std::string(verb(access)) + " of memory of device " + std::to_string(range->device));
  }
  hint = static_cast<u32>(range - ranges.data());
  return *range;
}

void check_alignment(const Wave& w, u64 low_bits, int bytes, Access access, const char* space) {
  const int alignment = access == Access::Atomic ? bytes : std::min(bytes, 4);
  const u64 mask = alignment == 2 ? 1 : alignment == 1 ? 0 : alignment == 8 ? 7 : 3;
  if (low_bits & mask) {
    fault(w, std::string("misaligned ") + space + " " + verb(access) + " of " + std::to_string(bytes) +
                 " bytes");
  }
}

void count_global(Wave& w, const u64* address, u64 active, int bytes, Access access) {
  Counters& counters = *w.counters;
  const u64 total = static_cast<u64>(std::popcount(active)) * bytes;
  if (access != Access::Store) counters.bytes_read += total;
  if (access != Access::Load) counters.bytes_written += total;
  if (!w.launch->evidence) return;
  const u64 lines = count_lines(address, active, w.lanes, bytes);
  (access == Access::Store ? counters.lines_written : counters.lines_read) += lines;
}

}  // namespace

template <int N>
void resolve_global(Wave& w, const Inst& in, const u64* address, u8** host, u64 active, int bytes,
                    Access access) {
  if (!active) return;
  u64 lowest = ~0ull, highest = 0, bits = 0;
  if (active == w.all) {
    for (int l = 0; l < N; ++l) {
      lowest = std::min(lowest, address[l]);
      highest = std::max(highest, address[l]);
      bits |= address[l];
    }
  } else {
    for (int l = 0; l < N; ++l) {
      const bool on = (active >> l) & 1;
      lowest = on && address[l] < lowest ? address[l] : lowest;
      highest = on && address[l] > highest ? address[l] : highest;
      bits |= on ? address[l] : 0;
    }
  }
  count_global(w, address, active, bytes, access);
  const Ranges& ranges = *w.launch->memory;
  const u32 hint = w.range_hints[in.id];
  const Range* range = hint < ranges.size() ? &ranges[hint] : nullptr;
  if (!range || lowest < range->begin || highest + bytes > range->end) range = find_range(ranges, lowest);
  if (range && lowest >= range->begin && highest + bytes <= range->end) {
    const i64 to_host = checked_range(w, in, lowest, highest + bytes, bytes, access).to_host;
    for (int l = 0; l < N; ++l) host[l] = reinterpret_cast<u8*>(address[l] + to_host);
  } else {  // lanes use several allocations, or one is out of bounds
    for (int l = 0; l < N; ++l) {
      if (!((active >> l) & 1)) continue;
      const Range& own = checked_range(w, in, address[l], address[l] + bytes, bytes, access);
      host[l] = reinterpret_cast<u8*>(address[l] + own.to_host);
    }
  }
  check_alignment(w, bits, bytes, access, "global");
}

// LDS

namespace {

// Plain loads and atomics do not conflict: the machine code of an atomic load is that of a plain one.
// A tag says who used a byte last: epoch (barriers passed), whether atomically, which wave.
constexpr u16 kWaveMask = 0x3f, kManyWaves = 0x3f, kAtomic = 0x40, kEpochShift = 7;

u16 make_tag(const Wave& w, Access access) {
  return static_cast<u16>((w.group->epoch << kEpochShift) | (access == Access::Atomic ? kAtomic : 0) | w.id);
}

bool by_another(u16 tag, u16 mine, Access access) {
  if ((tag >> kEpochShift) != (mine >> kEpochShift)) return false;
  if (access != Access::Store && (tag & kAtomic)) return false;
  return (tag & kWaveMask) != (mine & kWaveMask);
}

[[noreturn]] void report_race(const Wave& w, u32 byte, Access access) {
  const LdsTags& tags = w.group->tags;
  const u16 mine = make_tag(w, access);
  const bool write = by_another(tags.writer[byte], mine, access);
  const u16 other = (write ? tags.writer[byte] : tags.reader[byte]) & kWaveMask;
  const std::string who = other == kManyWaves ? "several waves" : "wave " + std::to_string(other);
  fault(w, std::string("LDS data race: ") + verb(access) + " of byte " + std::to_string(byte) + ", which " +
               who + (write ? " wrote" : " read") + " since the last barrier");
}

void check_race(Wave& w, u32 first, int bytes, Access access) {
  LdsTags& tags = w.group->tags;
  const u16 mine = make_tag(w, access);
  u16 *writer = tags.writer.data() + first, *reader = tags.reader.data() + first;
  bool conflict = false;
  for (int i = 0; i < bytes; ++i) {
    conflict |= by_another(writer[i], mine, access);
    if (access == Access::Store) conflict |= by_another(reader[i], mine, access);
  }
  if (conflict) {
    for (int i = 0; i < bytes; ++i) {
      const bool here = by_another(writer[i], mine, access) ||
                        (access == Access::Store && by_another(reader[i], mine, access));
      if (here) report_race(w, first + i, access);
    }
  }
  const u16 epoch = static_cast<u16>(mine >> kEpochShift);
  if (access == Access::Load) {
    for (int i = 0; i < bytes; ++i) {
      const bool shared = (reader[i] >> kEpochShift) == epoch && reader[i] != mine;
      reader[i] = shared ? static_cast<u16>(mine | kManyWaves) : mine;
    }
  } else {
    for (int i = 0; i < bytes; ++i) {
      const bool shared = (writer[i] >> kEpochShift) == epoch && writer[i] != mine && (writer[i] & kAtomic);
      writer[i] = shared ? static_cast<u16>(mine | kManyWaves) : mine;
    }
  }
}

void count_lds(Wave& w, const u32* address, u64 active, int bytes, Access access) {
  Counters& counters = *w.counters;
  const u64 total = static_cast<u64>(std::popcount(active)) * bytes;
  if (access != Access::Store) counters.lds_bytes_read += total;
  if (access != Access::Load) counters.lds_bytes_written += total;
  if (w.launch->evidence) counters.bank_conflicts += count_bank_conflicts(address, active, w.lanes, bytes);
}

}  // namespace

template <int N>
void resolve_lds(Wave& w, const u32* address, u8** host, u64 active, int bytes, Access access) {
  if (!active) return;
  Group& group = *w.group;
  u32 bits = 0;
  u64 highest = 0;
  for (int l = 0; l < N; ++l) {
    const u32 used = (active >> l) & 1 ? address[l] : 0;
    bits |= used;
    highest = std::max<u64>(highest, used);
  }
  if (highest + bytes > group.lds.size()) {
    fault(w, std::string("out-of-bounds LDS ") + verb(access) + " of " + std::to_string(bytes) +
                 " bytes at " + std::to_string(highest) + " (the workgroup has " +
                 std::to_string(group.lds.size()) + " bytes)");
  }
  check_alignment(w, bits, bytes, access, "LDS");
  count_lds(w, address, active, bytes, access);
  u8* base = group.lds.data();
  for (int l = 0; l < N; ++l) host[l] = base + ((active >> l) & 1 ? address[l] : 0);
  if (!group.check_races) return;
  for (int l = 0; l < N; ++l) {
    if ((active >> l) & 1) check_race(w, address[l], bytes, access);
  }
}

bool in_lds_aperture(u64 address) { return (address >> 32) == (kLdsAperture >> 32); }
bool in_scratch_aperture(u64 address) { return (address >> 32) == (kScratchAperture >> 32); }

template <int N>
void global_addresses(Wave& w, const Inst& in, int first, u64* address) {
  const Operand &vector = in.src[first], &scalar = in.src[first + 1];
  u64 base = static_cast<u64>(in.offset);
  if (scalar.kind == Kind::Scalar && scalar.index != slot::null) {
    base += read_scalar<u64>(w, scalar);
    if (vector.kind != Kind::Vector) {
      std::fill_n(address, N, base);
      return;
    }
    const u32* offset = w.row<N>(vector.index);
    for (int l = 0; l < N; ++l) address[l] = base + offset[l];
    return;
  }
  const u32 *low = w.row<N>(vector.index), *high = w.row<N>(vector.index + 1);
  for (int l = 0; l < N; ++l) address[l] = base + (low[l] | (static_cast<u64>(high[l]) << 32));
}

template <int N>
void lds_addresses(Wave& w, const Operand& operand, i64 offset, u32* address) {
  const u32* base = w.row<N>(operand.index);
  for (int l = 0; l < N; ++l) address[l] = base[l] + static_cast<u32>(offset);
}

template void load_lanes<32>(Wave&, int, const MemoryType&, u8* const*, u64, bool);
template void load_lanes<64>(Wave&, int, const MemoryType&, u8* const*, u64, bool);
template void store_lanes<32>(Wave&, int, const MemoryType&, u8* const*, u64, bool);
template void store_lanes<64>(Wave&, int, const MemoryType&, u8* const*, u64, bool);
template void resolve_global<32>(Wave&, const Inst&, const u64*, u8**, u64, int, Access);
template void resolve_global<64>(Wave&, const Inst&, const u64*, u8**, u64, int, Access);
template void resolve_lds<32>(Wave&, const u32*, u8**, u64, int, Access);
template void resolve_lds<64>(Wave&, const u32*, u8**, u64, int, Access);
template void global_addresses<32>(Wave&, const Inst&, int, u64*);
template void global_addresses<64>(Wave&, const Inst&, int, u64*);
template void lds_addresses<32>(Wave&, const Operand&, i64, u32*);
template void lds_addresses<64>(Wave&, const Operand&, i64, u32*);

}  // namespace emu
