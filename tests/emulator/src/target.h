// Facts of the architectures that the emulator stands in for, one row each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "numeric.h"

namespace emu {

struct Target {
  const char* arch;
  const char* marketing_name;
  int generation;     // 9 (Vega, CDNA), 10, 11, 12 (RDNA 1 to 4)
  int wave;           // preferred wave size
  bool fnuz;          // 8-bit floats of the fnuz family (CDNA3)
  bool packed_ids;    // work-item x, y, z share v0
  bool integrated;    // APU: the host may use device memory directly
  int compute_units;  // as hipDeviceAttributeMultiprocessorCount reports them
  u32 lds_per_group;  // bytes
  u32 registers_per_group;
  u32 vgprs_per_simd, vgpr_granule, waves_per_simd;
  int max_threads_per_cu;
  u32 l2_bytes;
  int memory_bus_bits;
  int clock_khz, memory_clock_khz;
  int major, minor;
  const char* features;  // what gcnArchName appends, e.g. ":sramecc+:xnack-"
};

const std::vector<Target>& targets();
// Null for an architecture without a row. A feature suffix such as ":xnack-" is ignored.
const Target* find_target(std::string_view arch);

}  // namespace emu
