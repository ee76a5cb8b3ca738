#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace mlx_rocm::io {

// A file that stays readable for as long as somebody holds it, even when its name is given to another file.
class File {
 public:
  // RuntimeError when it cannot be opened.
  static std::shared_ptr<File> open(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size() const;
  // Reads on several threads; RuntimeError when the file ends before offset + bytes.
  void read(uint64_t offset, uint64_t bytes, void* to) const;
  // The whole file in memory, copied on write; nullptr when the system will not map it.
  char* map();

 private:
  File(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  void check_range(uint64_t offset, uint64_t bytes) const;

  const std::string path_;
  const int descriptor_;
  std::once_flag mapped_;
  char* mapping_ = nullptr;
  uint64_t mapping_size_ = 0;
};

// A bool is 0 or 1 whatever the bytes of a file say.
void normalise_bools(char* data, uint64_t count);

}  // namespace mlx_rocm::io
