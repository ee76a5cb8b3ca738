// Global, flat, scratch and buffer loads and stores, and scalar loads.
#include "memory.h"

#include "valu.h"

namespace emu {

namespace {

// Address spaces

u8* scratch_at(Wave& w, int lane, i64 offset, int bytes) {
  if (offset < 0 || offset + bytes > w.scratch_bytes) {
    fault(w, "out-of-bounds scratch access of " + std::to_string(bytes) + " bytes at " +
                 std::to_string(offset) + " (each lane has " + std::to_string(w.scratch_bytes) + " bytes)");
  }
  return w.scratch + static_cast<size_t>(lane) * w.scratch_bytes + offset;
}

// Flat addresses may mean LDS or scratch, lane by lane.
template <int N>
void resolve_flat(Wave& w, const Inst& in, const u64* address, u8** host, u64 active, int bytes,
                  Access access) {
  u64 lds = 0, scratch = 0;
  for (int l = 0; l < N; ++l) {
    lds |= static_cast<u64>(in_lds_aperture(address[l])) << l;
    scratch |= static_cast<u64>(in_scratch_aperture(address[l])) << l;
  }
  lds &= active, scratch &= active;
  resolve_global<N>(w, in, address, host, active & ~lds & ~scratch, bytes, access);
  if (lds) {
    u32 offset[N];
    u8* in_lds[N];
    for (int l = 0; l < N; ++l) offset[l] = static_cast<u32>(address[l]);
    resolve_lds<N>(w, offset, in_lds, lds, bytes, access);
    for (int l = 0; l < N; ++l) {
      if ((lds >> l) & 1) host[l] = in_lds[l];
    }
  }
  for (int l = 0; l < N; ++l) {
    if ((scratch >> l) & 1) host[l] = scratch_at(w, l, static_cast<u32>(address[l]), bytes);
  }
}

template <int N>
void resolve_scratch(Wave& w, const Inst& in, int first, u8** host, u64 active, int bytes) {
  const Operand &vector = in.src[first], &scalar = in.src[first + 1];
  i64 base = in.offset;
  if (scalar.kind == Kind::Scalar) base += static_cast<i32>(read_scalar<u32>(w, scalar));
  for (int l = 0; l < N; ++l) {
    if (!((active >> l) & 1)) continue;
    const i64 own = vector.kind == Kind::Vector ? static_cast<i32>(w.row<N>(vector.index)[l]) : 0;
    host[l] = scratch_at(w, l, base + own, bytes);
  }
}

// Buffers: a descriptor in four scalar registers gives base, stride and size. Kernels on GFX90a and GFX103x
// reach scratch through one, whose base dispatch.cpp sets to the scratch aperture. Returns the lanes that are
// in bounds: out-of-range loads give zero and stores are dropped, as the hardware does.
struct Buffer {
  u64 base;
  u32 stride, records;
};

Buffer read_buffer(const Wave& w, const Operand& descriptor) {
  u32 words[4];
  for (int i = 0; i < 4; ++i) words[i] = w.s[descriptor.index + i];
  return {words[0] | (static_cast<u64>(words[1] & 0xffff) << 32), (words[1] >> 16) & 0x3fff, words[2]};
}

template <int N>
u64 resolve_buffer(Wave& w, const Inst& in, int first, u8** host, u64 active, int bytes, Access access) {
  const Operand &vector = in.src[first], &descriptor = in.src[first + 1], &scalar = in.src[first + 2];
  const Buffer buffer = read_buffer(w, descriptor);
  const bool is_scratch = buffer.base == kScratchBuffer;
  const u32 scalar_offset = scalar.kind == Kind::None ? 0 : read_scalar<u32>(w, scalar);
  u64 address[N], inside = 0;
  for (int l = 0; l < N; ++l) {
    if (!((active >> l) & 1)) continue;
    u64 offset = static_cast<u64>(in.offset);
    if (in.offen) offset += w.row<N>(vector.index + (in.idxen ? 1 : 0))[l];
    if (is_scratch) {
      // The stack pointer counts bytes of the whole wave.
      host[l] = scratch_at(w, l, static_cast<i32>(offset) + static_cast<i64>(scalar_offset) / N, bytes);
      continue;
    }
    const u32 element = in.idxen ? w.row<N>(vector.index)[l] : 0;
    const u64 limit = buffer.stride ? static_cast<u64>(buffer.records) * buffer.stride : buffer.records;
    offset += static_cast<u64>(element) * buffer.stride;
    address[l] = buffer.base + offset + scalar_offset;
    inside |= static_cast<u64>(offset + scalar_offset + bytes <= limit) << l;
  }
  if (is_scratch) return active;
  resolve_global<N>(w, in, address, host, inside, bytes, access);
  return inside;
}

// Rows

enum class Space { Global, Flat, Scratch };

template <int N, Space kSpace>
void resolve(Wave& w, const Inst& in, int first, u8** host, int bytes, Access access) {
  const u64 active = w.exec();
  if constexpr (kSpace == Space::Scratch) {
    resolve_scratch<N>(w, in, first, host, active, bytes);
  } else {
    alignas(64) u64 address[N];
    global_addresses<N>(w, in, first, address);
    if constexpr (kSpace == Space::Global) resolve_global<N>(w, in, address, host, active, bytes, access);
    else resolve_flat<N>(w, in, address, host, active, bytes, access);
  }
}

template <Space kSpace>
struct LoadFn {
  template <class Lanes>
  void operator()(Wave& w, const Inst& in, Lanes lanes) const {
    constexpr int N = lanes;
    u8* host[N];
    resolve<N, kSpace>(w, in, 0, host, in.row->memory->bytes, Access::Load);
    load_lanes<N>(w, in.dst.index, *in.row->memory, host, w.exec(), in.dst.high_half);
  }
};

template <Space kSpace>
struct StoreFn {
  template <class Lanes>
  void operator()(Wave& w, const Inst& in, Lanes lanes) const {
    constexpr int N = lanes;
    u8* host[N];
    // Stored operands: src[0] address, src[1] scalar base, src[2] data.
    resolve<N, kSpace>(w, in, 0, host, in.row->memory->bytes, Access::Store);
    store_lanes<N>(w, in.src[2].index, *in.row->memory, host, w.exec(), in.src[2].high_half);
  }
};

template <Space kSpace>
void add_space(Rows& rows, const std::string& prefix, Class load_class, Class store_class) {
  const auto push = [&](Row row, const MemoryType& type, const std::string& verb) {
    row.memory = &type;
    for (const char* name : {type.old_name, type.new_name}) {
      row.name = prefix + verb + name;
      rows.push_back(row);
    }
  };
  for (const MemoryType& type : load_types()) {
    push(custom("", Shape::Load, load_class, {}, LoadFn<kSpace>{}), type, "_load_");
  }
  for (const MemoryType& type : store_types()) {
    push(custom("", Shape::Store, store_class, {}, StoreFn<kSpace>{}), type, "_store_");
  }
}

void add_buffers(Rows& rows) {
  const auto load = [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    u8* host[N];
    static u8 zeros[16] = {};
    const u64 inside = resolve_buffer<N>(w, in, 0, host, w.exec(), in.row->memory->bytes, Access::Load);
    for (int l = 0; l < N; ++l) {
      if (!((inside >> l) & 1)) host[l] = zeros;
    }
    load_lanes<N>(w, in.dst.index, *in.row->memory, host, w.exec(), in.dst.high_half);
  };
  const auto store = [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    u8* host[N];
    const u64 inside = resolve_buffer<N>(w, in, 0, host, w.exec(), in.row->memory->bytes, Access::Store);
    store_lanes<N>(w, in.src[3].index, *in.row->memory, host, inside, in.src[3].high_half);
  };
  for (const MemoryType& type : load_types()) {
    for (const char* name : {type.old_name, type.new_name}) {
      rows.push_back(
          custom(std::string("buffer_load_") + name, Shape::Load, Class::GlobalLoad, {b32, b32, b32}, load));
      rows.back().memory = &type;
    }
  }
  for (const MemoryType& type : store_types()) {
    for (const char* name : {type.old_name, type.new_name}) {
      rows.push_back(custom(std::string("buffer_store_") + name, Shape::DataFirst, Class::GlobalStore,
                            {b32, b32, b32}, store));
      rows.back().memory = &type;
    }
  }
}

// Scalar loads

u64 scalar_offset(const Wave& w, const Inst& in) {
  // The offset operand is a constant, a register, or null with the constant in offset:.
  const Operand& operand = in.src[1];
  u64 offset = static_cast<u64>(in.offset);
  if (operand.kind == Kind::Constant) offset += static_cast<i64>(static_cast<i32>(operand.bits));
  else if (operand.kind == Kind::Scalar) offset += read_scalar<u32>(w, operand);
  return offset;
}

void load_scalars(Wave& w, const Inst& in, u64 address, int dwords) {
  address &= ~3ull;
  const Ranges& ranges = *w.launch->memory;
  const Range* range = find_range(ranges, address);
  if (!range || address + 4 * dwords > range->end) {
    fault(w, "out-of-bounds scalar load of " + std::to_string(4 * dwords) + " bytes at " + hex(address));
  }
  std::memcpy(w.s + in.dst.index, reinterpret_cast<const u8*>(address + range->to_host), 4 * dwords);
  w.counters->bytes_read += 4 * dwords;
}

template <class Fn>
Row scalar_load(std::string name, int dwords, Fn) {
  Row row;
  row.name = std::move(name);
  row.klass = Class::Smem;
  row.widths = {b64, b32, b32};
  row.detail = dwords;
  row.run32 = row.run64 = [](Wave& w, const Inst& in) { Fn{}(w, in); };
  return row;
}

void add_scalar_loads(Rows& rows) {
  const auto load = [](Wave& w, const Inst& in) {
    load_scalars(w, in, read_scalar<u64>(w, in.src[0]) + scalar_offset(w, in), in.row->detail);
  };
  const auto buffer_load = [](Wave& w, const Inst& in) {
    const Buffer buffer = read_buffer(w, in.src[0]);
    load_scalars(w, in, buffer.base + scalar_offset(w, in), in.row->detail);
  };
  for (int dwords : {1, 2, 3, 4, 8, 16}) {
    const std::string old_name = dwords == 1 ? "dword" : "dwordx" + std::to_string(dwords);
    const std::string new_name = "b" + std::to_string(32 * dwords);
    for (const std::string& name : {old_name, new_name}) {
      rows.push_back(scalar_load("s_load_" + name, dwords, load));
      rows.push_back(scalar_load("s_buffer_load_" + name, dwords, buffer_load));
    }
  }
}

template <class T>
void add_small_scalar_load(Rows& rows, const char* name) {
  rows.push_back(scalar_load(name, 1, [](Wave& w, const Inst& in) {
    const u64 address = read_scalar<u64>(w, in.src[0]) + scalar_offset(w, in);
    const Range* range = find_range(*w.launch->memory, address);
    if (!range || address + sizeof(T) > range->end) fault(w, "out-of-bounds scalar load at " + hex(address));
    T value;
    std::memcpy(&value, reinterpret_cast<const u8*>(address + range->to_host), sizeof value);
    write_scalar(w, in.dst, static_cast<u32>(static_cast<i32>(value)));
    w.counters->bytes_read += sizeof(T);
  }));
}

}  // namespace

void add_memory_rows(Rows& rows) {
  add_space<Space::Global>(rows, "global", Class::GlobalLoad, Class::GlobalStore);
  add_space<Space::Flat>(rows, "flat", Class::GlobalLoad, Class::GlobalStore);
  add_space<Space::Scratch>(rows, "scratch", Class::Scratch, Class::Scratch);
  add_buffers(rows);
  add_scalar_loads(rows);
  add_small_scalar_load<u8>(rows, "s_load_u8");
  add_small_scalar_load<i8>(rows, "s_load_i8");
  add_small_scalar_load<u16>(rows, "s_load_u16");
  add_small_scalar_load<i16>(rows, "s_load_i16");
}

}  // namespace emu
