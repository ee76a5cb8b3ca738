// HIP status codes (their values are part of the ABI).
#pragma once

#include <string>

using hipError_t = int;

namespace emu::hip {

enum Status : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kInvalidConfiguration = 9,
  kInvalidMemcpyDirection = 21,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kNoBinaryForGpu = 209,
  kPeerAccessUnsupported = 217,
  kInvalidHandle = 400,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kLaunchOutOfResources = 701,
  kPeerAlreadyEnabled = 704,
  kHostMemoryNotRegistered = 713,
  kLaunchFailure = 719,
  kNotSupported = 801,
  kUnknown = 999,
};

// Remembers the status for hipGetLastError and returns it.
hipError_t report(int status);

// What the emulator found wrong in a kernel; part of hipGetErrorString's text until the next reset.
void set_fault_text(const std::string& text);
std::string fault_text();

}  // namespace emu::hip
