// Shared libraries of GPU vendors, opened at run time: nothing of them is needed to build or import the
// package.
#pragma once

#include <string>
#include <vector>

namespace mlx_rocm::gpu {

class Library {
 public:
  Library() = default;
  // Opens the first of `names` that loads. Looks in $MLX_ROCM_LIBRARIES, in Python's rocm_sdk and nvidia
  // packages, in $ROCM_PATH (or $CUDA_PATH), /opt/rocm (/usr/local/cuda), then where the loader looks. On
  // failure the object is empty and error() says what was tried.
  explicit Library(const std::vector<std::string>& names);

  explicit operator bool() const { return handle_ != nullptr; }
  const std::string& path() const { return path_; }
  const std::string& error() const { return error_; }
  void* find(const char* symbol) const;  // null when the library lacks it
  // As find; throws RuntimeError naming the library and the symbol.
  void* require(const char* symbol) const;
  template <class F>
  void bind(F*& function, const char* symbol) const {
    function = reinterpret_cast<F*>(require(symbol));
  }

 private:
  void* handle_ = nullptr;
  std::string path_, error_;
};

// Names Python's site-packages folders; the one that this extension is in counts anyway.
void set_package_folders(std::vector<std::string> folders);

}  // namespace mlx_rocm::gpu
