#include "backend/core/device.h"

#include <atomic>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "backend/core/error.h"
#include "backend/gpu/evaluation.h"

namespace mlx_rocm {
namespace {

std::atomic<int> next_stream{0};
std::atomic<int> next_thread_local{0};
// The default device: the first GPU where there is one. Found out when it is asked for, because that opens a driver.
constexpr int kUndecided = -1;
std::atomic<int> default_index{kUndecided};
std::atomic<Device::Type> default_type{Device::cpu};

// Streams that any thread may use.
std::mutex shared_mutex;
std::unordered_set<int>& shared_streams() {
  static auto* s = new std::unordered_set<int>;
  return *s;
}

struct ThreadStreams {
  std::vector<Stream> defaults;  // at most one per device
  std::unordered_map<int, Device> owned;  // by number
  std::unordered_map<int, Stream> locals;  // ThreadLocalStream::id -> this thread's stream

  Stream make(Device d) {
    Stream s{next_stream++, d};
    owned.emplace(s.index, d);
    return s;
  }
  ~ThreadStreams() { forget(); }
  void forget() {
    for (auto& [index, device] : owned) {
      if (device.type == Device::gpu) gpu::forget({index, device});
    }
    owned.clear();
    defaults.clear();
    locals.clear();
  }
};
thread_local ThreadStreams streams;

void require(Device d, const char* who) {
  if (!is_available(d)) {
    const char* why = d.type == Device::gpu ? gpu::why_no_device() : "";
    value_error("[", who, "] ", d, " is not available: there are ", device_count(d.type), " ", d.type, " device(s). ", why);
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& os, Device::Type t) { return os << (t == Device::cpu ? "cpu" : "gpu"); }
std::ostream& operator<<(std::ostream& os, Device d) { return os << "Device(" << d.type << ", " << d.index << ")"; }
std::ostream& operator<<(std::ostream& os, Stream s) { return os << "Stream(" << s.device << ", " << s.index << ")"; }
std::ostream& operator<<(std::ostream& os, ThreadLocalStream s) {
  return os << "ThreadLocalStream(" << s.device << ", " << s.id << ")";
}

int device_count(Device::Type t) { return t == Device::cpu ? 1 : gpu::count_devices(); }
bool is_available(Device d) { return d.index >= 0 && d.index < device_count(d.type); }

Device default_device() {
  if (default_index == kUndecided) {
    default_type = device_count(Device::gpu) > 0 ? Device::gpu : Device::cpu;
    default_index = 0;
  }
  return Device(default_type.load(), default_index.load());
}
void set_default_device(Device d) {
  require(d, "set_default_device");
  default_type = d.type;
  default_index = d.index;
}

Stream default_stream(Device d) {
  for (Stream s : streams.defaults) {
    if (s.device == d) return s;
  }
  require(d, "default_stream");
  Stream s = streams.make(d);
  streams.defaults.push_back(s);
  return s;
}

void set_default_stream(Stream s) {
  require(s.device, "set_default_stream");
  check_usable(s);
  force_default_stream(s);
}

void force_default_stream(Stream s) {
  for (Stream& have : streams.defaults) {
    if (have.device == s.device) {
      have = s;
      return;
    }
  }
  streams.defaults.push_back(s);
}

Stream new_stream(Device d) {
  require(d, "new_stream");
  default_stream(d);  // the default stream of a device always has the lower number
  return streams.make(d);
}

Stream new_thread_unsafe_stream(Device d) {
  require(d, "new_thread_unsafe_stream");
  Stream s{next_stream++, d};
  std::lock_guard lock(shared_mutex);
  shared_streams().insert(s.index);
  return s;
}

ThreadLocalStream new_thread_local_stream(Device d) {
  require(d, "new_thread_local_stream");
  return {next_thread_local++, d};
}

Stream resolve(ThreadLocalStream t) {
  auto it = streams.locals.find(t.id);
  if (it != streams.locals.end()) return it->second;
  return streams.locals[t.id] = streams.make(t.device);
}

Stream to_stream(const StreamOrDevice& s) {
  if (std::holds_alternative<std::monostate>(s)) return default_stream(default_device());
  if (auto* stream = std::get_if<Stream>(&s)) return *stream;
  if (auto* local = std::get_if<ThreadLocalStream>(&s)) return resolve(*local);
  if (auto* type = std::get_if<Device::Type>(&s)) return default_stream(Device(*type));
  return default_stream(std::get<Device>(s));
}

void clear_streams() { streams.forget(); }

void check_usable(Stream s) {
  if (streams.owned.count(s.index)) return;
  std::lock_guard lock(shared_mutex);
  if (shared_streams().count(s.index)) return;
  runtime_error("There is no ", s, " in the current thread: a stream is usable only on the thread that made it "
                "(new_thread_local_stream gives every thread its own).");
}

// CPU work runs on the caller's thread inside eval, so nothing of it is ever pending.
void synchronize(Stream s) {
  check_usable(s);
  if (s.device.type == Device::gpu) gpu::synchronize(s);
}

}  // namespace mlx_rocm
