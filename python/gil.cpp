#include "python/gil.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace mlx_rocm {
namespace {

struct Door {
  std::mutex mutex;
  std::condition_variable left;
  int inside = 0;
  bool closed = false;
  std::thread::id closer;

  bool shut_for_me() const { return closed && closer != std::this_thread::get_id(); }
};
// Never destroyed: threads use it while the process ends. A child of fork has none of the other threads.
Door* door = [] {
  pthread_atfork(nullptr, nullptr, [] { door = new Door; });
  return new Door;
}();

[[noreturn]] void stay() {
  for (;;) pause();
}

void enter() {
  std::unique_lock lock(door->mutex);
  if (door->shut_for_me()) {
    lock.unlock();
    stay();
  }
  ++door->inside;
}

void leave() {
  std::lock_guard lock(door->mutex);
  --door->inside;
  door->left.notify_all();
}

}  // namespace

WithoutGil::WithoutGil() : state_(PyEval_SaveThread()) { enter(); }

WithoutGil::~WithoutGil() {
  leave();
  try {
    PyEval_RestoreThread(state_);
  } catch (...) {
    stay();
  }
}

void end_threads_outside_gil() {
  PyThreadState* state = PyEval_SaveThread();
  {
    std::unique_lock lock(door->mutex);
    door->closed = true;
    door->closer = std::this_thread::get_id();
    door->left.wait_for(lock, std::chrono::seconds(10), [] { return door->inside == 0; });
  }
  PyEval_RestoreThread(state);
}

}  // namespace mlx_rocm
