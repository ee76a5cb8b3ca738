#include "memory_map.h"

#include <algorithm>

namespace emu {

namespace {

Ranges::const_iterator first_after(const Ranges& ranges, u64 address) {
  return std::upper_bound(ranges.begin(), ranges.end(), address,
                          [](u64 value, const Range& range) { return value < range.begin; });
}

}  // namespace

const Range* find_range(const Ranges& ranges, u64 address) {
  const auto after = first_after(ranges, address);
  if (after == ranges.begin()) return nullptr;
  const Range& candidate = *std::prev(after);
  return address < candidate.end ? &candidate : nullptr;
}

void MemoryMap::insert(const Range& range) {
  std::lock_guard lock(mutex_);
  ranges_.insert(first_after(ranges_, range.begin), range);
  snapshot_.reset();
}

bool MemoryMap::erase(u64 begin) {
  std::lock_guard lock(mutex_);
  const auto after = first_after(ranges_, begin);
  if (after == ranges_.begin() || std::prev(after)->begin != begin) return false;
  ranges_.erase(std::prev(after));
  snapshot_.reset();
  return true;
}

std::shared_ptr<const Ranges> MemoryMap::snapshot() {
  std::lock_guard lock(mutex_);
  if (!snapshot_) snapshot_ = std::make_shared<const Ranges>(ranges_);
  return snapshot_;
}

MemoryMap& memory_map() {
  static MemoryMap& map = *new MemoryMap;  // outlives static destruction: streams may still run
  return map;
}

}  // namespace emu
