// The run-time compilation API that hiprtc and NVRTC share but for its prefix.
#pragma once

#include <string>
#include <vector>

#include "backend/gpu/library.h"

namespace mlx_rocm::gpu {

class Rtc {
 public:
  // `prefix`: "hiprtc" or "nvrtc"; `code`: what the result is called there, "Code" or "CUBIN". Throws when
  // the library lacks a function.
  Rtc(Library library, const std::string& prefix, const std::string& code);

  // "hiprtc 7.1 libhiprtc.so.7.1.70100 1234567": the file's name and size tell builds of one version apart.
  const std::string& version() const { return version_; }
  // Throws CompileFailure with the log.
  std::string compile(const std::string& source, const std::string& name,
                      const std::vector<std::string>& options);

 private:
  class Program;

  Library library_;
  std::string version_;
  int (*version_number_)(int*, int*);
  const char* (*error_string_)(int);
  int (*create_)(void**, const char*, const char*, int, const char**, const char**);
  int (*destroy_)(void**);
  int (*compile_)(void*, int, const char**);
  int (*log_size_)(void*, size_t*);
  int (*log_)(void*, char*);
  int (*code_size_)(void*, size_t*);
  int (*code_)(void*, char*);
};

}  // namespace mlx_rocm::gpu
