#include "backend/cpu/random_bits.h"

#include <cstring>

namespace mlx_rocm::cpu::SIMD_NS {
namespace {

// Enough independent hashes in flight to hide the latency of the 20 dependent rounds.
constexpr int kLanes = 64;

void rotate_and_mix(uint32_t* x, uint32_t* y, int rotation) {
  for (int i = 0; i < kLanes; ++i) {
    x[i] += y[i];
    y[i] = (y[i] << rotation) | (y[i] >> (32 - rotation));
    y[i] ^= x[i];
  }
}

template <int R0, int R1, int R2, int R3>
inline __attribute__((always_inline)) void four_rounds(uint32_t* x, uint32_t* y, uint32_t add_x, uint32_t add_y) {
  rotate_and_mix(x, y, R0);
  rotate_and_mix(x, y, R1);
  rotate_and_mix(x, y, R2);
  rotate_and_mix(x, y, R3);
  for (int i = 0; i < kLanes; ++i) {
    x[i] += add_x;
    y[i] += add_y;
  }
}

void hash_block(uint32_t key0, uint32_t key1, uint32_t counter_low, uint32_t counter_high, uint32_t* low,
                uint32_t* high) {
  const uint32_t key2 = key0 ^ key1 ^ 0x1BD11BDA;
  uint32_t x[kLanes], y[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    x[i] = counter_low + uint32_t(i) + key0;
    y[i] = counter_high + uint32_t(i) + key1;
  }
  four_rounds<13, 15, 26, 6>(x, y, key1, key2 + 1);
  four_rounds<17, 29, 16, 24>(x, y, key2, key0 + 2);
  four_rounds<13, 15, 26, 6>(x, y, key0, key1 + 3);
  four_rounds<17, 29, 16, 24>(x, y, key1, key2 + 4);
  four_rounds<13, 15, 26, 6>(x, y, key2, key0 + 5);
  std::memcpy(low, x, sizeof(x));
  std::memcpy(high, y, sizeof(y));
}

void hash_pairs(uint32_t key0, uint32_t key1, uint32_t counter_low, uint32_t counter_high, int64_t count, uint32_t* low,
                uint32_t* high) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hash_block(key0, key1, counter_low + uint32_t(i), counter_high + uint32_t(i), low + i, high + i);
  }
  if (i == count) return;
  uint32_t last_low[kLanes], last_high[kLanes];
  hash_block(key0, key1, counter_low + uint32_t(i), counter_high + uint32_t(i), last_low, last_high);
  std::memcpy(low + i, last_low, (count - i) * sizeof(uint32_t));
  std::memcpy(high + i, last_high, (count - i) * sizeof(uint32_t));
}

}  // namespace

extern const RandomTable random_table;
const RandomTable random_table = {hash_pairs};

}  // namespace mlx_rocm::cpu::SIMD_NS
