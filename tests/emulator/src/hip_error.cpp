#include "hip_error.h"

#include <map>
#include <mutex>

namespace emu::hip {

namespace {

struct Row {
  const char *name, *text;
};

const std::map<int, Row>& rows() {
  static const auto& table = *new std::map<int, Row>{
      {kSuccess, {"hipSuccess", "no error"}},
      {kInvalidValue, {"hipErrorInvalidValue", "invalid argument"}},
      {kOutOfMemory, {"hipErrorOutOfMemory", "out of memory"}},
      {kNotInitialized, {"hipErrorNotInitialized", "initialization error"}},
      {kInvalidConfiguration, {"hipErrorInvalidConfiguration", "invalid configuration argument"}},
      {kInvalidMemcpyDirection, {"hipErrorInvalidMemcpyDirection", "invalid copy direction for memcpy"}},
      {kNoDevice, {"hipErrorNoDevice", "no ROCm-capable device is detected"}},
      {kInvalidDevice, {"hipErrorInvalidDevice", "invalid device ordinal"}},
      {kInvalidImage, {"hipErrorInvalidImage", "device kernel image is invalid"}},
      {kNoBinaryForGpu,
       {"hipErrorNoBinaryForGpu", "no kernel image is available for execution on the device"}},
      {kPeerAccessUnsupported, {"hipErrorPeerAccessUnsupported", "peer access is not supported"}},
      {kInvalidHandle, {"hipErrorInvalidHandle", "invalid resource handle"}},
      {kNotFound, {"hipErrorNotFound", "named symbol not found"}},
      {kNotReady, {"hipErrorNotReady", "device not ready"}},
      {kIllegalAddress, {"hipErrorIllegalAddress", "an illegal memory access was encountered"}},
      {kLaunchOutOfResources, {"hipErrorLaunchOutOfResources", "too many resources requested for launch"}},
      {kPeerAlreadyEnabled, {"hipErrorPeerAccessAlreadyEnabled", "peer access is already enabled"}},
      {kHostMemoryNotRegistered, {"hipErrorHostMemoryNotRegistered", "memory has not been registered"}},
      {kLaunchFailure, {"hipErrorLaunchFailure", "unspecified launch failure"}},
      {kNotSupported, {"hipErrorNotSupported", "operation not supported"}},
      {kUnknown, {"hipErrorUnknown", "unknown error"}},
  };
  return table;
}

const Row& row(int status) {
  const auto it = rows().find(status);
  return it == rows().end() ? rows().at(kUnknown) : it->second;
}

thread_local int t_last = kSuccess;
std::mutex g_mutex;
std::string& g_fault = *new std::string;  // never destroyed: a stream may still fault while the process ends

}  // namespace

hipError_t report(int status) {
  if (status != kSuccess) t_last = status;
  return status;
}

void set_fault_text(const std::string& text) {
  std::lock_guard lock(g_mutex);
  g_fault = text;
}

std::string fault_text() {
  std::lock_guard lock(g_mutex);
  return g_fault;
}

}  // namespace emu::hip

using namespace emu::hip;

extern "C" {

const char* hipGetErrorName(hipError_t status) { return row(status).name; }

const char* hipGetErrorString(hipError_t status) {
  // The caller keeps the pointer, so the text lives as long as the thread does.
  static thread_local std::string text;
  const std::string fault = fault_text();
  if ((status != kIllegalAddress && status != kLaunchFailure) || fault.empty()) return row(status).text;
  text = std::string(row(status).text) + " [emulator] " + fault;
  return text.c_str();
}

hipError_t hipGetLastError() {
  const int status = t_last;
  t_last = kSuccess;
  return status;
}

hipError_t hipPeekAtLastError() { return t_last; }

hipError_t hipDrvGetErrorName(hipError_t status, const char** name) {
  *name = row(status).name;
  return kSuccess;
}

hipError_t hipDrvGetErrorString(hipError_t status, const char** text) {
  *text = hipGetErrorString(status);
  return kSuccess;
}

}  // extern "C"
