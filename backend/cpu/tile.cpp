#include "backend/cpu/tile.h"

#include <cstring>

#include "backend/core/error.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/scratch.h"

namespace mlx_rocm::cpu {
namespace {

constexpr int64_t kTile = 512;        // elements; 4 KB a register in the widest type
constexpr int64_t kGrain = 16 * kTile;  // elements a thread takes at a time

constexpr const char* kNames[num_elementwise] = {
#define UNARY(name, ...) #name,
#define BINARY(name, ...) #name,
#include "backend/ops/elementwise.def"
#undef UNARY
#undef BINARY
    "where",
};

constexpr const char* kComputeNames[num_computes] = {"bool", "uint8", "uint16", "uint32",  "uint64",  "int8",
                                                     "int16", "int32", "int64",  "float32", "float64", "complex64"};

// Copies one run of elements that lie `stride` apart.
template <class T>
void gather_run(const char* src, int64_t stride, char* dst, int64_t n) {
  auto* from = reinterpret_cast<const T*>(src);
  auto* to = reinterpret_cast<T*>(dst);
  if (stride == 0) {
    std::fill(to, to + n, *from);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i * stride];
  }
}

template <class T>
void move_run(const char* src, int64_t src_stride, char* dst, int64_t dst_stride, int64_t n) {
  auto* from = reinterpret_cast<const T*>(src);
  auto* to = reinterpret_cast<T*>(dst);
  if (src_stride == 1 && dst_stride == 1) {
    std::memcpy(to, from, n * sizeof(T));
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * dst_stride] = from[i * src_stride];
  }
}

// Elements [begin, begin + n) in row-major order of a collapsed strided view, copied one after another.
void gather(const char* base, size_t itemsize, const Shape& shape, const Strides& strides, int64_t begin, int64_t n,
            char* dst) {
  auto run = itemsize == 1   ? gather_run<uint8_t>
             : itemsize == 2 ? gather_run<uint16_t>
             : itemsize == 4 ? gather_run<uint32_t>
                             : gather_run<uint64_t>;
  const int inner = int(shape.size()) - 1;
  Shape index(shape.size(), 0);
  int64_t offset = 0;
  for (int i = inner; i >= 0 && begin > 0; --i) {
    index[i] = int32_t(begin % shape[i]);
    begin /= shape[i];
    offset += index[i] * strides[i];
  }
  while (n > 0) {
    int64_t take = std::min<int64_t>(n, shape[inner] - index[inner]);
    const char* src = base + offset * int64_t(itemsize);
    if (strides[inner] == 1) {
      std::memcpy(dst, src, take * itemsize);
    } else {
      run(src, strides[inner], dst, take);
    }
    dst += take * itemsize;
    n -= take;
    index[inner] += int32_t(take);
    offset += take * strides[inner];
    for (int i = inner; i >= 0 && index[i] == shape[i]; --i) {
      offset -= index[i] * strides[i];
      index[i] = 0;
      if (i > 0) {
        ++index[i - 1];
        offset += strides[i - 1];
      }
    }
  }
}

// How the tiles of an input are obtained.
struct Source {
  enum Kind { direct, splat, strided } kind = direct;
  const char* base = nullptr;
  Dtype dtype;
  BlockFn load = nullptr;  // half types
  Shape shape;
  Strides strides;

  void fetch(int64_t begin, int64_t n, char* stage, char* reg, const void** at) const {
    const size_t item = dtype.size();
    if (kind == direct) {
      const char* p = base + begin * int64_t(item);
      if (!load) {
        *at = p;
        return;
      }
      const void* in[] = {p};
      load(in, reg, n);
    } else if (!load) {
      gather(base, item, shape, strides, begin, n, reg);
    } else {
      gather(base, item, shape, strides, begin, n, stage);
      const void* in[] = {stage};
      load(in, reg, n);
    }
    *at = reg;
  }
  void fill(char* stage, char* reg) const {
    char* to = load ? stage : reg;
    const size_t item = dtype.size();
    gather(base, item, {int32_t(kTile)}, {0}, 0, kTile, to);
    if (load) {
      const void* in[] = {stage};
      load(in, reg, kTile);
    }
  }
};

BlockFn load_fn(Dtype d) {
  const auto& t = elementwise_table();
  return d == float16 ? t.load_f16 : d == bfloat16 ? t.load_bf16 : nullptr;
}
BlockFn store_fn(Dtype d) {
  const auto& t = elementwise_table();
  return d == float16 ? t.store_f16 : d == bfloat16 ? t.store_bf16 : nullptr;
}

// True when every input that is not a single element has the same dense layout: then memory order serves as well
// as row-major order and the outputs take that layout.
bool common_layout(const Arrays& in, const Shape& shape, const Strides** layout) {
  *layout = nullptr;
  for (const array& a : in) {
    if (a.size() == 1) continue;
    if (!(a.shape() == shape)) return false;
    if (*layout == nullptr) {
      if (!a.dense()) return false;
      *layout = &a.strides();
    } else if (!(a.strides() == **layout)) {
      return false;
    }
  }
  return true;
}

// What a thread runs over its share of the tiles.
struct Job {
  const TileProgram& program;
  std::vector<Source> sources;
  std::vector<char*> out;
  // Outputs whose instruction writes to their memory at once. The others wait in registers until the tile is done:
  // half types need converting, and an output that reuses an input's memory could clobber it too early.
  SmallVector<bool, 8> direct;
  bool single = false;  // the outputs have one element

  static constexpr size_t kRegister = kTile * 8;

  void operator()(int64_t begin, int64_t end) const {
    const int regs = program.registers;
    alignas(64) char small[kRegister * 5];
    char* memory = small;
    if (regs > 4) memory = static_cast<char*>(scratch(ScratchUse::elementwise, kRegister * (regs + 1)));
    char* stage = memory + kRegister * regs;
    SmallVector<void*, 32> at(regs);
    for (int r = 0; r < regs; ++r) at[r] = memory + kRegister * r;
    for (size_t i = 0; i < sources.size(); ++i) {
      if (sources[i].kind == Source::splat) sources[i].fill(stage, memory + kRegister * i);
    }
    if (!single) run_uniform(at, std::min(kTile, end - begin));
    for (int64_t t = begin; t < end; t += kTile) {
      int64_t n = std::min(kTile, end - t);
      for (size_t i = 0; i < sources.size(); ++i) {
        if (sources[i].kind == Source::splat) continue;
        const void* p;
        sources[i].fetch(t, n, stage, memory + kRegister * i, &p);
        at[i] = const_cast<void*>(p);
      }
      for (size_t k = 0; k < out.size(); ++k) {
        if (direct[k]) at[program.outputs[k].first] = out[k] + t * int64_t(program.outputs[k].second.size());
      }
      for (const auto& c : program.code) {
        if (c.uniform && !single) continue;
        const void* in[] = {at[c.in[0]], at[c.in[1]], at[c.in[2]]};
        c.fn(in, at[c.out], n);
      }
      for (size_t k = 0; k < out.size(); ++k) {
        if (!direct[k]) store(k, t, n, at[program.outputs[k].first]);
      }
    }
  }

  void run_uniform(const SmallVector<void*, 32>& at, int64_t n) const {
    for (const auto& c : program.code) {
      if (!c.uniform) continue;
      const void* in[] = {at[c.in[0]], at[c.in[1]], at[c.in[2]]};
      c.fn(in, at[c.out], 1);
      char first[8];
      std::memcpy(first, at[c.out], c.size);
      gather(first, c.size, {int32_t(n)}, {0}, 0, n, static_cast<char*>(at[c.out]));
    }
  }

  void store(size_t k, int64_t t, int64_t n, const void* reg) const {
    Dtype dtype = program.outputs[k].second;
    char* to = out[k] + t * int64_t(dtype.size());
    const void* in[] = {reg};
    if (BlockFn half = store_fn(dtype)) {
      half(in, to, n);
    } else {
      std::memcpy(to, reg, n * dtype.size());
    }
  }
};

// Index of the last instruction that reads a register, or -1.
int last_read(const TileProgram& p, int reg) {
  for (int i = int(p.code.size()); i-- > 0;) {
    for (int r : p.code[i].in) {
      if (r == reg) return i;
    }
  }
  return -1;
}

int writer(const TileProgram& p, int reg) {
  for (size_t i = 0; i < p.code.size(); ++i) {
    if (p.code[i].out == reg) return int(i);
  }
  return -1;
}

// May output k be written by its instruction? `donor` is the input whose memory it took over, or -1.
bool writes_directly(const TileProgram& p, size_t k, int donor) {
  auto [reg, dtype] = p.outputs[k];
  if (store_fn(dtype) || reg < int(p.inputs.size())) return false;
  int at = writer(p, reg);
  if (p.code[at].uniform) return false;
  return donor < 0 || last_read(p, donor) <= at;
}

}  // namespace

Compute compute_type(Dtype d) {
  using C = Compute;
  constexpr C map[Dtype::count] = {C::b,   C::u8,  C::u16, C::u32, C::u64, C::i8,  C::i16,
                                   C::i32, C::i64, C::f32, C::f32, C::f64, C::f32, C::c64};
  return map[d.val];
}

BlockFn block_fn(int id, Compute c) {
  BlockFn fn = elementwise_table().op[id][int(c)];
  if (!fn) value_error("[", kNames[id], "] Not supported for ", kComputeNames[int(c)], ".");
  return fn;
}
BlockFn convert_fn(Compute from, Compute to) { return elementwise_table().convert[int(from)][int(to)]; }

void allocate_registers(TileProgram& p) {
  const int inputs = int(p.inputs.size());
  std::vector<int> last(p.registers, -1), renamed(p.registers);
  std::vector<bool> pinned(p.registers, false);
  for (size_t i = 0; i < p.code.size(); ++i) {
    for (int r : p.code[i].in) last[r] = int(i);
    if (p.code[i].uniform) pinned[p.code[i].out] = true;
  }
  for (auto& o : p.outputs) pinned[o.first] = true;
  int count = inputs;
  std::vector<int> free;
  std::vector<uint8_t> size(p.registers, 0);
  for (const auto& c : p.code) size[c.out] = c.size;
  for (int r = 0; r < inputs; ++r) renamed[r] = r;
  for (size_t i = 0; i < p.code.size(); ++i) {
    auto& c = p.code[i];
    SmallVector<int, 4> ends, ends_later;  // a result may only replace an operand of its own width
    for (int k = 0; k < 3; ++k) {
      int r = c.in[k];
      c.in[k] = int16_t(renamed[r]);
      if (last[r] != int(i) || r < inputs || pinned[r]) continue;
      last[r] = -1;
      (size[r] == c.size ? ends : ends_later).push_back(renamed[r]);
    }
    free.insert(free.end(), ends.begin(), ends.end());
    int r = c.out;
    if (!pinned[r] && !free.empty()) {
      renamed[r] = free.back();
      free.pop_back();
    } else {
      renamed[r] = count++;
    }
    free.insert(free.end(), ends_later.begin(), ends_later.end());
    c.out = int16_t(renamed[r]);
  }
  for (auto& o : p.outputs) o.first = renamed[o.first];
  p.registers = count;
}

void run_tiles(const TileProgram& program, const Arrays& in, const Arrays& out, const Arrays& constants) {
  const Shape& shape = out[0].shape();
  const int64_t size = out[0].size();
  const Strides* layout;
  bool in_memory_order = common_layout(in, shape, &layout);

  // Give the outputs memory: an input's where nobody else needs it.
  Job job{program, {}, {}, {}};
  job.single = size == 1;
  SmallVector<int, 8> taken;
  for (const array& o : out) {
    int donor = -1;
    for (size_t i = 0; i < in.size() && donor < 0; ++i) {
      const array& a = in[i];
      bool fits = in_memory_order ? a.size() == size && a.shape() == shape : a.row_contiguous() && a.shape() == shape;
      if (!fits || a.itemsize() != o.itemsize() || !a.donatable()) continue;
      if (std::find(taken.begin(), taken.end(), int(i)) == taken.end()) donor = int(i);
    }
    if (donor >= 0) {
      taken.push_back(donor);
      o.share(in[donor]);
    } else if (in_memory_order && layout) {
      o.allocate(*layout);
    } else {
      o.allocate();
    }
    job.direct.push_back(writes_directly(program, job.direct.size(), donor));
  }
  if (size == 0) return;

  job.sources.resize(in.size() + constants.size());
  for (size_t i = 0; i < job.sources.size(); ++i) {
    const array& a = i < in.size() ? in[i] : constants[i - in.size()];
    Source& s = job.sources[i];
    s.base = a.bytes();
    s.dtype = a.dtype();
    s.load = load_fn(s.dtype);
    if (a.size() == 1) {
      s.kind = size == 1 ? Source::direct : Source::splat;
    } else if (in_memory_order || (a.row_contiguous() && a.shape() == shape)) {
      s.kind = Source::direct;
    } else {
      s.kind = Source::strided;
      s.shape = shape;
      s.strides = broadcast_strides(a.shape(), a.strides(), shape);
      collapse(s.shape, {&s.strides, 1});
    }
  }
  for (const array& o : out) job.out.push_back(o.bytes());
  if (size <= kTile) {
    job(0, size);
  } else {
    parallel_for((size + kTile - 1) / kTile, kGrain / kTile, [&](int64_t begin, int64_t end) {
      job(begin * kTile, std::min(end * kTile, size));
    });
  }
}

void copy(const array& src, const array& dst) {
  if (dst.size() == 0) return;
  if (src.dtype() == dst.dtype()) {
    const size_t item = src.itemsize();
    if (src.row_contiguous()) {
      parallel_for(int64_t(src.nbytes()), 1 << 18, [&](int64_t begin, int64_t end) {
        std::memcpy(dst.bytes() + begin, src.bytes() + begin, end - begin);
      });
      return;
    }
    Shape shape = src.shape();
    Strides strides = src.strides();
    collapse(shape, {&strides, 1});
    parallel_for(src.size(), kGrain, [&](int64_t begin, int64_t end) {
      gather(src.bytes(), item, shape, strides, begin, end - begin, dst.bytes() + begin * int64_t(item));
    });
    return;
  }
  array converted = contiguous(src, dst.dtype());
  copy(converted, dst);
}

void copy_into(const array& src, const array& dst) {
  if (dst.size() == 0) return;
  if (dst.row_contiguous()) return copy(src, dst);
  const size_t item = dst.itemsize();
  Shape shape = dst.shape();
  Strides strides[2] = {broadcast_strides(src.shape(), src.strides(), shape), dst.strides()};
  collapse(shape, strides);
  const int inner = int(shape.size()) - 1;
  const int64_t rows = dst.size() / shape[inner];
  Shape outer(shape.begin(), shape.begin() + inner);
  Strides from(strides[0].begin(), strides[0].begin() + inner), to(strides[1].begin(), strides[1].begin() + inner);
  auto run = item == 1 ? move_run<uint8_t> : item == 2 ? move_run<uint16_t> : item == 4 ? move_run<uint32_t>
                                                                                         : move_run<uint64_t>;
  parallel_for(rows, std::max<int64_t>(1, kGrain / shape[inner]), [&](int64_t begin, int64_t end) {
    Walker a(outer, from, begin), b(outer, to, begin);
    for (int64_t i = begin; i < end; ++i, a.next(), b.next()) {
      run(src.bytes() + a.offset() * int64_t(item), strides[0][inner], dst.bytes() + b.offset() * int64_t(item),
          strides[1][inner], shape[inner]);
    }
  });
}

array contiguous(const array& a) {
  if (a.row_contiguous()) return a;
  array out = array::uninitialised(a.shape(), a.dtype());
  copy(a, out);
  return out;
}

array contiguous(const array& a, Dtype dtype) {
  if (a.dtype() == dtype) return contiguous(a);
  TileProgram p;
  int r = p.input(a.dtype());
  Compute from = compute_type(a.dtype()), to = compute_type(dtype);
  if (from != to) r = p.emit(convert_fn(from, to), {r});
  p.outputs.push_back({r, dtype});
  array src = contiguous(a);
  array out(make_ref<Node>(a.shape(), dtype));
  run_tiles(p, {src}, {out});
  return out;
}

}  // namespace mlx_rocm::cpu
