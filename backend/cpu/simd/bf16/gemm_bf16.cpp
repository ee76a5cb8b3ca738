#include "backend/cpu/gemm.h"
#include "backend/cpu/simd/gemm_driver.h"

namespace mlx_rocm::cpu::SIMD_NS {

void gemm_bf16(const GemmArgs& args) { gemm_any<PairFormat>(args); }

}  // namespace mlx_rocm::cpu::SIMD_NS
