#include "backend/cpu/gemm.h"

#include "backend/cpu/simd/gemm_driver.h"

namespace mlx_rocm::cpu::SIMD_NS {

extern const GemmTable gemm_table;
const GemmTable gemm_table = {
    gemm_any<FloatFormat<float>>,
    gemm_any<DoubleFormat>,
    gemm_any<FloatFormat<bf16>>,
    gemm_any<FloatFormat<f16>>,
};

}  // namespace mlx_rocm::cpu::SIMD_NS
