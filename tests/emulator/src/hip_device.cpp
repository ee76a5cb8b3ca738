// Devices, properties and attributes.
#include <array>
#include <cstddef>
#include <cstring>

#include "faults.h"
#include "hip_runtime.h"

using namespace emu;
using namespace emu::hip;

namespace {

constexpr int kVersion = 70152802;  // as ROCm 7.1 reports it
constexpr int kMaxThreads = 1024, kMaxGrid = 2147483647, kMaxGridYZ = 65536;

// Where hipDeviceProp_tR0600 keeps what the emulator fills in (HIP 6 and 7).
enum PropertyOffset : size_t {
  kName = 0,
  kTotalGlobalMem = 288,
  kSharedMemPerBlock = 296,
  kRegsPerBlock = 304,
  kWarpSize = 308,
  kMaxThreadsPerBlock = 320,
  kMaxThreadsDim = 324,
  kMaxGridSize = 336,
  kClockRate = 348,
  kTotalConstMem = 352,
  kMajor = 360,
  kMinor = 364,
  kMultiProcessorCount = 388,
  kIntegrated = 396,
  kCanMapHostMemory = 400,
  kConcurrentKernels = 576,
  kPciBusId = 584,
  kAsyncEngineCount = 600,
  kUnifiedAddressing = 604,
  kMemoryClockRate = 608,
  kMemoryBusWidth = 612,
  kL2CacheSize = 616,
  kMaxThreadsPerMultiProcessor = 624,
  kSharedMemPerMultiprocessor = 640,
  kRegsPerMultiprocessor = 648,
  kManagedMemory = 652,
  kCooperativeLaunch = 688,
  kGcnArchName = 1160,
  kMaxSharedMemoryPerMultiProcessor = 1416,
  kIsLargeBar = 1464,
  kPropertyBytes = 1472,
};

template <class T>
void put(void* properties, PropertyOffset at, T value) {
  std::memcpy(static_cast<u8*>(properties) + at, &value, sizeof value);
}
void put_text(void* properties, PropertyOffset at, const std::string& text) {
  std::strncpy(static_cast<char*>(properties) + at, text.c_str(), 255);
}

Device* device_at(int index) {
  return index >= 0 && index < static_cast<int>(devices().size()) ? devices()[index].get() : nullptr;
}

struct Attribute {
  int number;
  int (*value)(const Device&);
};

const Attribute kAttributes[] = {
    {2, [](const Device&) { return 2; }},                               // AsyncEngineCount
    {3, [](const Device&) { return 1; }},                               // CanMapHostMemory
    {5, [](const Device& d) { return d.target.clock_khz; }},            // ClockRate
    {8, [](const Device&) { return 1; }},                               // ConcurrentKernels
    {9, [](const Device& d) { return int(d.target.integrated); }},      // ConcurrentManagedAccess
    {10, [](const Device&) { return 0; }},                              // CooperativeLaunch
    {13, [](const Device& d) { return int(d.target.integrated); }},     // DirectManagedMemAccessFromHost
    {16, [](const Device& d) { return int(d.target.integrated); }},     // Integrated
    {19, [](const Device& d) { return int(d.target.l2_bytes); }},       // L2CacheSize
    {23, [](const Device& d) { return d.target.major; }},               // ComputeCapabilityMajor
    {24, [](const Device&) { return 1; }},                              // ManagedMemory
    {26, [](const Device&) { return kMaxThreads; }},                    // MaxBlockDimX
    {27, [](const Device&) { return kMaxThreads; }},                    // MaxBlockDimY
    {28, [](const Device&) { return kMaxThreads; }},                    // MaxBlockDimZ
    {29, [](const Device&) { return kMaxGrid; }},                       // MaxGridDimX
    {30, [](const Device&) { return kMaxGridYZ; }},                     // MaxGridDimY
    {31, [](const Device&) { return kMaxGridYZ; }},                     // MaxGridDimZ
    {56, [](const Device&) { return kMaxThreads; }},                    // MaxThreadsPerBlock
    {57, [](const Device& d) { return d.target.max_threads_per_cu; }},  // MaxThreadsPerMultiProcessor
    {59, [](const Device& d) { return d.target.memory_bus_bits; }},     // MemoryBusWidth
    {60, [](const Device& d) { return d.target.memory_clock_khz; }},    // MemoryClockRate
    {61, [](const Device& d) { return d.target.minor; }},               // ComputeCapabilityMinor
    {63, [](const Device& d) { return d.target.compute_units; }},       // MultiprocessorCount
    {65, [](const Device&) { return 0; }},                              // PageableMemoryAccess
    {66, [](const Device&) { return 0; }},                              // ...UsesHostPageTables
    {67, [](const Device& d) { return d.index + 3; }},                  // PciBusId
    {68, [](const Device&) { return 0; }},                              // PciDeviceId
    {69, [](const Device&) { return 0; }},                              // PciDomainId
    {71, [](const Device& d) { return int(d.target.registers_per_group); }},  // MaxRegistersPerBlock
    {74, [](const Device& d) { return int(d.target.lds_per_group); }},        // MaxSharedMemoryPerBlock
    {75, [](const Device& d) { return int(d.target.lds_per_group); }},        // SharedMemPerBlockOptin
    {83, [](const Device&) { return 2147483647; }},                           // TotalConstantMemory
    {85, [](const Device&) { return 1; }},                                    // UnifiedAddressing
    {87, [](const Device& d) { return d.target.wave; }},                      // WarpSize
    {88, [](const Device&) { return 0; }},                                    // MemoryPoolsSupported
    {10002, [](const Device& d) { return int(d.target.lds_per_group); }},  // MaxSharedMemoryPerMultiprocessor
    {10011, [](const Device&) { return 1; }},                              // IsLargeBar
    {10015, [](const Device& d) { return d.target.compute_units; }},       // PhysicalMultiProcessorCount
    {10016, [](const Device&) { return 1; }},                              // FineGrainSupport
    {10017, [](const Device&) { return 100000; }},                         // WallClockRate
};

}  // namespace

extern "C" {

hipError_t hipInit(unsigned) { return report(devices().empty() ? kNoDevice : kSuccess); }

hipError_t hipGetDeviceCount(int* count) {
  if (!count) return report(kInvalidValue);
  *count = static_cast<int>(devices().size());
  return report(*count ? kSuccess : kNoDevice);
}

hipError_t hipRuntimeGetVersion(int* version) { return *version = kVersion, kSuccess; }
hipError_t hipDriverGetVersion(int* version) { return *version = kVersion, kSuccess; }

hipError_t hipSetDevice(int index) {
  if (devices().empty()) return report(kNoDevice);
  return report(set_current_device(index) ? kSuccess : kInvalidDevice);
}

hipError_t hipGetDevice(int* index) {
  if (devices().empty()) return report(kNoDevice);
  *index = current_device().index;
  return kSuccess;
}

hipError_t hipDeviceGet(int* handle, int ordinal) {
  if (!device_at(ordinal)) return report(devices().empty() ? kNoDevice : kInvalidDevice);
  *handle = ordinal;
  return kSuccess;
}

hipError_t hipDeviceGetName(char* name, int bytes, int index) {
  const Device* device = device_at(index);
  if (!device) return report(kInvalidDevice);
  std::strncpy(name, device->target.marketing_name, bytes);
  if (bytes > 0) name[bytes - 1] = 0;
  return kSuccess;
}

hipError_t hipDeviceTotalMem(size_t* bytes, int index) {
  const Device* device = device_at(index);
  if (!device) return report(kInvalidDevice);
  *bytes = device->arena.capacity();
  return kSuccess;
}

hipError_t hipDeviceGetAttribute(int* value, int attribute, int index) {
  const Device* device = device_at(index);
  if (!device) return report(devices().empty() ? kNoDevice : kInvalidDevice);
  for (const Attribute& row : kAttributes) {
    if (row.number == attribute) return *value = row.value(*device), kSuccess;
  }
  return report(kInvalidValue);
}

hipError_t hipGetDevicePropertiesR0600(void* properties, int index) {
  const Device* device = device_at(index);
  if (!device) return report(devices().empty() ? kNoDevice : kInvalidDevice);
  const Target& t = device->target;
  std::memset(properties, 0, kPropertyBytes);
  put_text(properties, kName, t.marketing_name);
  put_text(properties, kGcnArchName, std::string(t.arch) + t.features);
  put<u64>(properties, kTotalGlobalMem, device->arena.capacity());
  put<u64>(properties, kSharedMemPerBlock, t.lds_per_group);
  put<u64>(properties, kSharedMemPerMultiprocessor, t.lds_per_group);
  put<u64>(properties, kMaxSharedMemoryPerMultiProcessor, t.lds_per_group);
  put<u64>(properties, kTotalConstMem, 2147483647);
  put<int>(properties, kRegsPerBlock, static_cast<int>(t.registers_per_group));
  put<int>(properties, kRegsPerMultiprocessor, static_cast<int>(t.registers_per_group));
  put<int>(properties, kWarpSize, t.wave);
  put<int>(properties, kMaxThreadsPerBlock, kMaxThreads);
  put(properties, kMaxThreadsDim, std::array<int, 3>{kMaxThreads, kMaxThreads, kMaxThreads});
  put(properties, kMaxGridSize, std::array<int, 3>{kMaxGrid, kMaxGridYZ, kMaxGridYZ});
  put<int>(properties, kClockRate, t.clock_khz);
  put<int>(properties, kMajor, t.major);
  put<int>(properties, kMinor, t.minor);
  put<int>(properties, kMultiProcessorCount, t.compute_units);
  put<int>(properties, kIntegrated, t.integrated);
  put<int>(properties, kCanMapHostMemory, 1);
  put<int>(properties, kConcurrentKernels, 1);
  put<int>(properties, kPciBusId, index + 3);
  put<int>(properties, kAsyncEngineCount, 2);
  put<int>(properties, kUnifiedAddressing, 1);
  put<int>(properties, kMemoryClockRate, t.memory_clock_khz);
  put<int>(properties, kMemoryBusWidth, t.memory_bus_bits);
  put<int>(properties, kL2CacheSize, static_cast<int>(t.l2_bytes));
  put<int>(properties, kMaxThreadsPerMultiProcessor, t.max_threads_per_cu);
  put<int>(properties, kManagedMemory, 1);
  put<int>(properties, kIsLargeBar, 1);
  return kSuccess;
}

hipError_t hipDeviceSynchronize() {
  if (devices().empty()) return report(kNoDevice);
  Device& device = current_device();
  synchronize(device);
  if (!device.lost && should_fail(FaultKind::Sync))
    lose(device, kLaunchFailure, "synchronisation failed (injected)");
  return report(device.lost);
}

hipError_t hipSetDeviceFlags(unsigned) { return report(devices().empty() ? kNoDevice : kSuccess); }
hipError_t hipGetDeviceFlags(unsigned* flags) { return *flags = 0, kSuccess; }

hipError_t hipDeviceReset() {
  reset_devices();
  return kSuccess;
}

hipError_t hipDeviceCanAccessPeer(int* possible, int index, int peer) {
  if (!device_at(index) || !device_at(peer)) return report(kInvalidDevice);
  *possible = index != peer;
  return kSuccess;
}

hipError_t hipDeviceEnablePeerAccess(int peer, unsigned) {
  if (!device_at(peer) || peer == current_device().index) return report(kInvalidDevice);
  Device& device = current_device();
  std::lock_guard lock(device.mutex);
  if ((device.peers >> peer) & 1) return report(kPeerAlreadyEnabled);
  device.peers |= 1u << peer;
  return kSuccess;
}

hipError_t hipDeviceDisablePeerAccess(int peer) {
  if (!device_at(peer)) return report(kInvalidDevice);
  Device& device = current_device();
  std::lock_guard lock(device.mutex);
  device.peers &= ~(1u << peer);
  return kSuccess;
}

}  // extern "C"
