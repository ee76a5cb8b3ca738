// Where a buffer's contents are. On a device with its own memory a buffer is a pair: the device's copy and, once asked for, the host's;
// a write on one side makes the other stale and the next reader brings it up to date. On a device that shares memory with the CPU
// (unified) what the device allocated is read by the host in place.
#pragma once

#include "backend/core/array.h"
#include "backend/gpu/runtime.h"

namespace mlx_rocm::gpu {

class Resident final : public DeviceCopy {
 public:
  // Fresh memory for work of `queue`. `valid`: the device's side counts as current (an output about to be written), else
  // the host's does. `exported`: a view of the host's memory is out, so the pair stays a pair.
  Resident(size_t bytes, Queue& queue, bool valid, bool exported = false);
  ~Resident() override;

  void* host(void*& host, const std::function<void*()>& make_host) override;
  void host_written() override;
  void wait() override;
  void wait_unused() override;
  void to_host(void*& host, const std::function<void*()>& make_host) override;
  bool host_is_current();

  GpuDevice& device() const { return device_; }
  // Memory of this copy that views of the host look into: a unified copy's own. Empty: they look into the buffer's host memory.
  bool holds_views() const { return unified() || view_.memory; }
  // use() for a copy that is to take the place of `old`, of another device, while views are out: the memory they look into stays
  // theirs, as this copy's host side.
  void* use_in_place_of(Resident& old, const Buffer& buffer, Queue& queue, bool write);
  // The device address for work that `queue` is about to be given.
  void* use(const Buffer& buffer, Queue& queue, bool write);

 private:
  std::pair<Queue*, uint64_t> last_write();
  void fill_host(void*& host, const std::function<void*()>& make_host);
  bool unified() const { return unified_; }

  GpuDevice& device_;
  Block block_;
  Block view_;  // not empty: the host side is here, in memory of another device
  GpuDevice* view_device_ = nullptr;
  size_t bytes_;
  bool unified_, device_valid_, host_valid_ = false;
  Queue* writer_ = nullptr;
  uint64_t written_ = 0;
};

// Address of an array's first element for work that `queue` is about to be given.
void* address(const array& a, Queue& queue, bool write);
// Whether the host has the current contents, so that a small array can be passed by value without a wait.
bool on_host(const array& a);

}  // namespace mlx_rocm::gpu
