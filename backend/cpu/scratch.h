// Reusable per-thread work memory of the CPU kernels.
#pragma once

#include <cstddef>

namespace mlx_rocm::cpu {

enum class ScratchUse { pack_a, pack_b, tile, convert, attention, elementwise, transform, count };

// At least `bytes` bytes, 64-byte aligned, uninitialised, owned by the calling thread. Valid until the same
// thread asks for the same use again.
void* scratch(ScratchUse use, size_t bytes);

template <class T>
T* scratch_of(ScratchUse use, size_t count) {
  return static_cast<T*>(scratch(use, count * sizeof(T)));
}

}  // namespace mlx_rocm::cpu
