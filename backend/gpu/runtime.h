// Per-device state: memory, queues, loaded kernels. One GpuDevice for each device that mx.gpu has, in its order.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "backend/core/device.h"
#include "backend/gpu/allocator.h"
#include "backend/gpu/driver.h"
#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {

class GpuDevice;

// A stream of the driver that counts what it was given: work number `ticket` is done when done(ticket).
class Queue {
 public:
  explicit Queue(GpuDevice& device);
  GpuDevice& device() const { return device_; }
  void* handle() const { return handle_; }

  uint64_t issued() const { return issued_.load(std::memory_order_relaxed); }
  // The number of the work that is about to be given to it.
  uint64_t next() const { return issued() + 1; }
  void advance() { issued_.fetch_add(1, std::memory_order_relaxed); }

  // Records an event behind everything issued so far, so that waits for it need not wait for later work.
  void mark();
  bool done(uint64_t ticket);
  // Returns when the work is done; throws RuntimeError when the device failed. Never hangs on a lost device.
  void wait(uint64_t ticket);
  // Makes later work of this queue wait, on the device, for work of another one.
  void order_after(Queue& other, uint64_t ticket);

 private:
  void* event_for(uint64_t ticket);  // locked
  void poll();                       // locked

  GpuDevice& device_;
  void* handle_ = nullptr;
  std::atomic<uint64_t> issued_{0}, completed_{0};
  std::mutex mutex_;
  std::deque<std::pair<uint64_t, void*>> marks_;  // events in order of their tickets
  std::vector<void*> spare_;
};

// Pinned host memory through which bytes go to and from the device.
class Staging {
 public:
  explicit Staging(GpuDevice& device) : device_(device) {}
  void upload(void* to, const void* from, size_t bytes, Queue& queue);
  void download(void* to, const void* from, size_t bytes, Queue& queue);

 private:
  struct Piece {
    char* memory = nullptr;
    uint64_t ticket = 0;
    Queue* queue = nullptr;
  };
  Piece& next_piece();
  void small_upload(void* to, const void* from, size_t bytes, Queue& queue);

  GpuDevice& device_;
  std::mutex mutex_;
  std::vector<Piece> pieces_, small_;
  size_t at_ = 0, small_at_ = 0, small_used_ = 0;
};

class GpuDevice {
 public:
  GpuDevice(Driver& driver, const DeviceFacts& facts, int index);
  Driver& driver;
  const Calls& call;
  const DeviceFacts facts;
  const int index;  // of mx.Device(mx.gpu, index)
  const Target target;
  Allocator allocator;
  Staging staging;

  // Makes it current on this thread. Throws RuntimeError in a process that was forked off: the driver works only in the parent.
  void bind();
  Queue& queue(Stream s);
  // The stream is no longer used: its queue serves the next new one.
  void forget(Stream s);
  // For copies that wait for nobody and change the numbers of no other queue's work.
  Queue& uploads() { return special(uploads_); }
  Queue& downloads() { return special(downloads_); }
  const Kernel& kernel(const char* file, const char* entry, Defines defines, const std::string& generated);
  void check(int status, const char* what) {
    if (status != kOk) fail(status, what);
  }
  [[noreturn]] void fail(int status, const char* what);

 private:
  Queue& special(std::unique_ptr<Queue>& slot);
  std::mutex mutex_;
  std::unordered_map<int, std::unique_ptr<Queue>> queues_;
  std::vector<std::unique_ptr<Queue>> idle_;  // of streams whose threads have ended; blocks may name them
  std::unique_ptr<Queue> uploads_, downloads_;
  std::unordered_map<std::string, std::unique_ptr<Kernel>> kernels_;
  std::atomic<bool> lost_{false};
};

// The devices that mx.gpu has: discrete ones before those that share memory with the CPU, larger before smaller. Empty when there is
// no GPU. $MLX_ROCM_DEVICE chooses among them.
const std::vector<std::unique_ptr<GpuDevice>>& devices();
GpuDevice& device(int index);
// Why devices that the driver has are missing among them: they are of architectures that this version does not know.
const std::string& left_out();

// The queue of the op that this thread evaluates: between enter and leave.
Queue& current();
Queue& enter(Stream s);
void leave();

}  // namespace mlx_rocm::gpu
