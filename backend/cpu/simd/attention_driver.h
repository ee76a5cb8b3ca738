// Attention with a running softmax over blocks of keys.
//
// The query heads that share a key head are handled together, as rows of one matrix. With many rows, keys and
// values are packed once per key head and the matrix micro-kernels do the work; with few rows (decoding) both
// are read in place. With fewer key heads than threads, decoding also cuts the keys into parts and merges the
// partial sums.
#pragma once

#include <cmath>
#include <limits>

#include "backend/cpu/attention.h"
#include "backend/cpu/simd/gemm_driver.h"

namespace mlx_rocm::cpu::SIMD_NS {

constexpr int64_t kKeyBlock = 256;
constexpr int64_t kQueryBlock = 4 * kMaxMR;
constexpr int64_t kDirectRows = 16;
constexpr int64_t kPartKeys = 512;
constexpr float kHidden = std::numeric_limits<float>::lowest();

// Running state of a block of rows: weighted values, largest score, sum of weights.
struct Running {
  float* values;
  float* top;
  float* sum;
  int64_t ld;
};

template <class F>
class AttentionHead {
 public:
  using In = typename F::In;
  using Packed = typename F::Packed;

  AttentionHead(const AttentionArgs& args, int64_t batch, int64_t kv_head)
      : g_(args), batch_(batch), kv_(kv_head) {
    keys_ = at(g_.k, kv_);
    values_ = at(g_.v, kv_);
    group_ = g_.heads / g_.kv_heads;
  }

  int64_t rows() const { return group_ * g_.q_len; }

  int64_t value_columns() const { return ceil_div(g_.v_dim, kNR<F>) * kNR<F>; }

  // Rows [row0, row0 + count) against keys [key0, key1); count <= kQueryBlock.
  void run(int64_t row0, int64_t count, int64_t key0, int64_t key1, const Packed* packed_keys,
           const Packed* packed_values, bool first_part, Running state) {
    start(row0, count, first_part, state);
    gather_queries(row0, count, packed_keys != nullptr);
    const int64_t last = g_.causal ? std::min(key1, visible_end(row0, count)) : key1;
    for (int64_t key = key0; key < last; key += kKeyBlock) {
      const int64_t keys = std::min(kKeyBlock, last - key);
      if (packed_keys != nullptr) {
        packed_scores(count, key, keys, packed_keys);
      } else {
        direct_scores(count, key, keys);
      }
      for (int64_t r = 0; r < count; ++r) weigh_row(row0 + r, r, key, keys, state);
      if (packed_keys != nullptr) {
        packed_sums(count, key, keys, packed_values, state);
      } else {
        direct_sums(count, key, keys, state);
      }
    }
  }

  void write(int64_t row0, int64_t count, const Running& state) const {
    for (int64_t r = 0; r < count; ++r) {
      In* out = const_cast<In*>(at(g_.out, head_of(row0 + r))) + (row0 + r) % g_.q_len * g_.out.row;
      const float* values = state.values + r * state.ld;
      const float inverse = 1.0f / state.sum[r];
      int64_t j = 0;
      for (; j + W <= g_.v_dim; j += W) store(out + j, load(values + j) * inverse);
      for (; j < g_.v_dim; ++j) out[j] = F::from_acc(values[j] * inverse);
    }
  }

  void pack(Packed* keys, Packed* values) const {
    const int64_t key_units = ceil_div(g_.dim, F::kUnit);
    for (int64_t j = 0; j < g_.kv_len; j += kNR<F>) {
      pack_panel<F>(keys_ + j * g_.k.row, g_.k.row, 1, std::min<int64_t>(kNR<F>, g_.kv_len - j), g_.dim,
                    kNR<F>, keys + j * key_units);
    }
    const int64_t value_units = ceil_div(g_.kv_len, F::kUnit);
    for (int64_t j = 0; j < g_.v_dim; j += kNR<F>) {
      pack_panel<F>(values_ + j, 1, g_.v.row, std::min<int64_t>(kNR<F>, g_.v_dim - j), g_.kv_len, kNR<F>,
                    values + j * value_units);
    }
  }

  int64_t packed_key_size() const {
    return ceil_div(g_.kv_len, kNR<F>) * kNR<F> * ceil_div(g_.dim, F::kUnit);
  }
  int64_t packed_value_size() const { return value_columns() * ceil_div(g_.kv_len, F::kUnit); }

 private:
  const In* at(const AttentionTensor& t, int64_t head) const {
    return static_cast<const In*>(t.data) + batch_ * t.batch + head * t.head;
  }
  int64_t head_of(int64_t row) const { return kv_ * group_ + row / g_.q_len; }
  int64_t last_visible(int64_t row) const { return row % g_.q_len + g_.kv_len - g_.q_len; }

  // Keys that some row of the block sees; all of them when a row sees none (its result is then the mean of
  // v).
  int64_t visible_end(int64_t row0, int64_t count) const {
    int64_t end = 0;
    for (int64_t r = row0; r < row0 + count; ++r) {
      if (last_visible(r) < 0) return g_.kv_len;
      end = std::max(end, last_visible(r) + 1);
    }
    return end;
  }

  void start(int64_t row0, int64_t count, bool first_part, Running state) {
    std::fill(state.values, state.values + count * state.ld, 0.0f);
    for (int64_t r = 0; r < count; ++r) {
      const bool sink = first_part && g_.sinks != nullptr;
      state.top[r] = sink ? g_.sinks[head_of(row0 + r)] : -std::numeric_limits<float>::infinity();
      state.sum[r] = sink ? 1.0f : 0.0f;
    }
  }

  void gather_queries(int64_t row0, int64_t count, bool packed) {
    for (int64_t r = 0; r < count; ++r) {
      const In* q = at(g_.q, head_of(row0 + r)) + (row0 + r) % g_.q_len * g_.q.row;
      std::memcpy(queries_ + r * g_.dim, q, g_.dim * sizeof(In));
    }
    if (!packed) return;
    const int64_t units = ceil_div(g_.dim, F::kUnit);
    for (int64_t i = 0; i < count; i += kMaxMR) {
      pack_panel<F>(queries_ + i * g_.dim, g_.dim, 1, std::min<int64_t>(kMaxMR, count - i), g_.dim, kMaxMR,
                    packed_queries_ + i * units);
    }
  }

  void packed_scores(int64_t count, int64_t key, int64_t keys, const Packed* packed_keys) {
    const int64_t units = ceil_div(g_.dim, F::kUnit);
    for (int64_t j = 0; j < keys; j += kNR<F>) {
      for (int64_t i = 0; i < count; i += kMaxMR) {
        micro_kernels<F>[std::min<int64_t>(kMaxMR, count - i)](units, packed_queries_ + i* units, kMaxMR,
                                                               packed_keys + (key + j)* units,
                                                               scores_ + i* kKeyBlock + j, kKeyBlock, false);
      }
    }
  }

  void direct_scores(int64_t count, int64_t key, int64_t keys) {
    const In* k = keys_ + key * g_.k.row;
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) score_rows<4>(i, k, keys);
    for (; i + 2 <= count; i += 2) score_rows<2>(i, k, keys);
    for (; i < count; ++i) score_rows<1>(i, k, keys);
  }

  template <int MB>
  void score_rows(int64_t i, const In* k, int64_t keys) {
    constexpr int NB = 16 / MB < 8 ? 16 / MB : 8;
    int64_t j = 0;
    for (; j + NB <= keys; j += NB) {
      dot_block<F, MB, NB>(g_.dim, queries_ + i * g_.dim, g_.dim, k + j * g_.k.row, g_.k.row,
                           scores_ + i * kKeyBlock + j, kKeyBlock);
    }
    for (; j < keys; ++j) {
      dot_block<F, MB, 1>(g_.dim, queries_ + i * g_.dim, g_.dim, k + j * g_.k.row, g_.k.row,
                          scores_ + i * kKeyBlock + j, kKeyBlock);
    }
  }

  template <class T>
  void add_mask(const T* mask, float* scores, int64_t keys) const {
    if (g_.mask_col == 1) {
      int64_t j = 0;
      for (; j + W <= keys; j += W) store(scores + j, load(scores + j) + load(mask + j));
      for (; j < keys; ++j) scores[j] += to_float(mask[j]);
      return;
    }
    for (int64_t j = 0; j < keys; ++j) scores[j] += to_float(mask[j * g_.mask_col]);
  }

  void apply_mask(int64_t row, int64_t key, int64_t keys, float* scores) const {
    const int64_t offset = batch_ * g_.mask_batch + head_of(row) * g_.mask_head +
                           row % g_.q_len * g_.mask_row + key * g_.mask_col;
    switch (g_.mask_kind) {
      case MaskKind::none:
        break;
      case MaskKind::boolean: {
        const auto* mask = static_cast<const uint8_t*>(g_.mask) + offset;
        for (int64_t j = 0; j < keys; ++j) scores[j] = mask[j * g_.mask_col] != 0 ? scores[j] : kHidden;
        break;
      }
      case MaskKind::f32:
        add_mask(static_cast<const float*>(g_.mask) + offset, scores, keys);
        break;
      case MaskKind::bf16:
        add_mask(static_cast<const bf16*>(g_.mask) + offset, scores, keys);
        break;
      case MaskKind::f16:
        add_mask(static_cast<const f16*>(g_.mask) + offset, scores, keys);
        break;
    }
    if (!g_.causal) return;
    for (int64_t j = std::max<int64_t>(0, last_visible(row) + 1 - key); j < keys; ++j) scores[j] = kHidden;
  }

  // Turns the scores of row r into weights and rescales the running state to the new largest score.
  void weigh_row(int64_t row, int64_t r, int64_t key, int64_t keys, const Running& state) {
    float* scores = scores_ + r * kKeyBlock;
    const int64_t padded = ceil_div(keys, W) * W;
    for (int64_t j = 0; j < padded; j += W) store(scores + j, load(scores + j) * g_.scale);
    apply_mask(row, key, keys, scores);
    std::fill(scores + keys, scores + padded, -std::numeric_limits<float>::infinity());

    vf tops = splat(state.top[r]);
    for (int64_t j = 0; j < padded; j += W) {
      const vf score = load(scores + j);
      tops = select((tops > score) | (tops != tops), tops, score);
    }
    const float top = hmax(tops);
    const float base = top == -std::numeric_limits<float>::infinity() ? 0.0f : top;
    vf sums{};
    for (int64_t j = 0; j < padded; j += W) {
      const vf weight = vexp(load(scores + j) - base);
      sums = sums + weight;
      store_weights(r, j, weight);
    }
    const float factor = state.top[r] == top ? 1.0f : vexp(splat(state.top[r] - base))[0];
    state.sum[r] = state.sum[r] * factor + hsum(sums);
    state.top[r] = top;
    if (factor == 1.0f) return;
    float* values = state.values + r * state.ld;
    for (int64_t j = 0; j < state.ld; j += W) store(values + j, load(values + j) * factor);
  }

  // Weights replace the scores: as f32 in place, or as pairs of bf16 in their own block.
  void store_weights(int64_t r, int64_t j, vf weight) {
    if constexpr (F::kUnit == 2) {
      store(reinterpret_cast<bf16*>(weights_) + r * kKeyBlock + j, weight);
    } else {
      store(scores_ + r * kKeyBlock + j, weight);
    }
  }

  void packed_sums(int64_t count, int64_t key, int64_t keys, const Packed* packed_values,
                   const Running& state) {
    constexpr int kRow = kKeyBlock / F::kUnit;
    const int64_t units = ceil_div(keys, F::kUnit);
    const int64_t all_units = ceil_div(g_.kv_len, F::kUnit);
    const Packed* weights = weight_block();
    for (int64_t j = 0; j < g_.v_dim; j += kNR<F>) {
      const Packed* panel = packed_values + j * all_units + key / F::kUnit * kNR<F>;
      for (int64_t i = 0; i < count; i += kMaxMR) {
        micro_kernels<F, kRow>[std::min<int64_t>(kMaxMR, count - i)](
            units, weights + i* kRow, 1, panel, state.values + i* state.ld + j, state.ld, true);
      }
    }
  }

  const Packed* weight_block() const {
    if constexpr (F::kUnit == 2) {
      return weights_;
    } else {
      return scores_;
    }
  }

  void direct_sums(int64_t count, int64_t key, int64_t keys, const Running& state) {
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) sum_rows<4>(i, key, keys, state);
    for (; i + 2 <= count; i += 2) sum_rows<2>(i, key, keys, state);
    for (; i < count; ++i) sum_rows<1>(i, key, keys, state);
  }

  float weight(int64_t r, int64_t j) const {
    if constexpr (F::kUnit == 2) {
      return to_float(reinterpret_cast<const bf16*>(weights_)[r * kKeyBlock + j]);
    } else {
      return scores_[r * kKeyBlock + j];
    }
  }

  // values[MR] += weights[MR] * V, with V read in place; four vectors of columns at a time.
  template <int MR>
  void sum_rows(int64_t i, int64_t key, int64_t keys, const Running& state) {
    int64_t col = 0;
    for (; col + 4 * W <= g_.v_dim; col += 4 * W) sum_columns<MR, 4>(i, key, keys, col, state);
    for (; col + W <= g_.v_dim; col += W) sum_columns<MR, 1>(i, key, keys, col, state);
    for (; col < g_.v_dim; ++col) {
      for (int r = 0; r < MR; ++r) {
        float sum = state.values[(i + r) * state.ld + col];
        const In* v = values_ + key * g_.v.row + col;
        for (int64_t j = 0; j < keys; ++j) sum += weight(i + r, j) * F::to_acc(v[j * g_.v.row]);
        state.values[(i + r) * state.ld + col] = sum;
      }
    }
  }

  template <int MR, int NV>
  void sum_columns(int64_t i, int64_t key, int64_t keys, int64_t col, const Running& state) {
    vf acc[MR][NV];
    for (int r = 0; r < MR; ++r) {
      for (int c = 0; c < NV; ++c) acc[r][c] = load(state.values + (i + r) * state.ld + col + c * W);
    }
    const In* v = values_ + key * g_.v.row + col;
    for (int64_t j = 0; j < keys; ++j, v += g_.v.row) {
      vf line[NV];
#pragma GCC unroll 4
      for (int c = 0; c < NV; ++c) line[c] = load(v + c * W);
#pragma GCC unroll 4
      for (int r = 0; r < MR; ++r) {
        const float w = weight(i + r, j);
#pragma GCC unroll 4
        for (int c = 0; c < NV; ++c) acc[r][c] = acc[r][c] + line[c] * w;
      }
    }
    for (int r = 0; r < MR; ++r) {
      for (int c = 0; c < NV; ++c) store(state.values + (i + r) * state.ld + col + c * W, acc[r][c]);
    }
  }

  const AttentionArgs& g_;
  int64_t batch_;
  int64_t kv_;
  int64_t group_ = 1;
  const In* keys_ = nullptr;
  const In* values_ = nullptr;

 public:
  // Work memory of one thread, for one block of rows.
  struct Buffers {
    float* scores;
    Packed* weights;
    In* queries;
    Packed* packed_queries;
  };
  void use(const Buffers& b) {
    scores_ = b.scores;
    weights_ = b.weights;
    queries_ = b.queries;
    packed_queries_ = b.packed_queries;
  }

 private:
  float* scores_ = nullptr;
  Packed* weights_ = nullptr;
  In* queries_ = nullptr;
  Packed* packed_queries_ = nullptr;
};

// Cuts the thread's work memory into the parts that a block of rows needs.
template <class F>
struct AttentionMemory {
  typename AttentionHead<F>::Buffers buffers;
  Running state;

  AttentionMemory(const AttentionArgs& g, int64_t value_columns) {
    const int64_t scores = kQueryBlock * kKeyBlock;
    const int64_t queries = kQueryBlock * (g.dim + 16);
    const int64_t floats = 3 * scores + 3 * queries + kQueryBlock * (value_columns + 2);
    auto* p = scratch_of<float>(ScratchUse::attention, floats);
    buffers.scores = p;
    buffers.weights = reinterpret_cast<typename F::Packed*>(p + scores);
    buffers.queries = reinterpret_cast<typename F::In*>(p + 2 * scores);
    buffers.packed_queries = reinterpret_cast<typename F::Packed*>(p + 2 * scores + queries);
    state.values = p + 2 * scores + 2 * queries;
    state.ld = value_columns;
    state.top = state.values + kQueryBlock * value_columns;
    state.sum = state.top + kQueryBlock;
  }
};

template <class F>
void attention_packed(const AttentionArgs& g) {
  const int64_t heads = g.batch * g.kv_heads;
  const int64_t blocks = ceil_div(g.heads / g.kv_heads * g.q_len, kQueryBlock);
  const int64_t parts = std::clamp<int64_t>(2 * num_threads() / heads, 1, blocks);
  parallel_for(heads * parts, 1, [&](int64_t begin, int64_t end) {
    int64_t packed_head = -1;
    typename F::Packed* keys = nullptr;
    typename F::Packed* values = nullptr;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t index = task / parts;
      const int64_t part = task % parts;
      AttentionHead<F> head(g, index / g.kv_heads, index % g.kv_heads);
      if (index != packed_head) {
        keys = scratch_of<typename F::Packed>(ScratchUse::pack_b, head.packed_key_size());
        values = scratch_of<typename F::Packed>(ScratchUse::pack_a, head.packed_value_size());
        head.pack(keys, values);
        packed_head = index;
      }
      AttentionMemory<F> memory(g, head.value_columns());
      head.use(memory.buffers);
      // Parts take every parts-th block, which evens out causal work.
      for (int64_t block = part; block < blocks; block += parts) {
        const int64_t row = block * kQueryBlock;
        const int64_t count = std::min(kQueryBlock, head.rows() - row);
        head.run(row, count, 0, g.kv_len, keys, values, true, memory.state);
        head.write(row, count, memory.state);
      }
    }
  });
}

// Folds the partial state `from` into `into`.
inline void merge(const Running& into, const Running& from, int64_t count) {
  const float low = -std::numeric_limits<float>::infinity();
  for (int64_t r = 0; r < count; ++r) {
    const float top = std::max(into.top[r], from.top[r]);
    const float base = top == low ? 0.0f : top;
    const float a = std::exp(into.top[r] - base);
    const float b = std::exp(from.top[r] - base);
    into.top[r] = top;
    into.sum[r] = into.sum[r] * a + from.sum[r] * b;
    float* x = into.values + r * into.ld;
    const float* y = from.values + r * from.ld;
    for (int64_t j = 0; j < into.ld; ++j) x[j] = x[j] * a + y[j] * b;
  }
}

template <class F>
void attention_direct(const AttentionArgs& g) {
  const int64_t heads = g.batch * g.kv_heads;
  const int64_t rows = g.heads / g.kv_heads * g.q_len;
  const int64_t parts = std::clamp<int64_t>(2 * num_threads() / heads, 1, ceil_div(g.kv_len, kPartKeys));
  const int64_t part_keys = ceil_div(ceil_div(g.kv_len, parts), kKeyBlock) * kKeyBlock;
  const int64_t columns = ceil_div(g.v_dim, kNR<F>) * kNR<F>;
  const int64_t state_size = rows * (columns + 2);
  float* partial = parts == 1 ? nullptr : scratch_of<float>(ScratchUse::convert, heads * parts * state_size);
  auto state_of = [&](int64_t task) {
    float* p = partial + task * state_size;
    return Running{p, p + rows * columns, p + rows * (columns + 1), columns};
  };
  const double work = double(rows) * double(g.kv_len) * double(g.dim + g.v_dim) / double(parts);
  const auto grain = static_cast<int64_t>(std::max(1.0, kParallelWork / 2 / (work + 1)));
  parallel_for(heads * parts, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t index = task / parts;
      const int64_t key = task % parts * part_keys;
      AttentionHead<F> head(g, index / g.kv_heads, index % g.kv_heads);
      AttentionMemory<F> memory(g, columns);
      head.use(memory.buffers);
      const Running state = parts == 1 ? memory.state : state_of(task);
      head.run(0, rows, key, std::min(g.kv_len, key + part_keys), nullptr, nullptr, key == 0, state);
      if (parts == 1) head.write(0, rows, state);
    }
  });
  if (parts == 1) return;
  for (int64_t index = 0; index < heads; ++index) {
    const Running state = state_of(index * parts);
    for (int64_t part = 1; part < parts; ++part) merge(state, state_of(index * parts + part), rows);
    AttentionHead<F>(g, index / g.kv_heads, index % g.kv_heads).write(0, rows, state);
  }
}

template <class F>
void attention_any(const AttentionArgs& g) {
  if (g.heads / g.kv_heads * g.q_len <= kDirectRows) return attention_direct<F>(g);
  attention_packed<F>(g);
}

}  // namespace mlx_rocm::cpu::SIMD_NS
