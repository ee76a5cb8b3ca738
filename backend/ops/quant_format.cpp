#include "backend/ops/quant_format.h"

#include "backend/core/error.h"
#include "backend/cpu/tile.h"
#include "backend/ops/ops.h"

namespace mlx_rocm::quant {
namespace {

struct ModeRow {
  const char* name;
  QuantMode mode;
  int group;
  int bits;
};
constexpr ModeRow kModes[] = {
    {"affine", QuantMode::affine, 64, 4},
    {"mxfp4", QuantMode::mxfp4, 32, 4},
    {"mxfp8", QuantMode::mxfp8, 32, 8},
    {"nvfp4", QuantMode::nvfp4, 16, 4},
};

const ModeRow& mode_row(const char* tag, const std::string& name) {
  for (const ModeRow& row : kModes) {
    if (name == row.name) return row;
  }
  value_error("[", tag, "] Invalid quantization mode '", name, "'.");
}

}  // namespace

Format make_format(const char* tag, const QuantOptions& options) {
  const ModeRow& row = mode_row(tag, options.mode);
  const Format f{row.mode, options.bits.value_or(row.bits), options.group_size.value_or(row.group)};
  if (f.affine()) {
    if (f.group != 32 && f.group != 64 && f.group != 128) {
      value_error("[", tag, "] Group size ", f.group,
                  " is not supported; the group sizes are 32, 64 and 128.");
    }
    if (f.bits < 2 || f.bits > 8 || f.bits == 7) {
      value_error("[", tag, "] ", f.bits, " bits are not supported; the widths are 2, 3, 4, 5, 6 and 8.");
    }
    return f;
  }
  if (f.group != row.group) {
    value_error("[", tag, "] ", row.name, " quantization has group size ", row.group, " but got ", f.group,
                ".");
  }
  if (f.bits != row.bits) {
    value_error("[", tag, "] ", row.name, " quantization has ", row.bits, " bits but got ", f.bits, ".");
  }
  return f;
}

FloatType float_type(Dtype d) {
  if (d == bfloat16) return FloatType::bf16;
  return d == float16 ? FloatType::f16 : FloatType::f32;
}

bool has_kernel(Dtype d) { return d == float32 || d == float16 || d == bfloat16; }

Packed::Packed(const Format& f, FloatType type, const array& w, const array& s, const array* b)
    : codes(cpu::contiguous(w)), scales(cpu::contiguous(s)) {
  if (b != nullptr) biases = cpu::contiguous(*b);
  matrix.format = f.cpu();
  matrix.type = type;
  matrix.codes = codes.data<uint8_t>();
  matrix.scales = scales.bytes();
  matrix.biases = b != nullptr ? biases.bytes() : nullptr;
  matrix.rows = w.ndim() > 1 ? w.shape(-2) : 1;
  matrix.cols = f.values(w.shape(-1));
}

void check_global_scale(const char* tag, const Format& f, const std::optional<array>& scale) {
  if (!scale) return;
  if (f.mode != QuantMode::nvfp4)
    value_error("[", tag, "] A global scale is only supported with mode 'nvfp4'.");
  if (scale->size() != 1) {
    value_error("[", tag, "] The global scale must be a scalar but has shape ", scale->shape(), ".");
  }
  if (scale->dtype() != float32) {
    value_error("[", tag, "] The global scale must be float32 but is ", scale->dtype().name(), ".");
  }
}

// The type of the values that scales and biases describe.
Dtype value_type(const char* tag, const Format& f, const array& scales, const std::optional<array>& biases) {
  if (f.affine()) {
    if (!biases) value_error("[", tag, "] Biases must be given for affine quantization.");
    const Dtype type = promote_types(scales.dtype(), biases->dtype());
    if (!is_floating(type)) {
      value_error("[", tag, "] Scales and biases must be floating but are ", scales.dtype().name(), " and ",
                  biases->dtype().name(), ".");
    }
    return type;
  }
  if (scales.dtype() != uint8)
    value_error("[", tag, "] Scales must be uint8 but are ", scales.dtype().name(), ".");
  if (biases) value_error("[", tag, "] Only affine quantization has biases.");
  return bfloat16;
}

void check_packed(const char* tag, const Format& f, const array& w, const array& scales,
                  const std::optional<array>& biases) {
  if (w.dtype() != uint32)
    value_error("[", tag, "] The weights must be uint32 but are ", w.dtype().name(), ".");
  if (w.ndim() < 2)
    value_error("[", tag, "] The weights must have at least 2 dimensions but have ", w.ndim(), ".");
  if (biases && biases->shape() != scales.shape()) {
    value_error("[", tag, "] Scales and biases must have the same shape but have ", scales.shape(), " and ",
                biases->shape(), ".");
  }
  const bool same_rows =
      w.ndim() == scales.ndim() && std::equal(w.shape().begin(), w.shape().end() - 1, scales.shape().begin());
  if (!same_rows || f.values(w.shape(-1)) != scales.shape(-1) * f.group) {
    value_error("[", tag, "] Weights of shape ", w.shape(), " and scales of shape ", scales.shape(),
                " do not fit together with group_size=", f.group, " and bits=", f.bits, ".");
  }
}

void check_inner(const char* tag, const Format& f, const array& x, const array& w, bool transpose) {
  const int inner = transpose ? f.values(w.shape(-1)) : w.shape(-2);
  if (x.ndim() == 0 || x.shape(-1) != inner) {
    value_error("[", tag, "] The last dimension of x with shape ", x.shape(),
                " does not match the quantized matrix of ", w.shape(), " with group_size=", f.group,
                ", bits=", f.bits, " and transpose=", transpose, ".");
  }
}

}  // namespace mlx_rocm::quant
