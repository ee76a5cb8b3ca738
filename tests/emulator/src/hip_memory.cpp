// Allocation, copies and fills.
#include <cstring>

#include "dispatch.h"
#include "faults.h"
#include "hip_runtime.h"
#include "memory_map.h"

using namespace emu;
using namespace emu::hip;

namespace {

enum CopyKind { kHostToHost, kHostToDevice, kDeviceToHost, kDeviceToDevice, kDefault };

int check_kind(int kind, const Place& to, const Place& from) {
  // A direction that contradicts the pointers; pinned memory counts as either side.
  const bool to_device = kind == kHostToDevice || kind == kDeviceToDevice;
  const bool from_device = kind == kDeviceToHost || kind == kDeviceToDevice;
  if (kind == kDefault) return kSuccess;
  if (!to.pinned && to_device != to.on_device) return kInvalidMemcpyDirection;
  if (!from.pinned && from_device != from.on_device) return kInvalidMemcpyDirection;
  return kSuccess;
}

struct Copy {
  Place to, from;
  size_t to_pitch, from_pitch, width, height;

  void run() const {
    for (size_t row = 0; row < height; ++row) {
      std::memmove(to.host + row * to_pitch, from.host + row * from_pitch, width);
    }
  }
};

int prepare(Copy& copy, void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
            size_t height, int kind) {
  if (devices().empty()) return kNoDevice;
  if (current_device().lost) return current_device().lost;
  if (should_fail(FaultKind::Copy)) return kUnknown;
  if (height > 1 && (width > to_pitch || width > from_pitch)) return kInvalidValue;
  const size_t to_bytes = height ? (height - 1) * to_pitch + width : 0;
  const size_t from_bytes = height ? (height - 1) * from_pitch + width : 0;
  copy = {locate(to, to_bytes), locate(from, from_bytes), to_pitch, from_pitch, width, height};
  if (to_bytes && (!copy.to.host || !copy.from.host)) return kInvalidValue;
  return check_kind(kind, copy.to, copy.from);
}

// As the real runtime: a copy from pageable memory has been read when the call returns, a copy to pageable
// memory is done; only pinned memory is truly asynchronous.
int copy_async(Copy copy, Stream* stream) {
  const bool from_pageable = !copy.from.on_device && !copy.from.pinned;
  const bool to_pageable = !copy.to.on_device && !copy.to.pinned;
  if (from_pageable && !to_pageable) {
    auto staged = std::make_shared<std::vector<u8>>(copy.width * copy.height);
    for (size_t row = 0; row < copy.height; ++row) {
      std::memcpy(staged->data() + row * copy.width, copy.from.host + row * copy.from_pitch, copy.width);
    }
    copy.from.host = staged->data();
    copy.from_pitch = copy.width;
    enqueue(stream, [copy, staged] { copy.run(); });
  } else {
    enqueue(stream, [copy] { copy.run(); });
  }
  if (to_pageable) stream->wait_all();
  return stream->device.lost;
}

int copy_now(const Copy& copy) {
  Stream* stream = current_device().null_stream;
  enqueue(stream, [copy] { copy.run(); });
  stream->wait_all();
  return stream->device.lost;
}

template <class T>
int fill(void* to, T value, size_t count, Stream* stream) {
  if (devices().empty()) return kNoDevice;
  if (current_device().lost) return current_device().lost;
  const Place place = locate(to, count * sizeof(T));
  if (count && !place.host) return kInvalidValue;
  enqueue(stream, [place, value, count] {
    for (size_t i = 0; i < count; ++i) std::memcpy(place.host + i * sizeof(T), &value, sizeof(T));
  });
  return kSuccess;
}

template <class T>
int fill_now(void* to, T value, size_t count) {
  if (devices().empty()) return kNoDevice;
  Stream* stream = current_device().null_stream;
  const int status = fill(to, value, count, stream);
  if (status == kSuccess) stream->wait_all();
  return status;
}

int allocate(void** pointer, size_t bytes, bool on_device) {
  if (devices().empty()) return kNoDevice;
  if (!pointer) return kInvalidValue;
  Device& device = current_device();
  if (device.lost) return device.lost;
  *pointer = nullptr;
  if (bytes == 0) return kSuccess;
  if (should_fail(FaultKind::Malloc)) return kOutOfMemory;
  *pointer = on_device ? device.arena.allocate(bytes) : allocate_host(bytes);
  return *pointer ? kSuccess : kOutOfMemory;
}

int release(void* pointer) {
  if (devices().empty()) return kNoDevice;
  if (!pointer) return kSuccess;
  for (const auto& device : devices()) {
    if (!device->arena.contains(reinterpret_cast<u64>(pointer))) continue;
    synchronize(*device);  // freeing waits for everything, as on the real device
    return device->arena.release(pointer) ? kSuccess : kInvalidValue;
  }
  for (const auto& device : devices()) synchronize(*device);
  return release_host(pointer) ? kSuccess : kInvalidValue;
}

struct PointerAttributes {  // hipPointerAttribute_t
  int type, device;
  void *device_pointer, *host_pointer;
  int is_managed;
  unsigned flags;
};

}  // namespace

extern "C" {

hipError_t hipMalloc(void** pointer, size_t bytes) { return report(allocate(pointer, bytes, true)); }
hipError_t hipExtMallocWithFlags(void** pointer, size_t bytes, unsigned) {
  return report(allocate(pointer, bytes, true));
}
hipError_t hipMallocManaged(void** pointer, size_t bytes, unsigned) {
  return report(allocate(pointer, bytes, false));
}
hipError_t hipHostMalloc(void** pointer, size_t bytes, unsigned) {
  return report(allocate(pointer, bytes, false));
}
hipError_t hipMallocHost(void** pointer, size_t bytes) { return report(allocate(pointer, bytes, false)); }
hipError_t hipHostAlloc(void** pointer, size_t bytes, unsigned) {
  return report(allocate(pointer, bytes, false));
}

hipError_t hipFree(void* pointer) { return report(release(pointer)); }
hipError_t hipHostFree(void* pointer) { return report(release(pointer)); }
hipError_t hipFreeHost(void* pointer) { return report(release(pointer)); }

hipError_t hipHostGetDevicePointer(void** device_pointer, void* host_pointer, unsigned) {
  if (!locate(host_pointer, 1).pinned) return report(kInvalidValue);
  *device_pointer = host_pointer;
  return kSuccess;
}

hipError_t hipHostRegister(void* pointer, size_t bytes, unsigned) {
  if (devices().empty()) return report(kNoDevice);
  const u64 address = reinterpret_cast<u64>(pointer);
  memory_map().insert({address, address + bytes, 0, Range::kAnyone});
  return kSuccess;
}

hipError_t hipHostUnregister(void* pointer) {
  const bool known = memory_map().erase(reinterpret_cast<u64>(pointer));
  return report(known ? kSuccess : kHostMemoryNotRegistered);
}

hipError_t hipMemGetInfo(size_t* free_bytes, size_t* total) {
  if (devices().empty()) return report(kNoDevice);
  const Arena& arena = current_device().arena;
  *free_bytes = arena.capacity() - arena.used();
  *total = arena.capacity();
  return kSuccess;
}

hipError_t hipMemGetAddressRange(void** base, size_t* bytes, void* pointer) {
  for (const auto& device : devices()) {
    u64 start = 0;
    const u64 size = device->arena.size_of(reinterpret_cast<u64>(pointer), &start);
    if (!size) continue;
    *base = reinterpret_cast<void*>(start);
    *bytes = size;
    return kSuccess;
  }
  return report(kInvalidValue);
}

hipError_t hipPointerGetAttributes(void* out, const void* pointer) {
  PointerAttributes attributes{0, 0, nullptr, nullptr, 0, 0};
  const Place place = locate(pointer, 1);
  if (place.on_device && !place.host) return report(kInvalidValue);
  void* const same = const_cast<void*>(pointer);
  if (place.on_device) {
    for (const auto& device : devices()) {
      if (device->arena.contains(reinterpret_cast<u64>(pointer))) attributes.device = device->index;
    }
    attributes.type = 2;
    attributes.device_pointer = same;
  } else if (place.pinned) {
    attributes.type = 1;
    attributes.device_pointer = attributes.host_pointer = same;
  } else {
    return report(kInvalidValue);
  }
  std::memcpy(out, &attributes, sizeof attributes);
  return kSuccess;
}

hipError_t hipMemcpy(void* to, const void* from, size_t bytes, int kind) {
  Copy copy;
  const int status = prepare(copy, to, bytes, from, bytes, bytes, bytes ? 1 : 0, kind);
  return report(status ? status : copy_now(copy));
}

hipError_t hipMemcpyAsync(void* to, const void* from, size_t bytes, int kind, hipStream_t stream) {
  Copy copy;
  const int status = prepare(copy, to, bytes, from, bytes, bytes, bytes ? 1 : 0, kind);
  return report(status ? status : copy_async(copy, stream_of(stream)));
}

hipError_t hipMemcpyWithStream(void* to, const void* from, size_t bytes, int kind, hipStream_t stream) {
  const hipError_t status = hipMemcpyAsync(to, from, bytes, kind, stream);
  if (status == kSuccess) stream_of(stream)->wait_all();
  return status;
}

hipError_t hipMemcpyHtoD(void* to, void* from, size_t bytes) {
  return hipMemcpy(to, from, bytes, kHostToDevice);
}
hipError_t hipMemcpyDtoH(void* to, void* from, size_t bytes) {
  return hipMemcpy(to, from, bytes, kDeviceToHost);
}
hipError_t hipMemcpyDtoD(void* to, void* from, size_t bytes) {
  return hipMemcpy(to, from, bytes, kDeviceToDevice);
}
hipError_t hipMemcpyHtoDAsync(void* to, const void* from, size_t bytes, hipStream_t stream) {
  return hipMemcpyAsync(to, from, bytes, kHostToDevice, stream);
}
hipError_t hipMemcpyDtoHAsync(void* to, void* from, size_t bytes, hipStream_t stream) {
  return hipMemcpyAsync(to, from, bytes, kDeviceToHost, stream);
}
hipError_t hipMemcpyDtoDAsync(void* to, void* from, size_t bytes, hipStream_t stream) {
  return hipMemcpyAsync(to, from, bytes, kDeviceToDevice, stream);
}
hipError_t hipMemcpyPeer(void* to, int, const void* from, int, size_t bytes) {
  return hipMemcpy(to, from, bytes, kDeviceToDevice);
}
hipError_t hipMemcpyPeerAsync(void* to, int, const void* from, int, size_t bytes, hipStream_t stream) {
  return hipMemcpyAsync(to, from, bytes, kDeviceToDevice, stream);
}

hipError_t hipMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                       size_t height, int kind) {
  Copy copy;
  const int status = prepare(copy, to, to_pitch, from, from_pitch, width, height, kind);
  return report(status ? status : copy_now(copy));
}

hipError_t hipMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                            size_t height, int kind, hipStream_t stream) {
  Copy copy;
  const int status = prepare(copy, to, to_pitch, from, from_pitch, width, height, kind);
  return report(status ? status : copy_async(copy, stream_of(stream)));
}

hipError_t hipMemset(void* to, int value, size_t bytes) {
  return report(fill_now(to, static_cast<u8>(value), bytes));
}
hipError_t hipMemsetD8(void* to, unsigned char value, size_t count) {
  return report(fill_now(to, value, count));
}
hipError_t hipMemsetD16(void* to, unsigned short value, size_t count) {
  return report(fill_now(to, value, count));
}
hipError_t hipMemsetD32(void* to, int value, size_t count) { return report(fill_now(to, value, count)); }
hipError_t hipMemsetAsync(void* to, int value, size_t bytes, hipStream_t stream) {
  return report(fill(to, static_cast<u8>(value), bytes, stream_of(stream)));
}
hipError_t hipMemsetD8Async(void* to, unsigned char value, size_t count, hipStream_t stream) {
  return report(fill(to, value, count, stream_of(stream)));
}
hipError_t hipMemsetD16Async(void* to, unsigned short value, size_t count, hipStream_t stream) {
  return report(fill(to, value, count, stream_of(stream)));
}
hipError_t hipMemsetD32Async(void* to, int value, size_t count, hipStream_t stream) {
  return report(fill(to, value, count, stream_of(stream)));
}

hipError_t hipMemAdvise(const void*, size_t, int, int) { return kSuccess; }
hipError_t hipMemPrefetchAsync(const void*, size_t, int, hipStream_t) { return kSuccess; }

}  // extern "C"
