#pragma once

#include <bit>
#include <cstdint>
#include <ostream>

namespace mlx_rocm {

// Storage types of 16-bit floats. They hold bits and convert; arithmetic happens in float.
struct bfloat16_t {
  uint16_t bits = 0;
  bfloat16_t() = default;
  explicit bfloat16_t(float f) {
    uint32_t u = std::bit_cast<uint32_t>(f);
    // NaN must stay NaN when its low mantissa bits are cut off; everything else rounds half to even.
    bits = (u & 0x7fffffff) > 0x7f800000 ? uint16_t((u >> 16) | 0x40)
                                         : uint16_t((u + 0x7fff + ((u >> 16) & 1)) >> 16);
  }
  operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
};

struct float16_t {
  uint16_t bits = 0;
  float16_t() = default;
  explicit float16_t(float f) { bits = from_float(f); }
  operator float() const { return to_float(bits); }

  static float to_float(uint16_t h) {
    uint32_t sign = uint32_t(h & 0x8000) << 16;
    uint32_t rest = uint32_t(h & 0x7fff) << 13;
    // Shift the exponent from bias 15 to bias 127; Inf/NaN get the rest of the way, denormals renormalise
    // through a float subtraction.
    uint32_t exponent = rest & 0x0f800000;
    rest += (127 - 15) << 23;
    if (exponent == 0x0f800000) {
      rest += (128 - 16) << 23;
    } else if (exponent == 0) {
      rest += 1 << 23;
      rest = std::bit_cast<uint32_t>(std::bit_cast<float>(rest) - std::bit_cast<float>(113u << 23));
    }
    return std::bit_cast<float>(rest | sign);
  }
  static uint16_t from_float(float f) {
    uint32_t u = std::bit_cast<uint32_t>(f);
    uint16_t sign = uint16_t((u >> 16) & 0x8000);
    u &= 0x7fffffff;
    if (u >= 0x47800000) return sign | (u > 0x7f800000 ? 0x7e00 : 0x7c00);  // NaN, or too large: Inf
    if (u < 0x38800000) {
      // Denormal result: adding 0.5 aligns the mantissa so that the FPU rounds it half to even.
      float r = std::bit_cast<float>(u) + 0.5f;
      return sign | uint16_t(std::bit_cast<uint32_t>(r) - 0x3f000000);
    }
    uint32_t odd = (u >> 13) & 1;
    return sign | uint16_t((u + 0xc8000fff + odd) >> 13);
  }
};

struct complex64_t {
  float re = 0, im = 0;
  friend bool operator==(complex64_t a, complex64_t b) { return a.re == b.re && a.im == b.im; }
};

}  // namespace mlx_rocm
