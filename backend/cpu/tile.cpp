#include "backend/cpu/tile.h"

#include <cstring>
#include <memory>

#include "backend/core/error.h"
#include "backend/cpu/pool.h"

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

struct Job {
  const TileProgram& program;
  std::vector<Source> sources;
  std::vector<char*> out;

  // A single instruction may write its result straight to memory; with several, an output that reuses an input's
  // memory could clobber it too early, so results stay in registers until the tile is done.
  bool direct_output() const { return program.code.size() == 1 && program.outputs.size() == 1; }

  void operator()(int64_t begin, int64_t end) const {
    constexpr size_t reg_bytes = kTile * 8;
    const int regs = program.registers;
    alignas(64) char small[reg_bytes * 5];
    std::unique_ptr<char[]> heap;
    char* memory = small;
    if (regs > 4) {
      heap.reset(new char[reg_bytes * (regs + 1) + 64]);
      memory = heap.get() + (64 - reinterpret_cast<uintptr_t>(heap.get()) % 64);
    }
    char* stage = memory + reg_bytes * regs;
    SmallVector<const void*, 16> at(regs);
    for (int r = 0; r < regs; ++r) at[r] = memory + reg_bytes * r;
    for (size_t i = 0; i < sources.size(); ++i) {
      if (sources[i].kind == Source::splat) sources[i].fill(stage, memory + reg_bytes * i);
    }
    for (int64_t t = begin; t < end; t += kTile) {
      int64_t n = std::min(kTile, end - t);
      for (size_t i = 0; i < sources.size(); ++i) {
        if (sources[i].kind != Source::splat) sources[i].fetch(t, n, stage, memory + reg_bytes * i, &at[i]);
      }
      for (const auto& c : program.code) {
        const void* in[] = {at[c.in[0]], at[c.in[1]], at[c.in[2]]};
        char* to = memory + reg_bytes * c.out;
        if (direct_output() && !store_fn(program.outputs[0].second)) {
          c.fn(in, out[0] + t * int64_t(program.outputs[0].second.size()), n);
        } else {
          c.fn(in, to, n);
        }
      }
      for (size_t k = 0; k < out.size(); ++k) {
        auto [reg, dtype] = program.outputs[k];
        char* to = out[k] + t * int64_t(dtype.size());
        const void* in[] = {at[reg]};
        if (BlockFn store = store_fn(dtype)) {
          store(in, to, n);
        } else if (!direct_output()) {
          std::memcpy(to, at[reg], n * dtype.size());
        }
      }
    }
  }
};

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

void run_tiles(const TileProgram& program, const Arrays& in, const Arrays& out) {
  const Shape& shape = out[0].shape();
  const int64_t size = out[0].size();
  const Strides* layout;
  bool in_memory_order = common_layout(in, shape, &layout);

  // Give the outputs memory: an input's where nobody else needs it.
  SmallVector<int, 8> taken;
  for (const array& o : out) {
    bool donated = false;
    for (size_t i = 0; i < in.size() && !donated; ++i) {
      const array& a = in[i];
      bool fits = in_memory_order ? a.size() == size && a.shape() == shape : a.row_contiguous() && a.shape() == shape;
      if (!fits || a.itemsize() != o.itemsize() || !a.donatable()) continue;
      if (std::find(taken.begin(), taken.end(), int(i)) != taken.end()) continue;
      taken.push_back(int(i));
      o.share(a);
      donated = true;
    }
    if (donated) continue;
    if (in_memory_order && layout) {
      o.allocate(*layout);
    } else {
      o.allocate();
    }
  }
  if (size == 0) return;

  Job job{program, {}, {}};
  job.sources.resize(in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    Source& s = job.sources[i];
    s.base = in[i].bytes();
    s.dtype = in[i].dtype();
    s.load = load_fn(s.dtype);
    if (in[i].size() == 1) {
      s.kind = size == 1 ? Source::direct : Source::splat;
    } else if (in_memory_order || (in[i].row_contiguous() && in[i].shape() == shape)) {
      s.kind = Source::direct;
    } else {
      s.kind = Source::strided;
      s.shape = shape;
      s.strides = broadcast_strides(in[i].shape(), in[i].strides(), shape);
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
