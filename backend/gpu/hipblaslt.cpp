// hipBLASLt of ROCm 6 and 7. Numbers: its data types reference (hipblasLtMatmulDescAttributes_t,
// hipblasLtMatrixLayoutAttribute_t, hipblasLtMatmulPreferenceAttributes_t, hipblasComputeType_t,
// hipDataType).
#include "backend/gpu/blas_lt.h"

namespace mlx_rocm::gpu {

BlasLt open_hipblaslt() {
  BlasLt lt{};
  lt.library = Library({"libhipblaslt.so.1", "libhipblaslt.so.0", "libhipblaslt.so"});
  lt.transpose_a = 0;
  lt.transpose_b = 1;
  lt.batch_count = 0;
  lt.batch_stride = 1;
  lt.workspace_bytes = 1;
  lt.no_transpose = 111;
  lt.transpose = 112;
  lt.compute_float = 2;
  lt.compute_tf32 = 6;
  lt.type_float = 0;
  lt.type_f16 = 2;
  lt.type_bf16 = 14;
  if (!lt.bind("hipblasLt")) lt.matmul = nullptr;
  return lt;
}

}  // namespace mlx_rocm::gpu
