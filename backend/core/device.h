#pragma once

#include <ostream>
#include <variant>

namespace mlx_rocm {

struct Device {
  enum Type { cpu, gpu };
  Type type = cpu;
  int index = 0;
  Device() = default;
  Device(Type t, int i = 0) : type(t), index(i) {}
  friend bool operator==(Device a, Device b) { return a.type == b.type && a.index == b.index; }
};

// An ordered queue of work on a device. A plain stream belongs to the thread that made it.
struct Stream {
  int index = 0;
  Device device;
  friend bool operator==(Stream a, Stream b) { return a.index == b.index && a.device == b.device; }
};

// A name that resolves to a stream of its own in every thread.
struct ThreadLocalStream {
  int id = 0;
  Device device;
  friend bool operator==(ThreadLocalStream a, ThreadLocalStream b) { return a.id == b.id && a.device == b.device; }
};

using StreamOrDevice = std::variant<std::monostate, Stream, ThreadLocalStream, Device, Device::Type>;

std::ostream& operator<<(std::ostream& os, Device::Type t);
std::ostream& operator<<(std::ostream& os, Device d);
std::ostream& operator<<(std::ostream& os, Stream s);
std::ostream& operator<<(std::ostream& os, ThreadLocalStream s);

bool is_available(Device d);
int device_count(Device::Type t);
Device default_device();  // process-wide
void set_default_device(Device d);

Stream default_stream(Device d);  // this thread's
void set_default_stream(Stream s);
void force_default_stream(Stream s);  // without asking whose thread it is
Stream new_stream(Device d);                // usable on this thread only
Stream new_thread_unsafe_stream(Device d);  // usable on any thread, one at a time
ThreadLocalStream new_thread_local_stream(Device d);
Stream resolve(ThreadLocalStream s);
Stream to_stream(const StreamOrDevice& s);
void clear_streams();       // forgets this thread's streams
void check_usable(Stream s);  // RuntimeError when the stream is another thread's
void synchronize(Stream s);

}  // namespace mlx_rocm
