#include "backend/cpu/isa.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace mlx_rocm::cpu {
namespace {

#if defined(__x86_64__)

Isa best_isa() {
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                  __builtin_cpu_supports("f16c");
  if (!v3) return Isa::v2;
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (!v4) return Isa::v3;
  const bool bf16 = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") &&
                    __builtin_cpu_supports("avx512vbmi");
  return bf16 ? Isa::v4bf16 : Isa::v4;
}

Isa choose_isa() {
  const Isa best = best_isa();
  const char* wanted = std::getenv("MLX_ROCM_ISA");
  if (wanted == nullptr) return best;
  for (Isa candidate : {Isa::v2, Isa::v3, Isa::v4, Isa::v4bf16}) {
    if (std::strcmp(wanted, isa_name(candidate)) == 0) return std::min(candidate, best);
  }
  return best;
}

#else

Isa choose_isa() { return Isa::base; }

#endif

}  // namespace

Isa isa() {
  static const Isa chosen = choose_isa();
  return chosen;
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::base:
      return "base";
    case Isa::v2:
      return "v2";
    case Isa::v3:
      return "v3";
    case Isa::v4:
      return "v4";
    case Isa::v4bf16:
      return "v4bf16";
  }
  return "unknown";
}

}  // namespace mlx_rocm::cpu
