#include "backend/gpu/allocator.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "backend/core/buffer.h"
#include "backend/core/error.h"
#include "backend/gpu/runtime.h"

namespace mlx_rocm::gpu {
namespace {

constexpr size_t kSmallest = 256;              // bytes: what vector loads and atomics of any kind are aligned to
constexpr size_t kLargestSmall = 1 << 20;      // larger blocks come from the driver one by one
constexpr size_t kFirstSlab = 2 << 20, kLastSlab = 32 << 20, kLastResort = 64 << 10;

// Four classes per power of two: at most a quarter of a block is wasted.
int size_class(size_t bytes) {
  if (bytes <= kSmallest) return 0;
  int log = 63 - std::countl_zero(bytes - 1);
  return (log - 8) * 4 + int(((bytes - 1) >> (log - 2)) & 3) + 1;
}
size_t class_bytes(int c) {
  if (c == 0) return kSmallest;
  int log = (c - 1) / 4 + 8, quarter = (c - 1) % 4;
  return (size_t(1) << log) + (size_t(quarter + 1) << (log - 2));
}
size_t round_up(size_t bytes, size_t step) { return (bytes + step - 1) / step * step; }
size_t large_bytes(size_t bytes) { return round_up(bytes, bytes < (size_t(16) << 20) ? 64 << 10 : 2 << 20); }

// Whether work of `queue` may use the block now. Another queue's block may be taken only when that one is done with it.
bool ready(const Block& b, Queue& queue) { return !b.queue || b.queue == &queue || b.queue->done(b.ticket); }

}  // namespace

Allocator::Allocator(GpuDevice& device) : device_(device), next_slab_(kFirstSlab) {
  size_t total = device.facts.memory;
  // An integrated GPU's own figure can be a small carve-out; what it can use is the machine's memory.
  if (device.facts.integrated) total = std::max(total, memory::physical());
  limit_ = device.facts.integrated ? total / 10 * 8 : total / 100 * 95;
  cache_limit_ = limit_;
}

Block Allocator::take_small(size_t bytes, Queue& queue) {
  const int c = size_class(bytes);
  const size_t capacity = class_bytes(c);
  if (small_.size() <= size_t(c)) small_.resize(c + 1);
  auto& list = small_[c];
  for (size_t i = list.size(), tried = 0; i-- > 0 && tried < 4; ++tried) {
    if (!ready(list[i], queue)) continue;
    Block b = list[i];
    list.erase(list.begin() + i);
    cached_ -= b.capacity;
    ++slabs_[b.slab].live;
    return b;
  }
  if (slab_left_ < capacity && !grow_slab(capacity)) return {};
  Block b{slab_, capacity};
  b.slab = slab_number_;
  slab_ += capacity;
  slab_left_ -= capacity;
  ++slabs_[b.slab].live;
  return b;
}

// When the driver has nothing left: a block that another queue still works with, which is waited for on the device; else a larger
// one becomes the slab.
Block Allocator::take_last_small(size_t bytes, Queue& queue) {
  for (size_t c = size_t(size_class(bytes)), own = c; c < small_.size(); ++c) {
    auto& list = small_[c];
    if (list.empty()) continue;
    auto it = std::find_if(list.begin(), list.end(), [&](const Block& b) { return ready(b, queue); });
    if (it == list.end()) it = list.begin();
    const Block b = *it;
    if (b.queue && c == own) queue.order_after(*b.queue, b.ticket);
    if (b.queue && c != own) b.queue->wait(b.ticket);
    list.erase(it);
    cached_ -= b.capacity;
    if (c == own) {
      ++slabs_[b.slab].live;
      return b;
    }
    slab_ = static_cast<char*>(b.memory);
    slab_left_ = b.capacity;
    slab_number_ = b.slab;
    return take_small(bytes, queue);
  }
  return {};
}

// The rest of the old slab stays unused: at most one block of the largest class in 32 MB. Near the end of the memory slabs get smaller.
bool Allocator::grow_slab(size_t at_least) {
  size_t bytes = std::max(next_slab_, at_least);
  void* p = from_driver(bytes);
  while (!p && large_.empty() && bytes > std::max(at_least, kLastResort)) {
    bytes = std::max({bytes / 4, at_least, kLastResort});
    p = from_driver(bytes);
  }
  if (!p) return false;
  next_slab_ = std::min(2 * next_slab_, kLastSlab);
  slab_ = static_cast<char*>(p);
  slab_left_ = bytes;
  auto free = std::find_if(slabs_.begin(), slabs_.end(), [](const Slab& s) { return !s.memory; });
  slab_number_ = int(free - slabs_.begin());
  if (free == slabs_.end()) slabs_.emplace_back();
  slabs_[slab_number_] = {slab_, bytes, 0};
  return true;
}

Block Allocator::take(size_t bytes, Queue& queue) {
  const size_t capacity = large_bytes(bytes);
  // A cached block may be an eighth larger than asked for.
  auto it = large_.lower_bound(capacity);
  for (int tried = 0; it != large_.end() && it->first <= capacity + capacity / 8 && tried < 8; ++it, ++tried) {
    if (!ready(it->second, queue)) continue;
    Block b = it->second;
    large_.erase(it);
    cached_ -= b.capacity;
    return b;
  }
  if (held_ + capacity > limit_ && cached_ > 0) {
    trim(limit_ > held_ - cached_ + capacity ? limit_ - (held_ - cached_) - capacity : 0, true);
  }
  void* p = from_driver(capacity);
  return {p, p ? capacity : 0};
}

void* Allocator::from_driver(size_t bytes) {
  void* p = nullptr;
  device_.bind();
  ++driver_calls_;
  int status = device_.call.malloc(&p, bytes);
  if (status == kOutOfMemory) return nullptr;
  device_.check(status, "allocating memory");
  held_ += bytes;
  return p;
}

Block Allocator::allocate(size_t bytes, Queue& queue) {
  std::lock_guard lock(mutex_);
  const bool small = bytes <= kLargestSmall;
  Block b = small ? take_small(bytes, queue) : take(bytes, queue);
  if (!b.memory) {
    trim(0, true);
    b = small ? take_small(bytes, queue) : take(bytes, queue);
  }
  if (!b.memory && small) b = take_last_small(bytes, queue);
  if (!b.memory) fail(bytes);
  return b;
}

void Allocator::release(const Block& block) {
  std::lock_guard lock(mutex_);
  if (block.capacity <= class_bytes(size_class(kLargestSmall))) {
    small_[size_class(block.capacity)].push_back(block);
    --slabs_[block.slab].live;
  } else {
    large_.emplace(block.capacity, block);
  }
  cached_ += block.capacity;
  if (cached_ > cache_limit_) trim(cache_limit_ / 4 * 3, false);
}

// Gives large blocks back, largest first, then slabs that hold no array, until at most `keep` bytes are cached. The driver waits
// for work that uses them; ours is waited for first, so that a fault is reported and not hung upon.
void Allocator::trim(size_t keep, bool slabs) {
  while (cached_ > keep && !large_.empty()) {
    auto it = std::prev(large_.end());
    Block b = it->second;
    large_.erase(it);
    cached_ -= b.capacity;
    if (b.queue) b.queue->wait(b.ticket);
    free_memory(b.memory, b.capacity);
  }
  if (cached_ > keep && slabs) give_slabs_back();
  slack_ = cached_ > keep ? cached_ - keep : 0;
}

void Allocator::free_memory(void* p, size_t bytes) {
  device_.bind();
  held_ -= bytes;
  ++driver_calls_;
  device_.check(device_.call.free(p), "freeing memory");
}

void Allocator::give_slabs_back() {
  auto idle = [&](int i) { return slabs_[i].memory && slabs_[i].live == 0; };
  for (auto& list : small_) {
    auto parts = std::partition(list.begin(), list.end(), [&](const Block& b) { return !idle(b.slab); });
    for (auto it = parts; it != list.end(); ++it) {
      if (it->queue) it->queue->wait(it->ticket);
      cached_ -= it->capacity;
    }
    list.erase(parts, list.end());
  }
  for (int i = 0; i < int(slabs_.size()); ++i) {
    if (!idle(i)) continue;
    if (i == slab_number_) slab_left_ = 0;
    free_memory(std::exchange(slabs_[i].memory, nullptr), slabs_[i].bytes);
  }
}

Allocator::Counters Allocator::counters() {
  std::lock_guard lock(mutex_);
  return {held_, cached_ - std::min(slack_, cached_), limit_, device_.facts.memory, driver_calls_};
}
size_t Allocator::set_limit(size_t bytes) {
  std::lock_guard lock(mutex_);
  return std::exchange(limit_, bytes);
}
size_t Allocator::set_cache_limit(size_t bytes) {
  std::lock_guard lock(mutex_);
  trim(bytes, true);
  return std::exchange(cache_limit_, bytes);
}
void Allocator::clear_cache() {
  std::lock_guard lock(mutex_);
  trim(0, true);
}

void Allocator::fail(size_t bytes) {
  size_t free = 0, total = 0;
  device_.call.mem_info(&free, &total);
  runtime_error("[gpu malloc] Unable to allocate ", bytes, " bytes on ", device_.facts.name, ": arrays hold ",
                held_ - cached_, " bytes, ", cached_, " are cached, the driver reports ", free, " of ", total,
                " bytes free.");
}

}  // namespace mlx_rocm::gpu
