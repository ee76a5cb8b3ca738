// Facts of GPU architectures, one row each. A new architecture is a new row.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mlx_rocm::gpu {

// Matrix instructions, by the names of kernels/mma.h.
enum class Mma { none, wmma_gfx11, wmma_gfx12, mfma_cdna2, mfma_cdna3, mfma_cdna4, sync, shuffle };
// Those that are no instructions.
constexpr bool by_fma(Mma mma) { return mma == Mma::none || mma == Mma::shuffle; }

struct Target {
  std::string arch;        // "gfx1151", "sm_90"
  int wave;                // lanes of a wave
  Mma mma;
  int lds_bytes;           // of a workgroup
  bool pk_f16, pk_bf16;    // memory adds such pairs atomically
  bool dot2_f16, dot2_bf16;  // dot products of two pairs in one instruction
  const char* dot4;        // name in kernels/dot.h
  int dynamic_lds = 0;     // of a workgroup where a launch says how much: NVIDIA, whose static arrays end at 48 KiB

  // What every kernel gets as #define lines.
  std::vector<std::pair<std::string, std::string>> defines() const;
};

// The row of an architecture (feature suffixes such as ":xnack-" are ignored), or that of a chip of the same family, whose
// name differs in the last character, or of the same generation of RDNA (the last two); throws RuntimeError naming the known ones for a generation without a row.
Target target_of(const std::string& arch);
const std::vector<Target>& targets();

}  // namespace mlx_rocm::gpu
