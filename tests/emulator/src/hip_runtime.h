// The stand-in runtime behind the HIP functions: devices with their memory, streams, events, modules.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "hip_error.h"
#include "module.h"
#include "numeric.h"
#include "target.h"

namespace emu::hip {

// Device memory. Kernels and copies reach it through a private mapping. On a discrete GPU the addresses that
// the host sees are not accessible, so that host code which dereferences VRAM is caught; on an APU they are.
class Arena {
 public:
  Arena(int device, bool host_visible, u64 capacity);
  void* allocate(u64 bytes);  // null when full
  bool release(void* at);
  u64 used() const;
  u64 capacity() const { return capacity_; }
  bool contains(u64 address) const { return address >= base_ && address < base_ + span_; }
  i64 to_host() const { return to_host_; }
  u64 size_of(u64 address,
              u64* base) const;  // of the live allocation with this address; 0 when there is none

 private:
  int device_;
  int file_ = -1;
  u64 base_ = 0, span_ = 0, next_ = 0, capacity_ = 0, used_ = 0;
  i64 to_host_ = 0;
  std::map<u64, u64> blocks_;  // address to requested bytes
  mutable std::mutex mutex_;
};

struct Stream;

struct Device {
  Device(int index, const Target& target, u64 memory);
  int index;
  const Target& target;
  Arena arena;
  std::mutex mutex;
  std::vector<Stream*> streams;  // created by the user
  Stream* null_stream = nullptr;
  int lost = 0;   // the status that every call returns once a kernel has failed
  u32 peers = 0;  // devices whose memory kernels of this one may use
};

// How far a stream has come; tickets number its operations. Events and waiting streams keep it beyond the
// stream.
struct Timeline {
  explicit Timeline(Device& owner) : device(owner) {}
  void wait(u64 ticket);
  bool done(u64 ticket);
  u64 last_ticket();
  Device& device;
  std::mutex mutex;
  std::condition_variable changed;
  u64 submitted = 0, completed = 0;
};

// A queue that a thread of its own works off.
struct Stream {
  Stream(Device& device, bool blocking);
  ~Stream();
  u64 submit(std::function<void()> operation);
  void wait_all() { timeline->wait(timeline->last_ticket()); }
  Device& device;
  const bool blocking;  // ordered with the null stream
  const std::shared_ptr<Timeline> timeline;

 private:
  void work();
  std::deque<std::function<void()>> queue_;  // under the timeline's mutex
  bool closing_ = false;
  std::thread thread_;
};

struct Event {
  std::shared_ptr<Timeline> timeline;  // of the stream it was recorded on; null before
  u64 ticket = 0;
  std::shared_ptr<std::atomic<i64>> nanoseconds = std::make_shared<std::atomic<i64>>(0);  // when it was reached
};

struct LoadedModule {
  std::unique_ptr<Module> module;
  Device* device;
};

struct Function {
  LoadedModule* owner;
  const Kernel* kernel;
};

std::vector<std::unique_ptr<Device>>& devices();
Device& current_device();
bool set_current_device(int index);

// The stream of a handle; null and the legacy handles (1, 2) mean the device's null stream.
Stream* stream_of(void* handle);
// Runs `operation` on the stream in the order HIP promises, unless the device is lost.
void enqueue(Stream* stream, std::function<void()> operation);
void synchronize(Device& device);
// Marks the device lost; returns the status.
int lose(Device& device, int status, const std::string& text);
void reset_devices();

// Where the emulator reads and writes `bytes` bytes at a pointer that a HIP call was given.
struct Place {
  u8* host = nullptr;  // null: not inside a live allocation
  bool on_device = false;
  bool pinned = false;
};
Place locate(const void* pointer, u64 bytes);

void* allocate_host(u64 bytes);
bool release_host(void* at);

}  // namespace emu::hip

using hipStream_t = void*;
using hipEvent_t = void*;
using hipModule_t = void*;
using hipFunction_t = void*;
