#include "backend/cpu/pool.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace mlx_rocm::cpu {
namespace {

constexpr int kSlots = 16;           // loops of different callers that may be shared out at one time
constexpr int kChunksPerThread = 4;  // enough to even out a thread that loses its core
constexpr auto kSpin = std::chrono::microseconds(30);

thread_local bool inside_loop = false;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Polls `ready` for a short time, so that back-to-back loops need no system call.
template <class Ready>
bool spin_until(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (ready()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

// One shared-out loop. Slots live for the whole process. `claim` holds (generation << 32 | next chunk): a
// thread that read the fields of one generation can take a chunk only while that generation is current, so
// late workers never touch a finished loop and the owner has to wait only for chunks that were really taken.
struct Slot {
  alignas(64) std::atomic<uint64_t> claim{0};
  alignas(64) std::atomic<uint32_t> done{0};
  std::atomic<uint32_t> chunks{0};
  std::atomic<const RangeFn*> fn{nullptr};
  std::atomic<int64_t> n{0};
  std::atomic<int64_t> step{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  std::atomic<bool> owned{false};
  std::atomic<bool> owner_sleeps{false};
};

struct Chunk {
  const RangeFn* fn;
  int64_t begin;
  int64_t end;
};

bool take_chunk(Slot& slot, Chunk& chunk) {
  uint64_t seen = slot.claim.load(std::memory_order_acquire);
  for (;;) {
    const auto index = static_cast<uint32_t>(seen);
    if (index >= slot.chunks.load(std::memory_order_acquire)) return false;
    const int64_t step = slot.step.load(std::memory_order_relaxed);
    const int64_t n = slot.n.load(std::memory_order_relaxed);
    const RangeFn* fn = slot.fn.load(std::memory_order_relaxed);
    if (slot.claim.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
      chunk = {fn, index * step, std::min(n, (index + 1) * step)};
      return true;
    }
  }
}

void run_chunk(Slot& slot, const Chunk& chunk) {
  if (!slot.failed.load(std::memory_order_relaxed)) {
    try {
      (*chunk.fn)(chunk.begin, chunk.end);
    } catch (...) {
      if (!slot.failed.exchange(true)) slot.error = std::current_exception();
    }
  }
  const uint32_t chunks = slot.chunks.load(std::memory_order_relaxed);
  if (slot.done.fetch_add(1) + 1 == chunks && slot.owner_sleeps.load()) slot.done.notify_all();
}

class Pool {
 public:
  void run(int threads, int64_t n, int64_t step, const RangeFn& fn) {
    Slot* slot = acquire_slot();
    if (slot == nullptr) {
      fn(0, n);
      return;
    }
    start_workers(threads - 1);
    publish(*slot, n, step, fn);
    work_on(*slot);
    wait_done(*slot);
    std::exception_ptr error = std::exchange(slot->error, nullptr);
    slot->owned.store(false, std::memory_order_release);
    if (error) std::rethrow_exception(error);
  }

  // After fork() the child has only the forking thread.
  void forget_threads() {
    workers_.store(0);
    sleepers_.store(0);
    for (Slot& slot : slots_) {
      slot.chunks.store(0);
      slot.owned.store(false);
      slot.owner_sleeps.store(false);
    }
  }

  void lock_starts() { starting_.lock(); }
  void unlock_starts() { starting_.unlock(); }

 private:
  Slot* acquire_slot() {
    for (Slot& slot : slots_) {
      if (!slot.owned.load(std::memory_order_relaxed) &&
          !slot.owned.exchange(true, std::memory_order_acquire)) {
        return &slot;
      }
    }
    return nullptr;
  }

  void publish(Slot& slot, int64_t n, int64_t step, const RangeFn& fn) {
    const uint64_t generation = (slot.claim.load(std::memory_order_relaxed) >> 32) + 1;
    const auto chunks = static_cast<uint32_t>((n + step - 1) / step);
    // No chunk can be taken while `chunks` is 0; the claim that opens the loop is stored last.
    slot.chunks.store(0, std::memory_order_relaxed);
    slot.claim.store(generation << 32, std::memory_order_release);
    slot.done.store(0, std::memory_order_relaxed);
    slot.failed.store(false, std::memory_order_relaxed);
    slot.fn.store(&fn, std::memory_order_relaxed);
    slot.n.store(n, std::memory_order_relaxed);
    slot.step.store(step, std::memory_order_relaxed);
    slot.chunks.store(chunks, std::memory_order_release);
    signal_.fetch_add(1);
    if (sleepers_.load() > 0) {
      if (chunks == 2) {
        signal_.notify_one();
      } else {
        signal_.notify_all();
      }
    }
  }

  static void work_on(Slot& slot) {
    Chunk chunk;
    inside_loop = true;
    while (take_chunk(slot, chunk)) run_chunk(slot, chunk);
    inside_loop = false;
  }

  static void wait_done(Slot& slot) {
    const uint32_t chunks = slot.chunks.load(std::memory_order_relaxed);
    auto finished = [&] { return slot.done.load(std::memory_order_acquire) == chunks; };
    if (!spin_until(finished)) {
      slot.owner_sleeps.store(true);
      for (uint32_t done = slot.done.load(); done != chunks; done = slot.done.load()) slot.done.wait(done);
      slot.owner_sleeps.store(false);
    }
    slot.chunks.store(0, std::memory_order_relaxed);
  }

  void start_workers(int wanted) {
    if (workers_.load(std::memory_order_acquire) >= wanted) return;
    std::lock_guard lock(starting_);
    for (int have = workers_.load(); have < wanted; ++have) {
      try {
        std::thread([this] { worker(); }).detach();
      } catch (const std::system_error&) {
        return;  // no more threads allowed: the caller does the work itself
      }
      workers_.store(have + 1, std::memory_order_release);
    }
  }

  [[noreturn]] void worker() {
    for (;;) {
      const uint32_t seen = signal_.load();
      for (Slot& slot : slots_) {
        if (slot.owned.load(std::memory_order_relaxed)) work_on(slot);
      }
      auto changed = [&] { return signal_.load(std::memory_order_acquire) != seen; };
      if (spin_until(changed)) continue;
      sleepers_.fetch_add(1);
      signal_.wait(seen);
      sleepers_.fetch_sub(1);
    }
  }

  std::array<Slot, kSlots> slots_;
  alignas(64) std::atomic<uint32_t> signal_{0};
  alignas(64) std::atomic<int> sleepers_{0};
  std::atomic<int> workers_{0};
  std::mutex starting_;
};

// Never destroyed: detached workers may still look at it while the process exits.
Pool& pool() {
  static Pool* instance = [] {
    auto* created = new Pool;
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork([] { pool().lock_starts(); }, [] { pool().unlock_starts(); },
                   [] {
                     pool().unlock_starts();
                     pool().forget_threads();
                     inside_loop = false;
                   });
#endif
    return created;
  }();
  return *instance;
}

int affinity_cores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

// Cores granted by the cgroup quota (v2, then v1); 0 when there is none.
int quota_cores() {
  double quota = 0;
  double period = 0;
  std::string word;
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  if (v2 >> word >> period) {
    if (word == "max") return 0;
    quota = std::strtod(word.c_str(), nullptr);
  } else {
    std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(v1_quota >> quota) || !(v1_period >> period)) return 0;
  }
  if (quota <= 0 || period <= 0) return 0;
  return std::max(1, static_cast<int>(quota / period + 0.5));
}

int detect_threads() {
  if (const char* text = std::getenv("MLX_ROCM_CPU_THREADS")) {
    const long count = std::strtol(text, nullptr, 10);
    if (count > 0) return static_cast<int>(std::min(count, 1024L));
  }
  int count = std::max(1, affinity_cores());
  if (const int quota = quota_cores()) count = std::min(count, quota);
  return count;
}

std::atomic<int>& thread_limit() {
  static std::atomic<int> limit{detect_threads()};
  return limit;
}

}  // namespace

int num_threads() { return thread_limit().load(std::memory_order_relaxed); }

void set_num_threads(int count) { thread_limit().store(std::max(1, count)); }

bool in_parallel_region() { return inside_loop; }

void parallel_for(int64_t n, int64_t grain, RangeFn fn) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int threads = num_threads();
  if (n <= grain || threads == 1 || inside_loop) {
    fn(0, n);
    return;
  }
  const int64_t most_chunks = static_cast<int64_t>(threads) * kChunksPerThread;
  const int64_t step = std::max(grain, (n + most_chunks - 1) / most_chunks);
  pool().run(threads, n, step, fn);
}

}  // namespace mlx_rocm::cpu
