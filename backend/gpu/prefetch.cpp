#include "backend/gpu/prefetch.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#include "backend/gpu/compiler.h"

namespace mlx_rocm::gpu {
namespace {

struct Task {
  KernelSpec spec;
  Api api;
  std::string arch;
};

class Pool {
 public:
  void add(std::vector<Task> tasks) {
    if (getpid() != owner_) return;  // after a fork: mutex and threads are the parent's
    std::lock_guard lock(mutex_);
    if (running_ == 0) join(threads_);  // they have ended or are about to
    for (Task& task : tasks) tasks_.push_back(std::move(task));
    size_t wanted = std::min<size_t>({8, std::max(1u, std::thread::hardware_concurrency()), tasks_.size()});
    for (; running_ < int(wanted); ++running_) threads_.emplace_back([this] { work(); });
  }

  void stop() {
    if (getpid() != owner_) return;
    std::vector<std::thread> threads;
    {
      std::lock_guard lock(mutex_);
      tasks_.clear();
      threads.swap(threads_);
    }
    join(threads);
  }

 private:
  static void join(std::vector<std::thread>& threads) {
    for (std::thread& each : threads) each.join();
    threads.clear();
  }

  // Threads end when there is nothing to do: idle ones would be in the way of a fork.
  void work() {
    while (true) {
      std::unique_lock lock(mutex_);
      if (tasks_.empty()) {
        --running_;
        return;
      }
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      try {
        machine_code(task.spec, task.api, task.arch);
      } catch (const std::exception&) {
        // Whoever needs this kernel gets the error.
      }
      stop_before_the_compiler();
    }
  }

  // Functions registered last run first at exit. The compiler's own were registered while it compiled its
  // first kernel, so stopping has to be registered after that, or a thread would compile with a library that
  // is being taken down.
  static void stop_before_the_compiler() {
    static const int registered = std::atexit(stop_prefetch);
    static_cast<void>(registered);
  }

  const pid_t owner_ = getpid();
  std::mutex mutex_;
  std::deque<Task> tasks_;
  std::vector<std::thread> threads_;
  int running_ = 0;
};

// Never destroyed, but stopped at exit.
Pool& pool() {
  static Pool& the = *new Pool;
  static const int registered = std::atexit(stop_prefetch);
  static_cast<void>(registered);
  return the;
}

}  // namespace

void prefetch(std::vector<KernelSpec> specs, Api api, const std::string& arch) {
  std::vector<Task> tasks;
  for (KernelSpec& spec : specs) tasks.push_back({std::move(spec), api, arch});
  if (tasks.empty()) return;
  device_compiler(api);  // opened here, so that its functions at exit are registered before ours
  pool().add(std::move(tasks));
}

void stop_prefetch() { pool().stop(); }

}  // namespace mlx_rocm::gpu
