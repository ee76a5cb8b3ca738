// Runs a program and waits for it.
#pragma once

#include <string>
#include <vector>

namespace mlx_rocm::gpu {

struct ProcessResult {
  int status = -1;     // exit status; -1: it could not be started or was killed
  std::string output;  // standard output and standard error
};
// The program is looked up in PATH. Its standard input is empty.
ProcessResult run_process(const std::vector<std::string>& command);

// A folder of its own in $TMPDIR, removed with its files.
class TemporaryFolder {
 public:
  TemporaryFolder();  // throws RuntimeError when none can be made
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace mlx_rocm::gpu
