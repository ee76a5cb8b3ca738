#include "hip_runtime.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "dispatch.h"
#include "faults.h"
#include "memory_map.h"
#include "settings.h"

namespace emu::hip {

namespace {

constexpr u64 kAlign = 256, kGap = 256, kPage = 4096;
constexpr u64 kPoisonAll = u64{64} << 20;  // larger allocations are poisoned at both ends only

u64 round_up(u64 value, u64 step) { return (value + step - 1) / step * step; }

void fill_poison(u8* at, u64 bytes) {
  const auto fill = [](u8* from, u64 count) {
    for (u64 i = 0; i + 4 <= count; i += 4) std::memcpy(from + i, &kPoison, 4);
    for (u64 i = count / 4 * 4; i < count; ++i) from[i] = 0xff;
  };
  if (bytes <= kPoisonAll) return fill(at, bytes);
  fill(at, kPoisonAll / 64);
  fill(at + (bytes - kPoisonAll / 64) / 4 * 4, kPoisonAll / 64);
}

// Says what a segmentation fault in device memory means, then lets it happen.
struct sigaction g_previous_action;
void on_segfault(int signal, siginfo_t* info, void* context) {
  const u64 address = reinterpret_cast<u64>(info->si_addr);
  for (const auto& device : devices()) {
    if (!device->arena.contains(address)) continue;
    static const char text[] = "[emulator] the host dereferenced device memory of a discrete GPU\n";
    if (write(2, text, sizeof text - 1) < 0) break;
  }
  sigaction(SIGSEGV, &g_previous_action, nullptr);
  (void)signal, (void)context;
}

void watch_segfaults() {
  struct sigaction action{};
  action.sa_sigaction = on_segfault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &g_previous_action);
}

}  // namespace

// Arena

Arena::Arena(int device, bool host_visible, u64 capacity) : device_(device), capacity_(capacity) {
  // Addresses are not reused soon, so that a use after free hits nothing.
  span_ = std::max<u64>(4 * capacity, u64{16} << 30);
  file_ = memfd_create("amdemu", MFD_CLOEXEC);
  if (file_ < 0 || ftruncate(file_, static_cast<off_t>(span_)) != 0)
    throw std::runtime_error("no device memory");
  void* shared = mmap(nullptr, span_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_, 0);
  void* seen = host_visible
                   ? shared
                   : mmap(nullptr, span_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (shared == MAP_FAILED || seen == MAP_FAILED)
    throw std::runtime_error("no address space for device memory");
  base_ = reinterpret_cast<u64>(seen);
  to_host_ = static_cast<i64>(reinterpret_cast<u64>(shared) - base_);
}

void* Arena::allocate(u64 bytes) {
  std::lock_guard lock(mutex_);
  const u64 taken = round_up(bytes, kPage);
  if (used_ + taken > capacity_) return nullptr;
  const u64 step = round_up(bytes + kGap, kAlign);
  if (next_ + step > span_) next_ = 0;
  // Behind the wrap-around live blocks may be in the way.
  for (auto it = blocks_.upper_bound(base_ + next_); it != blocks_.end() && base_ + next_ + step > it->first;
       ++it) {
    next_ = round_up(it->first - base_ + it->second + kGap, kAlign);
    if (next_ + step > span_) return nullptr;
  }
  const u64 address = base_ + next_;
  next_ += step;
  used_ += taken;
  blocks_[address] = bytes;
  memory_map().insert({address, address + bytes, to_host_, device_});
  if (settings().poison) fill_poison(reinterpret_cast<u8*>(address + to_host_), bytes);
  return reinterpret_cast<void*>(address);
}

bool Arena::release(void* at) {
  std::lock_guard lock(mutex_);
  const u64 address = reinterpret_cast<u64>(at);
  const auto it = blocks_.find(address);
  if (it == blocks_.end()) return false;
  const u64 bytes = it->second;
  blocks_.erase(it);
  used_ -= round_up(bytes, kPage);
  memory_map().erase(address);
  const u64 offset = address - base_;
  const u64 first = round_up(offset, kPage), last = (offset + bytes) / kPage * kPage;
  if (last > first)
    fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(first),
              static_cast<off_t>(last - first));
  return true;
}

u64 Arena::used() const {
  std::lock_guard lock(mutex_);
  return used_;
}

u64 Arena::size_of(u64 address, u64* base) const {
  std::lock_guard lock(mutex_);
  auto it = blocks_.upper_bound(address);
  if (it == blocks_.begin()) return 0;
  --it;
  if (address >= it->first + it->second) return 0;
  *base = it->first;
  return it->second;
}

// Devices

Device::Device(int number, const Target& row, u64 memory)
    : index(number), target(row), arena(number, row.integrated, memory), peers(1u << number) {
  null_stream = new Stream(*this, true);
}

std::vector<std::unique_ptr<Device>>& devices() {
  // Never destroyed: streams may outlive static destruction.
  static auto& all = *[] {
    auto* list = new std::vector<std::unique_ptr<Device>>;
    for (const std::string& arch : settings().archs) {
      if (arch == "none") continue;
      const Target* target = find_target(arch);
      if (!target) {
        std::fprintf(stderr, "[emulator] AMDEMU_ARCH: no emulated architecture %s\n", arch.c_str());
        continue;
      }
      list->push_back(
          std::make_unique<Device>(static_cast<int>(list->size()), *target, settings().memory_bytes));
    }
    if (settings().evidence) set_evidence(true);
    watch_segfaults();
    return list;
  }();
  return all;
}

namespace {
thread_local int t_device = 0;
std::mutex g_host_mutex;
std::map<u64, u64> g_host_blocks;
}  // namespace

Device& current_device() { return *devices().at(t_device); }

bool set_current_device(int index) {
  if (index < 0 || index >= static_cast<int>(devices().size())) return false;
  t_device = index;
  return true;
}

int lose(Device& device, int status, const std::string& text) {
  std::lock_guard lock(device.mutex);
  if (!device.lost) {
    device.lost = status;
    set_fault_text(text);
    std::fprintf(stderr, "[emulator] %s\n", text.c_str());
  }
  return status;
}

void reset_devices() {
  for (auto& device : devices()) {
    synchronize(*device);
    std::lock_guard lock(device->mutex);
    device->lost = 0;
  }
  set_fault_text("");
}

// Streams

void Timeline::wait(u64 ticket) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return completed >= ticket; });
}

bool Timeline::done(u64 ticket) {
  std::lock_guard lock(mutex);
  return completed >= ticket;
}

u64 Timeline::last_ticket() {
  std::lock_guard lock(mutex);
  return submitted;
}

Stream::Stream(Device& owner, bool is_blocking)
    : device(owner),
      blocking(is_blocking),
      timeline(std::make_shared<Timeline>(owner)),
      thread_([this] { work(); }) {}

Stream::~Stream() {
  {
    std::lock_guard lock(timeline->mutex);
    closing_ = true;
  }
  timeline->changed.notify_all();
  thread_.join();
}

u64 Stream::submit(std::function<void()> operation) {
  std::lock_guard lock(timeline->mutex);
  queue_.push_back(std::move(operation));
  timeline->changed.notify_all();
  return ++timeline->submitted;
}

void Stream::work() {
  std::unique_lock lock(timeline->mutex);
  while (true) {
    timeline->changed.wait(lock, [&] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::function<void()> operation = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    if (settings().delay_us) std::this_thread::sleep_for(std::chrono::microseconds(settings().delay_us));
    operation();
    operation = nullptr;
    lock.lock();
    ++timeline->completed;
    timeline->changed.notify_all();
  }
}

Stream* stream_of(void* handle) {
  if (reinterpret_cast<u64>(handle) <= 2) return current_device().null_stream;
  return static_cast<Stream*>(handle);
}

void enqueue(Stream* stream, std::function<void()> operation) {
  Device& device = stream->device;
  // The null stream and the blocking streams wait for each other.
  std::vector<std::pair<std::shared_ptr<Timeline>, u64>> before;
  {
    std::lock_guard lock(device.mutex);
    if (stream == device.null_stream) {
      for (Stream* other : device.streams) {
        if (other->blocking) before.emplace_back(other->timeline, other->timeline->last_ticket());
      }
    } else if (stream->blocking) {
      before.emplace_back(device.null_stream->timeline, device.null_stream->timeline->last_ticket());
    }
  }
  stream->submit([&device, before = std::move(before), operation = std::move(operation)] {
    for (const auto& [other, ticket] : before) other->wait(ticket);
    if (should_fail(FaultKind::Lost)) lose(device, kLaunchFailure, "the device was lost (injected)");
    if (device.lost) return;
    try {
      operation();
    } catch (const std::exception& problem) {
      const std::string text = problem.what();
      lose(device, text.starts_with("out-of-bounds") ? kIllegalAddress : kLaunchFailure, text);
    }
  });
}

void synchronize(Device& device) {
  std::vector<Stream*> all;
  {
    std::lock_guard lock(device.mutex);
    all = device.streams;
    all.push_back(device.null_stream);
  }
  for (Stream* stream : all) stream->wait_all();
}

// Memory

void* allocate_host(u64 bytes) {
  const u64 size = round_up(std::max<u64>(bytes, 1), kPage);
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  if (settings().poison) fill_poison(static_cast<u8*>(at), bytes);
  const u64 address = reinterpret_cast<u64>(at);
  std::lock_guard lock(g_host_mutex);
  g_host_blocks[address] = bytes;
  memory_map().insert({address, address + bytes, 0, Range::kAnyone});
  return at;
}

bool release_host(void* at) {
  std::lock_guard lock(g_host_mutex);
  const auto it = g_host_blocks.find(reinterpret_cast<u64>(at));
  if (it == g_host_blocks.end()) return false;
  memory_map().erase(it->first);
  munmap(at, round_up(std::max<u64>(it->second, 1), kPage));
  g_host_blocks.erase(it);
  return true;
}

Place locate(const void* pointer, u64 bytes) {
  const u64 address = reinterpret_cast<u64>(pointer);
  for (const auto& device : devices()) {
    if (!device->arena.contains(address)) continue;
    u64 base = 0;
    const u64 size = device->arena.size_of(address, &base);
    if (!size || address + bytes > base + size) return {nullptr, true, false};
    return {reinterpret_cast<u8*>(address + device->arena.to_host()), true, false};
  }
  const Range* range = find_range(*memory_map().snapshot(), address);
  return {const_cast<u8*>(static_cast<const u8*>(pointer)), false, range != nullptr};
}

}  // namespace emu::hip
