// What the attention kernels share: which queries a workgroup has, masks, and the softmax in powers of two.
//
// The query heads that share a key head are rows of one matrix: row r is query r / group of head r % group,
// so that keys and values are read once for all of them and the causal mask is nearly the same for
// neighbouring rows.
//
// Defines: T; MASK (0 none, 1 bool, 2 additive of type T); CAUSAL (query i sees keys up to i + kv_len -
// q_len); SINKS (one more logit per head, without a value); SPLIT (partial results for attention_combine).
#pragma once
#include "attention_args.h"
#include "wave.h"

constexpr float LOG2E = 1.44269504088896f;
constexpr float HIDDEN = -3.4028234663852886e38f;  // a row whose keys are all hidden gets the mean of v

#if MASK == 1
using MaskType = bool;
#else
using MaskType = T;
#endif

// 2^x in one instruction; results below 2^-126 may be 0.
DEVICE float fast_exp2(float x) {
#if GPU_AMD
  return __builtin_amdgcn_exp2f(x);
#else
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}
// What a running maximum is subtracted as: nothing has been seen while it is -inf.
DEVICE float finite_top(float top) { return top == -infinity() ? 0.0f : top; }

DEVICE int least(int x, int y) { return x < y ? x : y; }

struct Row {
  int head, query;
};

// The rows, and the keys that this workgroup looks at.
struct Task {
  int batch, kv_head, split, first_row, rows;
  int key_begin, key_end;
};

DEVICE int group_of(const AttentionArgs& a) { return a.heads / a.kv_heads; }

DEVICE Row row_of(const AttentionArgs& a, const Task& t, int row) {
  int group = group_of(a), query = row / group;
  return {t.kv_head * group + row - query * group, query};
}

// The task of row block `block` (of `blocks`) of [batch][kv_head][split] number `at`.
DEVICE Task task_at(const AttentionArgs& a, int block_rows, u32 blocks, u32 block, u32 at) {
  Task t;
  t.rows = group_of(a) * a.q_len;
  // The last rows first: with a causal mask they have the most keys.
  t.first_row = (int)(blocks - 1 - block) * block_rows;
  u32 next = at / a.splits;
  t.split = at - next * a.splits;
  t.batch = next / a.kv_heads;
  t.kv_head = next - t.batch * a.kv_heads;
  t.key_begin = t.split * a.split_keys;
  t.key_end = least(t.key_begin + a.split_keys, a.kv_len);
#if CAUSAL
  int group = group_of(a), shift = a.kv_len - a.q_len;
  int last = least(t.first_row + block_rows, t.rows) - 1;
  // A row that sees no key needs them all.
  if (t.first_row / group + shift >= 0) t.key_end = least(t.key_end, last / group + shift + 1);
#endif
  return t;
}

DEVICE u32 row_blocks(const AttentionArgs& a, int block_rows) {
  return (group_of(a) * a.q_len + block_rows - 1) / block_rows;
}
// Workgroups count [batch][kv_head][split][row block]; row blocks next to each other find the keys in the
// caches.
DEVICE Task task_of(const AttentionArgs& a, int block_rows) {
  const u32 blocks = row_blocks(a, block_rows), at = group_x() / blocks;
  return task_at(a, block_rows, blocks, group_x() - at * blocks, at);
}
// As task_of, but `together` key heads (and splits) next to each other, a divisor of their number, take turns.
DEVICE Task ordered_task_of(const AttentionArgs& a, int block_rows) {
  const u32 blocks = row_blocks(a, block_rows), section = group_x() / (blocks * a.together);
  const u32 in = group_x() - section * blocks * a.together, block = in / a.together;
  return task_at(a, block_rows, blocks, block, section * a.together + in - block * a.together);
}

// A score in units of log2: scaled and masked. `score` is q . k * scale * log2(e).
DEVICE float masked(const AttentionArgs& a, const MaskType* mask, const Task& t, Row row, int key,
                    float score) {
#if MASK
  i64 at = (i64)t.batch * a.mask_batch + (i64)row.head * a.mask_head + (i64)row.query * a.mask_row +
           (i64)key * a.mask_col;
#if MASK == 1
  score = mask[at] ? score : HIDDEN;
#else
  score += cast<float>(mask[at]) * LOG2E;
#endif
#endif
#if CAUSAL
  if (key > row.query + a.kv_len - a.q_len) score = HIDDEN;
#endif
  return score;
}
