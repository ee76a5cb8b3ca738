#include "target.h"

namespace emu {

const std::vector<Target>& targets() {
  // Device facts are those of one product of each architecture (the name says which).
  static const auto& rows = *new std::vector<Target>{
      {"gfx906", "AMD Radeon VII (emulated)", 9, 64, false, false, false, 60, 65536, 65536, 256, 4, 10,
       2560, 4 << 20, 4096, 1801000, 1000000, 9, 0, ":sramecc-:xnack-"},
      {"gfx90a", "AMD Instinct MI210 (emulated)", 9, 64, true, true, false, 104, 65536, 131072, 512, 8,
       8, 2048, 8 << 20, 4096, 1700000, 1600000, 9, 0, ":sramecc+:xnack-"},
      {"gfx942", "AMD Instinct MI300X (emulated)", 9, 64, true, true, false, 304, 65536, 131072, 512, 8,
       8, 2048, 4 << 20, 8192, 2100000, 1300000, 9, 4, ":sramecc+:xnack-"},
      {"gfx950", "AMD Instinct MI350X (emulated)", 9, 64, false, true, false, 256, 163840, 131072, 512,
       8, 8, 2048, 4 << 20, 8192, 2400000, 2000000, 9, 5, ":sramecc+:xnack-"},
      {"gfx1010", "AMD Radeon RX 5700 XT (emulated)", 10, 32, false, false, false, 20, 65536, 65536,
       1024, 8, 20, 2560, 4 << 20, 256, 1905000, 875000, 10, 1, ""},
      {"gfx1030", "AMD Radeon RX 6800 XT (emulated)", 10, 32, false, false, false, 36, 65536, 65536,
       1024, 16, 16, 2048, 4 << 20, 256, 2310000, 1000000, 10, 3, ""},
      {"gfx1100", "AMD Radeon RX 7900 XTX (emulated)", 11, 32, false, true, false, 48, 65536, 65536,
       1536, 24, 16, 2048, 6 << 20, 384, 2482000, 1249000, 11, 0, ""},
      {"gfx1151", "AMD Radeon 8060S (emulated)", 11, 32, false, true, true, 20, 65536, 65536, 1536, 24,
       16, 2048, 2 << 20, 256, 2900000, 1000000, 11, 5, ""},
      {"gfx1200", "AMD Radeon RX 9060 XT (emulated)", 12, 32, false, true, false, 16, 65536, 65536, 1536,
       24, 16, 2048, 4 << 20, 128, 3130000, 1258000, 12, 0, ""},
      {"gfx1201", "AMD Radeon RX 9070 XT (emulated)", 12, 32, false, true, false, 32, 65536, 65536, 1536,
       24, 16, 2048, 8 << 20, 256, 2970000, 1258000, 12, 0, ""},
  };
  return rows;
}

const Target* find_target(std::string_view arch) {
  const std::string_view base = arch.substr(0, arch.find(':'));
  for (const Target& row : targets()) {
    if (base == row.arch) return &row;
  }
  return nullptr;
}

}  // namespace emu
