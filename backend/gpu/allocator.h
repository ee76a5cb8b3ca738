// Memory of one device. Blocks come back to free lists and are used again in the order of the queue that used them last, so
// that steady work needs neither the driver nor a wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace mlx_rocm::gpu {

class GpuDevice;
class Queue;

struct Block {
  void* memory = nullptr;
  size_t capacity = 0;
  Queue* queue = nullptr;  // that used it last, and with which work
  uint64_t ticket = 0;
  int slab = -1;  // that it is a part of
};

class Allocator {
 public:
  explicit Allocator(GpuDevice& device);

  // At least `bytes` for work of `queue`; throws RuntimeError with the sizes when the device has no more.
  Block allocate(size_t bytes, Queue& queue);
  void release(const Block& block);

  struct Counters {
    size_t held, cached, limit, total;  // bytes from the driver, bytes of them free, allowed, there
    uint64_t driver_calls;              // allocations and frees asked of the driver so far
  };
  Counters counters();
  size_t set_limit(size_t bytes);        // both return the old one
  size_t set_cache_limit(size_t bytes);
  void clear_cache();

 private:
  Block take(size_t bytes, Queue& queue);    // from a free list, or empty
  Block take_small(size_t bytes, Queue& queue);
  Block take_last_small(size_t bytes, Queue& queue);
  bool grow_slab(size_t at_least);
  void* from_driver(size_t bytes);
  void trim(size_t keep, bool slabs);
  void free_memory(void* p, size_t bytes);
  void give_slabs_back();
  [[noreturn]] void fail(size_t bytes);

  GpuDevice& device_;
  std::mutex mutex_;
  std::vector<std::vector<Block>> small_;       // by size class
  std::multimap<size_t, Block> large_;          // by capacity
  struct Slab {
    char* memory = nullptr;  // null: given back
    size_t bytes = 0;
    int live = 0;  // blocks of it that are in use
  };
  std::vector<Slab> slabs_;
  char* slab_ = nullptr;  // where the next block is cut off
  size_t slab_left_ = 0, next_slab_ = 0;
  int slab_number_ = -1;
  size_t held_ = 0, cached_ = 0, limit_, cache_limit_;
  size_t slack_ = 0;  // of cached_: free parts of slabs that also hold arrays, which the last trim could not give back
  uint64_t driver_calls_ = 0;
};

}  // namespace mlx_rocm::gpu
