#include "backend/cpu/tile.h"

#include <cstring>

#include "backend/core/elementwise_layout.h"
#include "backend/core/error.h"
#include "backend/cpu/move.h"
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

// How the tiles of an input are obtained.
struct Source {
  enum Kind { direct, splat, strided } kind = direct;
  const char* base = nullptr;
  Dtype dtype;
  BlockFn load = nullptr;  // half types
  Shape shape;
  Strides strides;

  // Elements [begin, begin + n) of the flattened view.
  const void* fetch(int64_t begin, int64_t n, char* stage, char* reg) const {
    const size_t item = dtype.size();
    if (kind == direct) return fetch_run(begin, 1, n, stage, reg);
    gather(base, item, shape, strides, begin, n, load ? stage : reg);
    return load ? convert(stage, n, reg) : reg;
  }
  // n elements that lie `stride` apart, from the `offset`-th on.
  const void* fetch_run(int64_t offset, int64_t stride, int64_t n, char* stage, char* reg) const {
    const size_t item = dtype.size();
    const char* p = base + offset * int64_t(item);
    if (stride == 1) return load ? convert(p, n, reg) : p;
    move_kernels(item).run(p, stride, load ? stage : reg, 1, n);
    return load ? convert(stage, n, reg) : reg;
  }
  const void* convert(const char* from, int64_t n, char* reg) const {
    const void* in[] = {from};
    load(in, reg, n);
    return reg;
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

// What a thread runs over its share of the tiles.
struct Job {
  const TileProgram& program;
  std::vector<Source> sources;
  std::vector<char*> out;
  // Outputs whose instruction writes to their memory at once. The others wait in registers until the tile is done:
  // half types need converting, an output that reuses an input's memory could clobber it too early, and large ones
  // are written past the caches.
  SmallVector<bool, 8> direct;
  bool single = false;  // the outputs have one element
  bool past_caches = false;
  // With long rows tiles end where rows do: a strided input is then a run of memory, most often one to use in place.
  // `row` is the length of a row, or 0; `rows` the other axes.
  int64_t row = 0;
  Shape rows{};

  static constexpr size_t kRegister = kTile * 8;

  // A thread's registers and, for row-wise jobs, where its rows are.
  struct State {
    char* memory;
    char* stage;
    SmallVector<void*, 32> at;
    std::vector<Walker> walkers;
    SmallVector<const char*, 8> filled;  // the element that a register is full of
  };

  void operator()(int64_t begin, int64_t end) const {
    const int regs = program.registers;
    alignas(64) char small[kRegister * 5];
    State s;
    s.memory = small;
    if (regs > 4) s.memory = static_cast<char*>(scratch(ScratchUse::elementwise, kRegister * (regs + 1)));
    s.stage = s.memory + kRegister * regs;
    s.at.resize(regs);
    for (int r = 0; r < regs; ++r) s.at[r] = s.memory + kRegister * r;
    const int64_t widest = std::min(kTile, end - begin);
    for (size_t i = 0; i < sources.size(); ++i) {
      if (sources[i].kind == Source::splat) sources[i].fetch_run(0, 0, widest, s.stage, s.memory + kRegister * i);
    }
    if (!single) run_uniform(s.at, widest);
    if (row > 0) {
      run_rows(s, begin, end);
    } else {
      for (int64_t t = begin; t < end; t += kTile) {
        const int64_t n = std::min(kTile, end - t);
        for (size_t i = 0; i < sources.size(); ++i) {
          if (sources[i].kind == Source::splat) continue;
          s.at[i] = const_cast<void*>(sources[i].fetch(t, n, s.stage, s.memory + kRegister * i));
        }
        run_tile(s, t, n);
      }
    }
  }

  void run_rows(State& s, int64_t begin, int64_t end) const {
    int64_t column = begin % row;
    for (const Source& source : sources) {
      const bool walks = source.kind != Source::splat;
      Strides outer(source.strides.begin(), source.strides.begin() + (walks ? rows.size() : 0));
      s.walkers.emplace_back(walks ? rows : Shape(), outer, walks ? begin / row : 0);
    }
    s.filled.assign(sources.size(), nullptr);
    for (int64_t t = begin; t < end;) {
      const int64_t n = std::min({kTile, end - t, row - column});
      for (size_t i = 0; i < sources.size(); ++i) {
        const Source& source = sources[i];
        if (source.kind == Source::splat) continue;
        const int64_t stride = source.strides.back(), offset = s.walkers[i].offset() + column * stride;
        char* reg = s.memory + kRegister * i;
        if (stride != 0) {
          s.at[i] = const_cast<void*>(source.fetch_run(offset, stride, n, s.stage, reg));
        } else if (const char* from = source.base + offset * int64_t(source.dtype.size()); s.filled[i] != from) {
          source.fetch_run(offset, 0, std::min(kTile, row), s.stage, reg);
          s.filled[i] = from;
        }
      }
      run_tile(s, t, n);
      t += n;
      column += n;
      if (column == row) {
        column = 0;
        for (size_t i = 0; i < sources.size(); ++i) {
          if (sources[i].kind != Source::splat) s.walkers[i].next();
        }
      }
    }
  }

  void run_tile(State& s, int64_t t, int64_t n) const {
    for (size_t k = 0; k < out.size(); ++k) {
      if (direct[k]) s.at[program.outputs[k].first] = out[k] + t * int64_t(program.outputs[k].second.size());
    }
    for (const auto& c : program.code) {
      if (c.uniform && !single) continue;
      const void* in[] = {s.at[c.in[0]], s.at[c.in[1]], s.at[c.in[2]]};
      c.fn(in, s.at[c.out], n);
    }
    for (size_t k = 0; k < out.size(); ++k) {
      if (!direct[k]) store(k, t, n, s.at[program.outputs[k].first], s.stage);
    }
  }

  void run_uniform(const SmallVector<void*, 32>& at, int64_t n) const {
    for (const auto& c : program.code) {
      if (!c.uniform) continue;
      const void* in[] = {at[c.in[0]], at[c.in[1]], at[c.in[2]]};
      c.fn(in, at[c.out], 1);
      char first[8];
      std::memcpy(first, at[c.out], c.size);
      move_kernels(c.size).run(first, 0, at[c.out], 1, n);
    }
  }

  void store(size_t k, int64_t t, int64_t n, const void* reg, char* stage) const {
    Dtype dtype = program.outputs[k].second;
    char* to = out[k] + t * int64_t(dtype.size());
    const void* in[] = {reg};
    if (BlockFn half = store_fn(dtype)) {
      half(in, past_caches ? stage : to, n);
      reg = stage;
    }
    if (past_caches) {
      move_table().stream(reg, to, n * dtype.size());
    } else if (!store_fn(dtype)) {
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

// Decides between row-wise tiles and gathering.
void choose_rows(Job& job, const Shape& shape) {
  constexpr int64_t kShortest = 32;
  std::vector<Strides> strides;
  bool any = false;
  for (const Source& s : job.sources) {
    any = any || s.kind == Source::strided;
    strides.push_back(s.kind == Source::strided ? s.strides : s.kind == Source::direct ? row_major_strides(shape)
                                                                                        : Strides(shape.size(), 0));
  }
  if (!any) return;
  Shape dims = shape;
  collapse(dims, strides);
  if (dims.back() >= kShortest) {
    job.row = dims.back();
    job.rows = Shape(dims.begin(), dims.end() - 1);
    for (size_t i = 0; i < strides.size(); ++i) job.sources[i].strides = strides[i];
  } else {
    for (Source& s : job.sources) {
      if (s.kind == Source::strided) collapse(s.shape, {&s.strides, 1});
    }
  }
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
  const CommonLayout layout = common_layout(in, shape);

  // Give the outputs memory: an input's where nobody else needs it.
  Job job{program, {}, {}, {}};
  job.single = size == 1;
  SmallVector<int, 8> taken;
  for (const array& o : out) {
    const int donor = find_donor(in, o, layout, taken, [](const array&) { return true; });
    if (donor >= 0) {
      o.share(in[donor]);
    } else if (layout.strides) {
      o.allocate(*layout.strides);
    } else {
      o.allocate();
    }
    const bool past = donor < 0 && o.nbytes() > stream_threshold();
    job.past_caches = job.past_caches || past;
    job.direct.push_back(!past && writes_directly(program, job.direct.size(), donor));
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
    } else if (layout.found || (a.row_contiguous() && a.shape() == shape)) {
      s.kind = Source::direct;
    } else {
      s.kind = Source::strided;
      s.shape = shape;
      s.strides = broadcast_strides(a.shape(), a.strides(), shape);
    }
  }
  choose_rows(job, shape);
  for (const array& o : out) job.out.push_back(o.bytes());
  if (size <= kTile) {
    job(0, size);
  } else {
    parallel_for((size + kTile - 1) / kTile, kGrain / kTile, [&](int64_t begin, int64_t end) {
      job(begin * kTile, std::min(end * kTile, size));
    });
  }
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
