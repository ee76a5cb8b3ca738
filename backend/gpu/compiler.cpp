#include "backend/gpu/compiler.h"

#include "backend/core/error.h"
#include "backend/gpu/compilers.h"

namespace mlx_rocm::gpu {
namespace {

// Kept until the process ends: the libraries are still in use when static objects are destroyed.
Compiler* keep(std::unique_ptr<Compiler> compiler) { return compiler.release(); }

[[noreturn]] void missing(const std::string& what) {
  runtime_error("[gpu] No compiler for GPU kernels: ", what);
}

}  // namespace

Compiler& device_compiler(Api api) {
  if (api == Api::cuda) return offline_compiler(api);
  static std::string why;
  static Compiler* const found = [] {
    if (auto hiprtc = make_hiprtc(why)) return keep(std::move(hiprtc));
    std::string no_clang;
    if (auto clang = make_clang(no_clang)) return keep(std::move(clang));
    why += "; " + no_clang;
    return static_cast<Compiler*>(nullptr);
  }();
  if (!found)
    missing(why + ". Install ROCm's hiprtc, or set ROCM_PATH or MLX_ROCM_LIBRARIES to where it is.");
  return *found;
}

Compiler& offline_compiler(Api api) {
  if (api == Api::cuda) {
    static std::string why;
    static Compiler* const nvrtc = keep(make_nvrtc(why));
    if (!nvrtc) missing(why + ". Install NVRTC (pip install nvidia-cuda-nvrtc) or set CUDA_PATH.");
    return *nvrtc;
  }
  static std::string why;
  static Compiler* const clang = keep(make_clang(why));
  if (!clang) missing(why + ". Set MLX_ROCM_CLANG to a clang that has the AMDGPU target.");
  return *clang;
}

}  // namespace mlx_rocm::gpu
