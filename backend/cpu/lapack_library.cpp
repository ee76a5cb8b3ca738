#include "backend/cpu/lapack_library.h"

#include <dlfcn.h>

#include <mutex>

#include "backend/core/error.h"

namespace mlx_rocm::cpu {
namespace {

struct Naming {
  const char *prefix, *suffix;
  bool wide;
};
// How builds name dgesdd: SciPy's OpenBLAS with 64-bit and 32-bit integers, the usual Fortran names.
constexpr Naming kNamings[] = {
    {"scipy_", "_64_", true},
    {"scipy_", "_", false},
    {"", "_64_", true},
    {"", "_", false},
};
constexpr const char* kProbe = "sgesdd";

constexpr const char* kSystemLibraries[] = {"libopenblas.so.0", "libopenblas.so", "liblapack.so.3", "liblapack.so",
                                            "libmkl_rt.so.2"};

std::function<std::vector<std::string>()>& search() {
  static std::function<std::vector<std::string>()> function;
  return function;
}

std::mutex threads_mutex;
int threads_users = 0, threads_before = 0;

template <class F>
F find(void* handle, const std::string& name) {
  return reinterpret_cast<F>(dlsym(handle, name.c_str()));
}

}  // namespace

void set_lapack_search(std::function<std::vector<std::string>()> function) { search() = std::move(function); }

bool LapackLibrary::open(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return false;
  for (const Naming& naming : kNamings) {
    if (dlsym(handle, (naming.prefix + std::string(kProbe) + naming.suffix).c_str()) == nullptr) continue;
    handle_ = handle;
    path_ = path;
    prefix_ = naming.prefix;
    suffix_ = naming.suffix;
    wide_ = naming.wide;
    const std::string tail = naming.wide ? "64_" : "";
    get_threads_ = find<int (*)()>(handle, prefix_ + "openblas_get_num_threads" + tail);
    set_threads_ = find<void (*)(int)>(handle, prefix_ + "openblas_set_num_threads" + tail);
    return true;
  }
  dlclose(handle);
  return false;
}

const LapackLibrary& LapackLibrary::get() {
  // A failure throws out of the initialisation, so the next call tries again.
  static const LapackLibrary library = [] {
    LapackLibrary found;
    std::vector<std::string> paths;
    if (search()) paths = search()();
    paths.insert(paths.end(), std::begin(kSystemLibraries), std::end(kSystemLibraries));
    for (const std::string& path : paths) {
      if (found.open(path)) return found;
    }
    runtime_error(
        "[linalg] No LAPACK library was found. Install one with `pip install scipy-openblas32` (or install NumPy, "
        "whose wheel brings one).");
  }();
  return library;
}

void* LapackLibrary::routine(const std::string& name) const {
  void* found = dlsym(handle_, (prefix_ + name + suffix_).c_str());
  if (found == nullptr) runtime_error("[linalg] The LAPACK library ", path_, " has no routine ", name, ".");
  return found;
}

SingleThreaded::SingleThreaded() {
  const LapackLibrary& library = LapackLibrary::get();
  if (library.get_threads_ == nullptr || library.set_threads_ == nullptr) return;
  const std::lock_guard lock(threads_mutex);
  if (threads_users++ == 0) {
    threads_before = library.get_threads_();
    if (threads_before != 1) library.set_threads_(1);
  }
}

SingleThreaded::~SingleThreaded() {
  const LapackLibrary& library = LapackLibrary::get();
  if (library.get_threads_ == nullptr || library.set_threads_ == nullptr) return;
  const std::lock_guard lock(threads_mutex);
  if (--threads_users == 0 && threads_before != 1) library.set_threads_(threads_before);
}

}  // namespace mlx_rocm::cpu
