// Sizes and strides of an attention, passed by value: the host fills the very struct that the kernels read.
#pragma once

// Strides count elements; the last axis of q, k, v and out is contiguous.
struct AttentionArgs {
  long long q_batch, q_head, q_row;
  long long k_batch, k_head, k_row;
  long long v_batch, v_head, v_row;
  long long out_batch, out_head, out_row;
  long long mask_batch, mask_head, mask_row, mask_col;
  int heads, kv_heads;
  int q_len, kv_len;
  int splits, split_keys;  // parts of the keys, and how many each has (the last one fewer)
  float scale;
  int unused;
};
