// Random bits of the Threefry-2x32 generator (Salmon et al., 2011) in the order MLX and JAX give them.
#pragma once

#include <cstdint>

#include "backend/cpu/isa.h"

namespace mlx_rocm::cpu {

// Fills `bytes` bytes with the bits of the key. The words are the two halves of the hashes of (i, half + i);
// with an odd count the middle word is a hash of its own, and a last word that does not fit is cut off.
void random_bits(uint32_t key0, uint32_t key1, void* out, int64_t bytes);

struct RandomTable {
  // low[i], high[i] = hash(key, (counter_low + i, counter_high + i)); counters wrap at 2^32.
  void (*hash_pairs)(uint32_t key0, uint32_t key1, uint32_t counter_low, uint32_t counter_high, int64_t count,
                     uint32_t* low, uint32_t* high);
};

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(RandomTable, random_table)
