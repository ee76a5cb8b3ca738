// For each value the first position in a sorted sequence that keeps it sorted: before equal elements, or
// (RIGHT) after them. sequence (n, `stride` elements apart), values (count) -> out (count).
//
// A thread per value. log2(n) dependent loads each, of which the first ones stay in the caches: latency
// limits it.
//
// Defines: T, RIGHT (0, 1).
#include "sort_keys.h"

using Keys = SortKey<T>;

KERNEL(256)
searchsorted(const T* __restrict__ sequence, const T* __restrict__ values, u32* __restrict__ out, u32 n,
             i64 stride, u64 count) {
  for (u64 i = (u64)group_x() * 256 + thread_x(); i < count; i += (u64)group_count_x() * 256) {
    const Keys::Key key = Keys::of<false>(values[i]);
    u32 low = 0, high = n;
    while (low < high) {
      const u32 middle = low + (high - low) / 2;
      const Keys::Key here = Keys::of<false>(sequence[(i64)middle * stride]);
      if (RIGHT ? here <= key : here < key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    out[i] = low;
  }
}
