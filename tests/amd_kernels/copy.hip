// y[i] = x[i] for i < n, 16 bytes a thread and step; T is u32. One read and one write of the data, nothing
// else.
#include "device.h"

KERNEL(256) copy(const u32* __restrict__ x, u32* __restrict__ y, u64 n) {
  u64 i = ((u64)group_x() * 256 + thread_x()) * 4;
  if (i + 4 <= n) {
    store<4>(y + i, load<4>(x + i));
  } else {
    for (; i < n; i++) y[i] = x[i];
  }
}
