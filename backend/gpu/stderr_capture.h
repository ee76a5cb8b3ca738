// What a library writes to standard error while it compiles: comgr prints whole sources there when it refuses
// them.
#pragma once

#include <string>

namespace mlx_rocm::gpu {

// Holds back everything that the process writes to file descriptor 2 in its lifetime; other threads' lines
// too, so keep it short. One at a time.
class StderrCapture {
 public:
  StderrCapture();
  ~StderrCapture();  // restores, and passes on what was written and not taken
  StderrCapture(const StderrCapture&) = delete;
  StderrCapture& operator=(const StderrCapture&) = delete;
  std::string take();

 private:
  int stderr_ = -1, held_ = -1;
};

}  // namespace mlx_rocm::gpu
