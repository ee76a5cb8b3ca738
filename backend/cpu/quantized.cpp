#include "backend/cpu/quantized.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "backend/cpu/gemm.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/rows.h"
#include "backend/cpu/scratch.h"

namespace mlx_rocm::cpu {
namespace {

constexpr int64_t kFewRows = 8;          // up to here weights are unpacked in registers, beyond into panels
constexpr int64_t kRowsGrain = 1 << 17;  // weights per chunk of a parallel loop

int64_t size_of(FloatType type) { return type == FloatType::f32 ? 4 : 2; }

GemmType gemm_type(FloatType type) {
  switch (type) {
    case FloatType::f32:
      return GemmType::f32;
    case FloatType::bf16:
      return GemmType::bf16;
    case FloatType::f16:
      return GemmType::f16;
  }
  return GemmType::f32;
}

const RowKernels& row_kernels(FloatType type) {
  const RowTable& table = row_table();
  switch (type) {
    case FloatType::f32:
      return table.f32;
    case FloatType::bf16:
      return table.bf16;
    case FloatType::f16:
      return table.f16;
  }
  return table.f32;
}

int64_t row_code_bytes(const QuantMatrix& w) { return w.cols * w.format.bits / 8; }

int64_t scale_bytes(const QuantMatrix& w) { return w.format.mode == QuantMode::affine ? size_of(w.type) : 1; }

const void* add_bytes(const void* pointer, int64_t bytes) {
  return pointer == nullptr ? nullptr : static_cast<const char*>(pointer) + bytes;
}

QuantMatrix rows_from(const QuantMatrix& w, int64_t first, int64_t count) {
  const int64_t groups = first * (w.cols / w.format.group);
  QuantMatrix part = w;
  part.codes = w.codes + first * row_code_bytes(w);
  part.scales = add_bytes(w.scales, groups * scale_bytes(w));
  part.biases = add_bytes(w.biases, groups * scale_bytes(w));
  part.rows = count;
  return part;
}

int64_t row_grain(const QuantMatrix& w) {
  return std::max<int64_t>(4, kRowsGrain / std::max<int64_t>(1, w.cols));
}

bool use_bf16_codes(const QmmArgs& args) {
  return isa() == Isa::v4bf16 && args.w.type == FloatType::bf16 && args.w.format.mode == QuantMode::affine &&
         args.w.format.bits == 4;
}

#if defined(__x86_64__)
void few_rows_bf16(const QmmArgs& args) {
  const QuantMatrix& w = args.w;
  const int64_t padded = (w.cols + 127) / 128 * 128;
  const int64_t groups = w.cols / w.format.group;
  auto* sums = scratch_of<float>(ScratchUse::convert, args.m * (padded / 2 + groups));
  auto* arranged = reinterpret_cast<uint16_t*>(sums + args.m * groups);
  for (int64_t m = 0; m < args.m; ++m) {
    isa_v4bf16::q4_bf16_arrange(add_bytes(args.x, 2 * m * args.x_row), w.cols, w.format.group,
                                arranged + m * padded, sums + m * groups);
  }
  // Rows of x in the inner loop: a block of weights is still in cache for the second one.
  parallel_for(w.rows, row_grain(w), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n += 64) {
      for (int64_t m = 0; m < args.m; ++m) {
        QmmArgs row = args;
        row.out = const_cast<void*>(add_bytes(args.out, 2 * m * args.out_row));
        isa_v4bf16::q4_bf16_rows(row, arranged + m * padded, sums + m * groups, n, std::min(end, n + 64));
      }
    }
  });
}
#endif

void few_rows(const QmmArgs& args) {
#if defined(__x86_64__)
  if (use_bf16_codes(args)) return few_rows_bf16(args);
#endif
  const QuantMatrix& w = args.w;
  auto* x = scratch_of<float>(ScratchUse::convert, args.m * w.cols);
  for (int64_t m = 0; m < args.m; ++m) {
    row_kernels(w.type).to_f32(add_bytes(args.x, m * args.x_row * size_of(w.type)), x + m * w.cols, w.cols);
  }
  parallel_for(w.rows, row_grain(w),
               [&](int64_t begin, int64_t end) { quant_table().few_rows(args, x, begin, end); });
}

// Columns of the right operand of the product, unpacked for one strip of the matrix product.
const void* unpacked_rows(const void* context, int64_t first, int64_t count) {
  const auto& w = *static_cast<const QuantMatrix*>(context);
  void* out = scratch(ScratchUse::convert, count * w.cols * size_of(w.type));
  quant_table().unpack_block(w, first, count, 0, w.cols, out);
  return out;
}

const void* unpacked_columns(const void* context, int64_t first, int64_t count) {
  const auto& w = *static_cast<const QuantMatrix*>(context);
  void* out = scratch(ScratchUse::convert, w.rows * count * size_of(w.type));
  quant_table().unpack_block(w, 0, w.rows, first, count, out);
  return out;
}

void many_rows(const QmmArgs& args) {
  const QuantMatrix& w = args.w;
  GemmArgs g;
  g.type = gemm_type(w.type);
  g.m = args.m;
  g.n = args.transpose ? w.rows : w.cols;
  g.k = args.transpose ? w.cols : w.rows;
  g.a = args.x;
  g.a_row = args.x_row;
  g.a_col = 1;
  g.b_context = &w;
  g.b_columns = args.transpose ? unpacked_rows : unpacked_columns;
  g.b_row_major = !args.transpose;
  g.c = args.out;
  g.c_row = args.out_row;
  gemm(g);
}

}  // namespace

void dequantize(const QuantMatrix& w, void* out, float factor) {
  parallel_for(w.rows, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, w.cols)),
               [&](int64_t begin, int64_t end) {
                 void* rows = static_cast<char*>(out) + begin * w.cols * size_of(w.type);
                 quant_table().dequantize(rows_from(w, begin, end - begin), rows, factor);
               });
}

void quantize(const QuantFormat& format, FloatType type, const void* values, int64_t groups, uint8_t* codes,
              void* scales, void* biases, float factor) {
  const bool affine = format.mode == QuantMode::affine;
  const int64_t size = size_of(type);
  parallel_for(groups, std::max(1, 8192 / format.group), [&](int64_t begin, int64_t end) {
    const int64_t step = affine ? size : 1;
    quant_table().quantize(format, type, add_bytes(values, begin * format.group * size), end - begin,
                           codes + begin * format.group * format.bits / 8,
                           const_cast<void*>(add_bytes(scales, begin * step)),
                           const_cast<void*>(add_bytes(biases, begin * step)), factor);
  });
}

void to_fp8(FloatType type, const void* x, uint8_t* out, int64_t n) {
  parallel_for(n, 16384, [&](int64_t begin, int64_t end) {
    quant_table().to_fp8(type, add_bytes(x, begin * size_of(type)), out + begin, end - begin);
  });
}

void from_fp8(FloatType type, const uint8_t* x, void* out, int64_t n) {
  parallel_for(n, 16384, [&](int64_t begin, int64_t end) {
    quant_table().from_fp8(type, x + begin, static_cast<char*>(out) + begin * size_of(type), end - begin);
  });
}

void quantized_matmul(const QmmArgs& args) {
  if (args.m <= 0 || args.w.rows <= 0 || args.w.cols <= 0) return;
  if (args.transpose && args.m <= kFewRows) return few_rows(args);
  many_rows(args);
}

void gather_quantized_matmul(const QmmArgs& base, int64_t pairs, const int64_t* x_index,
                             const int64_t* expert) {
  const QuantMatrix& w = base.w;
  const int64_t k = base.transpose ? w.cols : w.rows;
  const int64_t n = base.transpose ? w.rows : w.cols;
  const int64_t in_bytes = base.m * k * size_of(w.type);
  const int64_t out_bytes = base.m * n * size_of(w.type);
  std::vector<int64_t> order(pairs);
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return expert[a] < expert[b]; });
  std::vector<char> x;
  std::vector<char> out;
  for (int64_t begin = 0; begin < pairs;) {
    int64_t end = begin + 1;
    while (end < pairs && expert[order[end]] == expert[order[begin]]) ++end;
    QmmArgs item = base;
    item.w = rows_from(w, expert[order[begin]] * w.rows, w.rows);
    item.m = base.m * (end - begin);
    item.x_row = k;
    item.out_row = n;
    if (end - begin == 1) {
      item.x = add_bytes(base.x, x_index[order[begin]] * in_bytes);
      item.out = static_cast<char*>(base.out) + order[begin] * out_bytes;
      quantized_matmul(item);
    } else {
      x.resize((end - begin) * in_bytes);
      out.resize((end - begin) * out_bytes);
      for (int64_t i = begin; i < end; ++i) {
        const auto* source = static_cast<const char*>(base.x) + x_index[order[i]] * in_bytes;
        std::copy(source, source + in_bytes, x.data() + (i - begin) * in_bytes);
      }
      item.x = x.data();
      item.out = out.data();
      quantized_matmul(item);
      for (int64_t i = begin; i < end; ++i) {
        const char* source = out.data() + (i - begin) * out_bytes;
        std::copy(source, source + out_bytes, static_cast<char*>(base.out) + order[i] * out_bytes);
      }
    }
    begin = end;
  }
}

}  // namespace mlx_rocm::cpu
