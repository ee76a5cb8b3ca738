// What a launch did, counted: the traffic of a kernel can be asserted without a GPU.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "inst.h"

namespace emu {

struct Counters {
  std::array<u64, static_cast<int>(Class::Count)> instructions{};
  u64 waves = 0;
  u64 bytes_read = 0, bytes_written = 0;  // global memory, as requested by active lanes
  u64 lines_read = 0, lines_written = 0;  // 128-byte cache lines touched, summed over instructions
  u64 lds_bytes_read = 0, lds_bytes_written = 0;
  u64 bank_conflicts = 0;  // extra LDS cycles
  void add(const Counters& other);
};

struct LaunchRecord {
  std::string kernel;
  std::array<u32, 3> grid, block;
  Counters counters;
};

// Detailed counters (lines, bank conflicts) cost time and are off until asked for.
void set_evidence(bool enabled);
bool evidence_enabled();
void record_launch(LaunchRecord record);
std::string evidence_json();
void clear_evidence();

// Distinct 128-byte lines that `lanes` accesses of `bytes` bytes touch.
u64 count_lines(const u64* addresses, u64 active, int lanes, int bytes);
// Cycles beyond the first that an LDS access takes because lanes want different words of one bank.
u64 count_bank_conflicts(const u32* addresses, u64 active, int lanes, int bytes);

}  // namespace emu
