#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace mlx_rocm::cpu {

// The unsigned type of a size in bytes.
template <size_t Bytes>
using Unsigned = std::conditional_t<
    Bytes == 1, uint8_t,
    std::conditional_t<Bytes == 2, uint16_t, std::conditional_t<Bytes == 4, uint32_t, uint64_t>>>;

}  // namespace mlx_rocm::cpu
