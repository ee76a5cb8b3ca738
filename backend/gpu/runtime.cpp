#include "backend/gpu/runtime.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "backend/core/buffer.h"
#include "backend/core/error.h"

namespace mlx_rocm::gpu {
namespace {

constexpr int kMostStaticLds[] = {1 << 30, 48 << 10};  // of a kernel, by Api: NVIDIA's compiler takes no more
constexpr unsigned kNonBlocking = 1;    // a stream that does not order itself against the NULL stream
constexpr unsigned kNoTiming = 2;       // an event that only orders
constexpr unsigned kPortable = 1;       // pinned memory that every device can reach
constexpr size_t kPiece = size_t(8) << 20;  // bytes of a staging piece
constexpr size_t kSmallPiece = 64 << 10;
constexpr int kPieces = 4, kSmallPieces = 8;
constexpr size_t kManyMarks = 64;

thread_local Queue* current_queue = nullptr;
std::atomic<bool> forked{false};

// What mx.get_cache_memory and its kind do to all devices.
size_t cached_memory() {
  size_t sum = 0;
  for (const auto& d : devices()) sum += d->allocator.counters().cached;
  return sum;
}
void set_memory_limits(size_t bytes) {
  for (const auto& d : devices()) d->allocator.set_limit(bytes);
}
void set_cache_limits(size_t bytes) {
  for (const auto& d : devices()) d->allocator.set_cache_limit(bytes);
}
void clear_caches() {
  for (const auto& d : devices()) d->allocator.clear_cache();
}

bool matches(const DeviceFacts& d, const std::string& wanted) {
  const std::string arch = d.arch.substr(0, d.arch.find(':'));
  return wanted == arch || wanted == d.name || wanted == std::to_string(d.ordinal);
}

std::vector<DeviceFacts> in_order(Driver& driver) {
  std::vector<DeviceFacts> all = driver.devices();
  std::stable_sort(all.begin(), all.end(), [](const DeviceFacts& a, const DeviceFacts& b) {
    if (a.integrated != b.integrated) return b.integrated;
    return a.memory > b.memory;
  });
  const char* variable = std::getenv("MLX_ROCM_DEVICE");
  const std::string wanted = variable ? variable : "";
  if (wanted.empty()) return all;
  std::vector<DeviceFacts> chosen;
  for (const DeviceFacts& d : all) {
    if (matches(d, wanted)) chosen.push_back(d);
  }
  if (chosen.empty()) {
    std::string there;
    for (const DeviceFacts& d : all) there += concat_text(" ", d.ordinal, " (", d.arch, ", ", d.name, ")");
    runtime_error("[gpu] MLX_ROCM_DEVICE is '", wanted, "', which is no device here:", there,
                  ". Give a number, an architecture or a name.");
  }
  return chosen;
}

}  // namespace

// --- Queue

Queue::Queue(GpuDevice& device) : device_(device) {
  device.bind();
  device.check(device.call.stream_create(&handle_, kNonBlocking), "creating a stream");
}

void Queue::mark() {
  std::lock_guard lock(mutex_);
  // Where nobody waits for anything, the events of finished work come back here.
  if (marks_.size() >= kManyMarks) poll();
  event_for(issued());
}

// An event that is recorded behind work `ticket` (and perhaps behind later work).
void* Queue::event_for(uint64_t ticket) {
  for (auto& [t, event] : marks_) {
    if (t >= ticket) return event;
  }
  device_.bind();
  void* event = nullptr;
  if (spare_.empty()) {
    device_.check(device_.call.event_create(&event, kNoTiming), "creating an event");
  } else {
    event = spare_.back();
    spare_.pop_back();
  }
  const uint64_t behind = issued();
  device_.check(device_.call.event_record(event, handle_), "recording an event");
  marks_.push_back({behind, event});
  return event;
}

void Queue::poll() {
  while (!marks_.empty()) {
    int status = device_.call.event_query(marks_.front().second);
    if (status == kNotReady) return;
    device_.check(status, "waiting for work");
    completed_ = std::max<uint64_t>(completed_, marks_.front().first);
    spare_.push_back(marks_.front().second);
    marks_.pop_front();
  }
}

bool Queue::done(uint64_t ticket) {
  if (completed_.load(std::memory_order_acquire) >= ticket) return true;
  std::lock_guard lock(mutex_);
  device_.bind();
  poll();
  return completed_ >= ticket;
}

void Queue::wait(uint64_t ticket) {
  if (completed_.load(std::memory_order_acquire) >= ticket) return;
  using clock = std::chrono::steady_clock;
  const auto begin = clock::now();
  {
    std::lock_guard lock(mutex_);
    device_.bind();
    // A launch that failed was counted by nobody; its number never comes.
    ticket = std::min(ticket, issued());
    if (ticket > completed_) event_for(ticket);
  }
  // Polling, because a blocked wait does not return after a fault. Short waits spin; long ones leave the core to others.
  while (!done(ticket)) {
    const auto waited = clock::now() - begin;
    if (waited > std::chrono::milliseconds(2)) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    } else if (waited > std::chrono::microseconds(100)) {
      std::this_thread::yield();
    }
  }
}

void Queue::order_after(Queue& other, uint64_t ticket) {
  if (&other == this) return;
  const bool done = other.done(ticket);
  void* event = nullptr;
  if (!done) {
    std::lock_guard lock(other.mutex_);
    event = other.event_for(std::min(ticket, other.issued()));
  }
  device_.bind();  // the other queue may have made its device current
  if (!done) device_.check(device_.call.stream_wait_event(handle_, event, 0), "ordering streams");
}

// --- Staging

Staging::Piece& Staging::next_piece() {
  if (pieces_.size() < size_t(kPieces)) {
    pieces_.reserve(kPieces);  // download() holds on to the piece before
    Piece p;
    void* memory = nullptr;
    device_.check(device_.call.host_malloc(&memory, kPiece, kPortable), "allocating pinned memory");
    p.memory = static_cast<char*>(memory);
    pieces_.push_back(p);
    return pieces_.back();
  }
  Piece& p = pieces_[at_++ % kPieces];
  if (p.queue) p.queue->wait(p.ticket);
  return p;
}

// Many small uploads share a piece.
void Staging::small_upload(void* to, const void* from, size_t bytes, Queue& queue) {
  if (small_.empty()) {
    void* memory = nullptr;
    device_.check(device_.call.host_malloc(&memory, kSmallPiece * kSmallPieces, kPortable), "allocating pinned memory");
    for (int i = 0; i < kSmallPieces; ++i) small_.push_back({static_cast<char*>(memory) + i * kSmallPiece, 0, nullptr});
  }
  Piece* p = &small_[small_at_ % kSmallPieces];
  if (small_used_ + bytes > kSmallPiece || (p->queue && p->queue != &queue && small_used_ > 0)) {
    p = &small_[++small_at_ % kSmallPieces];
    small_used_ = 0;
  }
  if (small_used_ == 0 && p->queue) p->queue->wait(p->ticket);
  std::memcpy(p->memory + small_used_, from, bytes);
  device_.check(device_.call.upload(to, p->memory + small_used_, bytes, queue.handle()), "uploading");
  queue.advance();
  p->queue = &queue;
  p->ticket = queue.issued();
  small_used_ += (bytes + 63) / 64 * 64;
}

void Staging::upload(void* to, const void* from, size_t bytes, Queue& queue) {
  if (bytes == 0) return;
  std::lock_guard lock(mutex_);
  device_.bind();
  if (bytes <= kSmallPiece / 4) return small_upload(to, from, bytes, queue);
  for (size_t done = 0; done < bytes; done += kPiece) {
    const size_t n = std::min(kPiece, bytes - done);
    Piece& p = next_piece();
    std::memcpy(p.memory, static_cast<const char*>(from) + done, n);
    device_.check(device_.call.upload(static_cast<char*>(to) + done, p.memory, n, queue.handle()), "uploading");
    queue.advance();
    queue.mark();
    p.queue = &queue;
    p.ticket = queue.issued();
  }
}

void Staging::download(void* to, const void* from, size_t bytes, Queue& queue) {
  if (bytes == 0) return;
  std::lock_guard lock(mutex_);
  device_.bind();
  // Two pieces in flight: while one is copied out of pinned memory the next arrives.
  struct Pending {
    Piece* piece = nullptr;
    size_t at = 0, n = 0;
  } last;
  auto finish = [&](const Pending& p) {
    if (!p.piece) return;
    p.piece->queue->wait(p.piece->ticket);
    std::memcpy(static_cast<char*>(to) + p.at, p.piece->memory, p.n);
  };
  for (size_t done = 0; done < bytes; done += kPiece) {
    const size_t n = std::min(kPiece, bytes - done);
    Piece& p = next_piece();
    device_.check(device_.call.download(p.memory, static_cast<const char*>(from) + done, n, queue.handle()), "downloading");
    queue.advance();
    queue.mark();
    p.queue = &queue;
    p.ticket = queue.issued();
    finish(last);
    last = {&p, done, n};
  }
  finish(last);
}

// --- GpuDevice

GpuDevice::GpuDevice(Driver& d, const DeviceFacts& f, int i)
    : driver(d), call(d.calls()), facts(f), index(i), target([&] {
        Target t = target_of(f.arch);
        t.lds_bytes = std::min(f.lds_bytes, kMostStaticLds[int(d.api())]);
        if (t.dynamic_lds > 0) t.dynamic_lds = f.lds_bytes;
        return t;
      }()), allocator(*this), staging(*this) {}

void GpuDevice::fail(int status, const char* what) {
  // A failed launch or a fault leaves the device unusable; running out of memory or a wrong argument does not.
  if (status >= 700 || status == 719) lost_ = true;
  runtime_error("[gpu] ", what, " failed on ", facts.name, " (", driver.name(), " device ", facts.ordinal, ", ", facts.arch,
                "): ", driver.error_text(status), ", status ", status, ".",
                lost_ ? " The device is lost to this process; start a new one." : "");
}

Queue& GpuDevice::queue(Stream s) {
  std::lock_guard lock(mutex_);
  auto& q = queues_[s.index];
  if (!q && !idle_.empty()) {
    q = std::move(idle_.back());
    idle_.pop_back();
  }
  if (!q) q = std::make_unique<Queue>(*this);
  return *q;
}

void GpuDevice::forget(Stream s) {
  if (forked) return;
  std::lock_guard lock(mutex_);
  auto it = queues_.find(s.index);
  if (it == queues_.end()) return;
  if (it->second) idle_.push_back(std::move(it->second));
  queues_.erase(it);
}

Queue& GpuDevice::special(std::unique_ptr<Queue>& slot) {
  std::lock_guard lock(mutex_);
  if (!slot) slot = std::make_unique<Queue>(*this);
  return *slot;
}

const Kernel& GpuDevice::kernel(const char* file, const char* entry, Defines defines, const std::string& generated) {
  thread_local std::string key;
  key.assign(file).append(1, ' ').append(entry);
  for (const Define& d : defines) key.append(1, ' ').append(d.name).append(1, '=').append(d.value);
  const size_t described = key.size();
  if (!generated.empty()) key.append(1, '\n').append(generated);
  {
    std::lock_guard lock(mutex_);
    auto it = kernels_.find(key);
    if (it != kernels_.end()) return *it->second;
  }
  std::string code = machine_code({file, entry, std::move(defines), generated}, driver.api(), facts.arch);
  bind();
  auto k = std::make_unique<Kernel>();
  k->name = key.substr(0, described);
  void* module = nullptr;
  check(call.module_load(&module, code.data()), concat_text("loading kernel ", k->name).c_str());
  check(call.module_function(&k->function, module, entry), concat_text("finding kernel ", k->name).c_str());
  int most = 0;
  constexpr int kMaxThreadsPerBlock = 0;
  k->max_threads = call.function_attribute(&most, kMaxThreadsPerBlock, k->function) == kOk && most > 0 ? most : 1024;
  k->dynamic_lds = uint32_t(facts.lds_bytes);
  driver.allow_lds(k->function, facts.lds_bytes);
  std::lock_guard lock(mutex_);
  auto& slot = kernels_[key];
  if (!slot) slot = std::move(k);
  return *slot;
}

void GpuDevice::bind() {
  if (forked) {
    runtime_error("[gpu] This process was forked off one that uses ", facts.name, ", and GPUs work only in the parent. Start processes "
                  "by 'spawn' or 'forkserver', or keep to the CPU here: mx.set_default_device(mx.cpu).");
  }
  driver.bind(facts.ordinal);
}

// One device that is too old or too new does not stop the others.
static std::string& left_out_text() {
  static auto* text = new std::string;
  return *text;
}
const std::string& left_out() { return left_out_text(); }

const std::vector<std::unique_ptr<GpuDevice>>& devices() {
  static const auto* all = [] {
    auto* list = new std::vector<std::unique_ptr<GpuDevice>>;
    if (Driver* d = driver()) {
      for (const DeviceFacts& f : in_order(*d)) {
        try {
          list->push_back(std::make_unique<GpuDevice>(*d, f, int(list->size())));
        } catch (const std::runtime_error& e) {
          left_out_text() += (left_out_text().empty() ? "" : " ") + std::string(e.what());
        }
      }
      pthread_atfork(nullptr, nullptr, [] { forked = true; });
      memory::device_memory() = {cached_memory, set_memory_limits, set_cache_limits, clear_caches};
    }
    return list;
  }();
  return *all;
}

GpuDevice& device(int index) { return *devices().at(size_t(index)); }

Queue& current() {
  if (!current_queue) runtime_error("[gpu] A GPU operation outside of an evaluation.");
  return *current_queue;
}
Queue& enter(Stream s) {
  thread_local Stream last{-1, {}};
  thread_local Queue* queue = nullptr;
  if (!(last == s)) {
    queue = &device(s.device.index).queue(s);
    last = s;
  }
  queue->device().bind();
  return *(current_queue = queue);
}
void leave() { current_queue = nullptr; }

const Target& target() { return current().device().target; }
int compute_units() { return current().device().facts.compute_units; }

}  // namespace mlx_rocm::gpu
