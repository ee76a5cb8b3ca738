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

std::string StderrCapture::take() {
  std::string text;
  if (stderr_ < 0) return text;
  std::fflush(stderr);
  lseek(held_, 0, SEEK_SET);
  char buffer[4096];
  for (ssize_t n; (n = read(held_, buffer, sizeof buffer)) > 0;) text.append(buffer, size_t(n));
  if (ftruncate(held_, 0) == 0) lseek(held_, 0, SEEK_SET);
  return text;
}

StderrCapture::~StderrCapture() {
  if (stderr_ >= 0) {
    const std::string text = take();
    dup2(stderr_, STDERR_FILENO);
    close(stderr_);
    for (size_t at = 0; at < text.size();) {
      ssize_t n = write(STDERR_FILENO, text.data() + at, text.size() - at);
      if (n <= 0) break;
      at += size_t(n);
    }
  }
  if (held_ >= 0) close(held_);
}

}  // namespace mlx_rocm::gpu
