// The vendor's runtime: about thirty functions that HIP and CUDA both have, with the same arguments. hip.cpp and cuda.cpp
// name them and say what differs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backend/gpu/jit.h"
#include "backend/gpu/library.h"

namespace mlx_rocm::gpu {

// Facts of one device.
struct DeviceFacts {
  int ordinal = 0;          // the driver's number
  std::string name, arch;   // "AMD Radeon 8060S", "gfx1151" or "gfx942:sramecc+:xnack-" or "sm_90"
  bool integrated = false;  // shares memory with the CPU
  int compute_units = 1;
  int lds_bytes = 65536;    // that a workgroup may have
  size_t memory = 0;        // bytes
};

enum Status : int { kOk = 0, kOutOfMemory = 2, kNotReady = 600 };

// Entry points, bound by name. Handles are pointers; a device address is one too.
struct Calls {
  int (*mem_info)(size_t* free, size_t* total);
  int (*malloc)(void** to, size_t bytes);
  int (*free)(void* p);
  int (*host_malloc)(void** to, size_t bytes, unsigned flags);
  int (*host_free)(void* p);
  int (*upload)(void* to, const void* from, size_t bytes, void* stream);
  int (*download)(void* to, const void* from, size_t bytes, void* stream);
  int (*copy)(void* to, const void* from, size_t bytes, void* stream);
  int (*fill)(void* to, unsigned char value, size_t bytes, void* stream);
  int (*stream_create)(void** to, unsigned flags);
  int (*stream_wait_event)(void* stream, void* event, unsigned flags);
  int (*event_create)(void** to, unsigned flags);
  int (*event_record)(void* event, void* stream);
  int (*event_query)(void* event);
  int (*module_load)(void** to, const void* image);
  int (*module_function)(void** to, void* module, const char* name);
  int (*function_attribute)(int* to, int attribute, void* function);
  int (*launch)(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned tx, unsigned ty, unsigned tz,
                unsigned lds, void* stream, void** parameters, void** extra);
};

class Driver {
 public:
  virtual ~Driver() = default;
  virtual Api api() const = 0;
  virtual const char* name() const = 0;               // "hip", "cuda"
  const std::vector<DeviceFacts>& devices() const { return devices_; }
  // Makes a device current on this thread.
  virtual void bind(int ordinal) = 0;
  // Lets a kernel ask for as much LDS as the device has, where that needs a word.
  virtual void allow_lds(void* /*function*/, int /*bytes*/) {}
  virtual std::string error_text(int status) const = 0;

  const Calls& calls() const { return calls_; }
  // Throws RuntimeError that names the call, the status and its text; after a fault every later call says so.
  void check(int status, const char* call) {
    if (status != kOk) fail(status, call);
  }
  [[noreturn]] void fail(int status, const char* call) const;

 protected:
  Calls calls_{};
  std::vector<DeviceFacts> devices_;
};

// Each returns null and says why when its library or a device is missing.
Driver* open_hip(std::string* why);
Driver* open_cuda(std::string* why);

// The driver of this process: hip, else cuda; $MLX_ROCM_DRIVER names one or "none". Null when there is no GPU. Opened once, at the first call.
Driver* driver();
// Why driver() is null, a sentence for each library that was tried.
const std::string& no_driver_reason();

}  // namespace mlx_rocm::gpu
