#include "backend/gpu/library.h"

#include <dlfcn.h>
#include <glob.h>

#include <cstdlib>

#include "backend/core/error.h"

namespace mlx_rocm::gpu {
namespace {

void add_matches(const std::string& pattern, std::vector<std::string>& to) {
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) to.push_back(found.gl_pathv[i]);
  }
  globfree(&found);
}

std::vector<std::string>& package_folders() {
  static std::vector<std::string> folders;
  return folders;
}

// Folders of wheels that carry GPU libraries: beside this extension in site-packages, or where Python looks.
std::vector<std::string> wheel_folders() {
  std::vector<std::string> roots = package_folders(), folders;
  Dl_info self{};
  if (dladdr(reinterpret_cast<void*>(&wheel_folders), &self) && self.dli_fname) {
    std::string file = self.dli_fname;
    for (int up = 0; up < 2; ++up) file = file.substr(0, file.find_last_of('/'));
    roots.insert(roots.begin(), file);
  }
  for (const std::string& root : roots) {
    for (const char* inside :
         {"/_rocm_sdk_core*/lib", "/_rocm_sdk_libraries*/lib", "/rocm_sdk*/lib", "/nvidia/*/lib"}) {
      add_matches(root + inside, folders);
    }
  }
  return folders;
}

std::vector<std::string> folders() {
  std::vector<std::string> all;
  auto add_variable = [&](const char* name, const char* below) {
    if (const char* value = std::getenv(name); value && *value) all.push_back(std::string(value) + below);
  };
  add_variable("MLX_ROCM_LIBRARIES", "");
  for (auto& f : wheel_folders()) all.push_back(std::move(f));
  add_variable("ROCM_PATH", "/lib");
  add_variable("CUDA_PATH", "/lib64");
  for (const char* fixed : {"/opt/rocm/lib", "/usr/local/cuda/lib64"}) all.push_back(fixed);
  all.push_back("");  // the loader's own path
  return all;
}

}  // namespace

Library::Library(const std::vector<std::string>& names) {
  for (const std::string& folder : folders()) {
    for (const std::string& name : names) {
      std::string path = folder.empty() ? name : folder + "/" + name;
      if (void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
        handle_ = handle;
        path_ = path;
        error_.clear();
        return;
      }
      // A file that is there and does not load says more than one that is missing.
      std::string why = dlerror();
      if (error_.empty() && why.find("No such file") == std::string::npos) error_ = why;
    }
  }
  if (!error_.empty()) return;
  for (const std::string& name : names) error_ += (error_.empty() ? "" : ", ") + name;
  error_ += " not found";
}

void set_package_folders(std::vector<std::string> folders) { package_folders() = std::move(folders); }

void* Library::find(const char* symbol) const { return handle_ ? dlsym(handle_, symbol) : nullptr; }

void* Library::require(const char* symbol) const {
  if (!handle_) runtime_error("[gpu] Library not found: ", error_);
  void* p = dlsym(handle_, symbol);
  if (!p)
    runtime_error("[gpu] ", path_, " has no symbol ", symbol,
                  ": the library is too old or not the right one.");
  return p;
}

}  // namespace mlx_rocm::gpu
