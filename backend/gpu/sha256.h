// SHA-256 (FIPS 180-4): names cache entries by their content and tells damaged ones.
#pragma once

#include <string>
#include <string_view>

namespace mlx_rocm::gpu {

// 64 hexadecimal digits.
std::string sha256(std::string_view data);

}  // namespace mlx_rocm::gpu
