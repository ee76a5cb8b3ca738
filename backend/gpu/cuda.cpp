// NVIDIA's driver, libcuda: the same kernels on the hardware at hand, for measuring and testing.
#include "backend/core/error.h"
#include "backend/gpu/driver.h"

namespace mlx_rocm::gpu {
namespace {

// CUdevice_attribute and CUfunction_attribute
constexpr int kIntegrated = 18, kMultiprocessorCount = 16, kMajor = 75, kMinor = 76, kSharedOptin = 97;
constexpr int kFunctionSharedBytes = 1, kFunctionMaxDynamicShared = 8;

class Cuda final : public Driver {
 public:
  Api api() const override { return Api::cuda; }
  const char* name() const override { return "cuda"; }
  void bind(int ordinal) override {
    thread_local int bound = -1;
    if (bound == ordinal) return;
    check(set_current_(contexts_.at(ordinal)), "cuCtxSetCurrent");
    bound = ordinal;
  }
  void allow_lds(void* function, int bytes) override {
    int own = 0;
    if (calls_.function_attribute(&own, kFunctionSharedBytes, function) != kOk) return;
    set_attribute_(function, kFunctionMaxDynamicShared, bytes - own);
  }
  std::string error_text(int status) const override {
    const char* text = nullptr;
    return error_string_(status, &text) == kOk && text ? text : "unknown error";
  }

  static Cuda* open(std::string* why) {
    Library library({"libcuda.so.1", "libcuda.so"});
    if (!library) {
      *why = "libcuda was not found (" + library.error() + ").";
      return nullptr;
    }
    auto* cuda = new Cuda;
    try {
      cuda->bind_calls(library);
      if (cuda->find_devices(library, why)) return cuda;
    } catch (const std::runtime_error& e) {
      *why = e.what();
    }
    delete cuda;
    return nullptr;
  }

 private:
  void bind_calls(const Library& l) {
    Calls& c = calls_;
    l.bind(error_string_, "cuGetErrorString");
    l.bind(set_current_, "cuCtxSetCurrent");
    l.bind(set_attribute_, "cuFuncSetAttribute");
    l.bind(c.mem_info, "cuMemGetInfo_v2");
    l.bind(c.malloc, "cuMemAlloc_v2");
    l.bind(c.free, "cuMemFree_v2");
    l.bind(c.host_malloc, "cuMemHostAlloc");
    l.bind(c.host_free, "cuMemFreeHost");
    l.bind(c.upload, "cuMemcpyHtoDAsync_v2");
    l.bind(c.download, "cuMemcpyDtoHAsync_v2");
    l.bind(c.copy, "cuMemcpyDtoDAsync_v2");
    l.bind(c.fill, "cuMemsetD8Async");
    l.bind(c.stream_create, "cuStreamCreate");
    l.bind(c.stream_wait_event, "cuStreamWaitEvent");
    l.bind(c.event_create, "cuEventCreate");
    l.bind(c.event_record, "cuEventRecord");
    l.bind(c.event_query, "cuEventQuery");
    l.bind(c.module_load, "cuModuleLoadData");
    l.bind(c.module_function, "cuModuleGetFunction");
    l.bind(c.function_attribute, "cuFuncGetAttribute");
    l.bind(c.launch, "cuLaunchKernel");
  }

  bool find_devices(const Library& l, std::string* why) {
    int (*init)(unsigned);
    int (*count_devices)(int*);
    int (*get)(int*, int);
    int (*device_name)(char*, int, int);
    int (*total)(size_t*, int);
    int (*attribute)(int*, int, int);
    int (*retain)(void**, int);
    l.bind(init, "cuInit");
    l.bind(count_devices, "cuDeviceGetCount");
    l.bind(get, "cuDeviceGet");
    l.bind(device_name, "cuDeviceGetName");
    l.bind(total, "cuDeviceTotalMem_v2");
    l.bind(attribute, "cuDeviceGetAttribute");
    l.bind(retain, "cuDevicePrimaryCtxRetain");
    int count = 0;
    int status = init(0);
    if (status == kOk) status = count_devices(&count);
    if (status != kOk || count == 0) {
      *why = l.path() + " sees no device (" + error_text(status) + ").";
      return false;
    }
    for (int i = 0; i < count; ++i) {
      int device = 0, major = 0, minor = 0, value = 0;
      void* context = nullptr;
      char text[256] = {};
      if (get(&device, i) != kOk || retain(&context, device) != kOk) continue;
      DeviceFacts facts;
      facts.ordinal = int(contexts_.size());
      contexts_.push_back(context);
      if (device_name(text, sizeof text, device) == kOk) facts.name = text;
      attribute(&major, kMajor, device);
      attribute(&minor, kMinor, device);
      facts.arch = "sm_" + std::to_string(major) + std::to_string(minor);
      if (attribute(&value, kIntegrated, device) == kOk) facts.integrated = value != 0;
      if (attribute(&value, kMultiprocessorCount, device) == kOk) facts.compute_units = value;
      if (attribute(&value, kSharedOptin, device) == kOk) facts.lds_bytes = value;
      total(&facts.memory, device);
      devices_.push_back(std::move(facts));
    }
    if (devices_.empty()) *why = l.path() + ": no device could be opened.";
    return !devices_.empty();
  }

  std::vector<void*> contexts_;
  int (*error_string_)(int, const char**) = nullptr;
  int (*set_current_)(void*) = nullptr;
  int (*set_attribute_)(void*, int, int) = nullptr;
};

}  // namespace

Driver* open_cuda(std::string* why) { return Cuda::open(why); }

}  // namespace mlx_rocm::gpu
