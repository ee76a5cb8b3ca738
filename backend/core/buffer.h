#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>

#include "backend/core/ref.h"

namespace mlx_rocm {

// A buffer's copy in the memory of a GPU (backend/gpu/residency.cpp has the one kind there is).
class DeviceCopy {
 public:
  virtual ~DeviceCopy() = default;
  // The contents as the host sees them: waits for the device, and fills `host` (allocated by `make_host`) if it is stale.
  virtual void* host(void*& host, const std::function<void*()>& make_host) = 0;
  // The host wrote: what the device holds is out of date.
  virtual void host_written() = 0;
  // Returns when work that writes it is done; throws what made that work fail.
  virtual void wait() = 0;
  // Returns when no work uses what the host would write to.
  virtual void wait_unused() = 0;
  // As host(), and always into `host`: this copy is about to go.
  virtual void to_host(void*& host, const std::function<void*()>& make_host) = 0;
};

// Reference-counted memory that arrays and their views share. It is on the host, on a GPU, or on both; whoever asks for a
// pointer gets current contents.
class Buffer : public RefCounted {
 public:
  // Bytes from the caching allocator; throws RuntimeError with the sizes when memory is out.
  static Ref<Buffer> allocate(size_t bytes);
  // Memory that so far is on a device only.
  static Ref<Buffer> on_device(std::unique_ptr<DeviceCopy> copy, size_t bytes);
  // Memory owned by somebody else (NumPy, a mapped file): `release` runs when the last array lets go.
  static Ref<Buffer> wrap(void* data, size_t bytes, std::function<void()> release);

  void* host() const { return device_ ? host_of_device() : data_; }
  size_t size() const { return size_; }
  bool external() const { return bool(release_); }
  DeviceCopy* device() const { return device_.get(); }
  void attach(std::unique_ptr<DeviceCopy> copy) const { device_ = std::move(copy); }
  void move_to_host() const;
  // The host's copy as it is, current or not; null when there is none.
  void* host_memory() const { return data_; }
  void host_written() const {
    if (device_) device_->host_written();
  }
  // While a view is out that others may write through (a memoryview), devices look at the host's contents anew at each use.
  void export_view() const { ++exports_; }
  void release_view() const {
    if (--exports_ == 0) host_written();
  }
  bool is_exported() const { return exports_ > 0; }

  static void destroy(Buffer* b);

 private:
  Buffer(void* data, size_t size) : data_(data), size_(size) {}
  ~Buffer() = default;
  void* host_of_device() const;

  mutable void* data_;
  size_t size_;
  bool counted_ = false;  // in memory::active()
  mutable std::atomic<int> exports_{0};
  std::function<void()> release_;
  mutable std::unique_ptr<DeviceCopy> device_;
};

// The allocators' counters and limits, in bytes, host and devices together. Active memory is the sum of what live buffers
// asked for, a buffer that is on the host and on a device counting once; the caches hold freed blocks for reuse. Setters return the previous value.
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
bool poison();

// What the calls above do to devices. They do nothing until a GPU is in use.
struct DeviceMemoryHooks {
  size_t (*cached)() = [] { return size_t(0); };
  void (*set_limit)(size_t) = [](size_t) {};
  void (*set_cache_limit)(size_t) = [](size_t) {};
  void (*clear_cache)() = [] {};
};
DeviceMemoryHooks& device_memory();
}  // namespace memory

}  // namespace mlx_rocm
