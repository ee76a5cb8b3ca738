#include "backend/cpu/attention.h"

namespace mlx_rocm::cpu {

void attention(const AttentionArgs& args) {
  if (args.batch <= 0 || args.heads <= 0 || args.q_len <= 0 || args.v_dim <= 0) return;
  switch (args.type) {
    case AttentionType::f32:
      return attention_table().f32(args);
    case AttentionType::bf16:
#if defined(__x86_64__)
      if (isa() == Isa::v4bf16) return isa_v4bf16::attention_bf16(args);
#endif
      return attention_table().bf16(args);
    case AttentionType::f16:
      return attention_table().f16(args);
  }
}

}  // namespace mlx_rocm::cpu
