// The environment variables of the emulator, in one place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace emu {

struct Settings {
  std::vector<std::string> archs;  // AMDEMU_ARCH: one device for each, comma separated (default gfx1151)
  uint64_t memory_bytes;           // AMDEMU_MEMORY: device memory in bytes, with K, M or G (default 4G)
  int threads;                     // AMDEMU_THREADS: host threads of a launch (default: all cores)
  uint64_t shuffle;                // AMDEMU_SHUFFLE: seed for the order of waves and workgroups; 0: in order
  bool check_races;                // AMDEMU_RACES: LDS race detection (default 1)
  bool poison;                     // AMDEMU_POISON: poison allocations, registers and LDS (default 1)
  std::string f32_denormals;       // AMDEMU_F32_DENORMALS: "kernel" (as compiled, default), "flush" or "keep"
  bool evidence;                   // AMDEMU_EVIDENCE: count cache lines and bank conflicts from the start
  uint64_t max_instructions;  // AMDEMU_MAX_INSTRUCTIONS: of one wave, before it counts as hung (default 2e9)
  int delay_us;               // AMDEMU_DELAY_US: wait before every stream operation, to expose missing waits
  bool execute;               // AMDEMU_EXECUTE: run the kernels (default 1); 0 checks launches only
  std::string faults;         // AMDEMU_FAIL: see faults.h
  std::string hiprtc;         // AMDEMU_HIPRTC: path of a real libhiprtc to forward to
};

const Settings& settings();

}  // namespace emu
