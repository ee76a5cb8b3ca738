// Group-quantised matrices on raw pointers: packing, unpacking and products.
//
// A row of K values is a little-endian stream of `bits`-wide codes in uint32 words. Each group of consecutive
// values has a scale: affine groups also a bias (both in the type of the activations), mxfp4 / mxfp8 groups a
// power of two (e8m0 byte), nvfp4 groups an e4m3 byte.
#pragma once

#include <cstdint>

#include "backend/cpu/isa.h"

namespace mlx_rocm::cpu {

enum class FloatType { f32, bf16, f16 };
enum class QuantMode { affine, mxfp4, mxfp8, nvfp4 };

struct QuantFormat {
  QuantMode mode = QuantMode::affine;
  int bits = 4;
  int group = 64;
};

// Contiguous rows of `cols` values (a multiple of the group). `type` is that of affine scales and biases, and
// the type that values are rounded to.
struct QuantMatrix {
  QuantFormat format;
  FloatType type = FloatType::f32;
  const uint8_t* codes = nullptr;
  const void* scales = nullptr;
  const void* biases = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
};

// out (rows, cols) = every value, with the product and the sum each rounded to `type` (as an array expression
// would). `factor` multiplies nvfp4 scales.
void dequantize(const QuantMatrix& w, void* out, float factor = 1.0f);

// values (groups * group) of `type` -> codes, scales, biases (biases for affine only). nvfp4 scales are
// multiplied by `factor` before rounding.
void quantize(const QuantFormat& format, FloatType type, const void* values, int64_t groups, uint8_t* codes,
              void* scales, void* biases, float factor = 1.0f);

void to_fp8(FloatType type, const void* x, uint8_t* out, int64_t n);
void from_fp8(FloatType type, const uint8_t* x, void* out, int64_t n);

// out (m, n) = x (m, k) @ w^T with w (n, k), or x @ w with w (k, n). x and out are of w.type, accumulation is
// f32.
struct QmmArgs {
  QuantMatrix w;
  bool transpose = true;
  int64_t m = 0;
  const void* x = nullptr;
  int64_t x_row = 0;
  void* out = nullptr;
  int64_t out_row = 0;
};

void quantized_matmul(const QmmArgs& args);

// out[i] = x[i] @ expert[i], where every x[i] is (m, k) and every out[i] is (m, n), both contiguous. `base.w`
// describes one expert; its pointers are those of expert 0 and experts follow one another. Pairs are grouped
// by expert, so that an expert's weights are read once.
void gather_quantized_matmul(const QmmArgs& base, int64_t pairs, const int64_t* x_index,
                             const int64_t* expert);

struct QuantTable {
  void (*dequantize)(const QuantMatrix&, void*, float);
  void (*quantize)(const QuantFormat&, FloatType, const void*, int64_t, uint8_t*, void*, void*, float);
  void (*to_fp8)(FloatType, const void*, uint8_t*, int64_t);
  void (*from_fp8)(FloatType, const uint8_t*, void*, int64_t);
  // Rows [begin, end) of w times few rows of x (already widened to f32, contiguous).
  void (*few_rows)(const QmmArgs&, const float* x, int64_t begin, int64_t end);
  // Block [row0, row0 + rows) x [col0, col0 + cols) as `type`, rounded once; col0 is a multiple of 16.
  void (*unpack_block)(const QuantMatrix&, int64_t row0, int64_t rows, int64_t col0, int64_t cols, void* out);
};

// 4-bit affine weights times one bf16 row, in bf16 products and f32 sums.
#if defined(__x86_64__)
namespace isa_v4bf16 {
void q4_bf16_rows(const QmmArgs& args, const void* arranged, const float* group_sums, int64_t begin,
                  int64_t end);
void q4_bf16_arrange(const void* x, int64_t k, int group, void* arranged, float* group_sums);
}  // namespace isa_v4bf16
#endif

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(QuantTable, quant_table)
