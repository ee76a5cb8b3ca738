#include "backend/cpu/move.h"

#include <algorithm>

#include "backend/cpu/simd/transpose.h"
#include "backend/cpu/simd/vec.h"

namespace mlx_rocm::cpu::SIMD_NS {
namespace {

template <class T>
void run(const void* src, int64_t src_stride, void* dst, int64_t dst_stride, int64_t n) {
  auto* from = static_cast<const T*>(src);
  auto* to = static_cast<T*>(dst);
  if (dst_stride != 1) {
    if (dst_stride == 2 && src_stride == 1) {
      for (int64_t i = 0; i < n; ++i) to[2 * i] = from[i];
    } else {
      for (int64_t i = 0; i < n; ++i) to[i * dst_stride] = from[i * src_stride];
    }
    return;
  }
  // Constant strides vectorise.
  switch (src_stride) {
    case 1:
      std::memcpy(to, from, size_t(n) * sizeof(T));
      return;
    case 0: {
      const T value = *from;
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) to[i] = value;
      return;
    }
    case -1:
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) to[i] = from[-i];
      return;
    case 2:
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) to[i] = from[2 * i];
      return;
    default:
#pragma GCC unroll 4
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) to[i] = from[i * src_stride];
  }
}

template <class T>
void transpose_scalar(const T* src, int64_t src_stride, T* dst, int64_t dst_stride, int64_t rows, int64_t columns) {
  constexpr int64_t kBlock = 64 / sizeof(T);
  for (int64_t c = 0; c < columns; c += kBlock) {
    const int64_t end = std::min(columns, c + kBlock);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = c; k < end; ++k) dst[r * dst_stride + k] = src[r + k * src_stride];
    }
  }
}

// Items of up to 32 bits travel through W x W blocks of 32-bit lanes: whole cache lines in, whole cache lines out.
template <class T>
MLX_ROCM_INLINE vf load_lanes(const T* p) {
  if constexpr (sizeof(T) == 4) {
    return load_bits<vf>(p);
  } else {
    typedef T Narrow __attribute__((vector_size(W * sizeof(T))));
    return as<vf>(__builtin_convertvector(load_bits<Narrow>(p), vu));
  }
}
template <class T>
MLX_ROCM_INLINE void store_lanes(T* p, vf v) {
  if constexpr (sizeof(T) == 4) {
    std::memcpy(p, &v, sizeof(v));
  } else {
    typedef T Narrow __attribute__((vector_size(W * sizeof(T))));
    const Narrow n = __builtin_convertvector(as<vu>(v), Narrow);
    std::memcpy(p, &n, sizeof(n));
  }
}
MLX_ROCM_INLINE void stream_lanes(void* p, vf v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(static_cast<float*>(p), v);
#elif defined(__AVX2__)
  _mm256_stream_ps(static_cast<float*>(p), v);
#elif defined(__SSE2__)
  _mm_stream_ps(static_cast<float*>(p), v);
#else
  std::memcpy(p, &v, sizeof(v));
#endif
}
MLX_ROCM_INLINE void stream_fence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

template <class T>
void transpose_plane(const void* from, int64_t src_stride, void* to, int64_t dst_stride, int64_t rows, int64_t columns,
                     bool stream) {
  auto* src = static_cast<const T*>(from);
  auto* dst = static_cast<T*>(to);
  if constexpr (sizeof(T) == 8) {
    transpose_scalar(src, src_stride, dst, dst_stride, rows, columns);
  } else {
    const bool past = stream && sizeof(T) == 4 && uintptr_t(dst) % kVectorBytes == 0 && dst_stride % W == 0;
    const int64_t whole_rows = rows / W * W, whole_columns = columns / W * W;
    for (int64_t c = 0; c < whole_columns; c += W) {
      for (int64_t r = 0; r < whole_rows; r += W) {
        vf block[W];
#pragma GCC unroll 16
        for (int k = 0; k < W; ++k) block[k] = load_lanes(src + r + (c + k) * src_stride);
        transpose(block);
        T* out = dst + r * dst_stride + c;
        if (past) {
#pragma GCC unroll 16
          for (int k = 0; k < W; ++k) stream_lanes(out + k * dst_stride, block[k]);
        } else {
#pragma GCC unroll 16
          for (int k = 0; k < W; ++k) store_lanes(out + k * dst_stride, block[k]);
        }
      }
    }
    if (past) stream_fence();
    transpose_scalar(src + whole_rows, src_stride, dst + whole_rows * dst_stride, dst_stride, rows - whole_rows, columns);
    transpose_scalar(src + whole_columns * src_stride, src_stride, dst + whole_columns, dst_stride, whole_rows,
                     columns - whole_columns);
  }
}

void stream(const void* src, void* dst, size_t bytes) {
  auto* from = static_cast<const char*>(src);
  auto* to = static_cast<char*>(dst);
  const size_t head = std::min(bytes, (kVectorBytes - uintptr_t(to) % kVectorBytes) % kVectorBytes);
  std::memcpy(to, from, head);
  size_t i = head;
  for (; i + kVectorBytes <= bytes; i += kVectorBytes) stream_lanes(to + i, load_bits<vf>(from + i));
  std::memcpy(to + i, from + i, bytes - i);
  stream_fence();
}

void arange_f32(float start, float step, int64_t first, float* dst, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dst[i] = start + float(int32_t(first + i)) * step;
}
void arange_i32(int32_t start, int32_t step, int64_t first, int32_t* dst, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dst[i] = int32_t(uint32_t(start) + uint32_t(first + i) * uint32_t(step));
}

template <class T>
constexpr MoveKernels kernels() {
  return {run<T>, transpose_plane<T>};
}

}  // namespace

extern const MoveTable move_table;
constexpr MoveTable move_table = {
    {kernels<uint8_t>(), kernels<uint16_t>(), kernels<uint32_t>(), kernels<uint64_t>()},
    stream,
    arange_f32,
    arange_i32,
};

}  // namespace mlx_rocm::cpu::SIMD_NS
