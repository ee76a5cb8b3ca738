// What the quantised ops share: the format of a quantised matrix and the checks of their arguments.
#pragma once

#include <optional>
#include <tuple>

#include "backend/core/array.h"
#include "backend/cpu/quantized.h"
#include "backend/ops/quantized.h"

namespace mlx_rocm::quant {

using cpu::FloatType;
using cpu::QuantMode;

// nvfp4 scales of a tensor with a global scale: the largest e4m3 times the largest e2m1 value.
constexpr float kGlobalRange = 448.0f * 6.0f;

struct Format {
  QuantMode mode = QuantMode::affine;
  int bits = 4;
  int group = 64;
  bool operator==(const Format&) const = default;
  cpu::QuantFormat cpu() const { return {mode, bits, group}; }
  bool affine() const { return mode == QuantMode::affine; }
  int words(int values) const { return int(int64_t(values) * bits / 32); }
  int values(int words) const { return int(int64_t(words) * 32 / bits); }
};

// Fields that every op here has.
template <class Self>
auto format_fields(Self& self) {
  return std::tie(self.format.mode, self.format.bits, self.format.group);
}

// Codes as a matrix for the CPU's kernels. Owns contiguous copies where they were needed.
struct Packed {
  array codes, scales, biases;
  cpu::QuantMatrix matrix;

  Packed(const Format& f, FloatType type, const array& w, const array& s, const array* b);
};

// The mode that `options` name, with its defaults; throws ValueError for what the mode does not have.
Format make_format(const char* tag, const QuantOptions& options);
FloatType float_type(Dtype d);
bool has_kernel(Dtype d);
// The codes as numbers: those of a matrix with scales of one and biases of zero.
array plain_codes(const Format& format, const array& w, const array& scales);

void check_global_scale(const char* tag, const Format& f, const std::optional<array>& scale);
// The type of the values that scales and biases describe.
Dtype value_type(const char* tag, const Format& f, const array& scales, const std::optional<array>& biases);
void check_packed(const char* tag, const Format& f, const array& w, const array& scales,
                  const std::optional<array>& biases);
void check_inner(const char* tag, const Format& f, const array& x, const array& w, bool transpose);

}  // namespace mlx_rocm::quant
