#include "backend/core/buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <vector>

#include "backend/core/error.h"

namespace mlx_rocm {
namespace {

constexpr size_t kHugePage = size_t(2) << 20;
constexpr size_t kSmallest = 64;

size_t read_physical() {
  size_t ram = size_t(sysconf(_SC_PHYS_PAGES)) * size_t(sysconf(_SC_PAGESIZE));
  std::ifstream cgroup("/sys/fs/cgroup/memory.max");
  size_t cap = 0;
  if (cgroup >> cap && cap > 0 && cap < ram) return cap;
  return ram;
}

// Size classes: four steps per power of two, so that at most a quarter of a block is wasted and a freed block
// serves every request of its class.
int size_class(size_t bytes) {
  if (bytes <= kSmallest) return 0;
  int log = 63 - std::countl_zero(bytes - 1);  // 2^log <= bytes-1 < 2^(log+1)
  int quarter = int(((bytes - 1) >> (log - 2)) & 3);
  return (log - 6) * 4 + quarter + 1;
}
size_t class_bytes(int c) {
  if (c == 0) return kSmallest;
  int log = (c - 1) / 4 + 6, quarter = (c - 1) % 4;
  return (size_t(1) << log) + (size_t(quarter + 1) << (log - 2));
}

// Blocks of 2 MB and more come from mmap on huge pages: a page fault per 4 KB costs more than the op that
// fills the page.
void* system_allocate(size_t bytes) {
  if (bytes < kHugePage) {
    void* p = nullptr;
    return posix_memalign(&p, 64, bytes) == 0 ? p : nullptr;
  }
  size_t mapped = bytes + kHugePage;
  char* p = static_cast<char*>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (p == MAP_FAILED) return nullptr;
  char* aligned = reinterpret_cast<char*>((uintptr_t(p) + kHugePage - 1) / kHugePage * kHugePage);
  if (aligned > p) munmap(p, aligned - p);
  size_t tail = (p + mapped) - (aligned + bytes);
  if (tail > 0) munmap(aligned + bytes, tail);
  madvise(aligned, bytes, MADV_HUGEPAGE);
  return aligned;
}
void system_free(void* p, size_t bytes) {
  if (bytes < kHugePage) {
    free(p);
  } else {
    munmap(p, bytes);
  }
}
// What a class hands out must be page-aligned in length for mmap.
size_t block_bytes(int c) {
  size_t b = class_bytes(c);
  return b < kHugePage ? b : (b + 4095) / 4096 * 4096;
}

class Allocator {
 public:
  static Allocator& get() {
    // Never destroyed: buffers may outlive static destruction.
    static Allocator* a = new Allocator;
    return *a;
  }

  void* allocate(size_t bytes) {
    int c = size_class(bytes);
    {
      std::lock_guard lock(mutex_);
      if (bytes > physical_ || active_ + bytes > std::max(limit_, physical_)) fail(bytes);
      active_ += bytes;
      if (size_t(c) < free_.size() && !free_[c].empty()) {
        void* p = free_[c].back();
        free_[c].pop_back();
        cached_ -= block_bytes(c);
        return finish(p, bytes);
      }
      if (active_ + cached_ > limit_) trim(active_ < limit_ ? limit_ - active_ : 0);
    }
    void* p = system_allocate(block_bytes(c));
    if (!p) {
      std::lock_guard lock(mutex_);
      trim(0);
      p = system_allocate(block_bytes(c));
      if (!p) {
        active_ -= bytes;
        fail(bytes);
      }
    }
    return finish(p, bytes);
  }

  void release(void* p, size_t bytes) {
    int c = size_class(bytes);
    size_t block = block_bytes(c);
    {
      std::lock_guard lock(mutex_);
      active_ -= bytes;
      if (cached_ + block <= cache_limit_ && active_ + cached_ + block <= limit_) {
        if (free_.size() <= size_t(c)) free_.resize(c + 1);
        free_[c].push_back(p);
        cached_ += block;
        return;
      }
    }
    system_free(p, block);
  }

  // Frees cached blocks, largest first, until at most `keep` bytes stay.
  void trim(size_t keep) {
    for (int c = int(free_.size()) - 1; c >= 0 && cached_ > keep; --c) {
      while (!free_[c].empty() && cached_ > keep) {
        system_free(free_[c].back(), block_bytes(c));
        free_[c].pop_back();
        cached_ -= block_bytes(c);
      }
    }
  }

  std::mutex mutex_;
  size_t physical_ = read_physical();
  size_t active_ = 0, cached_ = 0;
  size_t limit_ = physical_ / 10 * 8;
  size_t cache_limit_ = physical_ / 4;
  std::atomic<bool> poison_ = std::getenv("MLX_ROCM_POISON") != nullptr;

 private:
  [[noreturn]] void fail(size_t bytes) {
    throw std::runtime_error(concat_text("[malloc] Unable to allocate ", bytes, " bytes: ", active_,
                                         " bytes are in use, ", cached_, " are cached, and this machine has ",
                                         physical_, "."));
  }
  void* finish(void* p, size_t bytes) {
    if (poison_) std::memset(p, 0xff, bytes);
    return p;
  }

  std::vector<std::vector<void*>> free_;
};

// What live buffers asked for, wherever they are.
std::atomic<size_t> active_bytes{0}, peak_bytes{0};

void count(size_t bytes) {
  const size_t now = active_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  size_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (now > peak && !peak_bytes.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

}  // namespace

Ref<Buffer> Buffer::allocate(size_t bytes) {
  auto* b = new Buffer(bytes == 0 ? nullptr : Allocator::get().allocate(bytes), bytes);
  b->counted_ = true;
  count(bytes);
  return Ref<Buffer>(b);
}

Ref<Buffer> Buffer::on_device(std::unique_ptr<DeviceCopy> copy, size_t bytes) {
  auto* b = new Buffer(nullptr, bytes);
  b->device_ = std::move(copy);
  b->counted_ = true;
  count(bytes);
  return Ref<Buffer>(b);
}

void* Buffer::host_of_device() const {
  return device_->host(data_, [this] { return Allocator::get().allocate(size_); });
}
void Buffer::move_to_host() const {
  if (device_) device_->to_host(data_, [this] { return Allocator::get().allocate(size_); });
}

Ref<Buffer> Buffer::wrap(void* data, size_t bytes, std::function<void()> release) {
  auto* b = new Buffer(data, bytes);
  b->release_ = std::move(release);
  return Ref<Buffer>(b);
}

void Buffer::destroy(Buffer* b) {
  if (b->counted_) active_bytes.fetch_sub(b->size_, std::memory_order_relaxed);
  b->device_.reset();
  if (b->release_) {
    b->release_();
  } else if (b->data_) {
    Allocator::get().release(b->data_, b->size_);
  }
  delete b;
}

namespace memory {

DeviceMemoryHooks& device_memory() {
  static DeviceMemoryHooks hooks;
  return hooks;
}

template <class F>
static auto locked(F f) {
  auto& a = Allocator::get();
  std::lock_guard lock(a.mutex_);
  return f(a);
}

size_t active() { return active_bytes; }
size_t peak() { return peak_bytes; }
size_t cached() {
  return locked([](Allocator& a) { return a.cached_; }) + device_memory().cached();
}
// As in MLX the peak restarts from zero and not from what is in use.
void reset_peak() { peak_bytes = 0; }
size_t limit() {
  return locked([](Allocator& a) { return a.limit_; });
}
size_t set_limit(size_t bytes) {
  device_memory().set_limit(bytes);
  return locked([&](Allocator& a) { return std::exchange(a.limit_, bytes); });
}
size_t set_cache_limit(size_t bytes) {
  device_memory().set_cache_limit(bytes);
  return locked([&](Allocator& a) {
    a.trim(bytes);
    return std::exchange(a.cache_limit_, bytes);
  });
}
void clear_cache() {
  device_memory().clear_cache();
  locked([](Allocator& a) {
    a.trim(0);
    return 0;
  });
}
size_t physical() {
  return locked([](Allocator& a) { return a.physical_; });
}
bool set_poison(bool on) { return Allocator::get().poison_.exchange(on); }
bool poison() { return Allocator::get().poison_; }

}  // namespace memory
}  // namespace mlx_rocm
