#include "backend/gpu/quantized.h"

#include <algorithm>

namespace mlx_rocm::gpu {
namespace {

using quant::Format;

constexpr const char* kModes[] = {"MODE_AFFINE", "MODE_MXFP4", "MODE_MXFP8", "MODE_NVFP4"};  // by QuantMode

Format fp8_format() { return {quant::QuantMode::mxfp8, 8, 32}; }

}  // namespace

Defines quant_defines(const Format& f, Dtype type) {
  return {{"T", type}, {"MODE", kModes[int(f.mode)]}, {"BITS", f.bits}, {"GROUP", f.group}};
}

array ready(const array& a) {
  array c = contiguous(a);
  if (c.offset() % 16 == 0) return c;
  array copy_of_it = temporary(c.shape(), c.dtype());
  copy(c, copy_of_it);
  return copy_of_it;
}

QuantWeights ready(const QuantWeights& w) {
  return {w.format, ready(w.codes), ready(w.scales), w.biases.is_null() ? array() : ready(w.biases)};
}

void quantize(const Format& format, const array& x, const array& global_scale, const Arrays& out) {
  if (x.size() == 0) return;
  const array in_order = ready(x);
  const auto& k = kernel("quantize.hip", "quantize", quant_defines(format, x.dtype()));
  const int64_t count = x.size() / 8;
  launch(k, cover(count, 256), 256, in(in_order), gpu::out(out[0]), gpu::out(out[1]),
         gpu::out(format.affine() ? out[2] : array()), in(global_scale), uint64_t(count));
}

void dequantize(const QuantWeights& weights, const array& global_a, const array& global_b, const array& out) {
  if (out.size() == 0) return;
  const QuantWeights w = ready(weights);
  const auto& k = kernel("quantize.hip", "dequantize", quant_defines(w.format, out.dtype()));
  const int64_t count = out.size() / 8;
  launch(k, cover(count, 256), 256, in(w.codes), in(w.scales), in(w.biases), in(global_a), in(global_b),
         gpu::out(out), uint64_t(count));
}

void to_fp8(const array& x, const array& out) {
  if (x.size() == 0) return;
  const array in_order = contiguous(x);
  const auto& k = kernel("quantize.hip", "to_fp8", quant_defines(fp8_format(), x.dtype()));
  launch(k, cover(x.size(), 256), 256, in(in_order), gpu::out(out), uint64_t(x.size()));
}

void from_fp8(const array& x, const array& out) {
  if (x.size() == 0) return;
  const array in_order = contiguous(x);
  const auto& k = kernel("quantize.hip", "from_fp8", quant_defines(fp8_format(), out.dtype()));
  launch(k, cover(x.size(), 256), 256, in(in_order), gpu::out(out), uint64_t(x.size()));
}

}  // namespace mlx_rocm::gpu
