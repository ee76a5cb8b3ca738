#include "backend/cpu/gemm.h"

#include <algorithm>
#include <complex>
#include <vector>

#include "backend/cpu/pool.h"

namespace mlx_rocm::cpu {
namespace {

using c64 = std::complex<float>;

size_t type_size(GemmType type) {
  switch (type) {
    case GemmType::f32:
      return 4;
    case GemmType::f64:
    case GemmType::c64:
      return 8;
    case GemmType::bf16:
    case GemmType::f16:
      return 2;
  }
  return 0;
}

// Splits a complex matrix into contiguous real and imaginary parts, stored one after the other.
std::vector<float> split_complex(const void* data, int64_t rows, int64_t cols, int64_t row, int64_t col) {
  std::vector<float> parts(2 * rows * cols);
  const auto* source = static_cast<const c64*>(data);
  float* real = parts.data();
  float* imag = real + rows * cols;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) {
      const c64 value = source[i * row + j * col];
      real[i * cols + j] = value.real();
      imag[i * cols + j] = value.imag();
    }
  }
  return parts;
}

// A complex product is four real ones; this type is rare enough to pay for the copies.
void gemm_complex(const GemmArgs& args) {
  const std::vector<float> a = split_complex(args.a, args.m, args.k, args.a_row, args.a_col);
  const std::vector<float> b = split_complex(args.b, args.k, args.n, args.b_row, args.b_col);
  const int64_t size = args.m * args.n;
  std::vector<float> products(4 * size);
  GemmArgs part;
  part.m = args.m;
  part.n = args.n;
  part.k = args.k;
  part.a_row = args.k;
  part.a_col = 1;
  part.b_row = args.n;
  part.b_col = 1;
  part.c_row = args.n;
  for (int i = 0; i < 4; ++i) {
    part.a = a.data() + (i / 2) * args.m * args.k;
    part.b = b.data() + (i % 2) * args.k * args.n;
    part.c = products.data() + i * size;
    gemm_table().f32(part);
  }
  auto* out = static_cast<c64*>(args.c);
  const auto* addend = static_cast<const c64*>(args.addend);
  const auto alpha = static_cast<float>(args.alpha);
  const auto beta = static_cast<float>(args.beta);
  for (int64_t i = 0; i < args.m; ++i) {
    for (int64_t j = 0; j < args.n; ++j) {
      const float* p = products.data() + i * args.n + j;
      c64 value = alpha * c64(p[0] - p[3 * size], p[size] + p[2 * size]);
      if (addend != nullptr) value += beta * addend[i * args.d_row + j * args.d_col];
      out[i * args.c_row + j * args.c_col] = value;
    }
  }
}

void gemm_bf16(const GemmArgs& args) {
#if defined(__x86_64__)
  if (isa() == Isa::v4bf16) {
    isa_v4bf16::gemm_bf16(args);
    return;
  }
#endif
  gemm_table().bf16(args);
}

const void* shifted(const void* pointer, const int64_t* offsets, int64_t index, size_t size) {
  if (pointer == nullptr || offsets == nullptr) return pointer;
  return static_cast<const char*>(pointer) + offsets[index] * static_cast<int64_t>(size);
}

}  // namespace

void gemm(const GemmArgs& args) {
  if (args.m <= 0 || args.n <= 0) return;
  switch (args.type) {
    case GemmType::f32:
      return gemm_table().f32(args);
    case GemmType::f64:
      return gemm_table().f64(args);
    case GemmType::bf16:
      return gemm_bf16(args);
    case GemmType::f16:
      return gemm_table().f16(args);
    case GemmType::c64:
      return gemm_complex(args);
  }
}

void gemm_batched(const GemmArgs& args, int64_t count, const GemmOffsets& offsets) {
  const size_t size = type_size(args.type);
  auto one = [&](int64_t i) {
    GemmArgs item = args;
    item.a = shifted(args.a, offsets.a, i, size);
    item.b = shifted(args.b, offsets.b, i, size);
    item.c = const_cast<void*>(shifted(args.c, offsets.c, i, size));
    item.addend = shifted(args.addend, offsets.addend, i, size);
    gemm(item);
  };
  // Small products: share out the batch. Large ones (or few): each product shares out its own tiles.
  const double work = double(args.m) * double(args.n) * double(std::max<int64_t>(args.k, 1));
  const bool split_batch = count >= 2 * num_threads() || work < 1e5;
  if (!split_batch) {
    for (int64_t i = 0; i < count; ++i) one(i);
    return;
  }
  const auto grain = static_cast<int64_t>(std::max(1.0, 1e6 / (work + 1.0)));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) one(i);
  });
}

}  // namespace mlx_rocm::cpu
