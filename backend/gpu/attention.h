// scaled_dot_product_attention on the GPU: which kernel runs an attention, and the launches.
#pragma once

#include "backend/core/array.h"
#include "backend/gpu/target.h"

namespace mlx_rocm::gpu {

// What the choice of a kernel depends on.
struct AttentionProblem {
  Dtype dtype;
  int batch, heads, kv_heads;
  int q_len, kv_len;
  int dim, v_dim;
  int vec;  // elements that every row of q, k and v lets a lane load at once, at most 16 bytes
};

// vector: kernels/attention_decode.hip, matrix: kernels/attention_prefill.hip.
enum class AttentionKernel { vector, matrix };

struct AttentionRoute {
  AttentionKernel kernel;
  int threads;
  int block_rows;  // rows of queries (of all heads of a key head) that a workgroup takes
  int blocks;      // of rows
  int splits, split_keys;
  int lds_bytes;
  // vector: elements of a load, lanes of a key, keys in flight
  int vec, lanes, unroll;
  // matrix: what attention_tiles() of kernels/attention_args.h is asked for, the keys of a step it gives
  int size, keys;
  int together;  // key heads (and splits) that take turns
};

// Head dims above this are for the ops that compose an attention.
constexpr int kMaxAttentionDim = 1024;

AttentionRoute sdpa_route(const AttentionProblem& p, const Target& target, int compute_units);

struct AttentionOptions {
  float scale;
  bool causal;
};
// q, k, v and, not null where given, mask and sinks; out is allocated here.
void attention(const array& q, const array& k, const array& v, const array& mask, const array& sinks, const array& out,
               AttentionOptions options);

}  // namespace mlx_rocm::gpu
