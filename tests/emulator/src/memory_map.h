// Which addresses a kernel may touch: the live allocations, module images and argument buffers.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "numeric.h"

namespace emu {

struct Range {
  u64 begin = 0, end = 0;
  i64 to_host = 0;       // add to a device address to get the address the emulator reads
  int device = kAnyone;  // owner, or kAnyone for pinned host memory
  static constexpr int kAnyone = -1;
};

using Ranges = std::vector<Range>;  // sorted by begin

// The range with `address`, or null.
const Range* find_range(const Ranges& ranges, u64 address);

class MemoryMap {
 public:
  void insert(const Range& range);
  bool erase(u64 begin);
  // What a kernel launched now may use; unaffected by later changes.
  std::shared_ptr<const Ranges> snapshot();

 private:
  std::mutex mutex_;
  Ranges ranges_;
  std::shared_ptr<const Ranges> snapshot_;
};

MemoryMap& memory_map();

}  // namespace emu
