// From a kernel's name to machine code: sources embedded in the extension, defines, a compiler at run time, a
// cache on disk. See docs/jit.md.
#pragma once

#include <string>

#include "backend/gpu/gpu.h"
#include "backend/gpu/target.h"

namespace mlx_rocm::gpu {

enum class Api { hip, cuda };

// What identifies one kernel variant.
struct KernelSpec {
  std::string file;  // in kernels/
  std::string entry;
  Defines defines;
  std::string generated;  // takes the place of #include "generated.h"
};

// The whole text that is compiled: #define lines of the target and the spec, then the file with its headers
// in place. Read from $MLX_ROCM_KERNELS when that is set, else from the copy in the extension. Throws
// RuntimeError for an unknown file.
std::string kernel_source(const KernelSpec& spec, const Target& target);

// Machine code (an ELF code object or a cubin) of the spec for the device `arch` (as the driver names it,
// features included). Looks in the pre-seeded folder ($MLX_ROCM_KERNEL_SEED), in the cache
// ($XDG_CACHE_HOME/mlx_rocm/kernels), then compiles and stores. Safe between threads and processes. Throws
// RuntimeError with the kernel, its defines, the last lines of the compiler's log and where the source was
// saved.
std::string machine_code(const KernelSpec& spec, Api api, const std::string& arch);

// Compiles for an architecture that need not be in this machine, by clang or NVRTC, into a folder that
// MLX_ROCM_KERNEL_SEED may name. False: it is there already. Throws as machine_code does.
bool make_seed(const KernelSpec& spec, Api api, const std::string& arch, const std::string& folder);

}  // namespace mlx_rocm::gpu
