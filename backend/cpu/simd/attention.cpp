#include "backend/cpu/attention.h"

#include "backend/cpu/simd/attention_driver.h"

namespace mlx_rocm::cpu::SIMD_NS {

extern const AttentionTable attention_table;
const AttentionTable attention_table = {
    attention_any<FloatFormat<float>>,
    attention_any<FloatFormat<bf16>>,
    attention_any<FloatFormat<f16>>,
};

}  // namespace mlx_rocm::cpu::SIMD_NS
