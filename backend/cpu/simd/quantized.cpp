#include "backend/cpu/quantized.h"

#include <algorithm>

#include "backend/cpu/scratch.h"
#include "backend/cpu/simd/quant_codes.h"

namespace mlx_rocm::cpu::SIMD_NS {
namespace {

// Calls f with a value of the element type.
template <class F>
void with_type(FloatType type, F f) {
  switch (type) {
    case FloatType::f32:
      return f(float{});
    case FloatType::bf16:
      return f(bf16{});
    case FloatType::f16:
      return f(f16{});
  }
}

template <class F>
void with_codes(const QuantFormat& format, F f) {
  switch (format.mode) {
    case QuantMode::mxfp4:
    case QuantMode::nvfp4:
      return f(Codes<4, true>{});
    case QuantMode::mxfp8:
      return f(Fp8Codes{});
    case QuantMode::affine:
      break;
  }
  switch (format.bits) {
    case 2:
      return f(Codes<2>{});
    case 3:
      return f(Codes<3>{});
    case 4:
      return f(Codes<4>{});
    case 5:
      return f(Codes<5>{});
    case 6:
      return f(Codes<6>{});
    case 8:
      return f(Codes<8>{});
    default:
      __builtin_unreachable();  // the op layer has checked the width
  }
}

// Scales (or biases) [first, first + n) as f32.
void widen(const void* data, FloatType type, int64_t first, int64_t n, float* out) {
  with_type(type, [&](auto t) {
    const auto* p = static_cast<const decltype(t)*>(data) + first;
    int64_t i = 0;
    for (; i + W <= n; i += W) store(out + i, load(p + i));
    for (; i < n; ++i) out[i] = to_float(p[i]);
  });
}

void widen_scales(const QuantMatrix& w, int64_t first, int64_t n, float* out) {
  const auto* codes = static_cast<const uint8_t*>(w.scales) + first;
  switch (w.format.mode) {
    case QuantMode::affine:
      widen(w.scales, w.type, first, n, out);
      break;
    case QuantMode::mxfp4:
    case QuantMode::mxfp8:
      for (int64_t i = 0; i < n; ++i) out[i] = e8m0_value(codes[i]);
      break;
    case QuantMode::nvfp4:
      for (int64_t i = 0; i < n; ++i) out[i] = fp8_values()[codes[i]];
      break;
  }
}

// The scales and biases of a run of groups, as f32.
struct Groups {
  float* scales;
  float* biases;
};

Groups widen_groups(const QuantMatrix& w, int64_t first, int64_t n, float* memory) {
  Groups groups{memory, memory + n};
  widen_scales(w, first, n, groups.scales);
  if (w.format.mode == QuantMode::affine) {
    widen(w.biases, w.type, first, n, groups.biases);
  } else {
    std::fill(groups.biases, groups.biases + n, 0.0f);
  }
  return groups;
}

// Keeps the compiler from fusing the product with a following sum.
MLX_ROCM_INLINE vf settled(vf v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__x86_64__)
  asm("" : "+x"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#endif
  return v;
}

template <class T>
MLX_ROCM_INLINE vf rounded(vf v) {
  if constexpr (sizeof(T) == 4) {
    return settled(v);
  } else {
    T buffer[W];
    store(buffer, v);
    return load(buffer);
  }
}

template <class T, class C>
void dequantize_groups(const QuantMatrix& w, const C& codes, T* out, float factor) {
  const int64_t per_row = w.cols / w.format.group;
  const bool affine = w.format.mode == QuantMode::affine;
  float* memory = scratch_of<float>(ScratchUse::convert, 2 * per_row);
  const uint8_t* p = w.codes;
  for (int64_t row = 0; row < w.rows; ++row) {
    const Groups groups = widen_groups(w, row * per_row, per_row, memory);
    for (int64_t g = 0; g < per_row; ++g) {
      const float scale = to_float(from_float<T>(to_float(from_float<T>(groups.scales[g])) * factor));
      for (int i = 0; i < w.format.group; i += 16, p += C::kBytes, out += 16) {
        const Values16 q = codes(p);
        for (int j = 0; j < kVectors16; ++j) {
          vf v = q.v[j] * scale;
          if (affine) v = rounded<T>(v) + groups.biases[g];
          store(out + j * W, v);
        }
      }
    }
  }
}

void dequantize(const QuantMatrix& w, void* out, float factor) {
  with_type(w.type, [&](auto t) {
    with_codes(w.format, [&](const auto& codes) {
      dequantize_groups(w, codes, static_cast<decltype(t)*>(out), factor);
    });
  });
}

void unpack_block(const QuantMatrix& w, int64_t row0, int64_t rows, int64_t col0, int64_t cols, void* out) {
  const int group = w.format.group;
  const int64_t per_row = w.cols / group;
  const int64_t first = col0 / group;
  const int64_t groups = (col0 + cols + group - 1) / group - first;
  float* memory = scratch_of<float>(ScratchUse::tile, 2 * groups);
  with_type(w.type, [&](auto t) {
    auto* y = static_cast<decltype(t)*>(out);
    with_codes(w.format, [&](const auto& codes) {
      using C = std::remove_cvref_t<decltype(codes)>;
      for (int64_t row = row0; row < row0 + rows; ++row) {
        const Groups g = widen_groups(w, row * per_row + first, groups, memory);
        const uint8_t* p = w.codes + (row * w.cols + col0) / 16 * C::kBytes;
        for (int64_t col = col0; col < col0 + cols; col += 16, p += C::kBytes, y += 16) {
          const int64_t i = col / group - first;
          const Values16 q = codes(p);
          for (int j = 0; j < kVectors16; ++j) store(y + j * W, q.v[j] * g.scales[i] + g.biases[i]);
        }
      }
    });
  });
}

// NB rows of w times MB rows of x.
template <int MB, int NB, class C>
void rows_block(const QuantMatrix& w, const C& codes, int64_t n, const float* x, float* memory, float* sums) {
  const int group = w.format.group;
  const int64_t per_row = w.cols / group;
  const int64_t row_bytes = w.cols / 16 * C::kBytes;
  Groups groups[NB];
  for (int b = 0; b < NB; ++b)
    groups[b] = widen_groups(w, (n + b) * per_row, per_row, memory + 2 * b * per_row);
  vf acc[MB][NB] = {};
  const uint8_t* p = w.codes + n * row_bytes;
  for (int64_t g = 0; g < per_row; ++g) {
    for (int i = 0; i < group; i += 16, p += C::kBytes, x += 16) {
#pragma GCC unroll 4
      for (int b = 0; b < NB; ++b) {
        const Values16 q = codes(p + b * row_bytes);
#pragma GCC unroll 4
        for (int j = 0; j < kVectors16; ++j) {
          const vf value = q.v[j] * groups[b].scales[g] + groups[b].biases[g];
#pragma GCC unroll 4
          for (int m = 0; m < MB; ++m) acc[m][b] = acc[m][b] + value * load(x + m * w.cols + j * W);
        }
      }
    }
  }
  for (int m = 0; m < MB; ++m) {
    for (int b = 0; b < NB; ++b) sums[m * NB + b] = hsum(acc[m][b]);
  }
}

template <int MB, class T, class C>
void rows_range(const QmmArgs& args, const C& codes, const float* x, int64_t m, int64_t begin, int64_t end) {
  constexpr int NB = MB == 1 ? 4 : 2;
  float* memory = scratch_of<float>(ScratchUse::tile, 2 * NB * (args.w.cols / args.w.format.group));
  float sums[MB * NB];
  auto write = [&](int64_t n, int count) {
    for (int i = 0; i < MB; ++i) {
      T* out = static_cast<T*>(args.out) + (m + i) * args.out_row + n;
      for (int b = 0; b < count; ++b) out[b] = from_float<T>(sums[i * count + b]);
    }
  };
  int64_t n = begin;
  for (; n + NB <= end; n += NB) {
    rows_block<MB, NB>(args.w, codes, n, x + m * args.w.cols, memory, sums);
    write(n, NB);
  }
  for (; n < end; ++n) {
    rows_block<MB, 1>(args.w, codes, n, x + m * args.w.cols, memory, sums);
    write(n, 1);
  }
}

void few_rows(const QmmArgs& args, const float* x, int64_t begin, int64_t end) {
  with_type(args.w.type, [&](auto t) {
    using T = decltype(t);
    with_codes(args.w.format, [&](const auto& codes) {
      int64_t m = 0;
      for (; m + 4 <= args.m; m += 4) rows_range<4, T>(args, codes, x, m, begin, end);
      for (; m + 2 <= args.m; m += 2) rows_range<2, T>(args, codes, x, m, begin, end);
      for (; m < args.m; ++m) rows_range<1, T>(args, codes, x, m, begin, end);
    });
  });
}

// Quantising -----------------------------------------------------------------------------------------------

// Appends codes to a little-endian bit stream; groups are whole bytes long.
class BitWriter {
 public:
  BitWriter(uint8_t* out, int bits) : out_(out), bits_(bits) {}
  void put(uint32_t code) {
    pending_ |= uint64_t{code} << filled_;
    filled_ += bits_;
    while (filled_ >= 8) {
      *out_++ = static_cast<uint8_t>(pending_);
      pending_ >>= 8;
      filled_ -= 8;
    }
  }

 private:
  uint8_t* out_;
  int bits_;
  uint64_t pending_ = 0;
  int filled_ = 0;
};

constexpr int kLongestGroup = 128;

// Smallest and largest of n values (a multiple of 16) in 16 independent lanes, so that the loop vectorises.
std::pair<float, float> range_of(const float* x, int n) {
  constexpr int kLanes = 16;
  float low[kLanes], high[kLanes];
  for (int k = 0; k < kLanes; ++k) {
    low[k] = std::numeric_limits<float>::infinity();
    high[k] = -low[k];
  }
  for (int i = 0; i < n; i += kLanes) {
    for (int k = 0; k < kLanes; ++k) {
      const float v = x[i + k];
      high[k] = high[k] < v ? v : high[k];
      low[k] = v < low[k] ? v : low[k];
    }
  }
  for (int k = 1; k < kLanes; ++k) {
    high[0] = high[0] < high[k] ? high[k] : high[0];
    low[0] = low[k] < low[0] ? low[k] : low[0];
  }
  return {low[0], high[0]};
}

template <int BITS>
void pack_bytes(const int32_t* numbers, int n, uint8_t* codes) {
  constexpr int kPerByte = 8 / BITS;
  for (int i = 0; i < n / kPerByte; ++i) {
    int32_t byte = 0;
    for (int k = 0; k < kPerByte; ++k) byte |= numbers[i * kPerByte + k] << (k * BITS);
    codes[i] = static_cast<uint8_t>(byte);
  }
}

void pack_codes(const int32_t* numbers, const QuantFormat& format, uint8_t* codes) {
  switch (format.bits) {
    case 2: return pack_bytes<2>(numbers, format.group, codes);
    case 4: return pack_bytes<4>(numbers, format.group, codes);
    case 8: return pack_bytes<8>(numbers, format.group, codes);
    default: break;
  }
  BitWriter writer(codes, format.bits);
  for (int i = 0; i < format.group; ++i) writer.put(static_cast<uint32_t>(numbers[i]));
}

template <class T>
void quantize_affine(const QuantFormat& format, const T* x, int64_t groups, uint8_t* codes, T* scales,
                     T* biases) {
  const float top_code = static_cast<float>((1 << format.bits) - 1);
  const int64_t group_bytes = int64_t{format.group} * format.bits / 8;
  float values[kLongestGroup];
  int32_t numbers[kLongestGroup];
  for (int64_t g = 0; g < groups; ++g, x += format.group, codes += group_bytes) {
    for (int i = 0; i < format.group; ++i) values[i] = to_float(x[i]);
    const auto [low, high] = range_of(values, format.group);
    // The edge that is further from zero gets a code of its own, so that it survives exactly.
    const bool low_edge = std::fabs(low) > std::fabs(high);
    const float span = std::max((high - low) / top_code, 1e-7f);
    const float edge = low_edge ? low : high;
    float scale = low_edge ? span : -span;
    float bias = 0;
    const float zero_code = std::rint(edge / scale);
    if (zero_code != 0) {
      scale = edge / zero_code;
      bias = edge;
    }
    for (int i = 0; i < format.group; ++i) {
      const float code = std::rint((values[i] - bias) / scale);
      const float positive = code > 0.0f ? code : 0.0f;
      numbers[i] = static_cast<int32_t>(positive < top_code ? positive : top_code);
    }
    pack_codes(numbers, format, codes);
    scales[g] = from_float<T>(scale);
    biases[g] = from_float<T>(bias);
  }
}

// Nearest code; ties go to the smaller magnitude, and what rounds to zero is +0.
MLX_ROCM_INLINE uint32_t fp4_code(float x) {
  const float a = std::fabs(x);
  if (!(a <= std::numeric_limits<float>::max())) return 0;
  const uint32_t code =
      (a > 0.25f) + (a > 0.75f) + (a > 1.25f) + (a > 1.75f) + (a > 2.5f) + (a > 3.5f) + (a > 5.0f);
  return code != 0 && x < 0 ? code | 8 : code;
}

// The value of x after a trip through T.
template <class T>
MLX_ROCM_INLINE float trip(float x) {
  return to_float(from_float<T>(x));
}

template <class T>
void quantize_fp(const QuantFormat& format, const T* x, int64_t groups, uint8_t* codes, uint8_t* scales,
                 float factor) {
  const float top_value = format.bits == 4 ? 6.0f : 448.0f;
  const int64_t group_bytes = int64_t{format.group} * format.bits / 8;
  for (int64_t g = 0; g < groups; ++g, x += format.group, codes += group_bytes) {
    float top = 0;
    for (int i = 0; i < format.group; ++i) {
      const float a = std::fabs(to_float(x[i]));
      top = a > top || a != a ? a : top;
    }
    const float wanted = top / top_value;
    float step = 0;
    if (format.mode == QuantMode::nvfp4) {
      scales[g] = fp8_code(factor == 1.0f ? wanted : wanted * factor);
      step = trip<T>(fp8_value(scales[g]));
    } else {
      const float exponent = wanted == 0 ? 0.0f : std::ceil(std::log2(wanted));
      scales[g] = static_cast<uint8_t>(static_cast<int>(exponent + 127.0f));
      step = trip<T>(std::exp2(exponent));
    }
    BitWriter writer(codes, format.bits);
    for (int i = 0; i < format.group; ++i) {
      float v = trip<T>(to_float(x[i]) / step);
      if (factor != 1.0f) v *= factor;
      writer.put(format.bits == 4 ? fp4_code(v) : fp8_code(v));
    }
  }
}

void quantize(const QuantFormat& format, FloatType type, const void* values, int64_t groups, uint8_t* codes,
              void* scales, void* biases, float factor) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    const auto* x = static_cast<const T*>(values);
    if (format.mode == QuantMode::affine) {
      quantize_affine(format, x, groups, codes, static_cast<T*>(scales), static_cast<T*>(biases));
    } else {
      quantize_fp(format, x, groups, codes, static_cast<uint8_t*>(scales), factor);
    }
  });
}

void to_fp8(FloatType type, const void* x, uint8_t* out, int64_t n) {
  with_type(type, [&](auto t) {
    const auto* p = static_cast<const decltype(t)*>(x);
    for (int64_t i = 0; i < n; ++i) out[i] = fp8_code(to_float(p[i]));
  });
}

void from_fp8(FloatType type, const uint8_t* x, void* out, int64_t n) {
  with_type(type, [&](auto t) {
    using T = decltype(t);
    auto* y = static_cast<T*>(out);
    const auto& table = fp8_values();
    for (int64_t i = 0; i < n; ++i) y[i] = from_float<T>(table[x[i]]);
  });
}

}  // namespace

extern const QuantTable quant_table;
const QuantTable quant_table = {dequantize, quantize, to_fp8, from_fp8, few_rows, unpack_block};

}  // namespace mlx_rocm::cpu::SIMD_NS
