// cuBLASLt of CUDA 11 to 13. Numbers: the cuBLAS documentation (cublasLtMatmulDescAttributes_t,
// cublasLtMatrixLayoutAttribute_t, cublasLtMatmulPreferenceAttributes_t, cublasComputeType_t,
// cudaDataType_t).
#include "backend/gpu/blas_lt.h"

namespace mlx_rocm::gpu {

BlasLt open_cublaslt() {
  BlasLt lt{};
  lt.library = Library({"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11", "libcublasLt.so"});
  lt.transpose_a = 3;
  lt.transpose_b = 4;
  lt.batch_count = 5;
  lt.batch_stride = 6;
  lt.workspace_bytes = 1;
  lt.alignment_a = 5;
  lt.no_transpose = 0;
  lt.transpose = 1;
  lt.compute_float = 68;
  lt.compute_tf32 = 77;
  lt.type_float = 0;
  lt.type_f16 = 2;
  lt.type_bf16 = 14;
  if (!lt.bind("cublasLt")) lt.matmul = nullptr;
  return lt;
}

}  // namespace mlx_rocm::gpu
