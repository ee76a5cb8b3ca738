// Atomic operations on global memory (global, flat, buffer) and LDS: one table of operations for all of them.
#include <atomic>

#include "float_math.h"
#include "memory.h"
#include "valu.h"

namespace emu {

// new value = fn(old, data, compare).
struct AtomicOp {
  const char* old_name;  // GFX9 and GFX10, global: "add_x2"
  const char* new_name;  // GFX11 and GFX12, and LDS everywhere: "add_u64"
  int bytes;
  u64 (*fn)(u64 old, u64 data, u64 compare);
  bool compares = false;
};

namespace {

template <class T>
T narrow(u64 bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
u64 widen(T value) {
  u64 bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T, class Fn>
AtomicOp operation(const char* old_name, const char* new_name, Fn) {
  return {old_name, new_name, sizeof(T),
          [](u64 old, u64 data, u64) { return widen<T>(Fn{}(narrow<T>(old), narrow<T>(data))); }};
}

template <class T>
AtomicOp compare_and_swap(const char* old_name, const char* new_name) {
  return {old_name, new_name, sizeof(T),
          [](u64 old, u64 data, u64 compare) {
            return widen<T>(narrow<T>(old) == narrow<T>(compare) ? narrow<T>(data) : narrow<T>(old));
          },
          true};
}

template <class Half, class Add>
u32 add_pairs(u32 x, u32 y, Add add) {
  const u32 low = add(static_cast<u16>(x), static_cast<u16>(y));
  return low | (static_cast<u32>(add(static_cast<u16>(x >> 16), static_cast<u16>(y >> 16))) << 16);
}
u16 add_f16(u16 x, u16 y) { return as_u16(static_cast<f16>(f32(as_f16(x)) + f32(as_f16(y)))); }
u16 add_bf16(u16 x, u16 y) { return f32_to_bf16(bf16_to_f32(x) + bf16_to_f32(y)); }

template <class U, class S>
void add_integer_operations(std::vector<AtomicOp>& ops, const std::array<std::array<const char*, 2>, 13>& n) {
  ops.push_back(operation<U>(n[0][0], n[0][1], [](U x, U y) { return U(x + y); }));
  ops.push_back(operation<U>(n[1][0], n[1][1], [](U x, U y) { return U(x - y); }));
  ops.push_back(operation<U>(n[2][0], n[2][1], [](U x, U y) { return std::max(x, y); }));
  ops.push_back(operation<U>(n[3][0], n[3][1], [](U x, U y) { return std::min(x, y); }));
  ops.push_back(operation<S>(n[4][0], n[4][1], [](S x, S y) { return std::max(x, y); }));
  ops.push_back(operation<S>(n[5][0], n[5][1], [](S x, S y) { return std::min(x, y); }));
  ops.push_back(operation<U>(n[6][0], n[6][1], [](U x, U y) { return U(x & y); }));
  ops.push_back(operation<U>(n[7][0], n[7][1], [](U x, U y) { return U(x | y); }));
  ops.push_back(operation<U>(n[8][0], n[8][1], [](U x, U y) { return U(x ^ y); }));
  ops.push_back(operation<U>(n[9][0], n[9][1], [](U x, U y) { return x >= y ? U(0) : U(x + 1); }));
  ops.push_back(operation<U>(n[10][0], n[10][1], [](U x, U y) { return x == 0 || x > y ? y : U(x - 1); }));
  ops.push_back(operation<U>(n[11][0], n[11][1], [](U, U y) { return y; }));
  ops.push_back(compare_and_swap<U>(n[12][0], n[12][1]));
}

const std::vector<AtomicOp>& operations() {
  static const auto& rows = *[] {
    auto& ops = *new std::vector<AtomicOp>;
    add_integer_operations<u32, i32>(ops, {{{"add", "add_u32"},
                                            {"sub", "sub_u32"},
                                            {"umax", "max_u32"},
                                            {"umin", "min_u32"},
                                            {"smax", "max_i32"},
                                            {"smin", "min_i32"},
                                            {"and", "and_b32"},
                                            {"or", "or_b32"},
                                            {"xor", "xor_b32"},
                                            {"inc", "inc_u32"},
                                            {"dec", "dec_u32"},
                                            {"swap", "swap_b32"},
                                            {"cmpswap", "cmpswap_b32"}}});
    add_integer_operations<u64, i64>(ops, {{{"add_x2", "add_u64"},
                                            {"sub_x2", "sub_u64"},
                                            {"umax_x2", "max_u64"},
                                            {"umin_x2", "min_u64"},
                                            {"smax_x2", "max_i64"},
                                            {"smin_x2", "min_i64"},
                                            {"and_x2", "and_b64"},
                                            {"or_x2", "or_b64"},
                                            {"xor_x2", "xor_b64"},
                                            {"inc_x2", "inc_u64"},
                                            {"dec_x2", "dec_u64"},
                                            {"swap_x2", "swap_b64"},
                                            {"cmpswap_x2", "cmpswap_b64"}}});
    ops.push_back(operation<f32>(nullptr, "add_f32", [](f32 x, f32 y) { return x + y; }));
    ops.push_back(operation<f64>(nullptr, "add_f64", [](f64 x, f64 y) { return x + y; }));
    for (const char* name : {"max_f32", "max_num_f32", "fmax"}) {
      ops.push_back(operation<f32>(nullptr, name, [](f32 x, f32 y) { return max_num(x, y); }));
    }
    for (const char* name : {"min_f32", "min_num_f32", "fmin"}) {
      ops.push_back(operation<f32>(nullptr, name, [](f32 x, f32 y) { return min_num(x, y); }));
    }
    for (const char* name : {"max_f64", "fmax_x2"}) {
      ops.push_back(operation<f64>(nullptr, name, [](f64 x, f64 y) { return max_num(x, y); }));
    }
    for (const char* name : {"min_f64", "fmin_x2"}) {
      ops.push_back(operation<f64>(nullptr, name, [](f64 x, f64 y) { return min_num(x, y); }));
    }
    ops.push_back(
        operation<u32>(nullptr, "pk_add_f16", [](u32 x, u32 y) { return add_pairs<f16>(x, y, add_f16); }));
    ops.push_back(
        operation<u32>(nullptr, "pk_add_bf16", [](u32 x, u32 y) { return add_pairs<u16>(x, y, add_bf16); }));
    return &ops;
  }();
  return rows;
}

template <class T>
u64 update(u8* at, const AtomicOp& op, u64 data, u64 compare) {
  std::atomic_ref<T> cell(*reinterpret_cast<T*>(at));
  T old = cell.load(std::memory_order_relaxed);
  while (!cell.compare_exchange_weak(old, static_cast<T>(op.fn(old, data, compare)))) {
  }
  return old;
}

template <int N>
u64 read_lane(Wave& w, int index, int lane, int bytes) {
  const u64 low = w.row<N>(index)[lane];
  return bytes == 8 ? low | (static_cast<u64>(w.row<N>(index + 1)[lane]) << 32) : low;
}

// One lane after another, as the hardware serialises them. `data` is the first register of the data operand
// and `compare` that of the value to compare with.
template <int N>
void update_lanes(Wave& w, const Inst& in, u8* const* host, u64 active, int data, int compare) {
  const AtomicOp& op = *in.row->atomic;
  for (int l = 0; l < N; ++l) {
    if (!((active >> l) & 1)) continue;
    const u64 value = read_lane<N>(w, data, l, op.bytes);
    const u64 expected = op.compares ? read_lane<N>(w, compare, l, op.bytes) : 0;
    const u64 old =
        op.bytes == 8 ? update<u64>(host[l], op, value, expected) : update<u32>(host[l], op, value, expected);
    if (!in.returns) continue;
    w.row<N>(in.dst.index)[l] = static_cast<u32>(old);
    if (op.bytes == 8) w.row<N>(in.dst.index + 1)[l] = static_cast<u32>(old >> 32);
  }
}

void add_global(Rows& rows, const AtomicOp& op, const char* name) {
  for (const char* prefix : {"global_atomic_", "flat_atomic_"}) {
    // src[0] address, src[1] scalar base, src[2] data (then the value to compare with).
    Row row =
        custom(std::string(prefix) + name, Shape::Atomic, Class::GlobalAtomic, {},
               [](Wave& w, const Inst& in, auto lanes) {
                 constexpr int N = lanes;
                 alignas(64) u64 address[N];
                 u8* host[N];
                 global_addresses<N>(w, in, 0, address);
                 const u64 active = w.exec();
                 const int bytes = in.row->atomic->bytes;
                 if (active && in_lds_aperture(address[std::countr_zero(active)])) {  // a flat pointer to LDS
                   u32 offset[N];
                   for (int l = 0; l < N; ++l) offset[l] = static_cast<u32>(address[l]);
                   resolve_lds<N>(w, offset, host, active, bytes, Access::Atomic);
                 } else {
                   resolve_global<N>(w, in, address, host, active, bytes, Access::Atomic);
                 }
                 update_lanes<N>(w, in, host, active, in.src[2].index, in.src[2].index + bytes / 4);
               });
    row.atomic = &op;
    rows.push_back(row);
  }
}

void add_lds(Rows& rows, const AtomicOp& op, std::string name) {
  for (bool returns : {false, true}) {
    std::string full = name;
    if (returns) full.insert(full.rfind('_') + 1, "rtn_");
    // GFX9/10 compare-and-swap takes (compare, data); GFX11 renamed it cmpstore with (data, compare).
    Row row = custom("ds_" + full, returns ? Shape::DstSrc : Shape::SrcOnly, Class::Lds, {},
                     [](Wave& w, const Inst& in, auto lanes) {
                       constexpr int N = lanes;
                       alignas(64) u32 address[N];
                       u8* host[N];
                       lds_addresses<N>(w, in.src[0], in.offset, address);
                       resolve_lds<N>(w, address, host, w.exec(), in.row->atomic->bytes, Access::Atomic);
                       const bool data_second = in.row->detail;
                       const Operand &data = data_second ? in.src[2] : in.src[1],
                                     &compare = data_second ? in.src[1] : in.src[2];
                       update_lanes<N>(w, in, host, w.exec(), data.index, compare.index);
                     });
    row.atomic = &op;
    row.detail = name.starts_with("cmpst_");
    rows.push_back(row);
  }
}

std::string lds_name(const AtomicOp& op) {
  std::string name = op.new_name;
  if (name.starts_with("swap_")) return "wrxchg_" + name.substr(5);
  return name;
}

}  // namespace

void add_atomic_rows(Rows& rows) {
  for (const AtomicOp& op : operations()) {
    if (op.old_name) add_global(rows, op, op.old_name);
    add_global(rows, op, op.new_name);
    const std::string name = op.new_name;
    if (name.starts_with("fm")) continue;  // LDS has one spelling of the float minimum and maximum
    if (op.compares) {
      add_lds(rows, op, "cmpst_" + name.substr(8));
      add_lds(rows, op, "cmpstore_" + name.substr(8));
      continue;
    }
    add_lds(rows, op, lds_name(op));
    if (name.starts_with("swap_")) add_lds(rows, op, "storexchg_" + name.substr(5));
  }
}

}  // namespace emu
