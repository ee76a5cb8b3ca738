// What a library writes to standard error while it compiles: comgr prints whole sources there when it refuses them.
#pragma once

#include <string>

namespace mlx_rocm::gpu {

// Holds back everything that the process writes to file descriptor 2 in its lifetime; other threads' lines too, so keep
// it short. One at a time.
class StderrCapture {
 public:
  StderrCapture();
  ~StderrCapture();  // passes on what was written, unless it was dropped
  StderrCapture(const StderrCapture&) = delete;
  StderrCapture& operator=(const StderrCapture&) = delete;
  void drop() { drop_ = true; }

 private:
  int stderr_ = -1, held_ = -1;
  bool drop_ = false;
};

}  // namespace mlx_rocm::gpu
