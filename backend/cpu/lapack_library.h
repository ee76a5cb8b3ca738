// The LAPACK that this process uses: found and opened at the first call of a linear-algebra op.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mlx_rocm::cpu {

// Gives paths of shared libraries to try, best first. The Python package sets it; it runs once, when LAPACK
// is needed.
void set_lapack_search(std::function<std::vector<std::string>()> search);

class LapackLibrary {
 public:
  // The library; throws RuntimeError that says what to install when there is none.
  static const LapackLibrary& get();

  // The routine of a LAPACK name ("sgetrf"); throws RuntimeError when the library lacks it.
  void* routine(const std::string& name) const;
  // Whether its integers have 64 bits.
  bool wide_integers() const { return wide_; }
  const std::string& path() const { return path_; }

 private:
  friend class SingleThreaded;
  bool open(const std::string& path);

  void* handle_ = nullptr;
  std::string path_, prefix_, suffix_;
  bool wide_ = false;
  int (*get_threads_)() = nullptr;
  void (*set_threads_)(int) = nullptr;
};

// While one lives, OpenBLAS works on the calling thread only: its own threads would fight with our pool,
// which runs several matrices at once instead. The setting that NumPy or others had comes back at the end.
class SingleThreaded {
 public:
  SingleThreaded();
  ~SingleThreaded();
  SingleThreaded(const SingleThreaded&) = delete;
  SingleThreaded& operator=(const SingleThreaded&) = delete;
};

}  // namespace mlx_rocm::cpu
