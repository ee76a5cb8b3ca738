// Tells the user on standard error that kernels are being compiled, once that has taken a second in all.
// MLX_ROCM_QUIET=1 silences it.
#pragma once

#include <string>

namespace mlx_rocm::gpu {

// Lives while one kernel is compiled.
class CompileProgress {
 public:
  explicit CompileProgress(const std::string& arch);
  ~CompileProgress();
  CompileProgress(const CompileProgress&) = delete;
  CompileProgress& operator=(const CompileProgress&) = delete;
};

struct CompileCounts {
  int done = 0;
  double seconds = 0;  // with at least one compile under way
};
CompileCounts compile_counts();

}  // namespace mlx_rocm::gpu
