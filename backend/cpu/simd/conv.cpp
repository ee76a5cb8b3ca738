#include "backend/cpu/conv.h"

#include "backend/cpu/simd/vec.h"

namespace mlx_rocm::cpu::SIMD_NS {
namespace {

template <class T, int NV>
MLX_ROCM_INLINE void depthwise_block(const void* const* x, const float* const* w, int64_t taps, T* y,
                                     int64_t c) {
  vf acc[NV] = {};
  for (int64_t t = 0; t < taps; ++t) {
    const T* line = static_cast<const T*>(x[t]) + c;
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) acc[v] = acc[v] + load(line + v * W) * load(w[t] + c + v * W);
  }
#pragma GCC unroll 4
  for (int v = 0; v < NV; ++v) store(y + c + v * W, acc[v]);
}

template <class T>
void depthwise(const void* const* x, const float* const* w, int64_t taps, void* out, int64_t channels) {
  T* y = static_cast<T*>(out);
  int64_t c = 0;
  for (; c + 4 * W <= channels; c += 4 * W) depthwise_block<T, 4>(x, w, taps, y, c);
  for (; c + W <= channels; c += W) depthwise_block<T, 1>(x, w, taps, y, c);
  for (; c < channels; ++c) {
    float sum = 0;
    for (int64_t t = 0; t < taps; ++t) sum += to_float(static_cast<const T*>(x[t])[c]) * w[t][c];
    y[c] = from_float<T>(sum);
  }
}

}  // namespace

extern const ConvTable conv_table;
const ConvTable conv_table = {depthwise<float>, depthwise<bf16>, depthwise<f16>};

}  // namespace mlx_rocm::cpu::SIMD_NS
