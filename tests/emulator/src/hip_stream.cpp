// Streams, events, host functions. Graph capture is not offered.
#include <algorithm>

#include "faults.h"
#include "hip_runtime.h"

using namespace emu;
using namespace emu::hip;

namespace {

constexpr unsigned kNonBlocking = 1;

int create_stream(hipStream_t* out, unsigned flags) {
  if (devices().empty()) return kNoDevice;
  if (!out) return kInvalidValue;
  Device& device = current_device();
  if (device.lost) return device.lost;
  auto* stream = new Stream(device, !(flags & kNonBlocking));
  std::lock_guard lock(device.mutex);
  device.streams.push_back(stream);
  *out = stream;
  return kSuccess;
}

int wait_stream(Stream* stream) {
  stream->wait_all();
  Device& device = stream->device;
  if (!device.lost && should_fail(FaultKind::Sync))
    lose(device, kLaunchFailure, "synchronisation failed (injected)");
  return device.lost;
}

int event_status(Event* event) {
  if (!event->timeline) return kSuccess;  // never recorded
  if (!event->timeline->done(event->ticket)) return kNotReady;
  return event->timeline->device.lost;
}

}  // namespace

extern "C" {

hipError_t hipStreamCreate(hipStream_t* stream) { return report(create_stream(stream, 0)); }
hipError_t hipStreamCreateWithFlags(hipStream_t* stream, unsigned flags) {
  return report(create_stream(stream, flags));
}
hipError_t hipStreamCreateWithPriority(hipStream_t* stream, unsigned flags, int) {
  return report(create_stream(stream, flags));
}
hipError_t hipDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return *least = 1, *greatest = -1, kSuccess;
}

hipError_t hipStreamDestroy(hipStream_t handle) {
  if (!handle) return report(kInvalidHandle);
  auto* stream = static_cast<Stream*>(handle);
  stream->wait_all();
  {
    std::lock_guard lock(stream->device.mutex);
    std::erase(stream->device.streams, stream);
  }
  delete stream;
  return kSuccess;
}

hipError_t hipStreamSynchronize(hipStream_t stream) {
  if (devices().empty()) return report(kNoDevice);
  return report(wait_stream(stream_of(stream)));
}

hipError_t hipStreamQuery(hipStream_t handle) {
  if (devices().empty()) return report(kNoDevice);
  Stream* stream = stream_of(handle);
  if (!stream->timeline->done(stream->timeline->last_ticket())) return kNotReady;
  return report(stream->device.lost);
}

hipError_t hipStreamGetFlags(hipStream_t handle, unsigned* flags) {
  *flags = stream_of(handle)->blocking ? 0 : kNonBlocking;
  return kSuccess;
}

hipError_t hipStreamGetDevice(hipStream_t handle, int* device) {
  *device = stream_of(handle)->device.index;
  return kSuccess;
}

hipError_t hipEventCreateWithFlags(hipEvent_t* event, unsigned) {
  if (devices().empty()) return report(kNoDevice);
  *event = new Event;
  return kSuccess;
}
hipError_t hipEventCreate(hipEvent_t* event) { return hipEventCreateWithFlags(event, 0); }

hipError_t hipEventDestroy(hipEvent_t handle) {
  auto* event = static_cast<Event*>(handle);
  if (!event) return report(kInvalidHandle);
  delete event;
  return kSuccess;
}

hipError_t hipEventRecord(hipEvent_t handle, hipStream_t stream_handle) {
  auto* event = static_cast<Event*>(handle);
  if (!event) return report(kInvalidHandle);
  Stream* stream = stream_of(stream_handle);
  if (stream->device.lost) return report(stream->device.lost);
  enqueue(stream, [stamp = event->nanoseconds] {
    *stamp = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  });
  event->timeline = stream->timeline;
  event->ticket = stream->timeline->last_ticket();
  return kSuccess;
}

hipError_t hipEventQuery(hipEvent_t handle) {
  if (!handle) return report(kInvalidHandle);
  const int status = event_status(static_cast<Event*>(handle));
  return status == kNotReady ? kNotReady : report(status);
}

hipError_t hipEventSynchronize(hipEvent_t handle) {
  auto* event = static_cast<Event*>(handle);
  if (!event) return report(kInvalidHandle);
  if (event->timeline) event->timeline->wait(event->ticket);
  return report(event_status(event));
}

hipError_t hipEventElapsedTime(float* milliseconds, hipEvent_t start, hipEvent_t stop) {
  auto *first = static_cast<Event*>(start), *last = static_cast<Event*>(stop);
  if (!first || !last || !first->timeline || !last->timeline) return report(kInvalidHandle);
  if (event_status(first) == kNotReady || event_status(last) == kNotReady) return kNotReady;
  *milliseconds = static_cast<float>(*last->nanoseconds - *first->nanoseconds) * 1e-6f;
  return kSuccess;
}

hipError_t hipStreamWaitEvent(hipStream_t stream, hipEvent_t handle, unsigned) {
  auto* event = static_cast<Event*>(handle);
  if (!event) return report(kInvalidHandle);
  if (!event->timeline) return kSuccess;
  stream_of(stream)->submit([other = event->timeline, ticket = event->ticket] { other->wait(ticket); });
  return kSuccess;
}

hipError_t hipLaunchHostFunc(hipStream_t handle, void (*fn)(void*), void* data) {
  if (devices().empty()) return report(kNoDevice);
  Stream* stream = stream_of(handle);
  if (stream->device.lost) return report(stream->device.lost);
  enqueue(stream, [fn, data] { fn(data); });
  return kSuccess;
}

hipError_t hipStreamAddCallback(hipStream_t handle, void (*fn)(hipStream_t, hipError_t, void*), void* data,
                                unsigned) {
  if (devices().empty()) return report(kNoDevice);
  Stream* stream = stream_of(handle);
  // Unlike a host function, a callback is told about a lost device.
  stream->submit([stream, handle, fn, data] { fn(handle, stream->device.lost, data); });
  return kSuccess;
}

hipError_t hipStreamBeginCapture(hipStream_t, int) { return report(kNotSupported); }
hipError_t hipStreamEndCapture(hipStream_t, void**) { return report(kNotSupported); }
hipError_t hipStreamIsCapturing(hipStream_t, int* status) { return *status = 0, kSuccess; }
hipError_t hipGraphInstantiate(void**, void*, void*, char*, size_t) { return report(kNotSupported); }
hipError_t hipGraphLaunch(void*, hipStream_t) { return report(kNotSupported); }
hipError_t hipGraphDestroy(void*) { return report(kNotSupported); }
hipError_t hipGraphExecDestroy(void*) { return report(kNotSupported); }

}  // extern "C"
