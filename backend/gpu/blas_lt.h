// What hipBLASLt and cuBLASLt have in common: the same functions with the same arguments, under other names
// and with other numbers. Declared here from their documentation; their headers are not needed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/core/dtype.h"
#include "backend/gpu/library.h"

namespace mlx_rocm::gpu {

struct BlasLt {
  Library library;
  // Numbers of attributes and types.
  int transpose_a, transpose_b;   // of the operation
  int batch_count, batch_stride;  // of a matrix layout
  int workspace_bytes;            // of the preference
  int alignment_a;                // the first of four, for a, b, c and d; 0: there is no such thing
  int no_transpose, transpose;    // values of the first two
  int compute_float, compute_tf32;
  int type_float, type_f16, type_bf16;

  // 0 is success everywhere.
  int (*create)(void** handle);
  int (*operation_create)(void** operation, int compute, int scale_type);
  int (*operation_destroy)(void* operation);
  int (*operation_set)(void* operation, int attribute, const void* value, size_t bytes);
  int (*layout_create)(void** layout, int type, uint64_t rows, uint64_t columns, int64_t lead);
  int (*layout_destroy)(void* layout);
  int (*layout_set)(void* layout, int attribute, const void* value, size_t bytes);
  int (*preference_create)(void** preference);
  int (*preference_set)(void* preference, int attribute, const void* value, size_t bytes);
  int (*preference_destroy)(void* preference);
  int (*heuristic)(void* handle, void* operation, void* a, void* b, void* c, void* d, void* preference,
                   int wanted, void* results, int* found);
  int (*matmul)(void* handle, void* operation, const void* alpha, const void* a, void* a_layout,
                const void* b, void* b_layout, const void* beta, const void* c, void* c_layout, void* d,
                void* d_layout, const void* algorithm, void* workspace, size_t workspace_bytes, void* stream);

  explicit operator bool() const { return bool(library) && matmul != nullptr; }
  // Binds all functions, whose names start with `prefix`. False: one is missing.
  bool bind(const char* prefix);
};

// Empty where the library is not found. hipBLASLt ends the process when there is no device: call only when
// there is one.
BlasLt open_hipblaslt();
BlasLt open_cublaslt();

}  // namespace mlx_rocm::gpu
