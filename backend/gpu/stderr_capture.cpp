#include "backend/gpu/stderr_capture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

namespace mlx_rocm::gpu {

StderrCapture::StderrCapture() {
  std::fflush(stderr);
  held_ = memfd_create("mlx_rocm-stderr", MFD_CLOEXEC);
  stderr_ = held_ < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (stderr_ >= 0 && dup2(held_, STDERR_FILENO) < 0) {
    close(stderr_);
    stderr_ = -1;
  }
}

StderrCapture::~StderrCapture() {
  if (stderr_ >= 0) {
    std::fflush(stderr);
    dup2(stderr_, STDERR_FILENO);
    if (!drop_ && lseek(held_, 0, SEEK_SET) == 0) {
      char buffer[4096];
      for (ssize_t n; (n = read(held_, buffer, sizeof buffer)) > 0;) {
        if (write(stderr_, buffer, size_t(n)) < 0) break;
      }
    }
    close(stderr_);
  }
  if (held_ >= 0) close(held_);
}

}  // namespace mlx_rocm::gpu
