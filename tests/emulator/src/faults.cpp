#include "faults.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <sstream>

#include "settings.h"

namespace emu {

namespace {

constexpr const char* kNames[] = {"malloc", "load", "compile", "launch", "copy", "sync", "lost"};
std::array<std::atomic<int>, static_cast<int>(FaultKind::Count)>
    g_left{};  // calls until the failure; 0: never

void read_environment() {
  std::istringstream in(settings().faults);
  for (std::string part; std::getline(in, part, ',');) {
    const size_t colon = part.find(':');
    if (colon != std::string::npos) fail_at(part.substr(0, colon), std::atoi(part.c_str() + colon + 1));
  }
}

}  // namespace

bool fail_at(const std::string& kind, int n) {
  for (size_t i = 0; i < g_left.size(); ++i) {
    if (kind != kNames[i]) continue;
    g_left[i] = n;
    return true;
  }
  return false;
}

bool should_fail(FaultKind kind) {
  static std::once_flag once;
  std::call_once(once, read_environment);
  std::atomic<int>& left = g_left[static_cast<int>(kind)];
  int now = left.load();
  while (now > 0 && !left.compare_exchange_weak(now, now - 1)) {
  }
  return now == 1;
}

void clear_faults() {
  for (auto& left : g_left) left = 0;
}

}  // namespace emu
