// Machine code on disk. A problem with a file is never an error: a damaged entry counts as missing, and where
// nothing can be written nothing is kept.
//
//   $XDG_CACHE_HOME/mlx_rocm/kernels/<arch>/<key>   one entry: a line with size and digest, then the code
//   $XDG_CACHE_HOME/mlx_rocm/kernels/lock           processes that compile lock one byte of it
//   $XDG_CACHE_HOME/mlx_rocm/failed/                sources that a compiler refused
//   $XDG_CACHE_HOME/mlx_rocm/tuned/                 what was measured to be fastest (tuning.h)
#pragma once

#include <optional>
#include <string>

namespace mlx_rocm::gpu {

// $XDG_CACHE_HOME/mlx_rocm, or the same below ~/.cache; empty when the user has no home.
std::string cache_folder();
// The folder of an architecture's entries below `root`; characters such as the ':' of a feature list become
// '_'.
std::string entries_folder(const std::string& root, const std::string& arch);

// The code in folder/key, when it is whole and was stored under this key.
std::optional<std::string> load_entry(const std::string& folder, const std::string& key);
// Writes folder/key in one step: readers see nothing or all of it. False: it could not be written.
bool store_entry(const std::string& folder, const std::string& key, const std::string& code);
// Writes a file in one step, its folder too.
bool write_file(const std::string& path, const std::string& text);
// Adds to the end of a file, its folder too, with one write: lines of several processes do not mix.
bool append_to_file(const std::string& path, const std::string& text);

// Held while a key is compiled, so that other processes wait and then find the entry. Gives up waiting after
// a minute (the owner may be stopped) and where locks do not work: the entry is then compiled twice, which is
// harmless.
class CompileLock {
 public:
  CompileLock(const std::string& root, const std::string& key);
  ~CompileLock();
  CompileLock(const CompileLock&) = delete;
  CompileLock& operator=(const CompileLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace mlx_rocm::gpu
