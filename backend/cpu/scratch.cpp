#include "backend/cpu/scratch.h"

#include <array>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mlx_rocm::cpu {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { std::free(data_); }

  void* at_least(size_t bytes) {
    // Shrinks again after an unusually large request, so that one huge matrix does not pin memory for good.
    const bool oversized = bytes_ > (size_t{64} << 20) && bytes < bytes_ / 4;
    if (bytes <= bytes_ && !oversized) return data_;
    std::free(data_);
    data_ = nullptr;
    bytes_ = 0;
    const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
    const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    data_ = std::aligned_alloc(alignment, rounded);
    if (data_ == nullptr) throw std::bad_alloc();
    bytes_ = rounded;
#if defined(__linux__)
    if (alignment == kHugePage) madvise(data_, rounded, MADV_HUGEPAGE);
#endif
    return data_;
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace

void* scratch(ScratchUse use, size_t bytes) {
  thread_local std::array<Block, static_cast<size_t>(ScratchUse::count)> blocks;
  return blocks[static_cast<size_t>(use)].at_least(bytes == 0 ? 64 : bytes);
}

}  // namespace mlx_rocm::cpu
