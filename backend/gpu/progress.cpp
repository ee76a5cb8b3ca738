#include "backend/gpu/progress.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace mlx_rocm::gpu {
namespace {

using Clock = std::chrono::steady_clock;

struct State {
  std::mutex mutex;
  std::string arch;
  int running = 0, done = 0;
  double seconds = 0, last_line = -5;
  Clock::time_point counted;  // up to here, when something is running

  void count() {
    Clock::time_point now = Clock::now();
    if (running) seconds += std::chrono::duration<double>(now - counted).count();
    counted = now;
  }
};

// Never destroyed: a compile may still end while static objects are destroyed.
State& state() {
  static State& s = *new State;
  return s;
}

bool quiet() {
  const char* value = std::getenv("MLX_ROCM_QUIET");
  return value && *value && std::string(value) != "0";
}

void put(const std::string& text) {
  // One write, past stdio's buffer, so that threads do not mix. A closed stderr is nobody's problem.
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

void show(State& s) {
  if (s.seconds < 1 || quiet()) return;
  char numbers[64];
  std::snprintf(numbers, sizeof numbers, ": %d done, %.1f s", s.done, s.seconds);
  std::string line = "mlx_rocm: compiling GPU kernels for " + s.arch + numbers;
  if (isatty(STDERR_FILENO)) {
    // The cursor stays at the start: whatever is printed next takes the line's place.
    put(s.running ? "\r\x1b[K" + line + "\r" : "\r\x1b[K");
  } else if (s.seconds - s.last_line >= 5) {
    s.last_line = s.seconds;
    put(line + "\n");
  }
}

}  // namespace

CompileProgress::CompileProgress(const std::string& arch) {
  State& s = state();
  std::lock_guard lock(s.mutex);
  s.count();
  ++s.running;
  s.arch = arch;
  show(s);
}

CompileProgress::~CompileProgress() {
  State& s = state();
  std::lock_guard lock(s.mutex);
  s.count();
  --s.running;
  ++s.done;
  show(s);
}

CompileCounts compile_counts() {
  State& s = state();
  std::lock_guard lock(s.mutex);
  s.count();
  return {s.done, s.seconds};
}

}  // namespace mlx_rocm::gpu
