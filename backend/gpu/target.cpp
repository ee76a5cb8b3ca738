#include "backend/gpu/target.h"

#include "backend/core/error.h"

namespace mlx_rocm::gpu {
namespace {

Target cdna(const char* arch, Mma mma, int lds, bool pk_bf16, bool dot2_bf16) {
  return {arch, 64, mma, lds, true, pk_bf16, true, dot2_bf16, "sdot4"};
}
// Before CDNA2. MI100 has matrix instructions, but not those for bf16 that kernels/mma.h uses.
Target gcn(const char* arch, bool dots) {
  return {arch, 64, Mma::shuffle, 65536, false, false, dots, false, dots ? "sdot4" : "none"};
}
Target rdna(const char* arch, Mma mma, bool pairs, const char* dot4) {
  const std::string dot = dot4;
  return {arch, 32, mma, 65536, pairs, pairs, dot != "none", dot == "sudot4", dot4};
}
Target nvidia(const char* arch, int lds) { return {arch, 32, Mma::sync, lds, true, true, false, false, "dp4a", lds}; }

}  // namespace

const std::vector<Target>& targets() {
  // Sources: LLVM's AMDGPU user guide, AMD's ISA manuals; tests/amd_targets.py checks its rows against these.
  static const std::vector<Target> rows = {
      gcn("gfx900", false),  // Vega
      gcn("gfx906", true),   // Radeon VII, MI50
      gcn("gfx908", true),   // MI100
      cdna("gfx90a", Mma::mfma_cdna2, 65536, false, false),
      cdna("gfx942", Mma::mfma_cdna3, 65536, true, false),
      cdna("gfx950", Mma::mfma_cdna4, 163840, true, true),
      rdna("gfx1010", Mma::none, false, "none"),  // RX 5700
      rdna("gfx1011", Mma::none, false, "sdot4"),
      rdna("gfx1012", Mma::none, false, "sdot4"),  // RX 5500
      rdna("gfx1030", Mma::none, false, "sdot4"),
      rdna("gfx1100", Mma::wmma_gfx11, false, "sudot4"),
      rdna("gfx1151", Mma::wmma_gfx11, false, "sudot4"),
      rdna("gfx1200", Mma::wmma_gfx12, true, "sudot4"),
      rdna("gfx1201", Mma::wmma_gfx12, true, "sudot4"),
      nvidia("sm_90", 232448),
      nvidia("sm_80", 166912),
  };
  return rows;
}

Target target_of(const std::string& full) {
  const std::string arch = full.substr(0, full.find(':'));
  for (const Target& t : targets()) {
    if (t.arch == arch) return t;
  }
  // gfx90c computes as gfx900 does, gfx1103 as gfx1100.
  const Target* relative = nullptr;
  const size_t size = arch.size(), most = size == 7 ? 2 : 1;
  for (size_t apart = 1; apart <= most && !relative && size > 5; ++apart) {
    for (const Target& t : targets()) {
      if (t.arch.size() != size || t.arch.compare(0, size - apart, arch, 0, size - apart) != 0) continue;
      relative = &t;
      break;
    }
  }
  if (!relative && arch.starts_with("sm_")) relative = &targets().back();
  if (!relative) {
    std::string known;
    for (const Target& t : targets()) known += " " + t.arch;
    runtime_error("[gpu] Architecture ", full, " is of a generation that this version does not know. Known:", known, ".");
  }
  Target t = *relative;
  t.arch = arch;
  return t;
}

std::vector<std::pair<std::string, std::string>> Target::defines() const {
  constexpr const char* names[] = {"MMA_NONE",       "MMA_WMMA_GFX11", "MMA_WMMA_GFX12", "MMA_MFMA_CDNA2",
                                   "MMA_MFMA_CDNA3", "MMA_MFMA_CDNA4", "MMA_SYNC",       "MMA_SHUFFLE"};
  std::string dot = "DOT4_";
  for (const char* c = dot4; *c; ++c) dot += char(std::toupper(*c));
  return {{"WAVE", std::to_string(wave)},
          {"MMA", names[int(mma)]},
          {"LDS_BYTES", std::to_string(lds_bytes)},
          {"ATOMIC_PK_F16", pk_f16 ? "1" : "0"},
          {"ATOMIC_PK_BF16", pk_bf16 ? "1" : "0"},
          {"DOT2_F16", dot2_f16 ? "1" : "0"},
          {"DOT2_BF16", dot2_bf16 ? "1" : "0"},
          {"DOT4", dot}};
}

}  // namespace mlx_rocm::gpu
