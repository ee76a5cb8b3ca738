#include "backend/gpu/attention.h"

#include <algorithm>

#include "backend/core/error.h"
#include "backend/gpu/gpu.h"
#include "kernels/attention_args.h"

namespace mlx_rocm::gpu {
namespace {

int divide_up(int64_t a, int64_t b) { return int((a + b - 1) / b); }
int power_of_two_from(int n) {
  int p = 1;
  while (p < n) p *= 2;
  return p;
}

// Cuts the keys into parts so that there are enough workgroups; for long contexts also into more and shorter
// rounds of workgroups, since the last round leaves most of the device idle.
void split(AttentionRoute& r, const AttentionProblem& p, int compute_units, int step) {
  constexpr int kMaxSplits = 256;  // of attention_combine.hip
  const int64_t groups = int64_t(p.batch) * p.kv_heads * r.blocks;
  const int64_t wanted = 2 * int64_t(compute_units);
  const int64_t few = p.kv_len < 512 ? 1 : std::min<int64_t>(wanted / groups, p.kv_len / 128);
  const int64_t many = std::min<int64_t>(divide_up(4 * wanted, groups), p.kv_len / 1024);
  int64_t parts = std::clamp<int64_t>(groups >= 4 * wanted ? 1 : std::max(few, many), 1, kMaxSplits);
  // Rows of queries fill the device: sums of parts cost more than a last round that is not full, unless that is most of
  // the time.
  if (r.kernel == AttentionKernel::matrix && groups >= wanted) parts = 2 * groups < 3 * wanted && p.kv_len >= 2048 ? 2 : 1;
  r.split_keys = divide_up(divide_up(p.kv_len, parts), step) * step;
  r.splits = divide_up(p.kv_len, r.split_keys);
}

AttentionRoute vector_route(const AttentionProblem& p, const Target& target) {
  AttentionRoute r{};
  r.kernel = AttentionKernel::vector;
  r.vec = p.vec;
  r.lanes = std::min(target.wave, power_of_two_from(divide_up(std::max(p.dim, p.v_dim), p.vec)));
  const int step = r.lanes * r.vec;
  const int turns = divide_up(p.dim, step) + divide_up(p.v_dim, step);
  // Registers of a lane: queries and sums of every row, keys and values in flight.
  int rows = power_of_two_from(std::min(8, p.heads / p.kv_heads * p.q_len));
  while (rows > 1 && rows * turns * r.vec > 128) rows /= 2;
  r.block_rows = rows;
  // A lane takes 128 registers on NVIDIA, and two workgroups of 256 fill a multiprocessor: one reads while the other
  // computes (65 % of copy bandwidth instead of 58 % with one of 512, 16384 keys on an H200).
  r.threads = target.mma != Mma::sync && rows * turns * r.vec <= 64 ? 512 : 256;
  r.unroll = turns <= 2 ? 4 : turns <= 4 ? 2 : 1;
  r.blocks = divide_up(int64_t(p.heads / p.kv_heads) * p.q_len, rows);
  return r;
}

// How many key heads (of all sequences, and their splits) take turns row block by row block. With a causal mask the long
// rows of many heads then start first and short ones end the launch: on an H200 337 TFLOP/s instead of 279. Chips
// of MI300 and MI350 get every eighth workgroup: there, by reasoning, each one's L2 keeps to one head.
int turns(const AttentionRoute& r, const AttentionProblem& p, const Target& target) {
  const bool chips = target.mma == Mma::mfma_cdna3 || target.mma == Mma::mfma_cdna4;
  const int64_t heads = int64_t(p.batch) * p.kv_heads * r.splits;
  int most = target.mma == Mma::sync ? 32 : chips ? 8 : 1;
  while (heads % most != 0) most = chips ? most / 2 : most - 1;
  return most;
}

constexpr int kMaxMatrixDim = 256;

AttentionRoute matrix_route(const AttentionProblem& p, const Target& target) {
  AttentionRoute r{};
  r.kernel = AttentionKernel::matrix;
  const int64_t rows = int64_t(p.heads / p.kv_heads) * p.q_len;
  r.size = rows <= 32 ? 0 : rows <= 64 ? 1 : 2;
  const AttentionTiles t = attention_tiles(int(target.mma), std::max(p.dim, p.v_dim), r.size);
  r.threads = t.waves * target.wave;
  r.block_rows = t.waves * 16 * t.q_tiles;
  r.blocks = divide_up(rows, r.block_rows);
  r.keys = t.keys;
  const int step = target.wave == 64 ? 32 : 16;  // TILE_K of kernels/attention_tile.h
  const int dim = divide_up(p.dim, step) * step, v_dim = divide_up(p.v_dim, step) * step;
  r.lds_bytes = 2 * attention_lds(int(target.mma), t, dim, v_dim);
  return r;
}

int alignment(const array& a, int most) {
  int vec = most;
  const Strides& s = a.strides();
  int64_t bits = a.offset() / int64_t(a.itemsize()) | a.shape(3);
  for (int i = 0; i < 3; ++i) bits |= a.shape(i) > 1 ? s[i] : 0;
  while (bits % vec != 0) vec /= 2;
  return vec;
}

array with_rows(const array& a) {
  return a.shape(3) == 1 || a.strides()[3] == 1 ? a : contiguous(a);
}

void set_strides(const array& a, long long& batch, long long& head, long long& row) {
  batch = a.strides()[0];
  head = a.strides()[1];
  row = a.strides()[2];
}

void combine(const array& partial, const array& stats, const array& sinks, const array& out,
             const AttentionArgs& args) {
  const int v_dim = out.shape(3), vec = v_dim % 4 == 0 ? 4 : 1;
  const int columns = std::min(256, power_of_two_from(divide_up(v_dim, vec)));
  const auto& k = kernel("attention_combine.hip", "attention_combine",
                         {{"T", out.dtype()},
                          {"VALUE_DIM", v_dim},
                          {"SINKS", int(!sinks.is_null())},
                          {"COLUMNS", columns},
                          {"VEC", vec}});
  launch(k, out.size() / v_dim, 256, in(partial), in(stats), in(sinks), gpu::out(out), args);
}

void launch_route(const AttentionRoute& r, const array& q, const array& k, const array& v, const array& mask,
                  const array& sinks, const array& out, const AttentionArgs& args, bool causal) {
  array partial, stats;
  if (r.splits > 1) {
    const int64_t rows = out.size() / out.shape(3);
    partial = temporary({int(rows), r.splits, out.shape(3)}, float32);
    stats = temporary({int(rows), r.splits, 2}, float32);
  }
  Defines defines = {{"T", q.dtype()},
                     {"MASK", mask.is_null() ? 0 : mask.dtype() == bool_ ? 1 : 2},
                     {"CAUSAL", int(causal)},
                     {"SINKS", int(!sinks.is_null())},
                     {"SPLIT", int(r.splits > 1)},
                     {"HEAD_DIM", q.shape(3)},
                     {"VALUE_DIM", v.shape(3)}};
  const bool vector = r.kernel == AttentionKernel::vector;
  const Defines more = vector ? Defines{{"VEC", r.vec},
                                        {"LANES", r.lanes},
                                        {"ROWS", r.block_rows},
                                        {"UNROLL_KEYS", r.unroll},
                                        {"THREADS", r.threads}}
                              : Defines{{"SIZE", r.size}};
  defines.insert(defines.end(), more.begin(), more.end());
  const auto& kernel_ = vector ? kernel("attention_decode.hip", "attention_decode", defines)
                               : kernel("attention_prefill.hip", "attention_prefill", defines);
  const uint64_t groups = uint64_t(q.shape(0)) * k.shape(1) * r.blocks * r.splits;
  const uint32_t lds = !vector && target().dynamic_lds > 0 ? r.lds_bytes : 0;
  launch_lds(kernel_, groups, r.threads, lds, in(q), in(k), in(v), in(mask), in(sinks), gpu::out(out), gpu::out(partial),
         gpu::out(stats), args);
  if (r.splits > 1) combine(partial, stats, sinks, out, args);
}

}  // namespace

AttentionRoute sdpa_route(const AttentionProblem& p, const Target& target, int compute_units) {
  const int64_t rows = int64_t(p.heads / p.kv_heads) * p.q_len;
  const bool halves = p.dtype == float16 || p.dtype == bfloat16;
  if (halves && rows > 8 && p.vec == 8 && std::max(p.dim, p.v_dim) <= kMaxMatrixDim) {
    AttentionRoute r = matrix_route(p, target);
    if (r.lds_bytes <= std::max(target.lds_bytes, target.dynamic_lds)) {
      split(r, p, compute_units, r.keys);
      r.together = turns(r, p, target);
      return r;
    }
  }
  AttentionRoute r = vector_route(p, target);
  split(r, p, compute_units, r.threads / r.lanes * r.unroll);
  return r;
}

void attention(const array& q0, const array& k0, const array& v0, const array& mask, const array& sinks0,
               const array& out, AttentionOptions options) {
  // The layout that the following transpose and projection want: heads next to their features.
  const Shape& shape = out.shape();
  const int64_t width = int64_t(shape[1]) * shape[3];
  allocate(out, Strides{int64_t(shape[2]) * width, shape[3], width, 1});
  if (out.size() == 0) return;
  array q = with_rows(q0), k = with_rows(k0), v = with_rows(v0);
  const array sinks = sinks0.is_null() ? sinks0 : contiguous(sinks0);
  const int most = int(16 / q.itemsize());
  const int kv_len = k.shape(2);
  AttentionProblem p{q.dtype(), shape[0], shape[1], k.shape(1), shape[2], kv_len, q.shape(3), shape[3], most};
  // Rows at odd addresses are worth a copy when many queries use them; the matrix kernel counts in 32 bits
  // from the first row of a step.
  if (p.dim % most == 0 && p.v_dim % most == 0 && int64_t(p.heads / p.kv_heads) * p.q_len > 8) {
    for (array* a : {&q, &k, &v}) {
      const bool near = a->strides()[2] >= 0 && a->strides()[2] < 1 << 25;
      if (alignment(*a, most) < most || !near) *a = contiguous(*a);
    }
  }
  for (const array* a : {&q, &k, &v}) p.vec = std::min(p.vec, alignment(*a, most));

  const AttentionRoute r = sdpa_route(p, target(), compute_units());
  AttentionArgs args{};
  set_strides(q, args.q_batch, args.q_head, args.q_row);
  set_strides(k, args.k_batch, args.k_head, args.k_row);
  set_strides(v, args.v_batch, args.v_head, args.v_row);
  set_strides(out, args.out_batch, args.out_head, args.out_row);
  if (!mask.is_null()) {
    const Shape scores = {shape[0], shape[1], shape[2], kv_len};
    const Strides s = broadcast_strides(mask.shape(), mask.strides(), scores);
    args.mask_batch = s[0];
    args.mask_head = s[1];
    args.mask_row = s[2];
    args.mask_col = s[3];
  }
  args.heads = p.heads;
  args.kv_heads = p.kv_heads;
  args.q_len = p.q_len;
  args.kv_len = p.kv_len;
  args.splits = r.splits;
  args.split_keys = r.split_keys;
  args.together = r.together;
  args.scale = options.scale;
  // The last query sees all keys: one variant less to compile.
  launch_route(r, q, k, v, mask, sinks, out, args, options.causal && p.q_len > 1);
}

}  // namespace mlx_rocm::gpu
