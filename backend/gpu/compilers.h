// The kinds of compilers behind compiler.h. Each is null, with the reason in `why`, where it is not
// installed.
#pragma once

#include <memory>

#include "backend/gpu/compiler.h"

namespace mlx_rocm::gpu {

std::unique_ptr<Compiler> make_hiprtc(std::string& why);
std::unique_ptr<Compiler> make_nvrtc(std::string& why);
std::unique_ptr<Compiler> make_clang(std::string& why);

}  // namespace mlx_rocm::gpu
