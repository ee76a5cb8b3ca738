#include "backend/cpu/random_bits.h"

#include <cstring>

#include "backend/cpu/pool.h"

namespace mlx_rocm::cpu {

void random_bits(uint32_t key0, uint32_t key1, void* out, int64_t bytes) {
  const RandomTable& table = random_table();
  const int64_t words = (bytes + 3) / 4;
  const int64_t half = words / 2;
  const bool odd = words % 2 != 0;
  const int64_t second = half + odd;  // where the second half starts
  const bool cut = bytes % 4 != 0;    // the last word is not whole
  auto* word = static_cast<uint32_t*>(out);
  const auto store_last = [&](uint32_t value) { std::memcpy(word + words - 1, &value, bytes - 4 * (words - 1)); };

  const int64_t whole_pairs = half > 0 && cut ? half - 1 : half;
  constexpr int64_t kGrain = 16384;  // about 20 us
  parallel_for(whole_pairs, kGrain, [&](int64_t begin, int64_t end) {
    table.hash_pairs(key0, key1, uint32_t(begin), uint32_t(second + begin), end - begin, word + begin,
                     word + second + begin);
  });
  uint32_t low, high;
  if (whole_pairs < half) {
    table.hash_pairs(key0, key1, uint32_t(whole_pairs), uint32_t(second + whole_pairs), 1, &low, &high);
    word[whole_pairs] = low;
    store_last(high);
  }
  if (odd) {
    table.hash_pairs(key0, key1, uint32_t(half), 0, 1, &low, &high);
    if (words == 1) {
      store_last(low);
    } else {
      word[half] = low;
    }
  }
}

}  // namespace mlx_rocm::cpu
