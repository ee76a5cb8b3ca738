// Choice of the instruction set at run time.
//
// Each file in backend/cpu/simd/ is compiled once per instruction set, with -DSIMD_NS=<namespace>:
//
//   x86-64:  isa_v2 (-march=x86-64-v2), isa_v3 (-march=x86-64-v3), isa_v4 (-march=x86-64-v4)
//   others:  isa_base (default flags)
//
// Files in backend/cpu/simd/bf16/ are compiled once, on x86-64 only, as isa_v4bf16
// (-march=x86-64-v4 -mavx512bf16 -mavx512vnni -mavx512vbmi).
// GCC 12 needs -Wno-uninitialized -Wno-maybe-uninitialized for its own avx512 headers, and -Wno-psabi.
//
// Such a file puts everything into `namespace mlx_rocm::cpu::SIMD_NS` (no inline functions shared with other files: the
// linker could keep the copy that uses wider instructions) and exports tables of function pointers. A header declares a
// table with one line, outside of any namespace:
//
//   MLX_ROCM_ISA_TABLE(SoftmaxTable, softmax_table)      // gives: const SoftmaxTable& mlx_rocm::cpu::softmax_table()
//
// and the kernel file defines it:
//
//   namespace mlx_rocm::cpu::SIMD_NS {
//   extern const SoftmaxTable softmax_table;
//   const SoftmaxTable softmax_table = {...};
//   }
#pragma once

namespace mlx_rocm::cpu {

enum class Isa { base, v2, v3, v4, v4bf16 };

// The instruction set in use: the best that this CPU has, or MLX_ROCM_ISA=v2|v3|v4|v4bf16 when that is lower.
Isa isa();

const char* isa_name(Isa isa);

// The table of the instruction set in use; v4bf16 uses the v4 table.
template <class Table>
const Table& pick_isa(const Table& v2, const Table& v3, const Table& v4) {
  switch (isa()) {
    case Isa::v4bf16:
    case Isa::v4:
      return v4;
    case Isa::v3:
      return v3;
    case Isa::v2:
    case Isa::base:
      return v2;
  }
  return v2;
}

}  // namespace mlx_rocm::cpu

#if defined(__x86_64__)
#define MLX_ROCM_ISA_TABLE(Table, name)                                                             \
  namespace mlx_rocm::cpu::isa_v2 {                                                                 \
  extern const Table name;                                                                          \
  }                                                                                                 \
  namespace mlx_rocm::cpu::isa_v3 {                                                                 \
  extern const Table name;                                                                          \
  }                                                                                                 \
  namespace mlx_rocm::cpu::isa_v4 {                                                                 \
  extern const Table name;                                                                          \
  }                                                                                                 \
  namespace mlx_rocm::cpu {                                                                         \
  inline const Table& name() {                                                                      \
    static const Table& chosen = pick_isa<Table>(isa_v2::name, isa_v3::name, isa_v4::name);         \
    return chosen;                                                                                  \
  }                                                                                                 \
  }
#else
#define MLX_ROCM_ISA_TABLE(Table, name)                   \
  namespace mlx_rocm::cpu::isa_base {                     \
  extern const Table name;                                \
  }                                                       \
  namespace mlx_rocm::cpu {                               \
  inline const Table& name() { return isa_base::name; }   \
  }
#endif
