// The compilers that turn kernel sources into machine code at run time: AMD's hiprtc or clang, NVIDIA's
// NVRTC. All are optional and found when first needed.
#pragma once

#include <stdexcept>
#include <string>

#include "backend/gpu/jit.h"

namespace mlx_rocm::gpu {

// The source was refused, or the compiler failed; what() is its log, `noise` what it wrote to standard error.
struct CompileFailure : std::runtime_error {
  explicit CompileFailure(const std::string& log) : std::runtime_error(log) {}
  std::string noise;
};

class Compiler {
 public:
  virtual ~Compiler() = default;
  // Kind, version and options: whatever may change the code made from one source. Part of cache keys.
  virtual const std::string& identity() const = 0;
  // Machine code of `source`, called `name` in messages. From any thread.
  virtual std::string compile(const std::string& source, const std::string& name,
                              const std::string& arch) = 0;
};

// For the architecture of a device that is there, as its driver names it: hiprtc aborts the process for one
// it does not know. clang takes its place where hiprtc is missing. Throws RuntimeError saying what was looked
// for.
Compiler& device_compiler(Api api);
// For any architecture, with no device: clang or NVRTC.
Compiler& offline_compiler(Api api);

}  // namespace mlx_rocm::gpu
