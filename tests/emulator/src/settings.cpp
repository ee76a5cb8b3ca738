#include "settings.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <thread>

namespace emu {

namespace {

std::string text(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value ? value : otherwise;
}

uint64_t number(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  if (!value || !*value) return otherwise;
  char* end = nullptr;
  const double parsed = std::strtod(value, &end);
  const int shift = *end == 'G' ? 30 : *end == 'M' ? 20 : *end == 'K' ? 10 : 0;
  return static_cast<uint64_t>(parsed * static_cast<double>(uint64_t{1} << shift));
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

Settings read_settings() {
  const int cores = std::max(1u, std::thread::hardware_concurrency());
  return {split(text("AMDEMU_ARCH", "gfx1151")),
          number("AMDEMU_MEMORY", uint64_t{4} << 30),
          static_cast<int>(std::max<uint64_t>(1, number("AMDEMU_THREADS", cores))),
          number("AMDEMU_SHUFFLE", 0),
          number("AMDEMU_RACES", 1) != 0,
          number("AMDEMU_POISON", 1) != 0,
          text("AMDEMU_F32_DENORMALS", "kernel"),
          number("AMDEMU_EVIDENCE", 0) != 0,
          number("AMDEMU_MAX_INSTRUCTIONS", 2000000000),
          static_cast<int>(number("AMDEMU_DELAY_US", 0)),
          number("AMDEMU_EXECUTE", 1) != 0,
          text("AMDEMU_FAIL", ""),
          text("AMDEMU_HIPRTC", "")};
}

}  // namespace

const Settings& settings() {
  static const Settings& values = *new Settings(read_settings());  // never destroyed: streams may outlive it
  return values;
}

}  // namespace emu
