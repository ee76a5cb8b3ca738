#include "backend/gpu/residency.h"

#include <cstring>
#include <utility>

#include "backend/core/error.h"

namespace mlx_rocm::gpu {
namespace {

// Guards the flags of all residents: they change for nanoseconds at a time. Waits and copies of single buffers that hold
// it are those that no other thread could go on without.
std::mutex& mutex() {
  static auto* m = new std::mutex;
  return *m;
}

void give_back(const Block& block, GpuDevice& device) {
  if (!block.memory) return;
  try {
    device.allocator.release(block);
  } catch (const std::exception&) {
    // A lost device, or a process that was forked off: the memory goes with it.
  }
}

}  // namespace

Resident::Resident(size_t bytes, Queue& queue, bool valid, bool exported)
    : device_(queue.device()), bytes_(bytes), unified_(device_.facts.integrated && !exported), device_valid_(valid) {
  block_ = device_.allocator.allocate(bytes, queue);
  if (memory::poison()) {
    device_.check(device_.call.fill(block_.memory, 0xff, bytes, queue.handle()), "poisoning memory");
    queue.advance();
    block_.queue = &queue;
    block_.ticket = queue.issued();
  }
  host_valid_ = !valid;
}

Resident::~Resident() {
  give_back(block_, device_);
  if (view_.memory) give_back(view_, *view_device_);
}

std::pair<Queue*, uint64_t> Resident::last_write() {
  std::lock_guard lock(mutex());
  return {writer_, written_};
}

void Resident::wait() {
  auto [queue, ticket] = last_write();
  if (queue) queue->wait(ticket);
}

void Resident::wait_unused() {
  Block written;
  {
    std::lock_guard lock(mutex());
    written = unified() ? block_ : view_;  // else the host writes to memory of its own
  }
  if (written.queue) written.queue->wait(written.ticket);
}

void* Resident::host(void*& host, const std::function<void*()>& make_host) {
  {
    std::lock_guard lock(mutex());
    if (host_valid_ && !unified()) return view_.memory ? view_.memory : host;
  }
  wait();
  std::lock_guard lock(mutex());
  if (unified()) {
    device_.bind();  // says so in a process that was forked off, which does not have the memory
    return block_.memory;
  }
  void*& side = view_.memory ? view_.memory : host;
  if (!host_valid_) fill_host(side, make_host);
  return side;
}

// The work that wrote it is done, so a queue of its own can copy: not behind what was queued since.
void Resident::fill_host(void*& host, const std::function<void*()>& make_host) {
  if (!host) host = make_host();
  if (writer_ || device_valid_) device_.staging.download(host, block_.memory, bytes_, device_.downloads());
  host_valid_ = true;
}

void Resident::to_host(void*& host, const std::function<void*()>& make_host) {
  wait();
  std::lock_guard lock(mutex());
  if (view_.memory && host_valid_) {
    if (!host) host = make_host();
    std::memcpy(host, view_.memory, bytes_);
  } else if (!host_valid_ || unified()) {
    fill_host(host, make_host);
  }
}

bool Resident::host_is_current() {
  std::lock_guard lock(mutex());
  return host_valid_ && !unified();
}

void Resident::host_written() {
  std::lock_guard lock(mutex());
  if (host_valid_ && !unified()) device_valid_ = false;
}

void* Resident::use(const Buffer& buffer, Queue& queue, bool write) {
  std::lock_guard lock(mutex());
  if (block_.queue && block_.queue != &queue) queue.order_after(*block_.queue, block_.ticket);
  const bool stale = !device_valid_ || (buffer.is_exported() && host_valid_ && !unified());
  if (stale && host_valid_) {
    const void* from = view_.memory ? view_.memory : buffer.host_memory();
    if (unified()) {
      // A move: from now on the host reads this memory too.
      if (block_.queue) block_.queue->wait(block_.ticket);
      std::memcpy(block_.memory, from, bytes_);
    } else {
      // On a queue of its own, so that the work of `queue` keeps the number it is about to get.
      Queue& uploads = device_.uploads();
      if (block_.queue) uploads.order_after(*block_.queue, block_.ticket);
      device_.staging.upload(block_.memory, from, bytes_, uploads);
      queue.order_after(uploads, uploads.issued());
    }
    device_valid_ = true;
  }
  block_.queue = &queue;
  block_.ticket = queue.next();
  if (write) {
    writer_ = &queue;
    written_ = queue.next();
    host_valid_ = false;
  }
  return block_.memory;
}

void* Resident::use_in_place_of(Resident& old, const Buffer& buffer, Queue& queue, bool write) {
  void* none = nullptr;
  old.host(none, [] { return nullptr; });  // current contents, where the views look
  const bool own = old.unified();
  view_ = own ? old.block_ : old.view_;
  view_device_ = own ? &old.device_ : old.view_device_;
  try {
    void* p = use(buffer, queue, write);
    (own ? old.block_ : old.view_) = {};
    return p;
  } catch (...) {
    view_ = {};
    throw;
  }
}

void* address(const array& a, Queue& queue, bool write) {
  const Buffer& b = *a.buffer();
  if (b.size() == 0) return nullptr;
  auto* resident = static_cast<Resident*>(b.device());
  void* p;
  if (resident && &resident->device() == &queue.device()) {
    p = resident->use(b, queue, write);
  } else {
    // From the host, or through it from another device. Other threads may be reading: they see the new copy when it is complete.
    const bool views = resident && b.is_exported() && resident->holds_views();
    if (!views) b.move_to_host();
    auto fresh = std::make_unique<Resident>(b.size(), queue.device().uploads(), false, b.is_exported());
    p = views ? fresh->use_in_place_of(*resident, b, queue, write) : fresh->use(b, queue, write);
    b.attach(std::move(fresh));
  }
  queue.device().bind();  // what was waited for may be of another one
  return static_cast<char*>(p) + a.offset();
}

bool on_host(const array& a) {
  return !a.buffer()->device() || static_cast<Resident*>(a.buffer()->device())->host_is_current();
}

}  // namespace mlx_rocm::gpu
