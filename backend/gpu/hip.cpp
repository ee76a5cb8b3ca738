// AMD's runtime, libamdhip64 6.0 or newer.
#include <cstring>

#include "backend/core/error.h"
#include "backend/gpu/driver.h"

namespace mlx_rocm::gpu {
namespace {

// Offsets into hipDeviceProp_tR0600, the form that HIP 6 and 7 fill in.
constexpr size_t kName = 0, kTotalGlobalMem = 288, kGcnArchName = 1160, kPropertyBytes = 1472;
// hipDeviceAttribute_t
constexpr int kIntegrated = 16, kMultiprocessorCount = 63, kMaxSharedMemoryPerBlock = 74;
constexpr unsigned kScheduleAuto = 0;

class Hip final : public Driver {
 public:
  Api api() const override { return Api::hip; }
  const char* name() const override { return "hip"; }
  void bind(int ordinal) override {
    // Other users of the runtime in this process choose among several devices too, and say nothing to us.
    thread_local int bound = -1;
    if (bound == ordinal && devices_.size() == 1) return;
    check(set_device_(ordinal), "hipSetDevice");
    bound = ordinal;
  }
  std::string error_text(int status) const override { return error_string_(status); }

  // Null with a reason, or a driver that has a device.
  static Hip* open(std::string* why) {
    Library library({"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so"});
    if (!library) {
      *why = "libamdhip64 was not found (" + library.error() + ").";
      return nullptr;
    }
    auto* hip = new Hip;
    try {
      hip->bind_calls(library);
    } catch (const std::runtime_error& e) {
      *why = e.what();
      delete hip;
      return nullptr;
    }
    if (!hip->find_devices(library, why)) {
      delete hip;
      return nullptr;
    }
    return hip;
  }

 private:
  void bind_calls(const Library& l) {
    Calls& c = calls_;
    l.bind(error_string_, "hipGetErrorString");
    l.bind(set_device_, "hipSetDevice");
    l.bind(c.mem_info, "hipMemGetInfo");
    l.bind(c.malloc, "hipMalloc");
    l.bind(c.free, "hipFree");
    l.bind(c.host_malloc, "hipHostMalloc");
    l.bind(c.host_free, "hipHostFree");
    l.bind(c.upload, "hipMemcpyHtoDAsync");
    l.bind(c.download, "hipMemcpyDtoHAsync");
    l.bind(c.copy, "hipMemcpyDtoDAsync");
    l.bind(c.fill, "hipMemsetD8Async");
    l.bind(c.stream_create, "hipStreamCreateWithFlags");
    l.bind(c.stream_wait_event, "hipStreamWaitEvent");
    l.bind(c.event_create, "hipEventCreateWithFlags");
    l.bind(c.event_record, "hipEventRecord");
    l.bind(c.event_query, "hipEventQuery");
    l.bind(c.module_load, "hipModuleLoadData");
    l.bind(c.module_function, "hipModuleGetFunction");
    l.bind(c.function_attribute, "hipFuncGetAttribute");
    l.bind(c.launch, "hipModuleLaunchKernel");
  }

  bool find_devices(const Library& l, std::string* why) {
    int (*count_devices)(int*);
    int (*properties)(void*, int);
    int (*attribute)(int*, int, int);
    int (*set_flags)(unsigned);
    try {
      l.bind(count_devices, "hipGetDeviceCount");
      l.bind(properties, "hipGetDevicePropertiesR0600");
      l.bind(attribute, "hipDeviceGetAttribute");
      l.bind(set_flags, "hipSetDeviceFlags");
    } catch (const std::runtime_error& e) {
      *why = e.what();
      return false;
    }
    int count = 0;
    if (int status = count_devices(&count); status != kOk || count == 0) {
      *why = l.path() + " sees no device (" + error_text(status) + ").";
      return false;
    }
    for (int i = 0; i < count; ++i) {
      alignas(8) char raw[2 * kPropertyBytes] = {};
      DeviceFacts facts;
      facts.ordinal = i;
      // Flags count only before a device's first queue exists.
      if (set_device_(i) != kOk || set_flags(kScheduleAuto) > 10000 || properties(raw, i) != kOk) continue;
      facts.name = raw + kName;
      facts.arch = raw + kGcnArchName;
      std::memcpy(&facts.memory, raw + kTotalGlobalMem, sizeof(size_t));
      int value = 0;
      if (attribute(&value, kIntegrated, i) == kOk) facts.integrated = value != 0;
      if (attribute(&value, kMultiprocessorCount, i) == kOk) facts.compute_units = value;
      if (attribute(&value, kMaxSharedMemoryPerBlock, i) == kOk) facts.lds_bytes = value;
      devices_.push_back(std::move(facts));
    }
    if (devices_.empty()) *why = l.path() + " has devices but gives no properties of them.";
    return !devices_.empty();
  }

  const char* (*error_string_)(int) = nullptr;
  int (*set_device_)(int) = nullptr;
};

}  // namespace

Driver* open_hip(std::string* why) { return Hip::open(why); }

}  // namespace mlx_rocm::gpu
