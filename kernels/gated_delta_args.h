// Sizes and strides of gated_delta.hip, passed by value: the host fills the very struct that the kernel
// reads.
#pragma once

// Strides count elements; the last axis of q, k and v is contiguous.
struct GatedDeltaArgs {
  long long q_batch, q_time, q_head;
  long long k_batch, k_time, k_head;
  long long v_batch, v_time, v_head;
  long long gamma_batch, gamma_time, gamma_head;
  long long beta_batch, beta_time, beta_head;
  long long mask_batch, mask_time;
  int time, heads, key_heads, values;
};
