// Modules, functions, launches, occupancy.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "dispatch.h"
#include "faults.h"
#include "hip_runtime.h"
#include "memory.h"

using namespace emu;
using namespace emu::hip;

namespace {

int load_module(hipModule_t* out, const void* image) {
  if (devices().empty()) return kNoDevice;
  if (!out || !image) return kInvalidValue;
  Device& device = current_device();
  if (device.lost) return device.lost;
  if (should_fail(FaultKind::Load)) return kInvalidImage;
  try {
    auto loaded = std::make_unique<LoadedModule>();
    loaded->module = load_code_object(image);
    loaded->device = &device;
    if (loaded->module->target != &device.target) return kNoBinaryForGpu;
    *out = loaded.release();
    return kSuccess;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "[emulator] hipModuleLoadData: %s\n", problem.what());
    return kInvalidImage;
  }
}

using Size = std::array<u32, 3>;

template <class T>
void store(std::vector<u8>& at, u32 offset, T value) {
  if (offset + sizeof value <= at.size()) std::memcpy(at.data() + offset, &value, sizeof value);
}

// Arguments that the compiler adds behind the kernel's own.
void set_hidden(std::vector<u8>& block, const KernelArgument& argument, const Size& grid, const Size& group,
                u32 lds) {
  const std::string_view kind = argument.kind;
  const int axis = kind.back() - 'x';
  if (kind.starts_with("hidden_block_count_")) store<u32>(block, argument.offset, grid[axis]);
  else if (kind.starts_with("hidden_group_size_"))
    store<u16>(block, argument.offset, static_cast<u16>(group[axis]));
  else if (kind == "hidden_grid_dims")
    store<u16>(block, argument.offset, grid[2] > 1 ? 3 : grid[1] > 1 ? 2 : 1);
  else if (kind == "hidden_dynamic_lds_size") store<u32>(block, argument.offset, lds);
  else if (kind == "hidden_shared_base") store<u32>(block, argument.offset, kLdsAperture >> 32);
  else if (kind == "hidden_private_base") store<u32>(block, argument.offset, kScratchAperture >> 32);
}

// The explicit arguments, from an array of pointers or from one packed buffer.
int set_explicit(std::vector<u8>& block, const Kernel& kernel, void** parameters, void** extra) {
  if (extra) {
    const u8* buffer = nullptr;
    size_t bytes = 0;
    for (int i = 0; reinterpret_cast<u64>(extra[i]) != 3; i += 2) {
      if (reinterpret_cast<u64>(extra[i]) == 1) buffer = static_cast<const u8*>(extra[i + 1]);
      if (reinterpret_cast<u64>(extra[i]) == 2) bytes = *static_cast<size_t*>(extra[i + 1]);
    }
    if (!buffer) return kInvalidValue;
    std::memcpy(block.data(), buffer, std::min(bytes, block.size()));
    return kSuccess;
  }
  int next = 0;
  for (const KernelArgument& argument : kernel.arguments) {
    if (argument.kind.starts_with("hidden_")) continue;
    if (!parameters || !parameters[next]) return kInvalidValue;
    std::memcpy(block.data() + argument.offset, parameters[next++], argument.size);
  }
  return kSuccess;
}

int check_geometry(const Device& device, const Kernel& kernel, const Size& grid, const Size& group, u32 lds) {
  constexpr u64 kMostThreads = u64{1} << 32;
  constexpr u32 kMostGroups = 65536;  // along y and z
  const u64 threads = static_cast<u64>(group[0]) * group[1] * group[2];
  for (int axis = 0; axis < 3; ++axis) {
    if (grid[axis] == 0 || group[axis] == 0) return kInvalidConfiguration;
    if (static_cast<u64>(grid[axis]) * group[axis] >= kMostThreads) return kInvalidConfiguration;
  }
  if (grid[1] > kMostGroups || grid[2] > kMostGroups) return kInvalidConfiguration;
  if (threads > 1024 || threads > kernel.max_group) return kInvalidConfiguration;
  if (static_cast<u64>(kernel.lds) + lds > device.target.lds_per_group) return kInvalidValue;
  return kSuccess;
}

int launch(hipFunction_t handle, const Size& grid, const Size& group, u32 lds, hipStream_t stream_handle,
           void** parameters, void** extra) {
  if (devices().empty()) return kNoDevice;
  if (!handle) return kInvalidHandle;
  const Function& function = *static_cast<Function*>(handle);
  Stream* stream = stream_of(stream_handle);
  Device& device = stream->device;
  if (device.lost) return device.lost;
  if (&device != function.owner->device) return kInvalidHandle;
  if (should_fail(FaultKind::Launch)) return kLaunchOutOfResources;
  if (const int status = check_geometry(device, *function.kernel, grid, group, lds)) return status;
  Dispatch dispatch;
  dispatch.devices = device.peers;
  dispatch.module = function.owner->module.get();
  dispatch.kernel = function.kernel;
  dispatch.grid = grid;
  dispatch.block = group;
  dispatch.dynamic_lds = lds;
  dispatch.arguments.resize(function.kernel->kernarg);
  if (const int status = set_explicit(dispatch.arguments, *function.kernel, parameters, extra)) return status;
  for (const KernelArgument& argument : function.kernel->arguments) {
    if (argument.kind.starts_with("hidden_")) set_hidden(dispatch.arguments, argument, grid, group, lds);
  }
  enqueue(stream, [dispatch = std::move(dispatch)] { run_dispatch(dispatch); });
  return kSuccess;
}

u32 round_up(u32 value, u32 step) { return (value + step - 1) / step * step; }

// Workgroups that fit on a multiprocessor (a compute unit before RDNA and of CDNA, a work-group processor of RDNA: four
// SIMDs).
int resident_groups(const Function& function, int threads, size_t lds) {
  const Kernel& kernel = *function.kernel;
  const Target& target = function.owner->device->target;
  const bool cdna = target.generation == 9;
  const u32 waves_per_simd =
      std::min(target.waves_per_simd, target.vgprs_per_simd / round_up(std::max(kernel.vgprs, 1u), target.vgpr_granule));
  const u32 waves_per_group = (threads + kernel.wave - 1) / kernel.wave;
  u32 groups = waves_per_simd * 4 / std::max(waves_per_group, 1u);
  const u64 used = kernel.lds + lds, pool = cdna ? target.lds_per_group : 131072;
  if (used) groups = std::min<u32>(groups, static_cast<u32>(pool / used));
  return static_cast<int>(groups);
}

// hipFunction_attribute
int function_attribute(const Function& function, int attribute, int* value) {
  const Kernel& kernel = *function.kernel;
  const int lds_limit = static_cast<int>(function.owner->device->target.lds_per_group);
  switch (attribute) {
    case 0: return *value = static_cast<int>(kernel.max_group), kSuccess;
    case 1: return *value = static_cast<int>(kernel.lds), kSuccess;
    case 2: return *value = 0, kSuccess;
    case 3: return *value = static_cast<int>(kernel.scratch), kSuccess;
    case 4: return *value = static_cast<int>(kernel.vgprs), kSuccess;
    case 5:
    case 6: return *value = function.owner->device->target.major * 10, kSuccess;
    case 7: return *value = 0, kSuccess;
    case 8: return *value = lds_limit - static_cast<int>(kernel.lds), kSuccess;
    case 9: return *value = 0, kSuccess;
  }
  return kInvalidValue;
}

}  // namespace

extern "C" {

hipError_t hipModuleLoadData(hipModule_t* module, const void* image) {
  return report(load_module(module, image));
}
hipError_t hipModuleLoadDataEx(hipModule_t* module, const void* image, unsigned, void*, void**) {
  return report(load_module(module, image));
}

hipError_t hipModuleLoad(hipModule_t* module, const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return report(301);  // hipErrorFileNotFound
  const std::vector<char> image((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return report(load_module(module, image.data()));
}

hipError_t hipModuleUnload(hipModule_t handle) {
  auto* module = static_cast<LoadedModule*>(handle);
  if (!module) return report(kInvalidHandle);
  synchronize(*module->device);
  delete module;
  return kSuccess;
}

hipError_t hipModuleGetFunction(hipFunction_t* out, hipModule_t handle, const char* name) {
  auto* module = static_cast<LoadedModule*>(handle);
  if (!module || !out || !name) return report(kInvalidValue);
  const auto it = module->module->kernels.find(name);
  if (it == module->module->kernels.end()) return report(kNotFound);
  *out = new Function{
      module, &it->second};  // small, and lives as long as the process: handles are never freed in HIP
  return kSuccess;
}

hipError_t hipModuleLaunchKernel(hipFunction_t function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                                 unsigned by, unsigned bz, unsigned lds, hipStream_t stream,
                                 void** parameters, void** extra) {
  return report(launch(function, {gx, gy, gz}, {bx, by, bz}, lds, stream, parameters, extra));
}

// Here the grid is given in threads.
hipError_t hipExtModuleLaunchKernel(hipFunction_t function, unsigned gx, unsigned gy, unsigned gz,
                                    unsigned bx, unsigned by, unsigned bz, size_t lds, hipStream_t stream,
                                    void** parameters, void** extra, hipEvent_t, hipEvent_t, unsigned) {
  if (!bx || !by || !bz || gx % bx || gy % by || gz % bz) return report(kInvalidConfiguration);
  return report(launch(function, {gx / bx, gy / by, gz / bz}, {bx, by, bz}, static_cast<u32>(lds), stream,
                       parameters, extra));
}

hipError_t hipFuncGetAttribute(int* value, int attribute, hipFunction_t function) {
  if (!function || !value) return report(kInvalidValue);
  return report(function_attribute(*static_cast<Function*>(function), attribute, value));
}

hipError_t hipFuncSetAttribute(const void*, int, int) { return kSuccess; }

hipError_t hipModuleOccupancyMaxActiveBlocksPerMultiprocessor(int* groups, hipFunction_t function,
                                                              int threads, size_t lds) {
  if (!function || threads <= 0) return report(kInvalidValue);
  *groups = resident_groups(*static_cast<Function*>(function), threads, lds);
  return kSuccess;
}

hipError_t hipModuleOccupancyMaxPotentialBlockSize(int* grid, int* block, hipFunction_t handle, size_t lds,
                                                   int limit) {
  if (!handle) return report(kInvalidValue);
  const Function& function = *static_cast<Function*>(handle);
  const int most = static_cast<int>(std::min<u32>(function.kernel->max_group, limit > 0 ? limit : 1024));
  int best = function.kernel->wave, best_threads = 0;
  for (int threads = function.kernel->wave; threads <= most; threads += function.kernel->wave) {
    const int resident = threads * resident_groups(function, threads, lds);
    if (resident >= best_threads) best = threads, best_threads = resident;
  }
  *block = best;
  *grid = resident_groups(function, best, lds) * function.owner->device->target.compute_units;
  return kSuccess;
}

}  // extern "C"
