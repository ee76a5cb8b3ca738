// Threefry-2x32 with MLX's counters: the words of a key are pairs, word i with word `second` + i, hashed together from the
// counters (i, second + i); with an odd number the middle one comes from (half, 0). keys (count, 2) -> out (count, bytes).
//
// A thread hashes one pair: 20 rounds of 3 integer operations for 8 bytes written, so arithmetic limits it on fast memory.
//
// Defines: WHOLE (1: `bytes` is a multiple of 4, so that every word is stored at once).
#include "device.h"

struct Pair {
  u32 low, high;
};
template <int R0, int R1, int R2, int R3>
DEVICE void four_rounds(Pair& x, u32 add_low, u32 add_high) {
  constexpr int rotations[4] = {R0, R1, R2, R3};
  UNROLL
  for (int i = 0; i < 4; i++) {
    x.low += x.high;
    x.high = (x.high << rotations[i] | x.high >> (32 - rotations[i])) ^ x.low;
  }
  x.low += add_low;
  x.high += add_high;
}
DEVICE Pair hash(u32 key0, u32 key1, u32 low, u32 high) {
  const u32 key2 = key0 ^ key1 ^ 0x1BD11BDAu;
  Pair x = {low + key0, high + key1};
  four_rounds<13, 15, 26, 6>(x, key1, key2 + 1);
  four_rounds<17, 29, 16, 24>(x, key2, key0 + 2);
  four_rounds<13, 15, 26, 6>(x, key0, key1 + 3);
  four_rounds<17, 29, 16, 24>(x, key1, key2 + 4);
  four_rounds<13, 15, 26, 6>(x, key2, key0 + 5);
  return x;
}

// Word number `word` of the bytes that begin at `out`; the last one may be cut.
DEVICE void put(u8* out, u64 bytes, u64 word, u32 value) {
  const u64 at = word * 4;
#if WHOLE
  *(u32*)(out + at) = value;
#else
  UNROLL
  for (u32 i = 0; i < 4; i++) {
    if (at + i < bytes) out[at + i] = (u8)(value >> 8 * i);
  }
#endif
}

KERNEL(256) random_bits(const u32* __restrict__ keys, u8* __restrict__ out, u64 count, u64 bytes) {
  const u64 words = (bytes + 3) / 4, half = words / 2, pairs = half + words % 2;
  for (u64 id = (u64)group_x() * 256 + thread_x(); id < count * pairs; id += (u64)group_count_x() * 256) {
    const u64 key = count == 1 ? 0 : id / pairs, i = id - key * pairs;
    const bool alone = i == half;  // the middle word of an odd number
    const Pair x = hash(keys[2 * key], keys[2 * key + 1], (u32)i, alone ? 0 : (u32)(pairs + i));
    put(out + key * bytes, bytes, i, x.low);
    if (!alone) put(out + key * bytes, bytes, pairs + i, x.high);
  }
}
