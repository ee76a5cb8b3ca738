// LDS (DS) loads, stores and pair accesses. Atomics are in atomics.cpp, permutes in crosslane.cpp.
#include "memory.h"
#include "valu.h"

namespace emu {

namespace {

void add_single(Rows& rows) {
  const auto load = [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    alignas(64) u32 address[N];
    u8* host[N];
    lds_addresses<N>(w, in.src[0], in.offset, address);
    resolve_lds<N>(w, address, host, w.exec(), in.row->memory->bytes, Access::Load);
    load_lanes<N>(w, in.dst.index, *in.row->memory, host, w.exec(), in.dst.high_half);
  };
  const auto store = [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    alignas(64) u32 address[N];
    u8* host[N];
    lds_addresses<N>(w, in.src[0], in.offset, address);
    resolve_lds<N>(w, address, host, w.exec(), in.row->memory->bytes, Access::Store);
    store_lanes<N>(w, in.src[1].index, *in.row->memory, host, w.exec(), in.src[1].high_half);
  };
  for (const MemoryType& type : lds_load_types()) {
    for (const char* verb : {"ds_read_", "ds_load_"}) {
      rows.push_back(custom(std::string(verb) + type.old_name, Shape::DstSrc, Class::Lds, {}, load));
      rows.back().memory = &type;
    }
  }
  for (const MemoryType& type : lds_store_types()) {
    for (const char* verb : {"ds_write_", "ds_store_"}) {
      rows.push_back(custom(std::string(verb) + type.old_name, Shape::SrcOnly, Class::Lds, {}, store));
      rows.back().memory = &type;
    }
  }
}

// Two accesses at offset0 and offset1, counted in elements (of 64 elements with stride64).
template <int N>
void pair_addresses(Wave& w, const Inst& in, int which, u32* address) {
  const u32 unit = in.row->memory->bytes * (in.row->detail ? 64 : 1);
  lds_addresses<N>(w, in.src[0], (which ? in.offset1 : in.offset0) * unit, address);
}

void add_pairs(Rows& rows) {
  static const MemoryType words[] = {{"b32", "b32", 4, Form::Words}, {"b64", "b64", 8, Form::Words}};
  const auto load = [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    alignas(64) u32 first[N], second[N];
    u8* host[2][N];
    pair_addresses<N>(w, in, 0, first);
    pair_addresses<N>(w, in, 1, second);
    const MemoryType& type = *in.row->memory;
    resolve_lds<N>(w, first, host[0], w.exec(), type.bytes, Access::Load);
    resolve_lds<N>(w, second, host[1], w.exec(), type.bytes, Access::Load);
    load_lanes<N>(w, in.dst.index, type, host[0], w.exec(), false);
    load_lanes<N>(w, in.dst.index + type.bytes / 4, type, host[1], w.exec(), false);
  };
  const auto store = [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    alignas(64) u32 address[N];
    u8* host[N];
    for (int which : {0, 1}) {
      pair_addresses<N>(w, in, which, address);
      resolve_lds<N>(w, address, host, w.exec(), in.row->memory->bytes, Access::Store);
      store_lanes<N>(w, in.src[1 + which].index, *in.row->memory, host, w.exec(), false);
    }
  };
  struct Spelling {
    const char *load, *store;
    int stride64;
  };
  const Spelling spellings[] = {{"ds_read2_", "ds_write2_", 0},
                                {"ds_load_2addr_", "ds_store_2addr_", 0},
                                {"ds_read2st64_", "ds_write2st64_", 1},
                                {"ds_load_2addr_stride64_", "ds_store_2addr_stride64_", 1}};
  for (const Spelling& spelling : spellings) {
    for (const MemoryType& type : words) {
      rows.push_back(custom(std::string(spelling.load) + type.old_name, Shape::DstSrc, Class::Lds, {}, load));
      rows.back().memory = &type;
      rows.back().detail = spelling.stride64;
      rows.push_back(
          custom(std::string(spelling.store) + type.old_name, Shape::SrcOnly, Class::Lds, {}, store));
      rows.back().memory = &type;
      rows.back().detail = spelling.stride64;
    }
  }
}

}  // namespace

void add_lds_rows(Rows& rows) {
  add_single(rows);
  add_pairs(rows);
}

}  // namespace emu
