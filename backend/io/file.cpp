#include "backend/io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "backend/core/error.h"
#include "backend/cpu/pool.h"

namespace mlx_rocm::io {
namespace {

// One thread's share of a read: large enough for the disk, small enough to use every thread.
constexpr int64_t kChunk = 8 << 20;

}  // namespace

std::shared_ptr<File> File::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) runtime_error("[load] Failed to open file ", path, ": ", std::strerror(errno), ".");
  return std::shared_ptr<File>(new File(path, descriptor));
}

File::~File() {
  if (mapping_) ::munmap(mapping_, mapping_size_);
  ::close(descriptor_);
}

uint64_t File::size() const {
  struct stat status;
  if (::fstat(descriptor_, &status) != 0) {
    runtime_error("[load] Cannot ask for the size of ", path_, ": ", std::strerror(errno), ".");
  }
  return uint64_t(status.st_size);
}

void File::check_range(uint64_t offset, uint64_t bytes) const {
  const uint64_t have = size();
  if (offset > have || bytes > have - offset) {
    runtime_error("[load] ", path_, " is cut short: it has ", have, " bytes, and ", bytes, " are wanted from byte ",
                  offset, " on.");
  }
}

void File::read(uint64_t offset, uint64_t bytes, void* to) const {
  check_range(offset, bytes);
  std::atomic<int> failure{0};
  const int64_t chunks = int64_t((bytes + kChunk - 1) / kChunk);
  cpu::parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    uint64_t at = uint64_t(begin) * kChunk;
    const uint64_t stop = std::min<uint64_t>(uint64_t(end) * kChunk, bytes);
    while (at < stop) {
      const ssize_t got = ::pread(descriptor_, static_cast<char*>(to) + at, stop - at, off_t(offset + at));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        failure = got < 0 ? errno : EIO;
        return;
      }
      at += uint64_t(got);
    }
  });
  if (failure) runtime_error("[load] Reading ", path_, " failed: ", std::strerror(failure), ".");
}

char* File::map() {
  std::call_once(mapped_, [&] {
    const uint64_t bytes = size();
    if (bytes == 0) return;
    // Private and writable: NumPy views of an array may be written to, the file must not change.
    void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor_, 0);
    if (p == MAP_FAILED) return;
    mapping_ = static_cast<char*>(p);
    mapping_size_ = bytes;
  });
  return mapping_;
}

void normalise_bools(char* data, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) data[i] = data[i] != 0;
}

}  // namespace mlx_rocm::io
