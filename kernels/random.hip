// Threefry-2x32 with MLX's counters: the words of a key are pairs, word i with word `second` + i, hashed
// together from the counters (i, second + i); with an odd number the middle one comes from (half, 0). keys
// (count, 2) -> out (count, bytes).
//
// A thread hashes one pair: 20 rounds of 3 integer operations for 8 bytes written, so arithmetic limits it on
// fast memory.
//
//   random_bits     the words themselves. WHOLE (1: `bytes` is a multiple of 4: words are stored at once)
//   random_values   numbers made of one word each: VALUE (a function below), T. The same roundings as the
//                   ops that backend/ops/random.cpp composes, in one launch
#include "device.h"
#include "scalar.h"

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

// Calls use(key, word number, word) for the words of `count` keys.
template <class Use>
DEVICE void for_words(const u32* keys, u64 count, u64 words, Use use) {
  const u64 half = words / 2, pairs = half + words % 2;
  for (u64 id = (u64)group_x() * 256 + thread_x(); id < count * pairs; id += (u64)group_count_x() * 256) {
    const u64 key = count == 1 ? 0 : id / pairs, i = id - key * pairs;
    const bool alone = i == half;  // the middle word of an odd number
    const Pair x = hash(keys[2 * key], keys[2 * key + 1], (u32)i, alone ? 0 : (u32)(pairs + i));
    use(key, i, x.low);
    if (!alone) use(key, pairs + i, x.high);
  }
}

#ifdef WHOLE
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
  for_words(keys, count, (bytes + 3) / 4,
            [&](u64 key, u64 word, u32 value) { put(out + key * bytes, bytes, word, value); });
}
#endif

#ifdef VALUE
template <class Type>
struct BelowOne;  // the largest value below 1
template <>
struct BelowOne<float> {
  static constexpr float value = 1.0f - 5.9604644775390625e-8f;
};
template <>
struct BelowOne<f16> {
  static constexpr float value = 1.0f - 4.8828125e-4f;
};
template <>
struct BelowOne<bf16> {
  static constexpr float value = 1.0f - 3.90625e-3f;
};

// In [0, 1), as the float it is before it becomes a Type.
template <class Type>
DEVICE float unit(u32 bits) {
  const float x = rounded_product((float)bits, 2.3283064365386962890625e-10f);
  return x < BelowOne<Type>::value ? x : BelowOne<Type>::value;
}
DEVICE T uniform(u32 bits, float) { return cast<T>(unit<T>(bits)); }
// erfinv of a number in (-1, 1), times the factor (a T).
DEVICE T normal(u32 bits, float factor) {
  const float low = -BelowOne<float>::value, range = 1.0f - low;
  const float u = rounded_product(range, unit<float>(bits)) + low;
  const T sample = cast<T>(math_erfinv(u));
  return cast<T>(cast<float>(sample) * factor);
}
DEVICE float gumbel(u32 bits, float) { return -math_log(-math_log(unit<float>(bits))); }

KERNEL(256)
random_values(const u32* __restrict__ keys, T* __restrict__ out, u64 count, u64 length, float factor) {
  for_words(keys, count, length,
            [&](u64 key, u64 word, u32 bits) { out[key * length + word] = VALUE(bits, factor); });
}
#endif
