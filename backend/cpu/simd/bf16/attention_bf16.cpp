#include "backend/cpu/attention.h"
#include "backend/cpu/simd/attention_driver.h"

namespace mlx_rocm::cpu::SIMD_NS {

void attention_bf16(const AttentionArgs& args) { attention_any<PairFormat>(args); }

}  // namespace mlx_rocm::cpu::SIMD_NS
