#pragma once

#include <cstddef>
#include <functional>

#include "backend/core/ref.h"

namespace mlx_rocm {

// Reference-counted memory that arrays and their views share.
class Buffer : public RefCounted {
 public:
  // Bytes from the caching allocator; throws RuntimeError with the sizes when memory is out.
  static Ref<Buffer> allocate(size_t bytes);
  // Memory owned by somebody else (NumPy, a mapped file): `release` runs when the last array lets go.
  static Ref<Buffer> wrap(void* data, size_t bytes, std::function<void()> release);

  void* host() const { return data_; }
  size_t size() const { return size_; }
  bool external() const { return bool(release_); }

  static void destroy(Buffer* b);

 private:
  Buffer(void* data, size_t size) : data_(data), size_(size) {}
  ~Buffer() = default;

  void* data_;
  size_t size_;
  std::function<void()> release_;
};

// The allocator's counters and limits, in bytes. Active memory is the sum of what live buffers asked for; the
// cache holds freed blocks for reuse. Setters return the previous value.
namespace memory {
size_t active();
size_t peak();
size_t cached();
void reset_peak();
size_t limit();
size_t set_limit(size_t bytes);
size_t set_cache_limit(size_t bytes);
void clear_cache();
size_t physical();  // RAM of this machine or of its cgroup
// Fills every fresh allocation with a NaN pattern, so that an op that leaves output unwritten is seen.
bool set_poison(bool on);
}  // namespace memory

}  // namespace mlx_rocm
