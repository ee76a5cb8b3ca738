// softmax(scale * Q K^T + mask) V on raw pointers, without the score matrix in memory.
#pragma once

#include <cstdint>

#include "backend/cpu/isa.h"

namespace mlx_rocm::cpu {

enum class AttentionType { f32, bf16, f16 };
enum class MaskKind { none, boolean, f32, bf16, f16 };

// q (batch, heads, q_len, dim), k (batch, kv_heads, kv_len, dim), v (batch, kv_heads, kv_len, v_dim); the
// last axis is contiguous, the other strides (in elements) are free. Several query heads may share a key
// head.
struct AttentionTensor {
  const void* data = nullptr;
  int64_t batch = 0;
  int64_t head = 0;
  int64_t row = 0;
};

struct AttentionArgs {
  AttentionType type = AttentionType::f32;
  int64_t batch = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t q_len = 0;
  int64_t kv_len = 0;
  int64_t dim = 0;
  int64_t v_dim = 0;
  float scale = 1.0f;
  bool causal = false;  // query i sees keys up to i + kv_len - q_len
  AttentionTensor q;
  AttentionTensor k;
  AttentionTensor v;
  AttentionTensor out;  // data is written
  // Boolean (false hides the key) or additive; strides in elements, 0 to broadcast.
  MaskKind mask_kind = MaskKind::none;
  const void* mask = nullptr;
  int64_t mask_batch = 0;
  int64_t mask_head = 0;
  int64_t mask_row = 0;
  int64_t mask_col = 0;
  const float* sinks = nullptr;  // one extra logit per head, with no value
};

// A row whose keys are all hidden gets the mean of v (as with a finite lowest score).
void attention(const AttentionArgs& args);

struct AttentionTable {
  void (*f32)(const AttentionArgs&);
  void (*bf16)(const AttentionArgs&);
  void (*f16)(const AttentionArgs&);
};

#if defined(__x86_64__)
namespace isa_v4bf16 {
void attention_bf16(const AttentionArgs& args);
}
#endif

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(AttentionTable, attention_table)
